"""Find the cause of a failed build, and the hint that helps against this cause. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from slipway.build.result import ImageResult
from slipway.core.problems import Known, Table

_AGAIN = "run the same command: finished images are kept"
_DOCKERFILE = (
    r"^(?:RUN|COPY|ADD|WORKDIR|ENV|ARG|USER|FROM) |dockerfile parse error|unknown flag|unknown instruction"
    r"|failed to (?:parse|compute cache key|calculate checksum)|while it was built|\(line \d+\)"
)
_NOT_FOUND = Known(
    "package-not-found",
    "no matching distribution found",
    hint="check its name; inherit = \"run\" in slipway's table gives each RUN pip's index and CA; then {again}",
)
_UNTRUSTED = Known(
    "certificate-untrusted",
    "x509|certificate",
    hint='CA_BUNDLE gives builds a CA, inherit = "run" each RUN; docker has /etc/docker/certs.d; then {again}',
)
#: pip skips an index whose certificate it cannot check. Then it reports each package as not found.
_INDEX_SKIPPED = re.compile("problem confirming the ssl certificate", re.IGNORECASE)
#: The causes of an image's failure. An edit of the image's files helps only against the last row: an instruction that
#: failed, a Dockerfile that BuildKit cannot read, inputs that changed, a finding of BuildKit's checks.
FAILURES = Table(
    "BuildKit, of an image",
    (
        Known(
            "disk-full",
            "no space left on device",
            hint="docker system df shows the engine's disk use; free some of it, then {again}",
        ),
        Known(
            "engine-bridge-lost",
            "network bridge not found|to bridge .* failed",
            hint="restart the engine, because its network bridge is missing; then {again}",
        ),
        Known("engine-gone", "engine went away", hint="invoke doctor, then {again}"),
        Known(
            "build-timeout",
            "BUILD_TIMEOUT",
            hint="the log shows BuildKit's last step; raise BUILD_TIMEOUT if it needs more time, then {again}",
        ),
        Known(
            "image-store-classic",
            "exporting manifest lists",
            hint="several PLATFORMS need BUILDER or containerd's image store: docs/platforms.md; then {again}",
        ),
        Known(
            "platform-mismatch",
            r"platform is .*, not|no match for platform",
            hint="correct PLATFORMS or the Dockerfile's --platform, then {again}",
        ),
        Known(
            "builder-unknown",
            "no builder .* found",
            hint="docker buildx ls shows the builders, set BUILDER to one of them; then {again}",
        ),
        Known(
            "ssh-agent-missing",
            "ssh agent|SSH_AUTH_SOCK|ssh socket|agent config|with agent failed",
            hint="ssh-add -l lists the keys of the agent that builds use; then {again}",
        ),
        Known(
            "buildx-state-unwritable",
            r"(?:mkdir|open) \S*/\.docker",
            hint="buildx keeps its state in DOCKER_CONFIG, else HOME: make it writable, then {again}",
        ),
        Known(
            "env-mount-unknown",
            "unexpected key 'env'",
            hint='update the builder to BuildKit 0.16, or set inherit = "mount" in slipway\'s table; then {again}',
        ),
        _NOT_FOUND,
        _UNTRUSTED,
        Known(
            "registry-denied",
            "^(?!RUN ).*(?:pull access denied|unauthorized|authentication required)",
            hint="docker login, then {again}",
        ),
        Known(
            "dockerfile-failed",
            _DOCKERFILE,
            hint="fix it, then {again} (invoke build {image}{flag} builds this image alone)",
        ),
    ),
    Known("build-failed", hint="invoke doctor checks engine, builder and registry; then {again}"),
)

#: Failures that are not the image's fault: buildx lost the engine, BuildKit lost the build or did not start it in time,
#: or the build was canceled.
ENGINE_GONE = Known(
    "engine-gone", "^ERROR: .*(?:code = Unavailable|Cannot connect to the Docker daemon|error during connect)"
)
BUILD_LOST = Known("build-lost", "failed to receive status|no such job|code = (?:Canceled|Unavailable)")
BUILD_CANCELED = Known("build-canceled", "context canceled|code = Canceled")
CONNECTION = Table(
    "buildx, of its connection to the engine",
    (ENGINE_GONE, BUILD_LOST, BUILD_CANCELED),
    Known("build-failed"),
)


def after(failed: ImageResult, flag: str = "") -> Known:
    """Return the cause of a failed image with its hint. ``flag`` is added to the hint's commands (`` --remote``)."""
    row = FAILURES.find(failed.detail)
    if row is _NOT_FOUND and any(map(_INDEX_SKIPPED.search, failed.output)):
        row = _UNTRUSTED
    return replace(row, hint=row.hint.format(image=failed.image, flag=flag, again=_AGAIN))
