"""Which images are read along with one under test."""

from __future__ import annotations

import pytest

from slipway.testing.image import BuiltImage, read_together

BASE = (("FROM python", 300), ("RUN install", 700))


def image(name: str, *steps: tuple[str, int]) -> BuiltImage:
    history = tuple({"Created": 1, "CreatedBy": step, "Size": size} for step, size in reversed(steps))
    return BuiltImage(None, name, name, name, {}, history, (), lambda image: ())


@pytest.mark.parametrize(
    ("other", "together"),
    [
        (image("base", *BASE), True),
        (image("code", *BASE, ("COPY code", 20)), True),
        (image("packages", *BASE, ("RUN more", 300), ("COPY code", 2)), False),
        (image("shared", *BASE, ("COPY app", 5), ("RUN more", 249)), True),
        (image("stranger", ("FROM debian", 300), ("RUN install", 700)), False),
    ],
)
def test_an_image_that_adds_little_is_read_along(other: BuiltImage, together: bool) -> None:
    asked = image("asked", *BASE, ("COPY app", 5))
    assert read_together(asked, [other, asked]) == (["asked", other.id] if together else ["asked"])


def test_images_are_read_along_until_they_add_a_quarter() -> None:
    asked = image("asked", *BASE)
    others = [image(name, *BASE, (f"RUN {name}", size)) for name, size in (("c", 200), ("b", 100), ("a", 90))]
    assert read_together(asked, others) == ["asked", "a", "b"]
