"""Read a repository's Dockerfiles, and refuse what they may not hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipway.config.images import ImageRule
from slipway.config.inherit import MOUNTABLE
from slipway.config.project import Project
from slipway.config.secret_source import SecretSource
from slipway.config.settings import Settings
from slipway.config.settings import unused as unused_names
from slipway.core.errors import Problem, SlipwayError, UsageError
from slipway.core.image import Image, Stack
from slipway.core.platform import this_platform
from slipway.dockerfile.mounting import with_mounts
from slipway.plan import findings, policy
from slipway.plan.findings import Tracked, nothing_tracked
from slipway.secrets.secret import Secret
from slipway.stack.declared import Declared, Ruled, combined
from slipway.stack.discovery import Assembly, assemble
from slipway.stack.parents import BRANCHES, Naming
from slipway.stack.patterns import definitions_of, rules_by_path, unmatched
from slipway.stack.worktree import Worktree

#: In characters. A shorter value is an ordinary word, not a secret.
_SHORTEST_SECRET = 4
_NO_TRIGGERS: Mapping[str, Sequence[str]] = {}
_NOTHING = Declared()


@dataclass(frozen=True)
class Repository:
    """Hold the content of the files: the stack from the Dockerfiles, the worktree, and the named contexts.

    ``native``: the platform of the host that builds. ``unused``: a problem for each name in ``.env`` that no image
    uses. ``onbuild``: root image → its ONBUILD triggers, known once slipway has asked the engine. ``secrets``: the
    values that no image may hold, beside the secrets of the settings. ``tracked``: asks git. ``texts``: the path of
    each Dockerfile → its text. ``mounts``: the flags that slipway adds to each RUN. ``declared``: the images of compose
    and bake files. ``sent``: path → the text with these flags, for BuildKit.
    """

    settings: Settings
    worktree: Worktree
    contexts: Mapping[str, Path]
    texts: Mapping[str, str]
    assembly: Assembly
    native: str
    unused: Mapping[str, Problem] = field(default_factory=dict)
    onbuild: Mapping[str, Sequence[str]] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    tracked: Tracked = nothing_tracked
    mounts: str = ""
    declared: Declared = _NOTHING
    sent: Mapping[str, str] = field(default_factory=dict)

    @property
    def stack(self) -> Stack:
        return self.assembly.stack

    @property
    def platforms(self) -> tuple[str, ...]:
        """Return PLATFORMS, or the platform of the host that builds."""
        return self.settings.platforms or (self.native,)

    def platforms_of(self, image: Image) -> tuple[str, ...]:
        """Return the target platforms of an image: its own, or those of the repository."""
        return image.platforms or self.platforms

    def without(self, errors: Mapping[str, SlipwayError]) -> Repository:
        """Return the repository in whose stack the images of ``errors`` are at fault."""
        return replace(self, assembly=self.assembly.without(errors)) if errors else self

    def with_triggers(self, onbuild: Mapping[str, Sequence[str]]) -> Repository:
        """Read the repository again, with the ONBUILD triggers of its root images."""
        return read_repository(
            self.settings,
            self.worktree,
            self.contexts,
            self.native,
            onbuild=onbuild,
            secrets=self.secrets,
            tracked=self.tracked,
            mounts=self.mounts,
            declared=self.declared,
        )

    def define(self, image: Image) -> str:
        """Write the image's Dockerfile, as planned, for BuildKit; return its path from the root."""
        return self.worktree.define(image, self.sent[image.dockerfile])


