"""Options are declared once: a dataclass of them becomes a task's flags, and is given to it filled in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from slipway.config.definitions import SETTINGS
from slipway.core.options import option, options
from slipway.tasks import namespace
from slipway.tasks import options as declared
from slipway.tasks.options import ImageOptions
from slipway.tasks.session import Session
from slipway.tasks.wrapper import task

KINDS = [getattr(declared, name) for name in declared.__all__]


@dataclass(frozen=True)
class CakeOptions:
    layers: int = option(1, "how many layers")
    with_icing: bool = option(False, "put icing on it", sets=("ICING",))


def test_a_dataclass_becomes_flags_and_is_given_filled_in() -> None:
    given: list[object] = []

    @task
    def bake(session: Session, images: ImageOptions, cake: CakeOptions) -> None:
        """Bake."""
        given.append((images, cake, session.json))

    arguments = {argument.name: argument for argument in bake.get_arguments()}
    assert {name: (one.kind, one.help) for name, one in arguments.items()} == {
        **{one.name: (type(one.default), its.help) for one, its in options(ImageOptions)},
        "names": (list, "images, or a system and its services, as plain words after the task"),
        "layers": (int, "how many layers"),
        "with_icing": (bool, "put icing on it"),
        "json": (bool, "write JSON to stdout"),
    }
    bake(Context(), names=["svc-ocr"], layers=3)
    bake(Context(), json=True)
    assert given == [
        (ImageOptions(names=("svc-ocr",)), CakeOptions(layers=3), False),
        (ImageOptions(), CakeOptions(), True),
    ]


def test_an_argument_that_a_task_does_not_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def bake(session: Session, cake: CakeOptions) -> None:
        """Bake."""

    with pytest.raises(Exit):
        bake(Context(), oven="hot")
    assert "TypeError" in capsys.readouterr().err


def test_every_option_has_help_and_sets_settings_that_exist() -> None:
    known = {setting.name for setting in SETTINGS} | {"policy"}  # of [tool.slipway]
    for kind in KINDS:
        for one, its in options(kind):
            assert its.help and set(its.sets) <= known, one.name


def test_no_flag_is_declared_twice() -> None:
    owners = [name for kind in KINDS for name in vars(kind).get("__annotations__", {})]
    assert sorted(owners) == sorted(set(owners))


def test_each_program_shows_the_help_of_flags() -> None:
    """Invoke takes the texts out of a task when it makes a parser of it."""
    for _ in range(2):
        assert all(one.help for context in namespace.to_contexts() for one in context.args.values())
