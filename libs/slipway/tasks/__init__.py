"""The door: Invoke's tasks, at most ten lines each."""

from __future__ import annotations

from invoke import Collection

from slipway.tasks import images, machine, names

names.install()
namespace = Collection(
    images.plan,
    images.build_base,
    images.build,
    images.push,
    images.images,
    machine.config,
)
