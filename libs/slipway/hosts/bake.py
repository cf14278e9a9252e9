"""Write the command that runs ``buildx bake`` on a host."""

from __future__ import annotations

from slipway.core.command import Command

#: Default attestations would give every cached build a new digest. The check of file system entitlements would ask
#: questions on a terminal. buildx would run git seven times before a bake, for attestations that slipway does not make.
ENVIRONMENT = {
    "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    "BUILDX_METADATA_PROVENANCE": "disabled",
    "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
    "BUILDX_GIT_INFO": "0",
}
#: The only group of a bake file. No image can have this name.
ALL = "_all"


def bake_command(
    file: bytes,
    *,
    buildx: tuple[str, ...],
    root: str,
    builder: str,
    sampler: str,
    count: int,
    overrides: tuple[str, ...] = (),
) -> Command:
    """Return the command that runs ``buildx bake`` with ``file`` on stdin.

    ``buildx``: the words that run buildx. Its progress arrives as rawjson on stderr. ``sampler``: decides whether
    BuildKit traces the bake. With each image, BuildKit stores the trace of the whole bake.
    """
    argv = (*buildx, "bake", "--builder", builder, "--file", "-", "--progress", "rawjson", *overrides, ALL)
    environment = {**ENVIRONMENT, "OTEL_TRACES_SAMPLER": sampler}
    return Command(argv, cwd=root, env=environment, stdin=file, label=f"bake {count} images")
