"""Define the Invoke tasks: each reads its options, opens a session, and calls one use case."""

from __future__ import annotations

import sys

from invoke.collection import Collection

# Invoke makes Python write no bytecode. Without this reset, Python would compile changed modules at every start.
_written = sys.dont_write_bytecode
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from slipway.tasks import commands, completion, parser  # noqa: E402

sys.dont_write_bytecode = _written

parser.install()
completion.install()
namespace = Collection(*(task for task in vars(commands).values() if isinstance(task, parser.SlipwayTask)))
