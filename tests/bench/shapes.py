"""A generated repository in the shapes of foreign ones: what 47 public repositories have in common, none of their text.

An image's number decides its shape. Shapes have eight to twenty-five instructions, and a folder of files with a
``.dockerignore`` that excludes everything but some of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

_IGNORE = "**\n!src\n!*.txt\n!*.json\n!*.in\n!entry.sh\n!vendor/kept-*\nsrc/**/*.pyc\nsrc/**/test_*\n"
_SOURCES = 12
_FILES = ("requirements.txt", "requirements-dev.txt", "package.json", "base.env.in", "entry.sh", "vendor/kept-1")
_TABLE = """\
policy = "note"
declarations = ["compose.yaml"]

[images]
"web/{name}/Dockerfile" = {}
"front/{name}/Dockerfile.prod" = {}
"chains/{name}/Dockerfile" = {}
"tools/{name}/docker/Dockerfile" = { context = "tools/{name}" }
"archive/{name}/{variant}/Dockerfile" = {}
"""
_COMPOSE = """\
x-args: &args
  CHANNEL: ${CHANNEL:-stable}
  MIRROR: ${MIRROR}
x-build: &build
  context: .
  args:
    <<: *args
    PYTHON: "3.12"
x-service: &service
  restart: unless-stopped
  environment: &environment
    LEVEL: ${LEVEL:-info}
    QUEUE: amqp://queue:5672
  depends_on:
    queue: { condition: service_started }
    store: { condition: service_healthy }
  logging: { driver: json-file, options: { max-size: 5m, max-file: "2" } }
services:
  queue: { image: rabbitmq:3 }
  store: { image: postgres:16, healthcheck: { test: ["CMD", "pg_isready"] } }
"""
_COMPOSED = """\
  {name}:
    <<: *service
    image: ${{REPOSITORY:-acme}}/{name}:${{TAG:-latest}}
    environment:
      <<: *environment
      NAME: {name}
    build:
      <<: *build
      dockerfile: services/{name}/Dockerfile
"""


def create(root: Path, images: int) -> None:
    """Write a repository of so many images, with the table that ``slipway init`` writes for such a one."""
    compose = _COMPOSE
    for number in range(images):
        name = f"image-{number:03}"
        place, text = _SHAPES[number % len(_SHAPES)](number, name)
        file = root / place
        folder = root / f"tools/{name}" if place.startswith("tools/") else file.parent
        _fill(folder, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if place.startswith("services/"):
            compose += _COMPOSED.format(name=name)
    (root / "compose.yaml").write_text(compose)
    (root / "slipway.toml").write_text(_TABLE)
    (root / ".dockerignore").write_text("**/.git\n**/node_modules\narchive\n!archive/README.md\n")
    (root / ".gitignore").write_text("__pycache__/\ndist/\n*.whl\n")


def _fill(folder: Path, name: str) -> None:
    (folder / "src/deep").mkdir(parents=True)
    (folder / "vendor").mkdir()
    for number in range(_SOURCES):
        below = "src/deep" if number % 3 == 0 else "src"
        (folder / f"{below}/part_{number:02}.py").write_text(f'NAME = "{name} {number}"\n')
    for file in _FILES:
        (folder / file).write_text(f"# {file} of {name}\n")
    (folder / ".dockerignore").write_text(_IGNORE)


def _web(number: int, name: str) -> tuple[str, str]:
    """A builder and a slim image, with cache mounts, globs and long RUNs."""
    return (
        f"web/{name}/Dockerfile",
        f"""\
# syntax=docker/dockerfile:1
ARG PYTHON_VERSION=3.12
FROM python:${{PYTHON_VERSION}}-slim AS builder
ENV PIP_NO_CACHE_DIR=1 \\
    PIP_DISABLE_PIP_VERSION_CHECK=on \\
    PATH="/opt/venv/bin:$PATH"
