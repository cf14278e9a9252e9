"""Plain lines are aligned, whole and safe; a terminal gets a live tree that leaves nothing behind."""

from __future__ import annotations

import io
import re

import pytest

from slipway.build.events import Failed, Finished, Notice, StepCached, StepOutput, StepStarted
from slipway.build.result import ImageResult, Status
from slipway.core.image import Image, Stack
from slipway.core.reference import Reference
from slipway.plan.decide import Action, Plan, Step
from slipway.plan.reasons import InEngine, InputsChanged, Reason
from slipway.push.events import Uploaded, Uploading
from slipway.secrets.redactor import Redactor
from slipway.secrets.secret import Secret
from slipway.stack.changes import Change, Part
from slipway.ui.console import Console, shown_error

ROOT = "python:3.12-slim"
STACK = Stack(
    (
        Image("base-runtime", "infra/docker/base-runtime.Dockerfile", roots=(ROOT,)),
        Image("svc-ocr", "apps/svc_ocr/Dockerfile", parents=("base-runtime",)),
    )
)


EDITED = InputsChanged((Change(Part.FILE, "main.py"),))


def step(name: str, action: Action, reason: Reason) -> Step:
    reference = Reference("reg:1", f"acme/{name}", "v1")
    return Step(name, action, reason, reference, reference.tagged("in-1"), "sha256:1")


PLAN = Plan(
    (step("base-runtime", Action.REUSE, InEngine("in-1")), step("svc-ocr", Action.BUILD, EDITED)),
    {ROOT: "sha256:1f3c9e02aa11bb22"},
)

NAMES = [step.image for step in PLAN.steps]


def test_lines_of_logs_stand_behind_the_names_of_their_services() -> None:
    out, terminal = io.StringIO(), Terminal()
    lines = [("a", "one s3cret"), ("long", "two \x1b[0m"), ("a", "three")]
    redact = Redactor([Secret("s3cret")])
    Console(out=out, err=Terminal(), tty=False, redact=redact).log_lines(lines, 4)
    assert out.getvalue() == "a     one ***\nlong  two \\x1b[0m\na     three\n"
    Console(out=terminal, err=Terminal(), tty=True, redact=redact).log_lines(lines, 4)
    a, long, again = terminal.getvalue().splitlines()
    assert a.startswith("\x1b[36ma   \x1b[0m  one") and again.startswith("\x1b[36ma   \x1b[0m  three")
    assert long.startswith("\x1b[33mlong\x1b[0m  two")


@pytest.mark.fault("B02")
@pytest.mark.parametrize("tty", [False, True])
def test_no_event_of_a_thread_follows_the_error(tty: bool) -> None:
    """After an interrupt a thread may still end its upload."""
    err = Terminal()
    console = Console(out=io.StringIO(), err=err, tty=tty)
    with pytest.raises(KeyboardInterrupt), console.showing(STACK, NAMES) as taker:
        taker.take(Uploading("svc-ocr", 1, 2))
        raise KeyboardInterrupt
    before = err.getvalue()
    taker.take(Uploaded("svc-ocr"))
    assert before and err.getvalue() == before


@pytest.mark.fault("X08")
@pytest.mark.parametrize("tty", [False, True])
def test_no_secret_is_shown(tty: bool) -> None:
    out, err = Terminal(), Terminal()
    console = Console(out=out, err=err, tty=tty, redact=Redactor([Secret("s3cret\x1b")]))
    console.line("a s3cret\x1b")
    console.note("b s3cret\x1b https://u:p@c")
    console.table([("svc-ocr", "failed", "s3cret\x1b")])
    with console.showing(STACK, NAMES) as taker:
        taker.take(StepStarted("svc-ocr", "RUN echo s3cret\x1b"))
        taker.take(Notice("s3cret\x1b"))
        taker.take(Failed("svc-ocr", "s3cret\x1b"))
    shown = out.getvalue() + err.getvalue()
    assert "s3cret" not in shown and "u:p" not in shown and shown.count("***") >= 5


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Screen:
    """A console and what was written to it."""

    def __init__(self, *, tty: bool = False, color: bool = True) -> None:
        kind = Terminal if tty else io.StringIO
        self.out, self.err = kind(), kind()
        self.console = Console(out=self.out, err=self.err, tty=tty, color=color)


