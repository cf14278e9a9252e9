# base-ml: base-runtime with the libraries the ML services share. No CUDA: torch is the CPU build.
ARG PYTHON_IMAGE=python:3.12-slim
ARG REGISTRY=localhost:5000 OWNER=slipway BASE_VERSION=unset

FROM scratch AS wheelhouse

FROM ${PYTHON_IMAGE} AS uv
ARG UV_VERSION=0.13.8
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python -m pip install --no-cache-dir --target /uv uv==${UV_VERSION}

FROM ${REGISTRY}/${OWNER}/base-runtime:${BASE_VERSION}
USER 0:0
# PyTorch's own CPU index is asked unless the wheelhouse holds torch. Test suites and torch's test programs
# (a quarter of a gigabyte) stay out.
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=uv,source=/uv/bin/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=wheelhouse,target=/wheelhouse \
    --mount=type=bind,source=libs/requirements-ml.txt,target=/requirements.txt \
    --mount=type=secret,id=uv.toml,target=/etc/uv/uv.toml \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    if ! ls /wheelhouse/torch-*.whl >/dev/null 2>&1; then export UV_TORCH_BACKEND=cpu; fi; \
    uv pip install --requirement /requirements.txt \
    && site="$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && rm -rf "${site}/torch/test" \
    && find "${site}/torch/bin" -type f ! -name torch_shm_manager -delete \
    && find "${site}" -type d -name tests -prune -exec rm -rf {} +

# hadolint takes TOKENIZERS for a token.
# hadolint ignore=DL3064
ENV HF_HUB_OFFLINE=1 \
    TOKENIZERS_PARALLELISM=false
USER 10001:10001
HEALTHCHECK --interval=60s --timeout=60s --start-period=120s --start-interval=2s \
    CMD ["python", "-c", "import sentence_transformers, sklearn, spacy, torch"]
