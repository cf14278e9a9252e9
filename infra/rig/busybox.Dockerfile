# busybox without libraries for two architectures, from Debian: the smallest root that runs a shell on each.
#
#     docker buildx build --output type=local,dest=FOLDER -f infra/rig/busybox.Dockerfile infra/rig
ARG ROOT_IMAGE=python:3.12-slim
FROM ${ROOT_IMAGE} AS packages
WORKDIR /packages
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    dpkg --add-architecture amd64 && dpkg --add-architecture arm64 \
    && apt-get --option Acquire::Check-Valid-Until=false --option Acquire::Languages=none update \
    && apt-get download busybox-static:amd64 busybox-static:arm64 \
    && for arch in amd64 arm64; do dpkg-deb --extract busybox-static_*_$arch.deb $arch; done
FROM scratch
COPY --from=packages /packages/amd64/bin/busybox /busybox-amd64
COPY --from=packages /packages/arm64/bin/busybox /busybox-arm64