def test_a_plan() -> None:
    screen = Screen()
    screen.console.plan(STACK, PLAN, 0.244)
    assert screen.out.getvalue() == (
        "python:3.12-slim        root    sha256:1f3c9e02aa11\n"
        "└─ base-runtime    v1   reuse   in-1 is here\n"
        "   └─ svc-ocr      v1   build   main.py changed\n"
        "1 to build · 1 to reuse · plan 0.24 s\n"
    )
    assert screen.err.getvalue() == ""


@pytest.mark.fault("P32")
def test_a_root_image_with_a_bases_name_has_a_separate_line() -> None:
    screen = Screen()
    lone = step("svc-lone", Action.BUILD, EDITED)
    stack = Stack((*STACK, Image("svc-lone", "apps/svc_lone/Dockerfile", roots=("base-runtime",))))
    screen.console.plan(stack, Plan((PLAN.by_image["base-runtime"], lone), {"base-runtime": "sha256:2"}), 0.1)
    assert screen.out.getvalue().splitlines()[2:4] == [
        "docker.io/library/base-runtime:latest        root    sha256:2",
        "└─ svc-lone                             v1   build   main.py changed",
    ]


def test_nothing_to_do_is_said() -> None:
    screen = Screen()
    screen.console.plan(STACK, Plan(()), 0.1)
    assert screen.out.getvalue() == "nothing to do · plan 0.10 s\n"


def test_events_in_ci_are_lines_on_stderr() -> None:
    screen = Screen()
    with screen.console.showing(STACK, NAMES) as taker:
        taker.take(StepCached("svc-ocr", "RUN a"))
        taker.take(StepOutput("svc-ocr", "noise"))
        taker.take(Finished("base-runtime", Status.REUSED))
        taker.take(Failed("svc-ocr", "RUN x \x1b[2J"))
    assert screen.err.getvalue() == "base-runtime  reused\nsvc-ocr  failed  RUN x \\x1b[2J\n"
    assert screen.out.getvalue() == ""


def test_a_built_image_says_its_seconds() -> None:
    screen = Screen()
    with screen.console.showing(STACK, NAMES) as taker:
        taker.take(StepStarted("svc-ocr", "RUN pip install"))
        taker.take(Finished("svc-ocr", Status.BUILT, 1.0))
    assert screen.err.getvalue() == "svc-ocr  step  RUN pip install\nsvc-ocr  built  0.00 s\n"


def test_the_closing_table() -> None:
    screen = Screen()
    screen.console.results(
        [
            ImageResult("base-runtime", Status.BUILT, "apt.txt added", size=2_220_000_000, seconds=8.2),
            ImageResult("svc-ocr", Status.FAILED, "not built yet", detail="RUN false:\x07 exit code: 1"),
        ],
        9.0,
    )
    assert screen.out.getvalue() == (
        "base-runtime   built    8.2 s   2.22 GB   apt.txt added\n"
        "svc-ocr        failed                     RUN false:\\x07 exit code: 1\n"
        "1 built · 1 failed · 9.0 s\n"
    )


def test_a_warning_is_shown_once_with_its_places() -> None:
    screen = Screen()
    names = [f"svc-{letter}" for letter in "abcde"]
    built = [
        ImageResult(name, Status.BUILT, "", warnings=(f"Rule: use JSON (line {n})",)) for n, name in enumerate(names)
    ]
    screen.console.results([*built, ImageResult("svc-f", Status.BUILT, "", warnings=("Other (a line)",))], 9.0)
    assert screen.out.getvalue().splitlines()[-3:] == [
        "",
        "warning   svc-a:0, svc-b:1, svc-c:2 and 2 more   Rule: use JSON",
        "warning   svc-f                                  Other (a line)",
    ]


def test_the_first_failed_image_says_its_last_words() -> None:
    screen = Screen()
    failed = [
        ImageResult("svc-a", Status.FAILED, "", detail="x", output=("why", "because\x1b")),
        ImageResult("svc-b", Status.FAILED, "", detail="x", output=("more", "words")),
    ]
    screen.console.results(failed, 9.0)
    assert screen.err.getvalue() == "\nsvc-a said last:\n  why\n  because\\x1b\n"


