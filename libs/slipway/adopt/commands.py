"""Find the ``docker build`` commands of Makefiles and shell scripts, and read the facts that they give about images.

A word counts only when its text is known: variables have the value that the same file assigns to them, or their
default in the word. All else of the language is left alone, so nothing is executed.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_BUILD = re.compile(r"\b(?:docker|podman|nerdctl|buildah)\s+(?:buildx\s+build|image\s+build|build|bud)\s")
_CHANGE = re.compile(r"(?:^|[;&({\s])cd\s+(?P<folder>\"[^\"\n]*\"|'[^'\n]*'|[^\s;&|)]+)")
_END = re.compile(r"&&|\|\||[;|)\n]|\s#|>")
_ASSIGNED = re.compile(
    r"^\s*(?:export\s+|readonly\s+|local\s+)*(?P<name>\w+)\s*[:?]{0,2}=\s*(?P<value>[^\n]*?)\s*$", re.M
)
_VARIABLE = re.compile(
    r"\$(?:\{(?P<shell>\w+)(?::?[-=](?P<default>[^{}]*))?\}|\((?P<make>\w+)\)|(?P<bare>[A-Za-z_]\w*)|(?P<other>.))"
)
#: Where a script usually is run: the folder of the script.
_HERE = re.compile(
    r"\$\( *dirname (?:-- )?\"?\$\{?(?:0|BASH_SOURCE(?:\[0\])?)\}?\"? *\)"
    r"|\$\( *git rev-parse --show-toplevel *\)|\$\((?:CURDIR|PWD)\)|\$\{?PWD\}?"
)
#: The same as an absolute path: ``$(cd ./.. && pwd)``.
_ABSOLUTE = re.compile(r"\$\( *cd (?:-- )?\"?(?P<folder>\.[\w./-]*)\"? *(?:&&|;) *pwd(?: -P)? *\)")
_NESTED = re.compile(r"\$[({][^(){}\n]*[)}]|\$\{\{[^{}\n]*\}\}")
#: A loop over words that stand in the script.
_LOOP = re.compile(r"\bfor\s+(?P<name>\w+)\s+in\s+(?P<words>[^;\n]*?)\s*[;\n]\s*do\b(?P<body>.*?)\bdone\b", re.S)
_PLAIN = re.compile(r"[\w./ -]+")
_TESTS = re.compile(r"(?:^|/)(?:\.github|\.gitlab-ci|[^/]*tests?)(?:[/.]|$)|test[^/]*$", re.I)
#: How often a variable may hold others.
_DEEPEST = 5
#: Build args that BuildKit takes without an ARG, and that never enter an image's name or content.
_PROXIES = re.compile(r"(?:https?|ftp|no|all)_proxy", re.I)


@dataclass(frozen=True)
class BuildCommand:
    """Hold one ``docker build`` command, as far as its words are known.

    ``where``: ``Makefile:12``. ``dockerfile``, ``context``: posix paths from the repository's root. ``in_tests``: the
    command belongs to tests or to CI.
    """

    where: str
    dockerfile: str
    context: str
    target: str = ""
    tags: tuple[str, ...] = ()
    args: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)

    @property
    def in_tests(self) -> bool:
        return bool(_TESTS.search(self.where))


@dataclass
class _Words:
    """Hold the options of one command, each with a known text or None."""

    file: str | None = ""
    target: str | None = ""
    paths: list[str | None] = field(default_factory=list)
    tags: list[str | None] = field(default_factory=list)
    args: list[str | None] = field(default_factory=list)
    contexts: list[str | None] = field(default_factory=list)


#: The options that slipway reads, each with the field that gets its value.
_READ = {
    "-f": "file",
    "--file": "file",
    "--target": "target",
    "-t": "tags",
    "--tag": "tags",
    "--build-arg": "args",
    "--build-context": "contexts",
}
#: The options without a value. Any other one has its value after ``=`` or in the next word.
_FLAGS = {"--load", "--push", "--no-cache", "--pull", "-q", "--quiet", "--rm", "--force-rm", "--squash", "--compress"}


def build_commands(path: str, text: str, is_file: Callable[[str], bool]) -> Iterator[BuildCommand]:
    """Yield the build commands in the script ``path`` whose Dockerfile exists.

    A relative path counts from the folder to which the command's own line changes; else from that of the script, or
    from one above it.
    """
    if not _BUILD.search(text):
        return
    text = _ABSOLUTE.sub(r"\g<folder>", _HERE.sub(".", text.replace("$$", "$")))
    assigned = {match["name"]: match["value"].strip("\"'") for match in _ASSIGNED.finditer(text)}
    joined = re.sub(r"\\\n", "  ", text)  # as long as before, so that offsets still tell lines
    masked = _NESTED.sub(lambda found: "_" * len(found[0]), joined)
    for match in _BUILD.finditer(joined):
        if joined[joined.rfind("\n", 0, match.start()) + 1 : match.start()].lstrip().startswith("#"):
            continue
        end = _END.search(masked, match.end())
        words = _split(joined[match.end() : end.start() if end else len(joined)])
        line = joined[joined.rfind("\n", 0, match.start()) + 1 : match.start()]
        where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        for values in _rounds(joined, match.start(), assigned):
            moves = [_known(found["folder"].strip("\"'"), values) for found in _CHANGE.finditer(line)]
            if found := _command(where, _options(words, values), _folders(path, moves), is_file):
                yield found


def _rounds(text: str, place: int, assigned: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Yield the variables of each round of the loop around ``place``. Without a loop, yield those of the file."""
    loop = next((loop for loop in _LOOP.finditer(text) if loop.start("body") <= place < loop.end("body")), None)
    if not loop or not _PLAIN.fullmatch(loop["words"]):
        yield assigned
        return
    yield from ({**assigned, loop["name"]: value} for value in loop["words"].split())


