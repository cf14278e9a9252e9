"""Plan the root image: pull PYTHON_IMAGE, or make one of Debian's packages where its registry cannot be reached."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.core.command import Command
from slipway.setup import debian
from slipway.setup.actions import Pull, SetEnvValue, SetupAction
from slipway.setup.blockers import Requirements
from slipway.setup.probe import Machine

_MADE = debian.ROOT_IMAGE
UNKNOWN = "skipped if the engine has it already"


def actions(machine: Machine, wanted: Requirements) -> Iterator[SetupAction]:
    """Yield the action that gives the engine its root image; none when it has it."""
    image = wanted.python_image
    if image in machine.images:
        return
    if not machine.unreachable and image != _MADE:
        note = ""
        if machine.takes_packages:
            note = (
                "If its registry cannot be reached, a root image is made from Debian's packages instead, "
                f"and .env names it: PYTHON_IMAGE={_MADE}"
            )
        yield SetupAction(f"pull {image}", _absence(machine), (Pull(image),), note)
    elif _MADE in machine.images:
        yield SetupAction(f"use the root image {_MADE}", _why(machine, wanted), _choice(wanted), _note(wanted))
    else:
        steps = (*maker(machine), *file_system(machine, wanted).steps, *imported(wanted))
        yield SetupAction(f"make the root image {_MADE}", _why(machine, wanted), steps, _note(wanted))


def is_made(machine: Machine, wanted: Requirements) -> bool:
    """Tell whether the root image has to be made here."""
    absent = not {wanted.python_image, _MADE} & machine.images
    return absent and (bool(machine.unreachable) or wanted.python_image == _MADE)


def _why(machine: Machine, wanted: Requirements) -> str:
    if machine.unreachable:
        return f"{wanted.python_image} cannot be pulled: {machine.unreachable}"
    return _absence(machine)


def _note(wanted: Requirements) -> str:
    image = wanted.python_image
    return "" if image == _MADE else f"The bases then stand on {_MADE}, not on {image}: .env says so."


def maker(machine: Machine) -> tuple[Command, ...]:
    """Return the commands that install mmdebstrap; none where it is installed."""
    return () if machine.mmdebstrap else (debian.update_lists(), debian.install(("mmdebstrap",)))


def file_system(machine: Machine, wanted: Requirements) -> SetupAction:
    """Return the action that makes the root file system as a tar. It needs no engine."""
    steps = (
        Command(("mkdir", "-p", _folder(wanted)), label="make .slipway/setup"),
        debian.make_root_file_system(machine.sources, machine.codename, _tar(wanted)),
    )
    return SetupAction(f"make the root file system of {_MADE}", _why(machine, wanted), steps)


def imported(wanted: Requirements) -> tuple[Command | SetEnvValue, ...]:
    """Return the steps that make the tar an image, and choose it."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    changes = ("--change", 'CMD ["python3"]', "--change", f"ENV PATH={path}")
    return (
        Command(("docker", "import", *changes, _tar(wanted), _MADE), label=f"docker import {_MADE}"),
        Command(("rm", "-rf", _folder(wanted)), label="remove .slipway/setup"),
        *_choice(wanted),
    )


def _choice(wanted: Requirements) -> tuple[SetEnvValue, ...]:
    """Return the step with which .env names the made image; none where PYTHON_IMAGE names it already."""
    if wanted.python_image == _MADE:
        return ()
    return (SetEnvValue(str(wanted.root / ".env"), "PYTHON_IMAGE", _MADE),)


def _absence(machine: Machine) -> str:
    return "the engine does not have it" if machine.engine else UNKNOWN


def _folder(wanted: Requirements) -> str:
    return str(wanted.root / ".slipway" / "setup")


def _tar(wanted: Requirements) -> str:
    return f"{_folder(wanted)}/root-image.tar"
