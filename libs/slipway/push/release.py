"""Release images: upload the content that is missing, then move the version tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slipway.build.result import ImageResult
from slipway.core.errors import RegistryError
from slipway.push.inspect import Push, check_logins
from slipway.push.tags import move
from slipway.push.upload import PushRun, ensure_blobs, upload

#: Stores documents beside the images in the registry.
Attach = Callable[[Sequence[Push]], None]


def release(pushes: Sequence[Push], run: PushRun, attach: Attach = lambda pushes: None) -> tuple[ImageResult, ...]:
    """Upload the missing images, then move the version tags.

    ``attach`` is called before any tag moves: when a tag stands for an image, the image has its documents.

    Raises RegistryError when no version tag moved, or when slipway moved all of them back. Raises MixedReleaseError
    when some stand for the new content and some do not.
    """
    try:
        check_logins(pushes, run.registry)
        uploaded = upload(pushes, run)
        attach(uploaded)
        manifests = ensure_blobs(uploaded, run)
    except RegistryError as error:
        hint = error.hint or f"invoke push --resume {run.record.id}"
        raise type(error)(f"{error.message}; no version tag moved", hint=hint, code=error.code) from error
    return move(uploaded, manifests, run.registry, run.record)
