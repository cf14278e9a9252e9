"""Try svc-kg with too many facts, endless names, and requests for whole lists."""

from __future__ import annotations

from apps.trials.asking import Answer, Client, Request
from apps.trials.frame import Durable, Hostile, Largest, Trial
from apps.trials.inputs.http import json_door, wire

LONGEST = 1_000_000


def spelled(number: int) -> str:
    """Return a number as a name, which the reader of the service takes for one."""
    return "N" + "".join(chr(ord("a") + int(digit)) for digit in str(number))


def document(number: int) -> dict[str, str]:
    """Return a document of about 1 KB, which shares some of its names with others."""
    sentences = [
        f"Ada {spelled(number % 500 + one)} works for Firm {spelled(number % 300 + one)} GmbH. "
        f"Firm {spelled(number % 300 + one)} GmbH is based in Berlin. "
        for one in range(9)
    ]
    return {"id": f"document {number}", "text": "".join(sentences) + f"Eve {spelled(number)} lives in Turin."}


def largest(number: int) -> dict[str, str]:
    """Return a document of almost a million characters, which states almost 10,000 relations."""
    chatter = "They talked about the weather for a while, and went home. "
    text = "".join(f"Ada {spelled(one)} works for Firm {spelled(one % 99)} GmbH. {chatter}" for one in range(9_900))
    return {"id": f"largest {number}", "text": text[:LONGEST]}


def is_kept(client: Client, number: int, answer: Answer) -> bool:
    kept = client.ask(Request(f"/documents/document {number}/relations?limit=1000", "GET")).json()
    told = answer.json()
    return bool(kept["relations"] == told["relations"] and kept["total"] == told["total"]["relations"])


def of(piece: str, statuses: frozenset[int] | set[int] = frozenset({200}), id: str = "hostile") -> Hostile:
    """Return a document of a million characters that repeats ``piece``."""
    body = {"id": id, "text": piece}
    return Hostile(lambda: Request("/documents", json=body | {"text": piece * (LONGEST // len(piece))}), statuses, 60)


def asked(path: str, status: int) -> Hostile:
    return Hostile(lambda: Request(path, "GET"), {status})


def everyone_founded_everything() -> str:
    people = ", ".join(f"Ab{spelled(one)} Cd" for one in range(20))
    return f"{people} founded {', '.join(f'Ef{spelled(one)} GmbH' for one in range(20))}. "


TRIAL = Trial(
    image="svc-kg",
    request=lambda number: Request("/documents", json=document(number)),
    largest=Largest(lambda number: Request("/documents", json=largest(number))),
    durable=Durable(is_kept),
    hostile={
        **wire("/documents"),
        **json_door("/documents", "text", ', "id": "a"'),
        **{f"as an id, {name}": tried for name, tried in json_door("/documents", "id", ', "text": "a"').items()},
        "twenty people founded twenty companies": of(everyone_founded_everything(), {422}),
        "a text of names": of("Acme GmbH "),
        "a name without an end": of("Bank "),
        "a list without an end": of("Ab, and "),
        "initials": of("A."),
        "full stops": of("."),
        "a sentence without an end": of("x"),
        "an address without an end": of("a@a."),
        "numbers without an end": of("1,"),
        "an id with a slash": Hostile(lambda: Request("/documents", json={"id": "a/b", "text": "x"})),
        "an id too long": Hostile(lambda: Request("/documents", json={"id": "a" * 201, "text": "x"})),
        "a limit of all": asked("/entities?limit=1000000000", 422),
        "an offset too large": asked("/documents?offset=9223372036854775808", 422),
        "the last offset": asked("/documents?offset=9223372036854775807", 200),
        "a name of 60 KB": asked("/entities?name=" + "a" * 60_000, 431),
        "wildcards": asked("/entities?name=%25_%25", 200),
        "a path between unknown entities": asked("/paths?from=a&to=b", 404),
        "a path without an end": asked("/paths?from=a&to=b&most=1000000", 422),
    },
)
