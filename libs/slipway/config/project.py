"""``[tool.slipway]`` of pyproject.toml, or slipway.toml: the settings of the repository, and not of a machine.

[tool.slipway]
moving-tags = ["latest"]
context-limit = "2 GB"
policy = "refuse"
inherit = "run"
attach = ["sbom", "provenance"]
lock-command = "nox -s lock -- --upgrade"
mirror-roots = true
ssh = ["default"]

[tool.slipway.secrets]
gh_token = { env = "GH_TOKEN" }
npmrc = { file = "~/.npmrc" }

[tool.slipway.budgets]
base-ml = "1.3 GB over parent"

[tool.slipway.smoke.migrations]
job = true

[tool.slipway.allow]
frontend = "the company's own"
svc-net = { root = "opens raw sockets", "setuid:/usr/bin/ping" = "of its checks" }

[tool.slipway.images]
"images/{name}/Dockerfile" = {}

slipway.toml has the same keys at its top level: ``[budgets]``. ``config.images`` explains the last table, and
``config.declarations`` the key ``declarations``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slipway.config.attach import Attachment, attach_faults, attachments_of
from slipway.config.declarations import Declaration, declaration_faults, declarations_of
from slipway.config.images import ImageRule, image_faults, image_rules
from slipway.config.inherit import Inherit, inherit_faults
from slipway.config.lock_command import lock_command_faults, lock_command_of
from slipway.config.policy import KEYS as POLICY_KEYS
from slipway.config.policy import Policy, policy_faults, read_policy
from slipway.config.project_file import FILES, Table, parse_table, read_table
from slipway.config.secret_source import SECRET_ID, SecretSource, secret_faults
from slipway.config.smoke import SmokeRules, smoke_faults, smoke_rules
from slipway.core.addresses import is_private
from slipway.core.errors import Problem, UsageError, suggestion
from slipway.core.rules import Permission, Rule
from slipway.core.units import parse_size, size
from slipway.secrets.patterns import without_login

_KEYS = (
    *("moving-tags", "insecure-registries", "context-limit", "budgets"),
    *(*POLICY_KEYS, "secrets", "ssh", "images", "declarations", "inherit", "smoke", "attach"),
    *("lock-command", "mirror-roots"),
)


@dataclass(frozen=True)
class Project:
    """Hold ``[tool.slipway]``: moving tags, private addresses that use plain HTTP, the context limit in bytes, budgets.

    ``policy``: the rules that images may break. ``secrets``: id → the source of the build secret, those of ``images``
    included. ``ssh``: ids under which builds reach ssh's agent. ``images``: the rules by which slipway finds
    Dockerfiles beside its own. ``declarations``: the compose and bake files that define images. ``inherit``: the RUN
    instructions that get pip's configuration. ``smoke``: image → the rules of its smoke tests. ``attach``: the
    documents that a push stores beside each image. ``lock_command``: locks the requirements. ``mirror_roots``: builds
    take root images from a mirror. ``places``: key, image with a budget, ``smoke.<image>``, or ``secrets.<id>`` →
    ``file:line``. ``file`` has the table, or may get it.
    """

    moving_tags: tuple[str, ...] = ("latest",)
    insecure_registries: tuple[str, ...] = ()
    context_limit: int = 2 * 10**9
    budgets: Mapping[str, str] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)
    ssh: tuple[str, ...] = ()
    images: tuple[ImageRule, ...] = ()
    inherit: Inherit = Inherit.MOUNT
    smoke: Mapping[str, SmokeRules] = field(default_factory=dict)
    declarations: tuple[Declaration, ...] = ()
    attach: tuple[Attachment, ...] = ()
    lock_command: tuple[str, ...] = ()
    mirror_roots: bool = False
    places: Mapping[str, str] = field(default_factory=dict)
    file: str = "pyproject.toml"

    def header(self, table: str = "") -> str:
        """Return where a key stands, for hints: ``[tool.slipway.secrets]``, or ``slipway.toml [secrets]``."""
        names = ".".join(filter(None, (FILES[self.file], table)))
        header = f"[{names}]" if names else ""
        return header if self.file == "pyproject.toml" else f"{self.file} {header}".rstrip()

    def smoke_rules(self, name: str) -> SmokeRules:
        """Return the rules for smoke tests of an image; ``root`` has the reason that any table gives."""
        rules = self.smoke.get(name, SmokeRules())
        allowed = self.policy.permission(name, Rule.ROOT)
        return replace(rules, root=allowed.reason if allowed else "", header=self.header(f"smoke.{name}"))

    @property
    def shown(self) -> tuple[tuple[str, str, str], ...]:
        """Return each key, its value, and the ``file:line`` that sets it, or ``default``."""
        values = {
            "moving-tags": ", ".join(self.moving_tags),
            "insecure-registries": ", ".join(self.insecure_registries),
            "context-limit": size(self.context_limit),
            "inherit": self.inherit,
        }
        keys = [(key, value, self.places.get(key, "default")) for key, value in values.items()]
        keys += [(f"budgets.{name}", budget, self.places[name]) for name, budget in self.budgets.items()]
        keys += self.policy.shown
        keys += [
            (f"secrets.{name}", f"env {source.env}" if source.env else source.file, self.places[f"secrets.{name}"])
            for name, source in self.secrets.items()
        ]
        keys += [
            (f"smoke.{name}.{key}", text, self.places[f"smoke.{name}"])
            for name, rules in self.smoke.items()
            for key, text in rules.shown
        ]
        keys += [("ssh", ", ".join(self.ssh), self.places["ssh"])] if self.ssh else []
        keys += [("declarations", str(one), self.places["declarations"]) for one in self.declarations]
        keys += [("attach", ", ".join(self.attach), self.places["attach"])] if self.attach else []
        keys += (
            [("lock-command", " ".join(self.lock_command), self.places["lock-command"])] if self.lock_command else []
        )
        keys += [("mirror-roots", "true", self.places["mirror-roots"])] if self.mirror_roots else []
        for rule in self.images:
            named = f"images.{rule.pattern.text}"
            keys.append((named, rule.shown, rule.place))
            keys += [(f"{named}.allow.{one.key}", one.reason, one.place) for one in rule.allow]
        return tuple(keys)


def read_project(root: Path) -> tuple[Project, tuple[Problem, ...]]:
    """Read the table of the repository, and return every problem with its ``file:line``."""
    table, problems = read_table(root)
    if problems or not table:
        return Project(file="pyproject.toml" if (root / "pyproject.toml").exists() else "slipway.toml"), problems
    return _project(table)


def parse_project(data: bytes, file: str = "pyproject.toml") -> tuple[Project, tuple[Problem, ...]]:
    """Parse a file's bytes. Return the table, and every problem with its ``file:line``."""
    table, problems = parse_table(data, file)
    return _project(table) if table else (Project(), problems)


