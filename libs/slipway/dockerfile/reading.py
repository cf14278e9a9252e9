"""Read a parsed Dockerfile for one target and its build args. Pure: text in, values out.

``text.parse`` checks the text. ``read`` follows the target as BuildKit's dockerfile2llb does. The variables that a
base image sets are unknown; a caller may supply its ONBUILD triggers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from slipway.core.reference import Reference
from slipway.core.rules import Rule
from slipway.dockerfile import hazards
from slipway.dockerfile.expansion import Expansion, WordError, expand
from slipway.dockerfile.frontends import SYNTAX_ARG, young_flags
from slipway.dockerfile.scope import Globals, Problems, Scope, globals_of, platform_args, stage_scope
from slipway.dockerfile.stages import (
    Head,
    Triggers,
    context_of,
    foundation_of,
    heads_of,
    mount_fields,
    needed,
    origin,
    outside_mount,
)
from slipway.dockerfile.text import Dockerfile, Instruction, heredoc
from slipway.dockerfile.values import Hazard, Mount, Reading, Source, Stage, Use, once
from slipway.dockerfile.words import context_path, json_words, pairs, ports, shell_words
from slipway.secrets.names import SECRETS_CHECK, matches_check

_REMOTE = re.compile(r"(?:https?|git|ssh)://|[\w-]+@[\w.-]+:")
_HEEDED = re.compile(r"BUILDKIT_\w+|SOURCE_DATE_EPOCH")  # BuildKit itself reads them, wherever they are declared
_OCTAL = re.compile("[0-7]+")  # other forms of --chmod change the file's mode, so that the mode counts


def read(
    dockerfile: Dockerfile,
    args: Mapping[str, str] | None = None,
    *,
    target: str = "",
    contexts: Collection[str] = (),
    platform: str = "linux/amd64",
    builder: str = "",
    triggers: Triggers = lambda image: (),
    secrets: Collection[str] = (),
) -> Reading:
    """Read the stages that building ``target`` needs (a stage's name; "" is the last stage).

    ``contexts``: names of named contexts, which replace stages and images of that name. ``platform``: the target
    platform. ``builder``: the builder's platform. ``triggers``: returns the ONBUILD triggers of an image. ``secrets``:
    known values that must not appear in the file.

    Raises UsageError with every problem found: an unknown target, a FROM that expands to nothing usable, a variable
    that cannot be read, a COPY --from of a later stage …
    """
    args = args or {}
    problems = Problems(dockerfile.path)
    stage = target or dockerfile.sections[-1].name
    scope = globals_of(dockerfile, args, platform_args(platform, builder or platform, stage), problems)
    named = {Reference.read(name).context: name for name in contexts}
    heads = heads_of(dockerfile, scope, named, triggers, problems)
    problems.stop()
    wanted = needed(dockerfile, heads, target, problems)
    problems.stop()
    reader = _Reader(dockerfile, args, secrets, scope, named, heads, problems, platform)
    reader.read_globals()
    for head in wanted:
        reader.read_stage(head)
    problems.stop()
    last = origin(target, heads, indexed=False) if target else len(heads) - 1
    return reader.reading(wanted, heads[int(last)])


@dataclass
class _Reader:
    """Collect the inputs of the needed stages, one stage after the other."""

    dockerfile: Dockerfile
    args: Mapping[str, str]
    known_secrets: Collection[str]
    globals: Globals
    contexts: Mapping[str, str]
    heads: list[Head]
    problems: Problems
    platform: str
    stages: dict[int, Scope] = field(default_factory=dict)
    uses: dict[str, Use] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    named: list[Source] = field(default_factory=list)
    leading: set[str] = field(default_factory=set)
    declared: set[str] = field(default_factory=set)
    automatic: set[str] = field(default_factory=set)
    remotes: list[str] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    hazards: list[Hazard] = field(default_factory=list)
    weighed: set[str] = field(default_factory=set)

    def reading(self, wanted: list[Head], target: Head) -> Reading:
        stages = [head for head in wanted if not head.replaced]
        names, last = self.leading | self.declared, self.stages[target.index]
        foundation, foundation_context = foundation_of(target, self.heads, self.contexts)
        frontend = self.args.get(SYNTAX_ARG, "") if SYNTAX_ARG in names else self.dockerfile.syntax
        return Reading(
            stages=tuple(Stage(head.name, head.index, head.base, head.platform, head.section.line) for head in stages),
            bases=tuple(self.uses),
            sources=tuple(self.sources),
            named=tuple(self.named),
            args=tuple(sorted(names)),
            naming=tuple(sorted(name for name in self.leading - self.declared if not _HEEDED.fullmatch(name))),
            builder=any(name.startswith("BUILD") for name in self.automatic - self.args.keys()),
            remotes=once(self.remotes),
            secrets=once([mount.id for mount in self.mounts if mount.kind == "secret"]),
            mounts=once(self.mounts),
            hazards=once([*hazards.in_frontend(self.dockerfile, frontend), *self.hazards]),
            weighed=frozenset(self.weighed),
            frontend=frontend,
            foundation=foundation,
            foundation_context=foundation_context,
            user=last.user,
            healthcheck=last.healthcheck,
            exposed=once(last.exposed),
            entry=last.command or last.entrypoint,
            onbuild=() if target.replaced else target.section.onbuild,
            uses=dict(self.uses),
            young=young_flags(self.dockerfile),
            runs_on=once(
                self._platform(head) for head in stages if any(one.name == "RUN" for one in head.instructions)
            ),
        )

    def _platform(self, head: Head) -> str:
        """Return the platform of a stage. A stage on another stage has the platform of that stage."""
        while head.parent >= 0:
            head = self.heads[head.parent]
        return head.platform or self.platform

    def read_globals(self) -> None:
        for instruction in self.dockerfile.globals:
            for word in shell_words(instruction.rest, self.dockerfile.escape):
                name = word.partition("=")[0]
                self._weigh(name, self.globals.values.get(name, ""), instruction.line)

    def read_stage(self, head: Head) -> None:
        scope = self.stages[head.index] = self._scope(head)
        if head.replaced:
            return
        self._use(head.used, self.leading)
        for instruction in head.instructions:
            before = len(self.hazards)
            try:
                self._read(instruction, scope)
            except WordError as error:
                whose = f" (ONBUILD of {instruction.inherited})" if instruction.inherited else ""
                self.problems.note(instruction.line, f"{instruction.name}{whose}: {error}", error.hint)
            if image := instruction.inherited:
                self.hazards[before:] = [hazard._replace(onbuild=image) for hazard in self.hazards[before:]]

    def _use(self, names: Collection[str], where: set[str]) -> None:
        """Note the global ARGs among ``names``, and those that their defaults use."""
        used = self.globals.closure(names)
        where |= used & (self.globals.uses.keys() | self.args.keys())
        self.automatic |= used & self.globals.automatic

    def _scope(self, head: Head) -> Scope:
        line = head.section.line
        if head.replaced:
            return stage_scope(head.replaced)
        above = self.heads[head.parent].replaced if head.parent >= 0 else ""
        if context := above or (head.parent < 0 and context_of(head.base, self.contexts)):
            self.named.append(Source(context, ("",), (), "from", line))
        elif head.parent < 0 and head.base != "scratch":
            self.uses.setdefault(head.base, Use(line, "FROM"))
        return self.stages[head.parent].child() if head.parent >= 0 else stage_scope(head.base)

    def _expand(self, word: str, scope: Scope, *, quotes: bool = True) -> Expansion:
        escape = self.dockerfile.escape if quotes else "\\"
        return expand(word, scope.env, escape=escape, quotes=quotes, complete=scope.complete)

    def _read(self, instruction: Instruction, scope: Scope) -> None:
        rest = instruction.rest
        if instruction.name not in ("ARG", "ENV", "LABEL"):
            self.hazards += hazards.in_text(instruction.trigger or instruction, self.known_secrets)
        match instruction.name:
            case "ARG":
                self._read_arg(instruction, scope)
            case "ENV" | "LABEL":
                self._read_pairs(instruction, scope)
            case "COPY" | "ADD":
                self._read_copy(instruction, scope)
            case "RUN":
                for text in instruction.values("mount"):
                    self._read_mount(instruction, mount_fields(text), scope)
            case "USER":
                scope.user = self._expand(rest, scope).text
            case "WORKDIR" | "STOPSIGNAL":
                self._expand(rest, scope)
            case "VOLUME":
                for word in instruction.operands():
                    self._expand(word, scope)
            case "EXPOSE":
                for word in instruction.operands():
                    scope.exposed += [port for text in self._expand(word, scope).words for port in ports(text)]
            case "HEALTHCHECK":
                scope.healthcheck = rest.upper() != "NONE"
            case "CMD":
                scope.command, scope.own_command = bool(rest) and json_words(rest) != [], True
            case "ENTRYPOINT":
                scope.entrypoint = bool(rest) and json_words(rest) != []
                scope.command = scope.command and scope.own_command
            case "ONBUILD":
                if (trigger := instruction.trigger) and trigger.name == "ADD":
                    remotes = [word for word in trigger.operands()[:-1] if _REMOTE.match(word)]
                    checksum = "".join(trigger.values("checksum"))
                    self.hazards += hazards.in_remotes(remotes, checksum, instruction.line)

    def _read_arg(self, instruction: Instruction, scope: Scope) -> None:
        for word in shell_words(instruction.rest, self.dockerfile.escape):
            name, equals, default = word.partition("=")
            scope.declared.add(name)
            if name in self.args:
                scope.env[name] = self.args[name]
            elif equals:
                scope.env[name] = self._expand(default, scope).text
            elif name in self.globals.values:
                scope.env[name] = self.globals.values[name]
                if name not in self.globals.uses:
                    self.automatic.add(name)
                    continue  # the platform determines it
            self._weigh(name, scope.env.get(name, ""), instruction.line)
            self.declared.add(name)
            if not equals:
                self._use([name], self.declared)

    def _read_pairs(self, instruction: Instruction, scope: Scope) -> None:
        found = [
            (self._expand(name, scope).text, self._expand(value, scope).text)
            for name, value in pairs(instruction.rest, self.dockerfile.escape, instruction.name)
        ]
        if instruction.name == "ENV":
            scope.env.update(found)
        for name, value in found:
            if instruction.name == "ENV":
                self._weigh(name, value, instruction.line)
            else:
                self.hazards += hazards.in_value(name, value, self.known_secrets, instruction.line)
            if name.endswith("_EXTRA_INDEX_URL"):
                self.hazards.append(hazards.extra_index(instruction.line))

    def _weigh(self, name: str, value: str, line: int) -> None:
        """Judge whether an ARG or ENV holds a secret. The directive ``check`` can exempt its name, never its value."""
        if matches_check(name):
            self.weighed.add(name)
        by_name = not self.dockerfile.skips(SECRETS_CHECK)
        found = hazards.in_variable(name, value, self.known_secrets, line)
        self.hazards += [hazard for hazard in found if by_name or hazard.rule != Rule.SECRET_NAME]

    def _path(self, word: str, scope: Scope) -> str:
        """Expand a path. Refuse a variable that only a base image can set: the path would be a guess."""
        try:
            expansion = self._expand(word, scope)
        except WordError as error:
            blanks = 'a name with blanks goes into a JSON list: ["a name", "/"]' if "quote" in str(error) else ""
            raise WordError(str(error), hint=blanks) from None
        unknown = sorted(expansion.blank - scope.env.keys() - scope.declared)
        if unknown and not scope.complete:
            hint = f"declare it in this file: ARG {unknown[0]}; slipway does not read the values of a base image"
            raise WordError(f"{unknown[0]} in {word} is set nowhere in this file", hint=hint)
        return expansion.text

    def _read_copy(self, instruction: Instruction, scope: Scope) -> None:
        flags = {
            flag: self._expand(value, scope).text
            for flag in ("chown", "chmod", "checksum")
            for value in instruction.values(flag)
        }
        for document in instruction.heredocs:
            if document.expand:
                self._expand(document.content, scope, quotes=False)
        *words, destination = instruction.operands()
        self._expand(destination, scope)
        (name,) = instruction.values("from") or ("",)
        paths = [self._path(word, scope) for word in words if not heredoc(word)]
        remotes = [] if name else [path for path in paths if _REMOTE.match(path)]
        if remotes and instruction.name == "COPY":
            raise WordError(f"{remotes[0]} is not a file", hint="ADD fetches URLs and git repositories")
        self.remotes += remotes
        self.hazards += hazards.in_remotes(remotes, flags.get("checksum", ""), instruction.line)
        parents = instruction.switched("parents")
        local = tuple(context_path(path, parents) for path in paths if path not in remotes)
        # COPY --parents also creates the parent folders of the files.
        modes = parents or not _OCTAL.fullmatch(flags.get("chmod", ""))
        if local:
            self._add(name, local, instruction.values("exclude"), instruction, parents=parents, modes=modes)

    def _read_mount(self, instruction: Instruction, mount: Mapping[str, str], scope: Scope) -> None:
        fields = {name: self._expand(value, scope).text for name, value in mount.items()}
        kind = fields.get("type", "bind").lower()
        if kind not in ("bind", "cache", "secret", "ssh", "tmpfs"):
            raise WordError(f"unknown mount type {kind}", hint="bind, cache, secret, ssh or tmpfs")
        if kind in ("secret", "ssh"):
            self.mounts.append(outside_mount(kind, fields, instruction.line))
        elif kind == "bind" or fields.get("from"):
            path = self._path(mount.get("source", ""), scope)
            self._add(fields.get("from", ""), (context_path(path),), (), instruction)

    def _add(
        self,
        name: str,
        paths: tuple[str, ...],
        excludes: tuple[str, ...],
        by: Instruction,
        *,
        parents: bool = False,
        modes: bool = True,
    ) -> None:
        """Note that ``by`` reads ``paths`` of the stage, context or image ``name`` ("" is the build context)."""
        kind = "mount" if by.name == "RUN" else by.name.lower()
        found = origin(name, self.heads, indexed=by.name == "COPY") if name else ""
        context = self.heads[found].replaced if isinstance(found, int) else context_of(found, self.contexts)
        source = Source(context, paths, excludes, kind, by.line, parents, by.inherited, modes)
        if not name:
            self.sources.append(source)
        elif context:
            self.named.append(source)
        elif isinstance(found, str) and found != "scratch":
            self.uses.setdefault(found, Use(by.line, "COPY --from" if by.name == "COPY" else "RUN --mount"))
