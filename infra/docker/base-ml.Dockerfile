# base-ml: base-runtime with the libraries the ML services share. No CUDA: torch is the CPU build.
ARG REGISTRY=localhost:5000 OWNER=slipway BASE_VERSION=unset

FROM scratch AS wheelhouse
FROM ${REGISTRY}/${OWNER}/base-uv:${BASE_VERSION} AS uv

FROM ${REGISTRY}/${OWNER}/base-runtime:${BASE_VERSION}
USER 0:0
# torch has a layer of its own, which outlives a new lock of the rest. PyTorch's own CPU index is asked unless the
# wheelhouse holds a torch for this Python: PyPI's needs CUDA. Test suites and torch's test programs (a quarter of a
# gigabyte) stay out; the rest is compiled after they are gone. xargs ends with 123 where a file is for a newer Python.
RUN --mount=from=uv,source=/uv,target=/usr/local/bin/uv --mount=type=secret,id=uv.toml,target=/etc/uv/uv.toml \
    --mount=type=cache,target=/root/.cache/uv --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=from=wheelhouse,target=/wheelhouse \
    --mount=type=tmpfs,target=/tmp --mount=source=libs/requirements-torch.txt,target=/requirements.txt \
    { uv pip install --no-index --no-deps --requirement /requirements.txt \
    || UV_TORCH_BACKEND=cpu uv pip install --no-deps --requirement /requirements.txt; } \
    && site="$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && rm -rf "${site}/torch/test" \
    && find "${site}/torch/bin" -type f ! -name torch_shm_manager -delete
RUN --mount=from=uv,source=/uv,target=/usr/local/bin/uv --mount=type=secret,id=uv.toml,target=/etc/uv/uv.toml \
    --mount=type=cache,target=/root/.cache/uv --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=from=wheelhouse,target=/wheelhouse \
    --mount=type=tmpfs,target=/tmp --mount=source=libs/requirements-ml.txt,target=/requirements.txt \
    UV_COMPILE_BYTECODE=0 uv pip install --no-deps --require-hashes --requirement /requirements.txt \
    && uv pip check \
    && site="$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && find "${site}" -type d -name tests -not -path "${site}/torch/*" -prune -exec rm -rf {} + \
    && find "${site}" -name '*.py' -not -path "${site}/torch/*" -fprint0 /tmp/modules \
    && { xargs -0 -a /tmp/modules -n 500 -P "$(nproc)" python -m compileall -qq || test $? -eq 123; }

# hadolint takes TOKENIZERS for a token.
# hadolint ignore=DL3064
ENV HF_HUB_OFFLINE=1 \
    TOKENIZERS_PARALLELISM=false
USER 10001:10001
# A probe loads torch; all libraries take six seconds of a processor, so only the smoke test loads them.
HEALTHCHECK --interval=60s --timeout=60s --start-period=120s --start-interval=2s \
    CMD ["python", "-c", "import torch"]
