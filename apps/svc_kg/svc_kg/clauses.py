"""Find who does what to whom in a sentence, from the words between two names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from svc_kg.names import Name


@dataclass(frozen=True)
class Verb:
    """Hold a kind of relation and the regular expression of its words.

    ``source`` and ``target`` are the kinds of its ends when the names do not tell them. None means a person or an
    organisation. The words of an ``inverted`` verb stand between the target and the source (passive voice).
    """

    kind: str
    words: str
    source: str | None
    target: str | None
    inverted: bool = False


_ROLE = r"(?:CEO|CTO|CFO|COO|(?:managing )?director|head|president|chair(?:man|woman)?)"
VERBS = (
    Verb("WORKS_FOR", r"work(?:s|ed) (?:for|at)|(?:is|was) employed (?:by|at)|joined", "person", "organisation"),
    Verb("FOUNDED", r"(?:co-?)?founded|(?:is|was) (?:the |a )?(?:co-?)?founder of", "person", "organisation"),
    Verb("FOUNDED", r"(?:(?:is|was|were) )?(?:co-?)?founded(?: in \d{4})? by", "person", "organisation", inverted=True),
    Verb("LEADS", rf"leads?|led|heads|headed|(?:is|was|became) (?:the )?{_ROLE} of", "person", "organisation"),
    Verb("LOCATED_IN", r"(?:is|are|was) (?:located|based|headquartered|situated) in", "organisation", "place"),
    Verb("LIVES_IN", r"live[sd] in|moved to", "person", "place"),
    Verb("BORN_IN", r"was born in", "person", "place"),
    Verb("OWNS", r"owns|owned|bought|acquired|took over", None, "organisation"),
    Verb("OWNS", r"(?:is|was) (?:owned|bought|acquired|taken over) by", None, "organisation", inverted=True),
    Verb("PAID", r"paid|pays|transferred", None, None),
)

_FILLERS = r"(?:(?:has|have|had|also|now|currently|still|later|then|recently) ){0,2}"
_LEAD_IN = r"(?: (?:the|a|an))?(?: (?:city|town|company|firm|village)(?: of)?)?"
_LINK = r"\.?(?:,? (?:who|which|that) |(?P<onward>,? (?:and|but) |, )| )"
_GAPS = [(re.compile(rf"{_LINK}{_FILLERS}(?:{verb.words}){_LEAD_IN} "), verb) for verb in VERBS]
#: A sentence that states a condition says what might be, and not a fact.
_CONDITION = re.compile(
    r"\b(?i:if|unless|suppos(?:e|ing)|assuming|provided that|in case)\b|\A\W*(?:Had|Were|Should) (?=[A-Z])"
)
_WHETHER = re.compile(r"\bwhether\b", re.IGNORECASE)
_LONGEST_GAP = 80
_MOST_JOINED = 20
_AND = re.compile(r",? (?:and|&) (?:the )?|, ")
_TO = re.compile(r" to (?:the )?")


@dataclass(frozen=True)
class Clause:
    """Hold a clause: ``source`` does ``verb`` to ``target``. ``amount`` is the name of the amount paid."""

    source: Name
    verb: Verb
    target: Name
    amount: Name | None = None


def find_clauses(text: str, names: Sequence[Name], start: int, end: int) -> list[Clause]:
    """Return the clauses of the sentence ``text[start:end]``, whose names are ``names``.

    Unknown words between two names prevent a clause: ``never worked for`` yields none. A condition yields none
    either, and a question yields none after ``whether``.
    """
    sentence = text[start:end]
    if _CONDITION.search(sentence):
        return []
    if asked := _WHETHER.search(sentence):
        names = [name for name in names if name.end <= start + asked.start()]
    clauses: list[Clause] = []
    subjects: list[Name] = []
    for place in range(len(names) - 1):
        found = _verb_between(text, names[place], names[place + 1])
        if not found:
            continue
        verb, goes_on = found
        if not (goes_on and subjects):
            subjects = _joined_before(text, names, place, is_object=bool(clauses))
        objects = _joined_after(text, names, place + 1)
        clauses += [clause for subject in subjects for clause in _clauses(text, names, subject, verb, objects)]
    return clauses


def _verb_between(text: str, left: Name, right: Name) -> tuple[Verb, bool] | None:
    """Return the verb between two names, or None.

    The flag tells whether the verb continues with the previous subject (``…, and founded``).
    """
    if right.opens - left.end > _LONGEST_GAP:
        return None
    gap = re.sub(r"\s+", " ", text[left.end : right.opens])
    for pattern, verb in _GAPS:
        if match := pattern.fullmatch(gap):
            return verb, match["onward"] is not None
    return None


def _joined_before(text: str, names: Sequence[Name], place: int, *, is_object: bool) -> list[Name]:
    """Return the names ``A, B and C`` that precede a verb.

    When A is the object of an earlier verb, ``and C`` begins a new clause, and the result is C.
    """
    group = [names[place]]
    while place and not is_object and _are_joined(text, names, place - 1) and len(group) < _MOST_JOINED:
        place -= 1
        group.insert(0, names[place])
    return group


def _joined_after(text: str, names: Sequence[Name], place: int) -> list[int]:
    """Return the indexes of ``A, B and C`` after a verb, without a C that is the subject of the next verb."""
    group = [place]
    while place + 1 < len(names) and _are_joined(text, names, place) and len(group) < _MOST_JOINED:
        place += 1
        if place + 1 < len(names) and _begins_a_clause(text, names[place], names[place + 1]):
            break
        group.append(place)
    return group


def _are_joined(text: str, names: Sequence[Name], place: int) -> bool:
    return _AND.fullmatch(text, names[place].end, names[place + 1].opens) is not None


def _begins_a_clause(text: str, subject: Name, following: Name) -> bool:
    found = _verb_between(text, subject, following)
    return found is not None and not found[1]


def _clauses(text: str, names: Sequence[Name], subject: Name, verb: Verb, objects: Sequence[int]) -> list[Clause]:
    if verb.kind == "PAID":
        return [_payment(text, names, subject, verb, objects[0])]
    targets = [names[place] for place in objects if names[place].kind not in ("amount", "email")]
    if verb.inverted:
        return [Clause(target, verb, subject) for target in targets]
    return [Clause(subject, verb, target) for target in targets]


def _payment(text: str, names: Sequence[Name], payer: Name, verb: Verb, place: int) -> Clause:
    """Return the clause of ``paid B EUR 5``, ``paid EUR 5 to B``, or only ``paid EUR 5``.

    In the last case the amount is the target.
    """
    first = names[place]
    following = names[place + 1] if place + 1 < len(names) else None
    gap = text[first.end : following.opens] if following else ""
    if following and first.kind == "amount" and following.kind != "amount" and _TO.fullmatch(gap):
        return Clause(payer, verb, following, amount=first)
    if following and following.kind == "amount" and first.kind != "amount" and gap == " ":
        return Clause(payer, verb, first, amount=following)
    return Clause(payer, verb, first)
