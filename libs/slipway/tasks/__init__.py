"""The door: Invoke's tasks, at most ten lines each."""

from __future__ import annotations

from invoke.collection import Collection

from slipway.tasks import images, machine, names, smoke

names.install()
namespace = Collection(
    images.plan,
    images.build_base,
    images.build,
    images.push,
    images.images,
    smoke.smoke,
    machine.setup,
    machine.doctor,
    machine.config,
)