def read_repository(
    settings: Settings,
    worktree: Worktree,
    contexts: Mapping[str, Path],
    native: str = "",
    *,
    onbuild: Mapping[str, Sequence[str]] = _NO_TRIGGERS,
    secrets: Collection[Secret] = (),
    tracked: Tracked = nothing_tracked,
    mounts: str = "",
    declared: Declared = _NOTHING,
) -> Repository:
    """Read the Dockerfiles of a repository.

    ``native``: the platform of the host that builds, if that is not this machine. ``onbuild``: the known ONBUILD
    triggers of root images. ``secrets``: values that slipway refuses in a Dockerfile and as a build arg, like the
    secrets of the settings. ``tracked``: returns those of the given files that git tracks. ``mounts``: flags for each
    RUN that does not mount pip's configuration itself. ``declared``: the images of compose and bake files.

    Images whose Dockerfiles have problems, or hold what they must not have, are at fault in the stack. Raises
    UsageError without any Dockerfile, and for a line of ``.env`` that sets an ARG and that other tools read
    differently. Contacts neither engine nor registry.
    """
    native = native or this_platform()
    naming = Naming(
        settings.registry,
        settings.owner,
        settings.version("base"),
        settings.version("service"),
        (*settings.project.moving_tags, *BRANCHES),
    )
    defined = defined_images(settings.project, worktree, naming, declared)
    settings, defined = _with_secrets(settings, defined)
    texts, unreadable = worktree.dockerfiles(
        one.dockerfile for one in defined.definitions if one.name not in defined.problems
    )
    sent = {path: with_mounts(text, mounts, MOUNTABLE) for path, text in texts.items()} if mounts else texts
    assembly = assemble(
        defined.definitions,
        sent,
        naming=naming,
        args=settings.build_args,
        unset=settings.unset_args,
        contexts=tuple(contexts),
        exists=worktree.exists,
        platforms=settings.platforms or (native,),
        builder=native,
        onbuild=onbuild,
        secrets=tuple(filter(_is_secret, (secret.reveal() for secret in (*settings.withheld, *secrets)))),
        unreadable=unreadable,
        wrong=defined.problems,
    )
    own = {one.name: one.args for one in defined.definitions}
    asked = {arg for name, reading in assembly.readings.items() for arg in reading.args if arg not in own[name]}
    if odd := [line.problem for line in settings.odd if line.name in asked]:
        raise UsageError.of(odd)
    policies = settings.project.policy.with_own(one for image in assembly.stack.known for one in image.allow)
    settings = replace(settings, project=replace(settings.project, policy=policies))
    assembly = assembly.without(findings.refusals(findings.of_dockerfiles(assembly, settings.project, settings.lock)))
    policy.refuse_unknown_images(settings.project, assembly)
    unread = {image.name for image in assembly.stack.known} - assembly.readings.keys()
    unused = {} if unread else unused_names(settings, assembly.declared_args)  # they may use any name
    return Repository(
        settings,
        worktree,
        contexts,
        texts,
        assembly,
        native,
        unused=unused,
        onbuild=onbuild,
        secrets=tuple(secrets),
        tracked=tracked,
        mounts=mounts,
        declared=declared,
        sent=sent,
    )


def defined_images(project: Project, worktree: Worktree, naming: Naming, declared: Declared = _NOTHING) -> Declared:
    """Return the images that the repository defines: those of its table, and the declared ones.

    Raises UsageError when there is none, for a path that names no file, and for a file of build args with problems.
    """
    rules = rules_by_path(project.images, worktree.find)
    if problems := list(unmatched(project.images, rules)):
        raise UsageError.of(problems)
    values = {"registry": naming.registry, "owner": naming.owner}

    def ruled(path: str, rule: ImageRule) -> Ruled:
        return Ruled(rule, next(iter(definitions_of(path, [rule], values, worktree.read_args)), None))

    found = combined(declared, {path: [ruled(path, rule) for rule in of] for path, of in rules.items()})
    if not found.definitions:
        hint = "invoke init; infra/docker/<name>.Dockerfile is a base, apps/<name>/Dockerfile a service, and"
        raise UsageError(
            f"{worktree.root}: no Dockerfile found", hint=f"{hint} {project.header('images')} names others"
        )
    return found


def _with_secrets(settings: Settings, defined: Declared) -> tuple[Settings, Declared]:
    """Return the settings with the sources of all images' secrets, and a problem for each id with two sources."""
    sources: dict[str, SecretSource] = {}
    places: dict[str, str] = {}
    problems = dict(defined.problems)
    for one in defined.definitions:
        for name, source in one.secrets.items():
            if sources.setdefault(name, source) != source:
                what = f"the secret {name} has another source in {places[name]}"
                problems[one.name] = (*problems.get(one.name, ()), Problem(one.place, what, "use two ids"))
            places.setdefault(name, one.place)
    return settings.with_secrets(sources, places), replace(defined, problems=problems)


def _is_secret(value: str) -> bool:
    return len(value) >= _SHORTEST_SECRET
