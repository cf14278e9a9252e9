# base-runtime: what every service stands on. HTTP, stores, brokers, and the user they run as.
ARG PYTHON_IMAGE=python:3.12-slim
ARG REGISTRY=localhost:5000 OWNER=slipway BASE_VERSION=unset

# slipway replaces this empty stage by the find-links folders of pip's configuration.
FROM scratch AS wheelhouse
FROM ${REGISTRY}/${OWNER}/base-uv:${BASE_VERSION} AS uv

FROM ${PYTHON_IMAGE}
# Each service copies servicekit, which UVICORN_HTTP names.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    UV_BREAK_SYSTEM_PACKAGES=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_SYSTEM_CERTS=1 \
    UV_SYSTEM_PYTHON=1 \
    UVICORN_HOST=0.0.0.0 \
    UVICORN_HTTP=servicekit.http_protocol:HttpProtocol \
    UVICORN_PORT=8080 \
    UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN=8
# /data is where a service keeps what it keeps, in a volume. /wheelhouse stays empty: uv wants the folder that its
# configuration names, also in a service's build that mounts no wheelhouse.
RUN groupadd --gid 10001 appuser \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin appuser \
    && mkdir /data /wheelhouse && chown 10001:10001 /data
RUN --mount=from=uv,source=/uv,target=/usr/local/bin/uv --mount=type=secret,id=uv.toml,target=/etc/uv/uv.toml \
    --mount=type=cache,target=/root/.cache/uv --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=from=wheelhouse,target=/wheelhouse \
    --mount=type=tmpfs,target=/tmp --mount=source=libs/requirements-base.txt,target=/requirements.txt \
    uv pip install --no-deps --require-hashes --requirement /requirements.txt

WORKDIR /app
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=20s --start-period=30s --start-interval=1s \
    CMD ["python", "-c", "import asyncpg, fastapi, httpx, neo4j, orjson, psycopg2, redis, uvicorn"]
# A base has nothing to serve: it waits, and its health is that its libraries load.
CMD ["sleep", "infinity"]
