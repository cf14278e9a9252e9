"""Find Dockerfile lines that put a secret or unverified foreign code into the image, each with a fix."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from slipway.core.rules import Rule
from slipway.dockerfile.text import Dockerfile, Instruction
from slipway.dockerfile.values import Hazard
from slipway.secrets.names import harmless, names_secret
from slipway.secrets.patterns import secret_by_shape, without_logins

#: A shorter secret counts only as a whole value: inside a text it may be an ordinary word.
_SHORTEST = 8

_QUOTED = r"(?:\"[^\"]*\"|'[^']*'|[^|;&\n\"'])*"
_SUDO = r"sudo\s+(?:-[CDRTUghpu]\s+\S+\s+|-\S+\s+)*"
_ENV = r"(?:\S*/)?env\s+(?:\S+=\S*\s+)*"
_PATH = rf"(?:{_SUDO})?(?:{_ENV})?(?:\S*/)?"
_SHELL, _INTERPRETER = r"(?:ba|da|a|z|k)?sh\b", r"(?:python[\d.]*+|perl|ruby|node)\b"
#: The arguments of an interpreter that has its program from them: it reads the download as data.
_PROGRAM = r"[ \t]+(?:-\w*[cemp]\b|(?!\d*[<>])[^\s|;&)-])"
_PIPED = re.compile(
    rf"\b(?:curl|wget)\b{_QUOTED}\|\s*(?:tee\b{_QUOTED}\|\s*)?{_PATH}(?:{_SHELL}|{_INTERPRETER}(?!{_PROGRAM}))"
)
_SUBSTITUTED = re.compile(
    rf"(?:^|[\s;&|(\"'])(?:{_PATH}(?:{_SHELL}|{_INTERPRETER})|eval|source|\.\s)"
    r"[^|;&\n]*(?:\$\(|<\(|`)\s*(?:curl|wget)\b"
)
_EXTRA_INDEX = re.compile(r"--extra-index-url|\b(?:PIP|UV)_EXTRA_INDEX_URL\b")
_CHECKSUM = re.compile(r"sha(?:256|384|512):[0-9a-f]{64,128}")
_PINNED = re.compile(r"@sha256:[0-9a-f]{64}")
_GIT = re.compile(r"(?:git|ssh)://|[\w-]+@[\w.-]+:|https?://[^?#]*\.git(?:[?#]|$)")
_COMMIT = re.compile(r"[#=][0-9a-f]{40}(?:[0-9a-f]{24})?(?:$|[:&])")
_DOCKERS_FRONTEND = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?::[\w.-]+)?", re.ASCII)
_SYNTAX = re.compile(r"#\s*syntax\s*=", re.IGNORECASE)


def in_variable(name: str, value: str, secrets: Collection[str], line: int) -> Iterator[Hazard]:
    """Report an ARG or ENV with a secret's name or value. A secret's name with a harmless value is only noted."""
    if by_value := tuple(in_value(name, value, secrets, line)):
        yield from by_value
    elif names_secret(name):
        hint = f"RUN --mount=type=secret,id={name.lower()} instead of ARG or ENV"
        if not value:
            what = f"{name} has no value; given one, it would stand in the image's history"
            yield Hazard(line, Rule.SECRET_NAME, what, hint, refused=False)
        elif kind := harmless(name, value):
            yield Hazard(line, Rule.SECRET_NAME, f"{name} has the name of a secret, and is {kind}", hint, refused=False)
        else:
            yield Hazard(line, Rule.SECRET_NAME, f"{name} would stand in the image's history", hint)


def in_value(name: str, value: str, secrets: Collection[str], line: int) -> Iterator[Hazard]:
    """Report a variable or label whose value holds a known secret, a URL with a password, or a token."""
    rule = Rule.KNOWN_SECRET if value in secrets else _secret_in(value, secrets)
    if rule:
        hint = f"RUN --mount=type=secret,id={name.lower()} gives it to a step and stores it nowhere"
        yield Hazard(line, rule, f"the value of {name} is a secret: it would stand in the image", hint)


def in_text(instruction: Instruction, secrets: Collection[str]) -> Iterator[Hazard]:
    """Report secrets in any other instruction; in RUN also downloads that are executed, and extra indexes."""
    text = instruction.rest
    if instruction.heredocs:
        text = "\n".join((text, *(document.content for document in instruction.heredocs)))
    text = text.replace("\\\n", " ")
    line = instruction.line
    if rule := _secret_in(text, secrets):
        hint = "RUN --mount=type=secret gives it to a step and stores it nowhere"
        yield Hazard(line, rule, f"{instruction.name} holds a secret: it would stand in the image's history", hint)
    if instruction.name != "RUN":
        return
    if ("curl" in text or "wget" in text) and (_PIPED.search(text) or _SUBSTITUTED.search(text)):
        hint = "ADD --checksum=sha256:… downloads this file, and refuses any other"
        yield Hazard(line, Rule.DOWNLOAD, "RUN runs a download without verifying it", hint)
    if _EXTRA_INDEX.search(text):
        yield extra_index(line)


def extra_index(line: int) -> Hazard:
    """Note an extra index: any of several indexes may answer for a name. Often legitimate, so never refused."""
    hint = "one --index-url that serves all, or hashes in the requirements"
    return Hazard(line, Rule.EXTRA_INDEX, "extra-index-url: any index may answer for any name", hint, refused=False)


def in_remotes(urls: Sequence[str], checksum: str, line: int) -> Iterator[Hazard]:
    """Report an ADD whose download has no checksum or commit: the input digest cannot see it change."""
    for url in urls:
        if _CHECKSUM.fullmatch(checksum) or (_GIT.match(url) and (_COMMIT.search(url) or checksum)):
            continue
        by = "#<commit>" if _GIT.match(url) else "--checksum=sha256:…"
        what = f"ADD {without_logins(url)} is not pinned: its content may change"
        yield Hazard(line, Rule.UNPINNED_ADD, what, f"pin it: {by}")


def in_frontend(dockerfile: Dockerfile, frontend: str) -> Iterator[Hazard]:
    """Report a frontend other than Docker's: it is a program that decides the content of the image."""
    if frontend and not _PINNED.search(frontend):
        numbered = enumerate(dockerfile.text.splitlines(), start=1)
        line = next((number for number, text in numbered if _SYNTAX.match(text.lstrip("\ufeff \t"))), 1)
        hint = f"# syntax={frontend}@sha256:…, or remove the line: the engine includes a frontend"
        what = f"the frontend {frontend} is not pinned by digest"
        yield Hazard(line, Rule.FRONTEND, what, hint, refused=not _DOCKERS_FRONTEND.fullmatch(frontend))


def _secret_in(text: str, secrets: Collection[str]) -> Rule | None:
    """Return the rule that a secret in ``text`` breaks, or None."""
    if any(len(secret) >= _SHORTEST and secret in text for secret in secrets):
        return Rule.KNOWN_SECRET
    return Rule.SECRET_VALUE if secret_by_shape(text) else None
