"""What to do after a build that failed: only what helps against its cause. Pure."""

from __future__ import annotations

import re

from slipway.build.result import ImageResult

_AGAIN = "run the same command: finished images are kept"
#: Causes outside the image's files, and what helps then.
_REMEDIES = (
    ("no space left on device", "docker system df shows what takes the engine's disk; make room, then"),
    ("network bridge not found|to bridge .* failed", "the engine has lost its bridge: restart the engine, then"),
    ("engine went away", "invoke doctor, then"),
    ("BUILD_TIMEOUT", "the log says what it was doing; raise BUILD_TIMEOUT if that takes so long, then"),
    ("exporting manifest lists", "several PLATFORMS need containerd's image store in the engine (invoke doctor); then"),
    (r"platform is .*, not", "PLATFORMS names what is built for; mend it or the Dockerfile's --platform, then"),
    ("no builder .* found", "docker buildx ls shows the builders, BUILDER names one; then"),
    (
        "ssh agent|SSH_AUTH_SOCK|ssh socket|agent config|with agent failed",
        "ssh-add -l asks the agent that builds are given; then",
    ),
    (r"(?:mkdir|open) \S*/\.docker", "buildx keeps its state in DOCKER_CONFIG, else HOME: make it writable, then"),
    ("x509|certificate", "CA_BUNDLE gives builds a CA; docker itself reads /etc/docker/certs.d; then"),
    ("^(?!RUN ).*(?:pull access denied|unauthorized|authentication required)", "docker login, then"),
)
#: What an edit of the image's files mends: an instruction that failed, a Dockerfile that BuildKit cannot read, inputs
#: that changed, a finding of BuildKit's checks.
_FILES = re.compile(
    r"(?:RUN|COPY|ADD|WORKDIR|ENV|ARG|USER|FROM) |.*(?:dockerfile parse error|unknown flag|unknown instruction"
    r"|failed to (?:parse|compute cache key|calculate checksum)|while it was built|\(line \d+\))",
    re.DOTALL | re.IGNORECASE,
)


def after(failed: ImageResult, flag: str = "") -> str:
    """Return the hint for a failed image; ``flag`` is added to commands (`` --remote``)."""
    for words, remedy in _REMEDIES:
        if re.search(words, failed.detail, re.IGNORECASE | re.DOTALL):
            return f"{remedy} {_AGAIN}"
    if _FILES.match(failed.detail):
        return f"mend it and {_AGAIN} (invoke build {failed.image}{flag} for this one)"
    return f"invoke doctor looks at engine, builder and registry; once they are well, {_AGAIN}"
