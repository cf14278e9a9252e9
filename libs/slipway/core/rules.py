"""Define the rules of policy: what each one refuses, why, and the way to obey it or to set it aside.

docs/policy.md is made of this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

#: The page that explains the rules.
PAGE = "docs/policy.md"


class Rule(StrEnum):
    """Name the rules, as errors show them and ``[tool.slipway.allow]`` takes them. The names are stable."""

    SECRET_NAME = "secret-name"
    SECRET_VALUE = "secret-value"
    KNOWN_SECRET = "known-secret"
    CONTEXT_FILE = "context-file"
    DOWNLOAD = "download"
    UNPINNED_ADD = "unpinned-add"
    FRONTEND = "frontend"
    EXTRA_INDEX = "extra-index"
    ROOT = "root"
    SETUID = "setuid"
    VULNERABILITY = "vulnerability"

    @property
    def page(self) -> str:
        """Return the place that explains the rule."""
        return f"{PAGE}#{self}"


#: The rules that a reason can set aside.
ALLOWABLE = tuple(rule for rule in Rule if rule is not Rule.KNOWN_SECRET)
#: The rules that refuse even where the others only note.
STRICT = (Rule.KNOWN_SECRET, Rule.CONTEXT_FILE)
#: The rules that a permission may, or must, limit to one path, or to one advisory: ``context-file:certs/test.key``.
WITH_PATH = (Rule.CONTEXT_FILE, Rule.SETUID, Rule.VULNERABILITY)


@dataclass(frozen=True)
class Permission:
    """Hold a rule that an image may break, and the reason.

    ``image``: empty for all images. ``path``: the only file, folder of files, or advisory that it lets pass; empty for
    any.
    ``place``: the ``file:line`` of the permission.
    """

    rule: Rule
    reason: str
    place: str
    image: str = ""
    path: str = ""

    @property
    def key(self) -> str:
        """Return the rule as the table writes it: ``download``, or ``context-file:certs/test.key``."""
        return f"{self.rule}:{self.path}" if self.path else str(self.rule)

    def as_json(self) -> dict[str, object]:
        """Return the reason and its place, for ``--json`` and run.json."""
        return {"reason": self.reason, "allowed_by": self.place}

    def covers(self, image: str, rule: Rule, path: str) -> bool:
        """Tell whether ``image`` may break ``rule`` with the file ``path``, or with a line if ``path`` is empty."""
        concerned = self.rule is rule and self.image in ("", image)
        return concerned and (not self.path or f"{path}/".startswith(f"{self.path}/"))


@dataclass(frozen=True)
class Explanation:
    """Explain a rule to a user, in Markdown.

    ``example``: a line of a Dockerfile that breaks the rule. ``notes``: the cases that slipway only notes. ``path``:
    the example of a permission's path.
    """

    refuses: str
    example: str
    why: str
    fix: str
    notes: str = ""
    path: str = ""


EXPLANATIONS: Mapping[Rule, Explanation] = MappingProxyType(
    {
        Rule.SECRET_NAME: Explanation(
            refuses="an `ARG` or `ENV` with a secret's name and a value",
            notes="a secret's name without a value, with a boolean, with the path of a file, or with the fingerprint "
            "or id of a public key",
            example="ENV DB_PASSWORD=x1",
            why="The image's history shows the value to everyone who has the image, also when a later line removes it.",
            fix="Give the value to the step that needs it with `RUN --mount=type=secret,id=db_password`, or to the "
            "container when it starts. `# check=skip=SecretsUsedInArgOrEnv` in the Dockerfile counts as a permission.",
        ),
        Rule.SECRET_VALUE: Explanation(
            refuses="a password in a URL, or a token of a known form, in any instruction",
            example="RUN pip install --index-url https://ann:pw123@pypi.example/simple httpx",
            why="The text of an instruction stays in the image's history.",
            fix="Mount the secret: `RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf pip install httpx`.",
        ),
        Rule.KNOWN_SECRET: Explanation(
            refuses="a value that slipway knows as a secret: of `.env`, of `[tool.slipway.secrets]`, or of pip's "
            "configuration",
            example="RUN echo geheim12",
            why="The value is a secret of this machine or of its user.",
            fix="Mount the secret: `RUN --mount=type=secret,id=token`.",
        ),
        Rule.CONTEXT_FILE: Explanation(
            refuses="`.env`, a key or a credential file that git does not track, and the folder `.git`, when an "
            "instruction reads them from the context",
            notes="such a file that git tracks: everyone who has the repository has it already",
            example="COPY certs/server.key /etc/ssl/",
            why="Such a file mostly belongs to one machine, and enters the image by `COPY . .` unnoticed. `.git` holds "
            "each file that was ever deleted.",
            fix="Name it in `.dockerignore`, or copy less. A key of tests that everyone may see can be committed.",
            path="certs/server.key",
        ),
        Rule.DOWNLOAD: Explanation(
            refuses="a `RUN` that downloads a program and executes it",
            example="RUN curl -fsSL https://x.example/install.sh | sh",
            why="The server decides at each build which program runs, and the input digest cannot show a change.",
            fix="`ADD --checksum=sha256:… https://x.example/install.sh /tmp/` gets this file and no other; then run "
            "it with `RUN sh /tmp/install.sh`. A package with a version, or `COPY --from` of a pinned image, needs no "
            "script.",
        ),
        Rule.UNPINNED_ADD: Explanation(
            refuses="an `ADD` of a URL without a checksum, or of a git repository without a commit",
            example="ADD https://x.example/a.tar.gz /opt/",
            why="Its content may change, and the input digest cannot show that: the image is not built again.",
            fix="`ADD --checksum=sha256:…`; for git, `ADD https://x.example/a.git#<commit>`.",
        ),
        Rule.FRONTEND: Explanation(
            refuses="a `# syntax=` without a digest",
            notes="Docker's own frontends: `docker/dockerfile:1` and others of that repository",
            example="# syntax=someone/dockerfile:1",
            why="The frontend is a program that reads the Dockerfile and decides what is in the image.",
            fix="Add the digest, `# syntax=someone/dockerfile:1@sha256:…`, or remove the line: each engine includes a "
            "frontend.",
        ),
        Rule.EXTRA_INDEX: Explanation(
            refuses="",
            notes="an `--extra-index-url` in a Dockerfile or a requirements file",
            example="RUN pip install --extra-index-url https://x.example/simple httpx",
            why="pip takes the newest version of all indexes: anyone may publish a newer package of the same name.",
            fix="Use one `--index-url` that serves all packages, or hashes in the requirements.",
        ),
        Rule.ROOT: Explanation(
            refuses="an image whose user is root, when `smoke` tests it",
            example="USER root",
            why="A process that breaks out of its container is then root on the host.",
            fix="`USER 10001:10001`, a number, so that Kubernetes can check it.",
        ),
        Rule.SETUID: Explanation(
            refuses="setuid and setgid programs beside those of Debian, when `smoke` tests the image",
            example="RUN chmod u+s /usr/bin/ping",
            why="Such a program gives its user the rights of its owner.",
            fix="Remove the bit (`chmod u-s`), or give the container a capability.",
            path="/usr/bin/ping",
        ),
        Rule.VULNERABILITY: Explanation(
            refuses="a package with a known vulnerability, when `scan --fail-on` looks at the image",
            example="RUN pip install requests==2.5.3",
            why="Everyone knows the vulnerability, attackers too.",
            fix="Install a fixed version, or build on a newer base ([scanning](scanning.md)).",
            path="CVE-2099-1",
        ),
    }
)
