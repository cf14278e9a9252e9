# The rig's CI job: the build host with git, in whose containers the tests run the steps of docs/ci.
ARG HOST_IMAGE=slipway-remote-host
FROM ${HOST_IMAGE}
# Debian keeps only the newest version of a package in a release: a pinned one would stop building.
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    apt-get --option Acquire::Check-Valid-Until=false update \
    && apt-get install --yes --no-install-recommends git python3-venv
LABEL slipway.rig=ci-job
ENTRYPOINT []
CMD ["sleep", "infinity"]
