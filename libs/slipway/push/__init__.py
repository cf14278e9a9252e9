"""Push a release: upload the content, then move the version tags and read each back, then write the record.

1. Find the content tags and version tags that the registry has. A version tag is written once: slipway refuses other
   content. Check that this login may write to the registry.
2. Upload each missing image under its content tag, parents first. Verify that the registry has the image as built.
3. Check that the registry has every blob that the version tags need.
4. Move the version tags by copying manifests. Read each back: a client's exit status proves nothing about a tag.
"""

from collections.abc import Sequence

from slipway.build.result import ImageResult
from slipway.core.errors import RegistryError
from slipway.push.inspect import Push, PushAction, check_logins, look, refuse_moves
from slipway.push.resume import ReleasePlan, read_plan
from slipway.push.tags import move
from slipway.push.upload import OnUpload, PushRun, Uploaded, UploadEvent, Uploading, ensure_blobs, upload

__all__ = [
    "OnUpload",
    "Push",
    "PushAction",
    "PushRun",
    "ReleasePlan",
    "UploadEvent",
    "Uploaded",
    "Uploading",
    "look",
    "read_plan",
    "refuse_moves",
    "release",
]


def release(pushes: Sequence[Push], run: PushRun) -> tuple[ImageResult, ...]:
    """Upload the missing images, then move the version tags.

    Raises RegistryError when no version tag moved, or when slipway moved all of them back. Raises MixedReleaseError
    when some stand for the new content and some do not.
    """
    try:
        check_logins(pushes, run.registry)
        uploaded = upload(pushes, run)
        manifests = ensure_blobs(uploaded, run)
    except RegistryError as error:
        hint = error.hint or f"invoke push --resume {run.record.id}"
        raise type(error)(f"{error.message}; no version tag moved", hint=hint, code=error.code) from error
    return move(uploaded, manifests, run.registry, run.record)
