# base-poetry: the builder of services whose packages Poetry locks. It installs a lock; no service contains it.
ARG PYTHON_IMAGE=python:3.12-slim
ARG REGISTRY=localhost:5000 OWNER=slipway BASE_VERSION=unset

FROM scratch AS wheelhouse
FROM ${REGISTRY}/${OWNER}/base-uv:${BASE_VERSION} AS uv

FROM ${PYTHON_IMAGE}
ENV PATH=/opt/poetry/bin:$PATH UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_SYSTEM_CERTS=1
COPY --from=uv /uv /usr/local/bin/uv
RUN --mount=type=secret,id=uv.toml,target=/etc/uv/uv.toml --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt --mount=from=wheelhouse,target=/wheelhouse \
    --mount=type=tmpfs,target=/tmp --mount=source=libs/requirements-poetry.txt,target=/requirements.txt \
    uv venv /opt/poetry \
    && uv pip install --python /opt/poetry --no-deps --require-hashes --requirement /requirements.txt \
    && rm /opt/poetry/.lock
COPY infra/docker/poetry/install-poetry-lock.sh /usr/local/bin/install-poetry-lock
WORKDIR /project
HEALTHCHECK --interval=60s --timeout=20s --start-period=30s --start-interval=1s CMD ["uv", "--version"]
# A base has nothing to serve: it waits, and its health is that uv runs.
CMD ["sleep", "infinity"]
