"""Make an image's definition of each service of a composition that has ``build``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from slipway.config.secret_source import SecretSource
from slipway.core.errors import Problem
from slipway.core.image import IMAGE_CONTEXT
from slipway.stack.declarations.compose import Composition
from slipway.stack.declarations.document import Items, Node, Table, Text
from slipway.stack.declarations.found import Found
from slipway.stack.declarations.places import joined, outside, within
from slipway.stack.definition import Definition

_SERVICE = "service:"
#: The keys of ``build`` that may change an image, and that slipway does not read.
_UNREAD = ("entitlements", "extra_hosts", "network", "privileged", "ssh")


def built_services(composition: Composition, source: str, root: str) -> tuple[Found, ...]:
    """Return the image of each service with ``build``.

    ``source``: the first file of the composition. ``root``: the repository's absolute path.
    """
    found = []
    for name, service in composition.services.entries.items():
        if isinstance(service, Table) and _is_built(service):
            found.append(_Service(name, service, composition, root).found(source))
    return tuple(found)


def unread_keys(composition: Composition) -> Iterator[Problem]:
    """Yield a note for each service with keys that may change its image, and that slipway does not read."""
    for name, service in composition.services.entries.items():
        build = service.table("build") if isinstance(service, Table) else Table()
        if unread := [key for key in _UNREAD if key in build.entries]:
            yield Problem(build.where, f"service {name}: slipway does not read {', '.join(unread)} of build")


def _is_built(service: Table) -> bool:
    build = service.entries.get("build")
    return build is not None and not (isinstance(build, Text) and build.value is None)


@dataclass
class _Service:
    """Read one service, and collect the problems with it."""

    name: str
    service: Table
    composition: Composition
    root: str
    problems: list[Problem] = field(default_factory=list)

    def found(self, source: str) -> Found:
        build = self.service.table("build")
        if not isinstance(self.service.entries["build"], Table):
            self._refuse(self.service.entries["build"].where, "build is a folder or a mapping")
        if fault := self.service.text("extends").fault:
            self._refuse(self.service.text("extends").where, fault)
        context = self._context(build)
        links, contexts = self._contexts(build)
        image = self.service.text("image")
        definition = Definition(
            name="",
            dockerfile=self._dockerfile(build, context),
            where=self.service.where,
            context=context,
            target=self._text(build, "target"),
            args=MappingProxyType(dict(self._args(build))),
            contexts=MappingProxyType(contexts),
            secrets=MappingProxyType(dict(self._secrets(build))),
            platforms=self._platforms(build),
        )
        images = (image.value,) if image.value and not image.fault else ()
        return Found(self.name, source, definition, images, MappingProxyType(links), tuple(self.problems))

    def _refuse(self, where: str, what: str, hint: str = "") -> None:
        self.problems.append(Problem(where, f"service {self.name}: {what}", hint))

    def _value(self, text: Text, what: str) -> str:
        """Return the text's value, with a problem when it has none."""
        if text.fault:
            self._refuse(text.where, f"{what} {text.fault}", "set it in the environment, or in .env beside the file")
        return "" if text.fault else text.value or ""

    def _text(self, table: Table, key: str) -> str:
        return self._value(table.text(key), key)

    def _path(self, table: Table, key: str) -> str:
        """Return a path, with a problem when it depends on a variable without a value."""
        text = table.text(key)
        if text.unset:
            names = ", ".join(text.unset)
            hint = f"{text.unset[0]}=<value> in the environment, or in .env beside the file"
            self._refuse(text.where, f"{key} needs the variable {names}", hint)
            return ""
        return self._value(text, key)

    def _located(self, place: str, where: str, what: str) -> str:
        """Return a folder from the repository's root, with a problem when it is not in the repository."""
        found = within(self.root, place)
        if found is None:
            self._refuse(where, outside(what, place))
        return found or ""

    def _context(self, build: Table) -> str:
        text = build.text("context")
        place = self._path(build, "context")
        if self.problems and not place:
            return ""
        return self._located(place or self.composition.folder or ".", text.where, "context")

    def _dockerfile(self, build: Table, context: str) -> str:
        if (inline := build.text("dockerfile_inline")).value:
            self._refuse(inline.where, "slipway does not read dockerfile_inline", "write it into a file")
            return ""
        path = self._path(build, "dockerfile")
        if self.problems:
            return ""
        return self._located(joined(context, path or "Dockerfile"), build.text("dockerfile").where, "Dockerfile")

    def _args(self, build: Table) -> Iterator[tuple[str, str]]:
        """Yield the build args that have a value.

        An arg without a value takes that of the variable with its name. An arg that consists of variables without
        values leaves the ARG of the Dockerfile its default, where compose gives an empty text.
        """
        for name, arg in self._table(build, "args").items():
            value = self._value(arg, f"arg {name}")
            if arg.value is None and name in self.composition.values:
                yield name, self.composition.values[name]
            elif arg.value is not None and not arg.fault and not (arg.unset and not value):
                yield name, value

    def _contexts(self, build: Table) -> tuple[dict[str, str], dict[str, str]]:
        """Return the services that named contexts are, and the folders and images that the others are."""
        links: dict[str, str] = {}
        contexts: dict[str, str] = {}
        for name, text in self._table(build, "additional_contexts").items():
            place = self._value(text, f"additional context {name}")
            if place.startswith(_SERVICE):
                links[name] = place.removeprefix(_SERVICE)
            elif place.startswith(IMAGE_CONTEXT):
                contexts[name] = place
            else:
                contexts[name] = self._located(place, text.where, f"additional context {name}")
        return links, contexts

    def _secrets(self, build: Table) -> Iterator[tuple[str, SecretSource]]:
        secrets = build.entries.get("secrets")
        for name, secret in secrets.entries.items() if isinstance(secrets, Table) else ():
            source = secret.text("source").value if isinstance(secret, Table) else ""
            declared = self.composition.secrets.table(source or "")
            file, env = declared.text("file"), declared.text("environment")
            if file.value and not file.fault:
                yield name, SecretSource(file=within(self.root, file.value) or file.value)
            elif env.value and not env.fault:
                yield name, SecretSource(env=env.value)
            else:
                what = f"the secret {source} has neither file nor environment"
                self._refuse(secret.where, what, f"secrets: {{{source}: {{file: ./{source}}}}}")

    def _platforms(self, build: Table) -> tuple[str, ...]:
        found = build.entries.get("platforms")
        listed = [item for item in found.items if isinstance(item, Text)] if isinstance(found, Items) else []
        named = [self._value(text, "platforms") for text in listed] or [self._text(self.service, "platform")]
        return tuple(dict.fromkeys(filter(None, named)))

    def _table(self, build: Table, key: str) -> Mapping[str, Text]:
        """Return the texts of a table, with a problem for any other value."""
        node: Node | None = build.entries.get(key)
        if isinstance(node, Table):
            for name, value in node.entries.items():
                if not isinstance(value, Text):
                    self._refuse(value.where, f"{key}: {name} is not a text")
            return {name: value for name, value in node.entries.items() if isinstance(value, Text)}
        if node is not None and not (isinstance(node, Text) and node.value is None):
            self._refuse(node.where, f"{key} is a mapping or a list of NAME=value")
        return {}
