# The rig's browser: Debian's Chromium behind its WebDriver server, for one visit. No accounts: for the rig's networks only.
ARG ROOT_IMAGE=python:3.12-slim
FROM ${ROOT_IMAGE}
# Debian keeps only the newest version of a package in a release: a pinned one would stop building.
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    apt-get update \
    && apt-get install --yes --no-install-recommends chromium chromium-driver
LABEL slipway.rig=browser
USER 10001:10001
ENV HOME=/tmp
EXPOSE 9515
CMD ["chromedriver", "--port=9515", "--allowed-ips=", "--allowed-origins=*"]
