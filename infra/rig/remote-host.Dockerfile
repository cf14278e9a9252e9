# The rig's build host: sshd, rsync, docker with buildx, on the rig's engine, which runs inside it.
#
#     docker run --init --privileged --tmpfs /run --volume /var/lib/docker slipway-remote-host
#
# Nobody can log in until a key is put into /home/builder/.ssh/authorized_keys; there are no passwords.
ARG ENGINE_IMAGE=slipway-engine
FROM ${ENGINE_IMAGE}
# Debian keeps only the newest version of a package in a release: a pinned one would stop building.
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    apt-get --option Acquire::Check-Valid-Until=false update \
    && apt-get install --yes --no-install-recommends docker-buildx docker-cli openssh-server procps rsync \
    && rm -f /etc/ssh/ssh_host_* \
    && useradd --create-home --shell /bin/sh --groups docker builder \
    && usermod --password '*' builder
COPY remote-host/sshd_config /etc/ssh/sshd_config
COPY remote-host/start.sh /usr/local/sbin/start-remote-host
LABEL slipway.rig=remote-host
EXPOSE 22
ENTRYPOINT ["sh", "/usr/local/sbin/start-remote-host"]
