"""Invoke's tasks: read options, open a session, call one use case."""

from __future__ import annotations

import sys

from invoke.collection import Collection

# Invoke lets nothing keep its bytecode: without this a slipway that is worked on would be compiled at every start.
_written = sys.dont_write_bytecode
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from slipway.tasks import commands, completion, parser  # noqa: E402

sys.dont_write_bytecode = _written

parser.install()
completion.install()
namespace = Collection(*(task for task in vars(commands).values() if isinstance(task, parser.SlipwayTask)))
