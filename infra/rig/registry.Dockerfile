# The rig's registry: Debian's docker-registry on the root image the bases use. No TLS, no accounts: for loopback only.
ARG ROOT_IMAGE=python:3.12-slim
FROM ${ROOT_IMAGE}
# Debian keeps only the newest version of a package in a release: a pinned one would stop building.
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    apt-get update \
    && apt-get install --yes --no-install-recommends docker-registry \
    && install --directory --owner 10001 --group 10001 /var/lib/registry
COPY registry/config.yml /etc/docker/registry/config.yml
LABEL slipway.rig=registry
USER 10001:10001
VOLUME /var/lib/registry
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --start-interval=1s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5000/v2/')"]
CMD ["docker-registry", "serve", "/etc/docker/registry/config.yml"]
