"""Mutation testing of the pure modules: each is changed in one place, and its unit tests must notice.

    nox -s mutation                       every module
    nox -s mutation -- stack.graph        this one
    nox -s mutation -- --every 10         a tenth of the mutants, evenly taken

Each mutant meets the tests in a fork of a process that has loaded what they need, but nothing of slipway. A survivor
that tests/mutation/README.md names is explained there; any other is reported as new.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.machinery
import importlib.util
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import Phase, settings

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
WANTED = 85
_READER = "dockerfile/test_*.py"
#: Module → the files below tests/ whose unmarked tests must notice.
MODULES = {
    "core.errors": "core/test_errors.py",
    "core.command": "core/test_command.py",
    "core.image": "core/test_image.py",
    "core.reference": "core/test_reference.py",
    "core.units": "core/test_units.py",
    "secrets.secret": "core/test_command.py",
    "secrets.redactor": "secrets/test_redactor.py",
    "secrets.patterns": "secrets/test_redactor.py core/test_reference.py",
    "config.dotenv": "config/test_dotenv.py",
    "config.inherit": "config/test_inherit.py",
    "config.policy": "config/test_policy.py",
    "config.project": "config/test_project.py",
    "stack.graph": "stack/test_graph.py",
    "stack.digest": "stack/test_digest.py",
    "stack.changes": "stack/test_changes.py",
    "stack.entries": "stack/test_entries.py",
    "stack.discovery": "stack/test_discovery.py",
    "plan.decide": "plan/test_decide.py",
    "plan.findings": "plan/test_findings.py",
    "plan.reasons": "plan/test_decide.py",
    "clean.contents": "clean/test_contents.py",
    "clean.images": "clean/test_images.py",
    "clean.layers": "clean/test_layers.py",
    "build.bake_file": "build/test_bake_file.py",
    "hosts.bake": "build/test_bake_file.py",
    "build.retries": "build/test_retries.py",
    "build.verify": "build/test_verify.py",
    "build.waves": "build/test_waves.py",
    "build.progress": "build/test_progress.py build/test_bake_file.py",
    "smoke.file_modes": "smoke/test_file_modes.py",
    "smoke.image_archive": "smoke/test_image_archive.py smoke/test_file_modes.py",
    "dockerfile.words": _READER,
    "dockerfile.scope": _READER,
    "dockerfile.stages": _READER,
    "dockerfile.expansion": _READER,
    "dockerfile.reading": _READER,
    "dockerfile.text": _READER,
    "dockerfile.hazards": "dockerfile/test_hazards.py dockerfile/test_reading.py",
    "dockerfile.mounting": "dockerfile/test_mounting.py",
    "dockerfile.ignore": "dockerfile/test_ignore.py dockerfile/test_recorded.py",
}
#: Loaded once, before the forks.
LIBRARIES = ("docker", "dotenv", "fractions", "http.server", "invoke", "requests", "rich.console", "rich.live")
_MEMORY = 4 << 30


class _Loader(importlib.machinery.SourceFileLoader):
    """Finds one module, and gives it other code."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        super().__init__(name, str(path))
        self._code = code

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return self._code


def _test(loader: _Loader, tests: Sequence[str], scratch: Path, seconds: int) -> int:
    """The tests' exit code, in this process, which ends with it or is ended after ``seconds``."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    signal.alarm(seconds)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    sys.path.insert(0, str(ROOT / "libs"))
    sys.meta_path.insert(0, loader)
    importlib.import_module(loader.name)  # before pytest, whose own loader would come first
    chosen = ("-m", "not integration and not process", "-x", "-q", "-p", "no:cacheprovider", f"--basetemp={scratch}")
    return int(pytest.main([*chosen, *tests]))


class Bench:
    """Runs mutants in forks, ``at_once`` at a time. ``survivors`` and ``counts`` grow with each that ends."""

    def __init__(self, at_once: int, scratch: Path) -> None:
        self.at_once, self.scratch = at_once, scratch
        self.killed: Counter[str] = Counter()
        self.total: Counter[str] = Counter()
        self.survivors: list[Mutant] = []
        self._running: dict[int, Mutant] = {}

    def start(self, mutant: Mutant, seconds: int) -> None:
        while len(self._running) >= self.at_once:
            self.wait()
        path = source(mutant.module)
        if not (child := os.fork()):
            code = 70
            try:
                named = MODULES[mutant.module].split()
                tests = [str(path) for pattern in named for path in sorted((ROOT / "tests").glob(pattern))]
                loader = _Loader(f"slipway.{mutant.module}", path, mutant.code)
                code = _test(loader, tests, self.scratch / str(os.getpid()), seconds)
            finally:
                os._exit(code)
        self._running[child] = mutant

    def wait(self) -> None:
        child, status = os.wait()
        shutil.rmtree(self.scratch / str(child), ignore_errors=True)
        mutant = self._running.pop(child)
        self.total[mutant.module] += 1
        self.killed[mutant.module] += status != 0
        if not status:
            self.survivors.append(mutant)

    def finish(self) -> None:
        while self._running:
            self.wait()


def source(module: str) -> Path:
    return ROOT / f"libs/slipway/{module.replace('.', '/')}.py"


def main() -> int:
    """0 when each module has at least WANTED per cent of its mutants killed."""
    parser = argparse.ArgumentParser(description="Mutation testing of the pure modules.")
    parser.add_argument("modules", nargs="*", metavar="module", help=", ".join(MODULES))
    parser.add_argument("--every", type=int, default=1, help="of so many mutants, try one")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    unknown = set(options.modules) - set(MODULES)
    if unknown:
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    for library in LIBRARIES:
        importlib.import_module(library)
    settings.register_profile(
        "mutation", max_examples=40, derandomize=True, deadline=None, phases=(Phase.explicit, Phase.generate)
    )
    settings.load_profile("mutation")
    explained = (ROOT / "tests/mutation/README.md").read_text("utf-8")
    low = []
    with tempfile.TemporaryDirectory(prefix="slipway-mutation-") as scratch:
        for module in options.modules or MODULES:
            started = time.monotonic()
            bench = Bench(options.at_once, Path(scratch))
            whole = Mutant(module, 0, "", compile(source(module).read_text("utf-8"), str(source(module)), "exec"))
            bench.start(whole, 300)
            bench.finish()
            if not bench.survivors:
                sys.exit(f"{module}: its tests fail as it is")
            patience = 10 + 5 * int(time.monotonic() - started)
            bench = Bench(options.at_once, Path(scratch))
            for mutant in list(mutants(module, source(module)))[:: options.every]:
                bench.start(mutant, patience)
            bench.finish()
            killed, total = bench.killed[module], bench.total[module]
            print(f"{module:22}{killed:5} of {total:4} killed {100 * killed / total:6.1f} %", flush=True)
            for survivor in sorted(bench.survivors, key=lambda mutant: mutant.line):
                new = "" if survivor.told in explained else "new "
                print(f"    {new}line {survivor.line} {survivor.told}", flush=True)
            low += [module] if 100 * killed < WANTED * total else []
    if low:
        print(f"under {WANTED} %: {', '.join(low)}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
