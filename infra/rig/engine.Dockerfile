# The rig's engine: Debian's dockerd on the root image the bases use, with a network namespace and a disk of its own.
# No TLS, no accounts: for loopback only.
#
#     docker run --init --privileged --tmpfs /run --volume /var/lib/docker --publish 127.0.0.1:2375:2375 slipway-engine
ARG ROOT_IMAGE=python:3.12-slim
FROM ${ROOT_IMAGE}
COPY engine/newer.sh /usr/local/sbin/newer.sh
# A mirror that lags behind will do for a rig; its signatures are verified all the same.
# Debian keeps only the newest version of a package in a release: a pinned one would stop building.
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    sh /usr/local/sbin/newer.sh \
    && apt-get --option Acquire::Check-Valid-Until=false update \
    && apt-get install --yes --no-install-recommends containerd docker.io iptables runc
COPY engine/classic.json engine/containerd.json /etc/docker/
LABEL slipway.rig=engine
VOLUME /var/lib/docker
EXPOSE 2375
ENTRYPOINT ["dockerd", "--host=unix:///run/docker.sock", "--host=tcp://0.0.0.0:2375", "--tls=false"]
