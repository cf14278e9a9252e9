"""Find the names in a sentence, which are runs of capitalised words.

A name is a person or an organisation when its form tells so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from svc_kg.words import ADVERBS, LEGAL_FORMS, NO_NAMES, ORGANISATION_WORDS, PARTICLES, TITLES

_MOST_WORDS = 12
_TOKEN = re.compile(r"(?:[A-Z]\.){2,}|\w+(?:[-./]\w+|['’](?!s\b)\w+)*")
#: Given names and family names end in -ly, too (Emily, Kelly), but not in these.
_ADVERB = re.compile(r"[A-Z][a-z]+(?:abl|ibl|antl|entl|edl|full|iall|onall|icall|ingl|ivel|ousl|atel|aril|oril)y")
_EMAIL = re.compile(r"(?<![\w.%+-])[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}(?![\w@])")
_AMOUNT = re.compile(
    r"(?<![\w.,])(?:(?:EUR|USD|GBP|CHF|[€$£]) ?\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)* ?(?:EUR|USD|GBP|CHF|[€$£]|euros?))"
    r"(?: (?:million|billion))?(?!\w)"
)


@dataclass(frozen=True)
class Name:
    """Hold a name of the document. ``kind`` is None when the form of the name does not tell it.

    ``start`` up to ``end`` is the name without titles, and ``opens`` is the start of its titles.
    """

    name: str
    kind: str | None
    start: int
    end: int
    opens: int


def find_names(text: str, start: int, end: int) -> list[Name]:
    """Return the names, e-mail addresses and amounts of the sentence ``text[start:end]``, by position."""
    exact = [
        Name(re.sub(r"\s", " ", match[0]), kind, match.start(), match.end(), match.start())
        for kind, pattern in (("email", _EMAIL), ("amount", _AMOUNT))
        for match in pattern.finditer(text, start, end)
    ]
    exact.sort(key=lambda name: name.start)
    proper = [name for run in _runs(text, start, end, exact) if (name := _read(text, run))]
    return sorted(exact + proper, key=lambda name: name.start)


def _runs(text: str, start: int, end: int, exact: Sequence[Name]) -> Iterator[list[re.Match[str]]]:
    """Yield runs of capitalised words that form one name, without the words in ``exact``, which is sorted."""
    run: list[re.Match[str]] = []
    nearest = iter([*exact, Name("", None, end, end, end)])
    ahead = next(nearest)
    for token in _TOKEN.finditer(text, start, end):
        while ahead.end <= token.start():
            ahead = next(nearest)
        is_free = token.end() <= ahead.start
        if run and not (is_free and _continues(text, run, token)):
            yield run
            run = []
        if is_free and (run or _is_capital(token[0])):
            run.append(token)
    if run:
        yield run


def _continues(text: str, run: list[re.Match[str]], token: re.Match[str]) -> bool:
    if len(run) == _MOST_WORDS:
        return False
    last, gap = run[-1][0], text[run[-1].end() : token.start()]
    if gap in (", ", " ") and token[0] in LEGAL_FORMS:
        return True
    if gap == ". " and (last in TITLES or last == "Co" or (len(last) == 1 and last.isupper())):
        return _is_capital(token[0])
    if gap == " & ":
        return _is_capital(token[0])
    if gap != " " or last in LEGAL_FORMS:
        return False
    if token[0] == "of":
        return last in ORGANISATION_WORDS
    return token[0] in PARTICLES or _is_capital(token[0])


def _read(text: str, run: list[re.Match[str]]) -> Name | None:
    while run and (run[0][0] in NO_NAMES or _is_adverb(run[0][0]) or not _is_capital(run[0][0])):
        run = run[1:]
    while run and (run[-1][0] in NO_NAMES or not _is_word_of_a_name(run[-1][0])):
        run = run[:-1]
    words = [token[0] for token in run]
    opens = run[0].start() if run else 0
    kind = None
    if words and words[0] in TITLES:
        kind = "person"
        while run and run[0][0] in TITLES:
            run = run[1:]
    elif LEGAL_FORMS.intersection(words[1:]) or (len(words) > 1 and ORGANISATION_WORDS.intersection(words)):
        kind = "organisation"
    if not run or NO_NAMES.intersection(token[0] for token in run):
        return None
    start, end = run[0].start(), run[-1].end()
    return Name(re.sub(r"\s+", " ", text[start:end]).replace(", ", " "), kind, start, end, opens)


def _is_adverb(word: str) -> bool:
    """Tell whether a capitalised word before a name is an adverb: ``Reportedly``, ``Recently``. ``Sally`` is not."""
    return word in ADVERBS or _ADVERB.fullmatch(word) is not None


def _is_capital(word: str) -> bool:
    return word[0].isupper()


def _is_word_of_a_name(word: str) -> bool:
    return _is_capital(word) or word in LEGAL_FORMS