def _project(found: Table) -> tuple[Project, tuple[Problem, ...]]:
    table, place = found.content, found.place
    problems = tuple(Problem(place(key), what, hint) for key, what, hint in _faults(table))
    problems += tuple(Problem(place("images", key), what, hint) for key, what, hint in _image_faults(table))
    problems += tuple(Problem(place(*keys), what, hint) for keys, what, hint in policy_faults(table))
    problems += tuple(Problem(place(*keys), what, hint) for keys, what, hint in smoke_faults(table.get("smoke", {})))
    if problems:
        return Project(), problems
    budgets = table.get("budgets", {})
    given: dict[str, Any] = {}
    if "moving-tags" in table:
        given["moving_tags"] = tuple(table["moving-tags"])
    if "insecure-registries" in table:
        given["insecure_registries"] = tuple(table["insecure-registries"])
    if "context-limit" in table:
        given["context_limit"] = parse_size(table["context-limit"])
    given["policy"] = read_policy(table, place)
    given["secrets"] = {name: SecretSource(**source) for name, source in table.get("secrets", {}).items()}
    given["ssh"] = tuple(table.get("ssh", ()))
    given["inherit"] = Inherit(table.get("inherit", Inherit.MOUNT))
    given["declarations"] = declarations_of(table.get("declarations", []))
    given["attach"] = attachments_of(table.get("attach", []))
    given["mirror_roots"] = table.get("mirror-roots", False)
    given["lock_command"] = lock_command_of(table.get("lock-command", ""))
    images = table.get("images", {})
    given["images"] = image_rules(images, {key: place("images", key) for key in images})
    given["smoke"] = smoke_rules(table.get("smoke", {}))
    places = {key: place(key) for key in (*table, *budgets)}
    places |= {f"smoke.{name}": place("smoke", name) for name in given["smoke"]}
    given["policy"] = given["policy"].with_own(_roots(given["smoke"], place))
    places |= {f"secrets.{name}": place("secrets", name) for name in given["secrets"]}
    for rule in given["images"]:
        given["secrets"] |= rule.secrets
        places |= {f"secrets.{name}": rule.place for name in rule.secrets}
    return Project(**given, budgets=budgets, places=places, file=found.file), ()