WORKDIR /build
RUN apt-get update \\
    # what the wheels need
    && apt-get install -y --no-install-recommends build-essential libpq-dev \\
    && rm -rf /var/lib/apt/lists/*
COPY requirements*.txt ./
RUN --mount=type=cache,target=/root/.cache/pip python -m venv /opt/venv \\
    && pip install -r requirements.txt
FROM python:${{PYTHON_VERSION}}-slim
ARG VERSION={number}
LABEL org.opencontainers.image.title="{name}" org.opencontainers.image.version="${{VERSION}}"
ENV PYTHONUNBUFFERED=1 APP_HOME=/srv/app
WORKDIR ${{APP_HOME}}
RUN groupadd --gid 1000 app && useradd --uid 1000 --gid app app
COPY --from=builder /opt/venv /opt/venv
COPY --chown=app:app src ./src
COPY --chmod=755 entry.sh /usr/local/bin/
EXPOSE 8000
USER app
HEALTHCHECK --interval=30s CMD python -c "import urllib.request; urllib.request.urlopen('http://localhost:8000')"
ENTRYPOINT ["entry.sh"]
CMD ["serve", "--port", "8000"]
""",
    )


def _front(number: int, name: str) -> tuple[str, str]:
    """Stages that stand on each other, and a lock file that may be missing."""
    return (
        f"front/{name}/Dockerfile.prod",
        f"""\
FROM node:20-alpine AS base
FROM base AS deps
RUN apk add --no-cache libc6-compat
WORKDIR /app
COPY package.json package-lock.json* yarn.lock* ./
RUN if [ -f package-lock.json ]; then npm ci; \\
    elif [ -f yarn.lock ]; then yarn --frozen-lockfile; \\
    else echo "no lock file" && npm install; fi
FROM base AS build
WORKDIR /app
ARG NEXT_PUBLIC_API
ENV NEXT_PUBLIC_API=${{NEXT_PUBLIC_API:-https://api.example.com/{number}}}
COPY --from=deps /app/node_modules ./node_modules
COPY . .
RUN npm run build
FROM base AS run
WORKDIR /app
ENV NODE_ENV=production PORT=3000
RUN addgroup --system --gid 1001 nodejs && adduser --system --uid 1001 next
COPY --from=build --chown=next:nodejs /app/dist ./dist
USER next
EXPOSE 3000
CMD ["node", "dist/server.js"]
""",
    )


def _chain(number: int, name: str) -> tuple[str, str]:
    """Many stages; the last one copies from all of them."""
    stages = "".join(
        f"FROM debian:12 AS part{each}\nARG RELEASE\nRUN echo part {each} of {number} ${{RELEASE}} > /part\n"
        f"COPY src/part_{each:02}.py* /parts/\n"
        for each in range(1, 9)
    )
    copies = "".join(f"COPY --from=part{each} /part /parts/{each}\n" for each in range(1, 9))
    return f"chains/{name}/Dockerfile", f"ARG RELEASE=1.{number}\n{stages}FROM debian:12\n{copies}CMD ['{name}']\n"


def _tool(number: int, name: str) -> tuple[str, str]:
    """ARGs in several scopes, one from another, in FROM lines, platforms and paths; the context lies above."""
    return (
        f"tools/{name}/docker/Dockerfile",
        f"""\
ARG HUB=docker.io
ARG FLAVOUR=bookworm
ARG BASE=${{HUB}}/library/golang:1.22-${{FLAVOUR}}
ARG RUN_ON=${{HUB}}/library/debian:${{FLAVOUR%worm}}worm-slim
FROM --platform=$BUILDPLATFORM ${{BASE}} AS build
ARG TARGETOS
ARG TARGETARCH
ARG MODULE=cmd/{name}
ARG LDFLAGS="-s -w -X main.version={number}"
WORKDIR /src
COPY src/ src/
RUN CGO_ENABLED=0 GOOS=${{TARGETOS:-linux}} GOARCH=$TARGETARCH go build -ldflags "$LDFLAGS" -o /out/tool ./${{MODULE}}
FROM ${{RUN_ON}}
ARG FLAVOUR
ARG UID=65532
ENV FLAVOUR=$FLAVOUR HOME=/home/tool
COPY --from=build /out/tool /usr/local/bin/tool
COPY vendor/*.conf vendor/kept-* /etc/tool/
USER ${{UID}}:${{UID}}
ENTRYPOINT ["/usr/local/bin/tool"]
""",
    )


def _archived(number: int, name: str) -> tuple[str, str]:
    """The same long text in the folder of each version; only the files beside it differ."""
    sets = "".join(f'ENV SETTING_{each:02}="${{ROOT_DIR}}/settings/{each}"\n' for each in range(8))
    runs = "".join(
        f"RUN mkdir -p ${{ROOT_DIR}}/{each} && \\\n"
        f"    chown -R ${{WHO}}:${{WHO}} ${{ROOT_DIR}}/{each} && \\\n    echo {each}\n"
        for each in range(6)
    )
    return (
        f"archive/{name}/v{number}/Dockerfile",
        f"""\
ARG TAG_OF_BASE=2.0
FROM mambaorg/micromamba:$TAG_OF_BASE
ARG ENV_FILE=base.env.in
ARG ROOT_DIR="/opt/archive" WHO=user
LABEL "org.example.version"="${{TAG_OF_BASE}}" "org.example.root"=$ROOT_DIR
USER root
{sets}COPY --chown=$WHO:$WHO $ENV_FILE *.in /tmp/
COPY src/ ${{ROOT_DIR}}/
{runs}USER $WHO
ENTRYPOINT ["/usr/local/bin/entry"]
""",
    )


def _composed(number: int, name: str) -> tuple[str, str]:
    """Built by compose with the repository's root as its context."""
    return (
        f"services/{name}/Dockerfile",
        f"""\
ARG PYTHON=3
ARG MIRROR=https://pypi.example.com
FROM python:${{PYTHON}}-slim
ARG CHANNEL MIRROR
ENV CHANNEL=${{CHANNEL}} SERVICE={name}
COPY services/{name}/requirements.txt /requirements.txt
RUN pip install --index-url "$MIRROR" --requirement /requirements.txt
COPY services/{name}/src /app/src
COPY ["services/{name}/entry.sh", "/entry.sh"]
CMD ["python", "-m", "src", "{number}"]
""",
    )


_SHAPES: tuple[Callable[[int, str], tuple[str, str]], ...] = (_web, _front, _chain, _tool, _archived, _composed)
