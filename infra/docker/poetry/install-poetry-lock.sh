#!/bin/sh
# Install the packages of poetry.lock in this folder into a new virtual environment.
# Arguments: the environment's folder, then options of `poetry export`.
# Poetry uses neither pip's index nor its CA. The check and the export need no network; uv installs the export.
set -eu
environment=$1
shift
poetry check --lock
poetry export --without-urls --output /tmp/requirements.txt "$@"
uv venv "$environment"
uv pip install --python "$environment" --no-deps --require-hashes --requirement /tmp/requirements.txt
uv pip check --python "$environment"
rm "$environment/.lock"