def _roots(smoke: Mapping[str, SmokeRules], place: Callable[..., str]) -> Iterator[Permission]:
    """Yield the permission that ``user`` of an image's smoke tests is: policy has one rule for root."""
    for name, rules in smoke.items():
        if rules.root:
            yield Permission(Rule.ROOT, rules.root, place("smoke", name, "user"), name)


def _faults(table: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each wrong key, the fault, and the fix."""
    known = f"known: {', '.join(_KEYS)}"
    yield from ((key, f"unknown key {key!r}", suggestion(key, _KEYS, known)) for key in table if key not in _KEYS)
    moving = table.get("moving-tags", [])
    if not (isinstance(moving, list) and all(isinstance(tag, str) for tag in moving)):
        yield "moving-tags", "moving-tags is a list of tags", ""
    insecure = table.get("insecure-registries", [])
    if not (isinstance(insecure, list) and all(isinstance(host, str) for host in insecure)):
        yield "insecure-registries", "insecure-registries is a list of addresses, host[:port]", ""
        insecure = []
    for host in insecure:
        if not is_private(host):
            named = f"insecure-registries: {without_login(host)}"
            said = f"{named} is not an address of a private network; a registry elsewhere needs TLS"
            yield "insecure-registries", said, ""
    if not _is_size(table.get("context-limit", "0 B")):
        yield "context-limit", "context-limit is a size such as '2 GB'", ""
    yield from secret_faults(table.get("secrets", {}))
    yield from inherit_faults(table.get("inherit", Inherit.MOUNT))
    yield from declaration_faults(table.get("declarations", []))
    yield from attach_faults(table.get("attach", []))
    yield from lock_command_faults(table.get("lock-command", "true"))
    if not isinstance(table.get("mirror-roots", False), bool):
        yield "mirror-roots", "mirror-roots is true or false", ""
    ssh = table.get("ssh", [])
    if not (isinstance(ssh, list) and all(isinstance(name, str) and SECRET_ID.fullmatch(name) for name in ssh)):
        yield "ssh", "ssh is a list of ids", 'ssh = ["default"]'
    budgets = table.get("budgets", {})
    if not isinstance(budgets, dict):
        yield "budgets", "budgets maps an image to a size such as '200 MB'", ""
        return
    for name, budget in budgets.items():
        if not _is_size(budget, " over parent"):
            yield name, f"the budget of {name} is a size such as '200 MB', or '200 MB over parent'", ""


def _image_faults(table: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the faults of ``images``, and each secret that gets two sources."""
    images, secrets = table.get("images", {}), table.get("secrets", {})
    faults = list(image_faults(images))
    yield from faults
    if faults or list(secret_faults(secrets)):
        return
    sources = {name: SecretSource(**source) for name, source in secrets.items()}
    for rule in image_rules(images, dict.fromkeys(images, "")):
        for name, source in rule.secrets.items():
            if sources.setdefault(name, source) != source:
                yield rule.pattern.text, f"the secret {name} has two sources", "name one source, or use two ids"


def _is_size(value: object, suffix: str = "") -> bool:
    try:
        return isinstance(value, str) and parse_size(value.removesuffix(suffix)) >= 0
    except UsageError:
        return False
