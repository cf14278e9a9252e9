"""Read the services of compose files: several files over each other, ``include`` and ``extends``.

The rules are those of compose. Relative paths refer to the folder of the first file; those of a file that ``extends``
or ``include`` names, to the folder of that file. A variable has its value from the environment, then from ``.env``
beside the first file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType

from slipway.core.errors import Problem, UsageError, suggestion
from slipway.stack.declarations.document import Items, Node, Table, Text, read_documents
from slipway.stack.declarations.env_file import parse_env_file
from slipway.stack.declarations.overriding import extend_table, merge_tables
from slipway.stack.declarations.places import is_elsewhere, joined
from slipway.stack.declarations.service import expanded, shaped_secrets, shaped_service

#: The longest chains of ``extends`` and of ``include``.
_DEEPEST = 50
#: Returns the text of a file by its path from the repository's root, or None when there is no such file.
ReadFile = Callable[[str], str | None]


@dataclass(frozen=True)
class Composition:
    """Hold the services of a project in the shape of ``service``, and its secrets.

    ``folder``: the folder of its first file. ``values``: the variables. ``notes``: the parts of the files that
    slipway does not read.
    """

    services: Table = field(default_factory=Table)
    secrets: Table = field(default_factory=Table)
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    folder: str = ""
    notes: tuple[Problem, ...] = ()

    def over(self, base: Composition) -> Composition:
        """Return this composition merged over ``base``."""
        services = merge_tables(base.services, self.services)
        secrets = merge_tables(base.secrets, self.secrets)
        return replace(base, services=services, secrets=secrets, notes=(*base.notes, *self.notes))


def read_compose(files: Sequence[str], read: ReadFile, environment: Mapping[str, str]) -> Composition:
    """Read ``files`` as ``docker compose -f first -f second`` does. Raises UsageError with the ``file:line``."""
    reader = _Reader(read)
    folder = posixpath.dirname(files[0])
    values = reader.values([], folder, environment)
    return reader.composition([Text(file, file) for file in files], folder, values)


@dataclass(frozen=True)
class _Base:
    """Name a service, its file, and the folder that its relative paths refer to."""

    file: str
    service: str
    folder: str


class _Reader:
    """Read files, each once: many services may extend one file."""

    def __init__(self, read: ReadFile) -> None:
        self._read = read
        self._documents = cache(self._parsed)
        self._services = cache(self._written)

    def _parsed(self, file: str) -> tuple[Table, ...] | None:
        text = self._read(file)
        return None if text is None else read_documents(text, file)

    def values(self, env_files: Sequence[Text], folder: str, environment: Mapping[str, str]) -> Mapping[str, str]:
        """Return the variables: ``environment`` over those of ``env_files``, or of ``.env`` in ``folder``."""
        found: dict[str, str] = {}
        for env_file in env_files or [Text(joined(folder, ".env"), "")]:
            path = env_file.value or ""
            text = self._read(path)
            if text is None and env_files and path != "/dev/null":
                raise UsageError.of([Problem(env_file.where, f"{path} does not exist")])
            found |= parse_env_file(text or "", {**found, **environment}, path)
        return MappingProxyType({**found, **environment})

    def composition(
        self, files: Sequence[Text], folder: str, values: Mapping[str, str], above: Sequence[str] = ()
    ) -> Composition:
        """Read ``files``, each over those before it. ``above``: the files that include them."""
        found = Composition(values=values, folder=folder)
        for named in files:
            file = named.value or ""
            documents = self._documents(file)
            if documents is None:
                raise UsageError.of([Problem(named.where, f"{file} does not exist")])
            if file in above or len(above) > _DEEPEST:
                what = "includes itself" if file in above else f"is in a chain of more than {_DEEPEST} includes"
                raise UsageError.of([Problem(named.where, f"{file} {what}")])
            for document in documents:
                for included in self._included(document, folder, values, (*above, file)):
                    found = included.over(found)
                found = self._own(document, file, folder, values).over(found)
        return found

    def _own(self, document: Table, file: str, folder: str, values: Mapping[str, str]) -> Composition:
        services = document.table("services")
        found = {
            name: self._service(_Base(file, name, folder), service, values)
            for name, service in services.entries.items()
        }
        secrets = shaped_secrets(document.table("secrets"), folder, values.get)
        return Composition(replace(services, entries=MappingProxyType(found)), secrets)

    def _service(self, at: _Base, written: Node, values: Mapping[str, str], below: Sequence[_Base] = ()) -> Node:
        """Return a service in its shape, merged over the service that it extends."""
        if not isinstance(written, Table):
            return written
        service = shaped_service(written, at.folder, values.get)
        extends = service.entries.get("extends")
        if extends is None:
            return service
        entries = {key: value for key, value in service.entries.items() if key != "extends"}
        base = self._base(extends, at)
        if isinstance(base, _Base) and base in (*below, at):
            base = "extends itself"
        elif len(below) > _DEEPEST:
            base = f"extends a chain of more than {_DEEPEST} services"
        if isinstance(base, str):
            entries["extends"] = Text(None, extends.where, fault=base)
            return replace(service, entries=MappingProxyType(entries))
        found = self._service(base, self._services(base.file)[base.service], values, (*below, at))
        own = replace(service, entries=MappingProxyType(entries))
        return extend_table(found, own) if isinstance(found, Table) else own

    def _written(self, file: str) -> Mapping[str, Node]:
        """Return the services of a file as they are written, those of its last document first."""
        found: dict[str, Node] = {}
        for document in self._documents(file) or ():
            found |= document.table("services").entries
        return found

    def _base(self, extends: Node, at: _Base) -> _Base | str:
        """Return the service that ``extends`` names, or the reason why there is none."""
        named = Table(MappingProxyType({"service": extends})) if isinstance(extends, Text) else extends
        if not isinstance(named, Table):
            return "extends is a mapping of file and service"
        texts = {key: named.text(key) for key in ("service", "file")}
        if fault := next((text.fault for text in texts.values() if text.fault), ""):
            return f"extends: {fault}"
        service, file = texts["service"].value or "", texts["file"].value
        path = joined(at.folder, file) if file else at.file
        if self._documents(path) is None:
            return f"extends {path}, which does not exist"
        known = self._services(path)
        if service not in known:
            hint = suggestion(service, known)
            return f"extends {service}, which {path} does not have" + (f"; {hint}" if hint else "")
        return _Base(path, service, posixpath.dirname(path) if file else at.folder)

    def _included(
        self, document: Table, folder: str, values: Mapping[str, str], above: Sequence[str]
    ) -> Iterator[Composition]:
        """Yield what each entry of ``include`` declares."""
        include = document.entries.get("include")
        for entry in include.items if isinstance(include, Items) else ():
            entry = expanded(entry, values.get)
            named = entry if isinstance(entry, Table) else Table(MappingProxyType({"path": entry}), entry.where)
            paths = [_located(path, folder) for path in _texts(named.entries.get("path"))]
            if not paths or any(is_elsewhere(path.value or "") for path in paths):
                note = Problem(entry.where, "slipway does not read this include: it is not a file of the repository")
                yield Composition(notes=(note,))
                continue
            project = named.text("project_directory").value
            of = joined(folder, project) if project else posixpath.dirname(paths[0].value or "")
            env_files = [_located(file, folder) for file in _texts(named.entries.get("env_file"))]
            yield self.composition(paths, of, self.values(env_files, of, values), above)


def _texts(node: Node | None) -> Sequence[Text]:
    """Return the texts of a text or of a list."""
    found = node.items if isinstance(node, Items) else (node,)
    return [one for one in found if isinstance(one, Text) and one.value]


def _located(text: Text, folder: str) -> Text:
    if text.fault:
        raise UsageError.of([Problem(text.where, text.fault)])
    return replace(text, value=joined(folder, text.value or ""))
