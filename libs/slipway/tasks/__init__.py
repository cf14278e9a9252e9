"""The door: Invoke's tasks, at most ten lines each."""

from __future__ import annotations

from invoke.collection import Collection

from slipway.tasks import menu, names

names.install()
namespace = Collection(
    menu.plan,
    menu.build_base,
    menu.build,
    menu.push,
    menu.smoke,
    menu.setup,
    menu.doctor,
    menu.config,
)
namespace.add_task(menu.list_images, "images")
