"""Make a tensile test with known properties: a Ramberg–Osgood curve, necking, fracture, and the noise of instruments.

W. Ramberg and W. R. Osgood, "Description of stress-strain curves by three parameters", NACA Technical Note 902, 1943.
In the form used here, the stress at 0.2 % plastic strain is a parameter: the offset yield strength is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from svc_strain_seer.curve import Curve
from svc_strain_seer.elastic import OFFSET
from svc_strain_seer.table import Numbers


@dataclass(frozen=True)
class Material:
    """Hold the modulus, the 0.2 % offset yield strength, the exponent, and the ultimate strength; stresses in MPa."""

    name: str
    modulus: float
    yield_strength: float
    exponent: float
    ultimate: float

    def strain(self, stress: Numbers) -> Numbers:
        """Return the strain at stresses up to the ultimate strength."""
        found: Numbers = stress / self.modulus + OFFSET * (stress / self.yield_strength) ** self.exponent
        return found


STEEL = Material("structural steel", 206_000, 285, 9, 390)
ALUMINIUM = Material("aluminium 6061-T6", 68_900, 276, 24, 310)


def pull(material: Material, points: int = 1500, noise: tuple[float, float] = (0.0, 0.0), seed: int = 0) -> Curve:
    """Return a test to fracture. ``noise``: the standard deviations of strain (1) and stress (MPa)."""
    loading = np.linspace(0, material.ultimate, points)
    strain, stress = material.strain(loading), loading
    neck = np.linspace(0, 1, points // 5)[1:]
    strain = np.concatenate([strain, strain[-1] * (1 + 0.35 * neck), strain[-1:] * 1.351])
    stress = np.concatenate([stress, material.ultimate * (1 - 0.25 * neck**2), [0.0]])
    random = np.random.default_rng(seed)
    return Curve(
        strain + random.normal(0, noise[0], len(strain)) if noise[0] else strain,
        stress + random.normal(0, noise[1], len(stress)) if noise[1] else stress,
    )


def as_csv(curve: Curve, area: float = 50.0, gauge_length: float = 50.0) -> bytes:
    """Return the test as a machine with a German locale exports it: extension in mm, force in kN."""
    lines = ["Verlängerung;Standardkraft", "mm;kN"]
    pairs = zip(curve.strain * gauge_length, curve.stress * area / 1e3, strict=True)
    lines += [f"{extension:.5f};{force:.5f}".replace(".", ",") for extension, force in pairs]
    return "\r\n".join(lines).encode("cp1252")