@pytest.mark.parametrize("output", [(), ("the error tells it",)])
def test_a_line_in_the_error_is_not_shown_twice(output: tuple[str, ...]) -> None:
    screen = Screen()
    screen.console.results([ImageResult("svc-a", Status.FAILED, "", detail="x", output=output)], 9.0)
    assert screen.err.getvalue() == ""


def test_a_long_line_is_whole_without_a_terminal() -> None:
    screen = Screen()
    screen.console.line("x" * 500)
    assert screen.out.getvalue() == "x" * 500 + "\n"


def test_an_upload_is_said_once() -> None:
    screen = Screen()
    with screen.console.showing(STACK, ["base-runtime", "svc-ocr"]) as taker:
        for image, sent in (("svc-ocr", 1), ("svc-ocr", 2), ("base-runtime", 1)):
            taker.take(Uploading(image, sent, 2))
        taker.take(Uploaded("svc-ocr"))
    *begun, uploaded = screen.err.getvalue().splitlines()
    assert begun == ["svc-ocr  uploading", "base-runtime  uploading"]
    assert re.fullmatch(r"svc-ocr  uploaded  \d+\.\d+ s", uploaded)


def test_a_terminal_shows_the_bytes_of_an_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    screen = Screen(tty=True)
    with screen.console.showing(STACK, ["base-runtime", "svc-ocr"]) as taker:
        taker.take(Uploaded("base-runtime"))
        taker.take(Uploading("svc-ocr", 45_600_000, 347_000_000))
    written = screen.err.getvalue()
    assert "uploaded" in written
    assert "45.6 MB of 347 MB" in written
    assert screen.out.getvalue() == ""


def test_the_live_tree_shows_the_step_and_is_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    screen = Screen(tty=True)
    with screen.console.showing(STACK, NAMES) as taker:
        taker.take(StepStarted("svc-ocr", "RUN pip install"))
        taker.take(StepCached("svc-ocr", "RUN a"))
    written = screen.err.getvalue()
    assert "svc-ocr" in written
    assert "running" in written
    assert "RUN pip install" in written
    assert written.endswith("\x1b[1A\x1b[2K")
    assert screen.out.getvalue() == ""


@pytest.mark.parametrize(("tty", "color", "escapes"), [(True, True, True), (True, False, False), (False, True, False)])
def test_colour_is_for_terminals_that_want_it(
    tty: bool, color: bool, escapes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen(tty=tty, color=color)
    screen.console.table([("svc-ocr", Status.FAILED)])
    assert ("\x1b[" in screen.out.getvalue()) is escapes
    assert "svc-ocr" in screen.out.getvalue()


def test_an_error_ends_on_its_lines() -> None:
    stream = io.StringIO()
    shown_error("error: push x: denied\nhint:  docker login reg", stream, color=False)
    assert stream.getvalue() == "error: push x: denied\nhint:  docker login reg\n"


def test_a_notice_is_a_separate_line() -> None:
    notice = Notice("engine went away (was 28.5.2); waiting for it, at most 60 s")
    plain, live = Screen(tty=False), Screen(tty=True)
    for screen in (plain, live):
        with screen.console.showing(STACK, ["svc-ocr"]) as taker:
            taker.take(notice)
    assert plain.err.getvalue() == f"{notice.text}\n"
    assert notice.text in live.err.getvalue()


def test_a_note_stands_above_a_living_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen(tty=True)
    with screen.console.showing(STACK, NAMES) as taker:
        taker.take(StepStarted("svc-ocr", "RUN pip install"))
        screen.console.note("note: link lost")
    written = screen.err.getvalue()
    assert written.index("note: link lost") < written.rindex("running"), "the tree is drawn again below it"
    screen.console.note("note: after")
    assert screen.err.getvalue().endswith("note: after\n")


def test_a_line_and_its_end_are_one_write() -> None:
    """Threads share the streams: nothing of another one's may come between."""

    class Pieces(io.StringIO):
        def __init__(self) -> None:
            super().__init__()
            self.pieces: list[str] = []

        def write(self, text: str) -> int:
            self.pieces.append(text)
            return super().write(text)

    out, err = Pieces(), Pieces()
    console = Console(out=out, err=err, tty=False)
    console.line("svc-ocr  v1")
    console.note("svc-ocr  uploading")
    shown_error("error: interrupted", err, color=False)
    assert out.pieces == ["svc-ocr  v1\n"]
    assert err.pieces == ["svc-ocr  uploading\n", "error: interrupted\n"]
