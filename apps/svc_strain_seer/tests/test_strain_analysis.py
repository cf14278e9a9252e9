"""Properties against known answers: certified regressions, and curves whose properties are their parameters."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from svc_strain_seer.analysis import Accuracy, Findings, Property, analyse
from svc_strain_seer.curve import Curve, Unusable
from svc_strain_seer.elastic import fit_elastic, fit_line
from svc_strain_seer.examples import ALUMINIUM, STEEL, Material, pull
from svc_strain_seer.table import Numbers

EXACT = Accuracy(0.0, 0.0)
COPPER = Material("annealed copper", 117_000, 40, 4, 220)
NOISE = (4e-6, 0.5)


def found(findings: Findings) -> dict[str, Property]:
    return {one.symbol: one for one in findings.properties}


@pytest.mark.parametrize("material", [STEEL, ALUMINIUM], ids=lambda material: material.name)
def test_a_curve_with_known_parameters_gives_them_back(material: Material) -> None:
    """The offset yield strength of a Ramberg–Osgood curve is its parameter; its modulus is the slope at the origin."""
    findings = analyse(pull(material, points=20_000), EXACT)
    got = found(findings)
    assert got["Rp0.2"].value == pytest.approx(material.yield_strength, rel=0.004)
    assert got["Rm"].value == pytest.approx(material.ultimate, rel=1e-9)
    assert got["E"].value * 1e3 == pytest.approx(material.modulus, abs=2 * got["E"].error * 1e3, rel=0.001)
    strain_at_maximum = float(material.strain(np.array([material.ultimate]))[0])
    assert got["Agt"].value == pytest.approx(100 * strain_at_maximum, rel=0.002)
    assert got["At"].value == pytest.approx(135 * strain_at_maximum, rel=0.002)
    elastic = 100 * 0.75 * material.ultimate / material.modulus
    assert got["A"].value == pytest.approx(135 * strain_at_maximum - elastic, rel=0.003)


def test_a_curve_without_a_straight_part_says_so_by_its_uncertainty() -> None:
    """Annealed copper yields from the start: the line is a third too flat, and the stated uncertainty covers that."""
    got = found(analyse(pull(COPPER, points=20_000), EXACT))
    assert abs(got["E"].value - COPPER.modulus / 1e3) < got["E"].expanded < 50
    assert abs(got["Rp0.2"].value - COPPER.yield_strength) < got["Rp0.2"].expanded < 2


def test_the_fit_range_is_that_of_iso_6892() -> None:
    fit = fit_elastic(pull(ALUMINIUM, points=5000))
    assert [fit.low, fit.high] == pytest.approx([27.6, 110.4], rel=0.01)


def test_the_uncertainties_cover_the_truth_about_as_often_as_they_say() -> None:
    """Of 150 noisy tests, k = 2 covers each known value at least 85 times in a hundred, and is not boundless."""
    covered = {"E": 0, "Rp0.2": 0, "Rm": 0}
    truth = {"E": ALUMINIUM.modulus / 1e3, "Rp0.2": ALUMINIUM.yield_strength, "Rm": ALUMINIUM.ultimate}
    for seed in range(150):
        got = found(analyse(pull(ALUMINIUM, noise=NOISE, seed=seed), EXACT))
        for symbol, true in truth.items():
            covered[symbol] += abs(got[symbol].value - true) <= got[symbol].expanded + 3 * (symbol == "Rm") * NOISE[1]
            assert got[symbol].expanded < 0.03 * true
    assert min(covered.values()) >= 0.85 * 150, covered


def test_a_slack_start_does_not_move_the_results() -> None:
    """A toe of 0.1 % strain before the specimen takes load shifts all strains; the elastic line finds the origin."""
    pulled = pull(ALUMINIUM, points=4000)
    slack = Curve(
        np.concatenate([np.linspace(0, 0.001, 200), pulled.strain + 0.001]),
        np.concatenate([np.zeros(200), pulled.stress]),
    )
    straight, toed = found(analyse(pulled)), found(analyse(slack))
    for symbol in straight:
        assert toed[symbol].value == pytest.approx(straight[symbol].value, rel=1e-3), symbol


def test_the_accuracy_of_the_instruments_enters_by_the_square_root_of_three() -> None:
    got = found(analyse(pull(STEEL, points=20_000), Accuracy(0.01, 0.01)))
    assert got["Rm"].error == pytest.approx(0.01 / math.sqrt(3) * STEEL.ultimate, rel=1e-3)
    assert got["E"].error / got["E"].value == pytest.approx(0.01 * math.sqrt(2 / 3), rel=0.05)


def test_a_test_that_ends_before_yielding_has_no_yield_strength() -> None:
    stress = np.linspace(0, 100, 300)
    got = found(analyse(Curve(stress / 70_000, stress)))
    assert math.isnan(got["Rp0.2"].value) and "ends before" in got["Rp0.2"].note
    assert got["E"].value == pytest.approx(70)
    assert "ends before fracture" in got["At"].note


def test_the_fit_range_may_be_chosen() -> None:
    findings = analyse(pull(STEEL, points=3000), EXACT, (50.0, 150.0))
    assert (findings.fit.low, findings.fit.high) == (50.0, 150.0)
    assert found(findings)["E"].value == pytest.approx(206, rel=0.01)


@pytest.mark.parametrize("stresses", [(100.0, 100.0), (150.0, 50.0), (380.0, 381.0)])
def test_a_range_without_points_is_refused(stresses: tuple[float, float]) -> None:
    with pytest.raises(Unusable, match="points between"):
        analyse(pull(STEEL, points=200), EXACT, stresses)


@pytest.mark.parametrize("seed", range(40))
def test_senseless_data_has_findings_or_a_reason(seed: int) -> None:
    """Random walks, steps and spikes: no error but Unusable, no warning, no infinity."""
    random = np.random.default_rng(seed)
    count = int(random.integers(20, 400))
    shapes = [
        random.normal(size=count),
        np.cumsum(random.normal(size=count)),
        np.sign(random.normal(size=count)) + 1.5,
        np.where(np.arange(count) == count // 2, 1e5, 1.0),
        np.linspace(1, 0, count),
        np.repeat(random.normal(size=count // 4 + 1), 4)[:count],
    ]
    strain, stress = shapes[seed % 6] / 50, np.abs(shapes[int(random.integers(6))]) + 0.1
    with np.errstate(all="raise"):
        try:
            findings = analyse(Curve(strain, stress))
        except Unusable:
            return
    values = [(one.value, one.error) for one in findings.properties]
    assert not any(math.isinf(value) or math.isinf(error) for value, error in values)


def norris() -> tuple[Numbers, Numbers]:
    """Return x and y of NIST's dataset "Norris", which scipy's own tests contain: lines 61 to 96, y first.

    NIST Statistical Reference Datasets, linear regression; a work of the United States government, public domain.
    """
    file = Path(scipy.stats.__file__).parent / "tests/data/nist_linregress/Norris.dat"
    y, x = np.array([list(map(float, line.split())) for line in file.read_text("ascii").splitlines()[60:96]]).T
    return x, y


def test_the_line_is_that_of_nist_s_certified_regression() -> None:
    line = fit_line(*norris())
    assert line.slope == pytest.approx(1.00211681802045, rel=1e-12)
    assert line.intercept == pytest.approx(-0.262323073774029, rel=1e-11)
    assert line.error == pytest.approx(0.429796848199937e-03, rel=1e-9)
    assert line.residual == pytest.approx(0.884796396144373, rel=1e-9)
