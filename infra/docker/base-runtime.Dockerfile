# base-runtime: what every service stands on. HTTP, stores, brokers, and the user they run as.
ARG PYTHON_IMAGE=python:3.12-slim

# slipway replaces this empty stage by the find-links folders of pip's configuration.
FROM scratch AS wheelhouse

# uv serves the build only: it is mounted, never copied.
FROM ${PYTHON_IMAGE} AS uv
ARG UV_VERSION=0.13.8
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python -m pip install --no-cache-dir --target /uv uv==${UV_VERSION}

FROM ${PYTHON_IMAGE}
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    UV_BREAK_SYSTEM_PACKAGES=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_SYSTEM_CERTS=1 \
    UV_SYSTEM_PYTHON=1
RUN groupadd --gid 10001 appuser \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin appuser
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=uv,source=/uv/bin/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=wheelhouse,target=/wheelhouse \
    --mount=type=bind,source=libs/requirements-base.txt,target=/requirements.txt \
    --mount=type=secret,id=uv.toml,target=/etc/uv/uv.toml \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    uv pip install --requirement /requirements.txt

WORKDIR /app
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=20s --start-period=30s --start-interval=1s \
    CMD ["python", "-c", "import asyncpg, fastapi, httpx, neo4j, orjson, psycopg2, redis, uvicorn"]
# A base has nothing to serve: it waits, and its health is that its libraries load.
CMD ["sleep", "infinity"]
