"""Push a release: content first, then the version tags, each read back; then the record.

1. Look: which content tags and version tags the registry has. A version tag is written once: other content is refused.
   May this login write there at all?
2. Upload each image under its content tag once its parents are up, unless it is there; what arrived is what was built.
3. Look whether the registry has all that the version tags will stand on.
4. Move the version tags by copying manifests, and read each back: a client's exit proves nothing about a tag.
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
    """Upload what lacks, then move the version tags.

    Raises RegistryError when no version tag moved or all moved back, MixedReleaseError when some stand for the new
    content and some do not.
    """
    try:
        check_logins(pushes, run.registry)
        uploaded = upload(pushes, run)
        manifests = ensure_blobs(uploaded, run)
    except RegistryError as error:
        hint = error.hint or f"invoke push --resume {run.record.id}"
        raise type(error)(f"{error.message}; no version tag moved", hint=hint, code=error.code) from error
    return move(uploaded, manifests, run.registry, run.record)
