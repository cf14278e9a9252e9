"""Read an English document: its entities and relations, each with the sentence that states it.

The reader follows rules and does not use a model. A name is an entity in three cases. Its form tells its kind
(``… GmbH``, ``Dr. …``), a relation tells its kind (the subject of ``works for`` is a person), or it follows ``in`` or
``near`` (a place). Other names are left out. A short name stands for the one longer name of the document that it fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from servicekit.sentences import pieces, sentences
from svc_kg.clauses import Clause, find_clauses
from svc_kg.graph import Entity, Graph, Mention, Relation, entity
from svc_kg.names import Name, find_names

#: In characters. A longer sentence is cut: a table or a list has no full stops.
LONGEST = 2000
MOST_RELATIONS = 10_000

_PLACE_AFTER = re.compile(r"\b(?:in|near)(?: the (?:city|town|village) of)? $")
#: After these words, ``in`` does not name a place: "an increase in Cash".
_NO_PLACE_AFTER = re.compile(
    r"\b(?:invest(?:ed|ments?)|stakes?|shares|interests?|(?:in|de)creases?|changes?|growth|decline|reduction|gains?"
    r"|loss(?:es)?|included|recorded|reported|recognized) in $",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sentence:
    start: int
    end: int
    names: Sequence[Name]
    clauses: Sequence[Clause]


class TooMany(Exception):
    """Report that a text states more relations than a document may have. Clients see the message."""


class Lexicon:
    """Hold the kinds of one document's names, and the longer names that short names stand for."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}
        self._longer: dict[tuple[str, str], set[str]] = {}

    def learn(self, name: str, kind: str) -> None:
        """Record the kind of ``name``, unless the name is known or short for a longer name of that kind."""
        if name in self._kinds or self._referent(name, (kind,)):
            return
        self._kinds[name] = kind
        words = name.split(" ")
        if kind == "organisation":
            shorter = [" ".join(words[:count]) for count in range(1, len(words))]
        else:
            shorter = [words[-1]] if kind == "person" and len(words) > 1 else []
        for short in shorter:
            self._longer.setdefault((short, kind), set()).add(name)

    def entity(self, name: Name) -> Entity | None:
        """Return the entity that ``name`` means, or None when the document does not tell."""
        kind = name.kind or self._kinds.get(name.name)
        referent = self._referent(name.name, (kind,) if kind else ("organisation", "person"))
        if referent:
            return entity(self._kinds[referent], referent)
        return entity(kind, name.name) if kind else None

    def _referent(self, name: str, kinds: Sequence[str]) -> str | None:
        fits = [longer for kind in kinds for longer in self._longer.get((name, kind), ())]
        return fits[0] if len(fits) == 1 else None


def read(document: str, text: str, most: int = MOST_RELATIONS) -> Graph:
    """Return the graph of ``text``. Its relations name ``document``, an id, as their source.

    Raises TooMany when the text states more than ``most`` relations.
    """
    read_sentences = _read_sentences(text, most)
    lexicon = _lexicon(text, read_sentences)
    mentions: list[Mention] = []
    relations: dict[Relation, None] = {}
    for sentence in read_sentences:
        said = text[sentence.start : sentence.end]
        for name in sentence.names:
            if named := lexicon.entity(name):
                mentions.append(Mention(named, name.start, name.end, sentence.start, sentence.end))
        for clause in sentence.clauses:
            source, target = lexicon.entity(clause.source), lexicon.entity(clause.target)
            if source and target and source != target:
                amount = clause.amount.name if clause.amount else None
                relation = Relation(
                    source, clause.verb.kind, target, document, sentence.start, sentence.end, said, amount
                )
                relations[relation] = None
    return Graph(tuple(mentions), tuple(relations))


def _read_sentences(text: str, most: int) -> list[Sentence]:
    """Read the sentences of ``text``, and stop at too many clauses: a list of names states hundreds."""
    found: list[Sentence] = []
    stated = 0
    for start, end in (piece for sentence in sentences(text) for piece in pieces(text, sentence, LONGEST)):
        names = find_names(text, start, end)
        found.append(Sentence(start, end, names, find_clauses(text, names, start, end)))
        stated += len(found[-1].clauses)
        if stated > most:
            raise TooMany(f"the text states more than {most} relations")
    return found


def _lexicon(text: str, read_sentences: Sequence[Sentence]) -> Lexicon:
    """Return the lexicon of the document.

    Kinds that forms tell come first, then kinds from relations and places. In each group, longer names come before the
    names that are short for them.
    """
    names = [name for sentence in read_sentences for name in sentence.names]
    told = [(name.name, name.kind) for name in names if name.kind]
    claimed = [claim for sentence in read_sentences for clause in sentence.clauses for claim in _claims(clause)]
    claimed += [(name.name, "place") for name in names if _is_after_in(text, name)]
    lexicon = Lexicon()
    for name, kind in (*sorted(told, key=_shortness), *sorted(claimed, key=_shortness)):
        lexicon.learn(name, kind)
    return lexicon


def _claims(clause: Clause) -> Iterator[tuple[str, str]]:
    for name, kind in ((clause.source, clause.verb.source), (clause.target, clause.verb.target)):
        if name.kind is None:
            yield name.name, kind or ("person" if " " in name.name else "organisation")


def _is_after_in(text: str, name: Name) -> bool:
    before = text[max(0, name.start - 32) : name.start]
    if name.kind or not name.name.replace(" ", "").isalpha() or _NO_PLACE_AFTER.search(before):
        return False
    return _PLACE_AFTER.search(before) is not None


def _shortness(claim: tuple[str, str]) -> int:
    return -claim[0].count(" ")
