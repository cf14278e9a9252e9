# base-uv: uv as a tool of builds. Builds mount it, so no image contains it; it runs nothing by itself.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS wheel
ARG UV_VERSION=0.13.8
# The build for musl is one static program, which runs in any image.
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python -m pip install --no-cache-dir --no-compile --target /wheel \
    --only-binary=:all: --platform "musllinux_1_1_$(uname -m)" uv==${UV_VERSION}

FROM scratch
USER 10001:10001
COPY --from=wheel /wheel/bin/uv /uv
