"""``invoke build svc-ocr svc-forms push``: image names after a task, which Invoke itself has no way to say.

Invoke gives a positional argument exactly one value. Here a task that has a ``names`` argument takes every word that is
neither a flag nor a task, and what Invoke refuses ends in the contract's form, with exit code 2 and a suggestion.
"""

from __future__ import annotations

from typing import NoReturn

from invoke.exceptions import Exit
from invoke.parser.parser import ParseMachine

from slipway.errors import UsageError, suggestion

#: Arguments that are given as bare words.
WORDS = ("names", "run")

_handle = ParseMachine.handle


def install() -> None:
    """Teach Invoke's parser, from here on. Its state machine cannot be subclassed, so two methods are replaced."""
    ParseMachine.handle = _handle_names  # type: ignore[assignment,method-assign]
    ParseMachine.error = _refuse  # type: ignore[assignment,method-assign]


def _handle_names(machine: ParseMachine, token: str) -> None:
    if word := _takes(machine, token):
        machine.context.args[word].value = token
    else:
        try:
            _handle(machine, token)
        except ValueError:
            flag = machine.flag.name if machine.flag else ""
            error = UsageError(f"--{flag} {token.partition('=')[2] or token}: not a number", hint=f"--{flag} 1")
            raise Exit(str(error), code=UsageError.exit_code) from None


def _takes(machine: ParseMachine, token: str) -> str:
    """The argument that a bare word is for: any number of ``names``, one ``run``; empty when it is for none."""
    arguments = machine.context.args if machine.context is not None else {}
    word = next((word for word in WORDS if word in arguments), "")
    waiting = machine.waiting_for_flag_value and not (machine.flag and machine.flag.name == word)
    taken = word == "run" and bool(arguments["run"].value)
    free = word and not (waiting or taken or token.startswith("-") or token in machine.contexts)
    return word if free else ""


def _refuse(machine: ParseMachine, msg: str) -> NoReturn:
    token = msg.partition("'")[2].partition("'")[0]
    hint = suggestion(token, map(str, machine.contexts), "invoke --list")
    raise Exit(str(UsageError(msg.rstrip("!"), hint=hint)), code=UsageError.exit_code)