def _split(text: str) -> list[str]:
    """Return the words of a command. ``$(…)`` is one word; a quote that stays open ends the command."""
    plain = _NESTED.sub(lambda found: found[0].replace(" ", "\0"), text)
    try:
        words = shlex.split(plain)
    except ValueError:
        return []
    return [word.replace("\0", " ") for word in words]


def _options(words: Sequence[str], assigned: Mapping[str, str]) -> _Words:
    found = _Words()
    ahead = iter(words)
    for word in ahead:
        option, equals, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            found.paths.append(_known(word, assigned))
            continue
        if not equals and word not in _FLAGS:
            value = next(ahead, "")
        if name := _READ.get(option):
            known = _known(value, assigned)
            if name in ("file", "target"):
                setattr(found, name, known)
            else:
                getattr(found, name).append(known)
    return found


def _command(where: str, words: _Words, folders: Sequence[str], is_file: Callable[[str], bool]) -> BuildCommand | None:
    if words.file is None or len(words.paths) != 1 or words.paths[0] in (None, "-") or "://" in str(words.paths[0]):
        return None
    for folder in folders:
        context = posixpath.normpath(posixpath.join(folder, str(words.paths[0])))
        beside = posixpath.join(folder, words.file) if words.file else f"{context}/Dockerfile"
        dockerfile = posixpath.normpath(beside)
        if not context.startswith("..") and is_file(dockerfile):
            return BuildCommand(
                where,
                dockerfile,
                context,
                words.target or "",
                tuple(tag for tag in words.tags if tag),
                {name: value for name, value in _pairs(words.args) if not _PROXIES.fullmatch(name)},
                {name: _place(folder, value) for name, value in _pairs(words.contexts)},
            )
    return None


def _place(folder: str, value: str) -> str:
    """Return the value of a named context; a folder as a path from the root."""
    return value if "://" in value else posixpath.normpath(posixpath.join(folder, value))


def _pairs(words: Sequence[str | None]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, equals, value = (word or "").partition("=")
        if equals:
            yield name, value


def _folders(path: str, moves: Sequence[str | None]) -> list[str]:
    """Return the folders in which the command may run, the likeliest first."""
    own = posixpath.dirname(path)
    above = [own]
    while above[-1]:
        above.append(posixpath.dirname(above[-1]))
    if None in moves:
        return []
    return [posixpath.join(folder, *filter(None, moves)) for folder in above]


def _known(word: str, assigned: Mapping[str, str], depth: int = 0) -> str | None:
    """Return a word with its variables replaced, or None when one of them has no known value."""
    if "`" in word or "${{" in word or depth > _DEEPEST:
        return None
    parts: list[str] = []
    last = 0
    for match in _VARIABLE.finditer(word):
        name = match["shell"] or match["make"] or match["bare"]
        value = assigned.get(name, match["default"]) if name else None
        known = None if value is None else _known(value, assigned, depth + 1)
        if known is None:
            return None
        parts += [word[last : match.start()], known]
        last = match.end()
    return "".join([*parts, word[last:]])
