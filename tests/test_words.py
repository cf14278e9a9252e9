"""The words that CONTRIBUTING's rules ban, in code, messages, documents and names of tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: A banned phrase → the words to write instead.
INSTEAD = {
    r"(?<!there )(?:is|are|was|were) no(?= [a-z])(?! (?:longer|more))": "is not a",
    r"anew": "again",
    r"mend(?:s|ed|ing)?": "fix",
    r"nobody|whoever": "the noun: the user, the process, no image",
    r"lack(?:s|ed|ing)?": "is missing",
    r"(?:is|are|was|were|be|been) told|tells? of": "show, report, name",
    r"dial(?:s|led|ling)?(?!-stdio)": "connect",
    r"h[au]ngs? up": "close the connection",
    r"heard of": "know",
    r"besides": "in addition to",
    r"at once": "together, immediately",
    r"for want of": "because … is missing",
    r"(?:(?<=^)|(?<=[.:;] )|(?<=\n\n))(?:What|Who|Whoever|Whatever|That which)(?= [^?]*$)": "start with a noun",
}
#: Banned in messages only: there the object comes first.
IN_MESSAGES = {r"there (?:is|are) no": "the … is missing, the … has no"}
#: Banned in names of tests, as words between underscores.
IN_NAMES = re.compile(
    r"(?:^|_)(?:what|who|whoever|told|tells|anew|lack\w*|mend\w*|nobody|besides|is_no|are_no|dial\w*|heard|hung|at_once)"
    r"(?:_|$)"
)
#: These files hold words of other texts.
WORD_LISTS = {Path("libs/slipway/secrets/names.py"), Path("apps/svc_kg/svc_kg/words.py")}
#: Good enough without a tokenizer, which takes seconds: a string with such a line is checked, too.
COMMENT = re.compile(r"(?:^ *|\S  )#:? (.*)")

Text = tuple[Path, int, str]


def modules(*folders: str) -> list[Path]:
    """Return the Python files of ``folders`` without caches; of an app, only the service itself."""
    found = (path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if path.parts[0] != "apps" or not {"tests", "smoke"} & set(path.parts))


def parsed(path: Path) -> ast.Module:
    """Parse a file. The trees of all files are too large to keep."""
    return ast.parse((ROOT / path).read_text("utf-8"))


def definitions(node: ast.AST) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the module and its classes and functions, nested ones as well. Expressions have none."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node
    for block in ("body", "orelse", "handlers", "finalbody", "cases"):
        for statement in getattr(node, block, ()):
            yield from definitions(statement)


def explanations(paths: Iterable[Path]) -> Iterator[Text]:
    """Yield the docstrings and comments."""
    for path in paths:
        for node in definitions(parsed(path)):
            yield path, getattr(node, "lineno", 1), ast.get_docstring(node) or ""
        for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), 1):
            if found := COMMENT.search(line):
                yield path, number, found[1]


def messages(paths: Iterable[Path]) -> Iterator[Text]:
    """Yield the texts of several words that are not docstrings: messages, hints, help, labels."""
    for path in set(paths) - WORD_LISTS:
        nodes = list(ast.walk(parsed(path)))
        statements = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and id(node) not in statements and " " in str(node.value):
                yield path, node.lineno, str(node.value)


def documents() -> Iterator[Text]:
    """Yield the lines of the documents and of the faults, without the examples of bad sentences in CONTRIBUTING."""
    names = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md")
    paths = [*map(ROOT.joinpath, names), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests/faults/rows").glob("*.toml")]
    for path in paths:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if path.name != "CONTRIBUTING.md" or not line.startswith("|"):
                yield path.relative_to(ROOT), number, line


def banned(texts: Iterable[Text], phrases: dict[str, str] = INSTEAD) -> list[str]:
    """Return a line for each banned phrase, with the words to write instead."""
    pattern = re.compile("|".join(rf"(?<![\w`])({phrase})(?![\w`])" for phrase in phrases))
    return [
        f"{path}:{line}: {found[0]!r}: write {list(phrases.values())[(found.lastindex or 1) - 1]!r}"
        for path, line, text in texts
        for found in pattern.finditer(text)
    ]


def test_docstrings_and_comments_use_plain_words() -> None:
    assert not banned(explanations(modules("libs", "apps", "tests", "infra")))


def test_messages_use_plain_words() -> None:
    assert not banned(messages(modules("libs", "apps")), INSTEAD | IN_MESSAGES)


def test_documents_use_plain_words() -> None:
    assert not banned(documents())


def test_names_of_tests_are_sentences() -> None:
    paths = [path for folder in ("tests", "apps", "infra") for path in (ROOT / folder).rglob("test_*.py")]
    names = [(path, name) for path in paths for name in re.findall(r"def test_(\w+)", path.read_text("utf-8"))]
    assert len(names) > 1000
    assert not [f"{path.relative_to(ROOT)}: test_{name}" for path, name in names if IN_NAMES.search(name)]


def test_the_table_finds_each_banned_phrase() -> None:
    bad = "x is no file; anew, mended, nobody, whoever lacks, is told, tells of, dialled, hung up, besides, at once"
    assert len(banned([(Path("x"), 1, bad)])) == 12
    good = "what it is; there is no file; the answer is no; is no longer; docker system dial-stdio; the `mend` of Who?"
    assert banned([(Path("x"), 1, good)]) == []
    assert len(banned([(Path("x"), 1, "What was told. Who asks."), (Path("x"), 2, "Why? What for?")])) == 3
