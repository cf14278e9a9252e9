"""``python -m tests.rig``: build the images that the rig starts, so that no test waits for them."""

from __future__ import annotations

from tests.rig.hosts import make_host_image
from tests.rig.stacks import make_root_image

if __name__ == "__main__":
    for name in (make_root_image(), make_host_image()):
        print(f"{name} is there")
