"""The manifest of the files that an image reads: it changes exactly when the image would."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.core.errors import UsageError
from slipway.core.image import Image
from slipway.dockerfile import Source
from slipway.stack.entries import Kind
from slipway.stack.patterns import rules_by_path
from slipway.stack.worktree import Files, MarkedFile, StatCache, Worktree

DOCKERFILE = "apps/svc/Dockerfile"


def write(root: Path, path: str, text: str = "x") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def source(*paths: str, parents: bool = False) -> Source:
    return Source("", paths, (), "copy", 3, parents)


def keeping(root: Path) -> Worktree:
    """With the hashes that ``keeping`` of an earlier run saved."""
    return Worktree(root, StatCache(root.with_name(f"{root.name}-cache") / "stat.json"))


def read(root: Path, *paths: str, context: str = ".") -> Files:
    return Worktree(root).files(DOCKERFILE, context, [source(*paths)])


def listed(root: Path, *paths: str) -> dict[str, str]:
    """Path → its text with the digest left out; folders as the names they hold."""
    found = read(root, *paths)
    entries = {}
    for path, entry in found.entries.items():
        inside = f"({' '.join(found.trees[entry.content])})" if entry.kind is Kind.TREE else "…"
        entries[path] = entry.encode().replace(f"tree:{entry.content}", inside).replace(entry.content, inside)
    return entries


def refused(root: Path, *paths: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(root, *paths)
    (problem,) = caught.value.problems
    assert problem.where == f"{DOCKERFILE}:3"
    return problem.what


def test_files_and_folders(tmp_path: Path) -> None:
    write(tmp_path, "libs/kit/a.py")
    write(tmp_path, "libs/kit/sub/b.py")
    write(tmp_path, "main.py").chmod(0o755)
    assert listed(tmp_path, "main.py", "libs/kit") == {
        "main.py": "100755 …",
        "libs/kit": "40755 (a.py sub sub/b.py)",
    }


def test_the_same_folder_read_by_two_images_is_one_tree(tmp_path: Path) -> None:
    write(tmp_path, "libs/a.py")
    assert read(tmp_path, "libs") == read(tmp_path, "libs")
    whole = read(tmp_path, ".")
    assert list(whole.entries) == ["."]


def test_another_context_prefixes_the_names(tmp_path: Path) -> None:
    write(tmp_path, "apps/svc/main.py")
    assert list(read(tmp_path, "main.py", context="apps/svc").entries) == ["apps/svc/main.py"]
    assert list(read(tmp_path, ".", context="apps/svc").entries) == ["apps/svc"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.py", ["a.py", "b.py"]),
        ("[ab].py", ["a.py", "b.py"]),
        ("[^a].py", ["b.py"]),
        ("?.txt", ["c.txt"]),
        ("libs/*/x.py", ["libs/one/x.py", "libs/two/x.py"]),
        ("lib*", ["libs"]),
        ("requirements*.txt", []),
        ("od\\[d", ["od[d"]),
        (".hid*", [".hidden"]),
        ("*hidden", [".hidden"]),
    ],
)
def test_globs(tmp_path: Path, pattern: str, names: list[str]) -> None:
    for path in ("a.py", "b.py", "c.txt", "libs/one/x.py", "libs/two/x.py", "od[d", ".hidden"):
        write(tmp_path, path)
    assert list(read(tmp_path, pattern).entries) == names


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("libs/**/x.py", ["libs/x.py", "libs/one/x.py", "libs/one/two/x.py"]),
        ("**/two/*.py", ["libs/one/two/x.py"]),
        ("libs/./one/*.py", ["libs/./one/x.py"]),
    ],
)
def test_the_deep_globs_of_copy_parents(tmp_path: Path, pattern: str, names: list[str]) -> None:
    for path in ("libs/x.py", "libs/one/x.py", "libs/one/two/x.py", "x.py", "libs/y.txt"):
        write(tmp_path, path)
    found = Worktree(tmp_path).files(DOCKERFILE, ".", [source(pattern, parents=True)])
    assert sorted(found.entries) == sorted(names)


def test_an_ignored_file_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, ".dockerignore", "**/__pycache__\n*.log\n!keep.log\n")
    write(tmp_path, "libs/a.py")
    write(tmp_path, "keep.log")
    write(tmp_path, "other.log")
    before = read(tmp_path, "libs", "*.log")
    assert list(before.entries) == ["libs", "keep.log"]
    write(tmp_path, "libs/__pycache__/a.pyc")
    assert read(tmp_path, "libs", "*.log") == before
    assert refused(tmp_path, "other.log") == "source other.log is excluded by .dockerignore"


def test_a_dockerfile_may_have_its_own_ignore_file(tmp_path: Path) -> None:
    write(tmp_path, ".dockerignore", "libs/a.py\n")
    write(tmp_path, f"{DOCKERFILE}.dockerignore", "libs/b.py\n")
    write(tmp_path, "libs/a.py")
    write(tmp_path, "libs/b.py")
    assert listed(tmp_path, "libs") == {"libs": "40755 (a.py)"}


def test_a_missing_source_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "main.py") == "source main.py does not exist"


@pytest.mark.fault("C50")
@pytest.mark.parametrize(
    ("there", "hints"),
    [
        ([], {"main.py": "looked in apps/svc, apps and the repository's root", "apps/svc/run.sh": None}),
        (["apps/svc/main.py"], {"apps/svc/run.sh": None}),
        (["apps/svc/mian.py"], {"main.py": "did you mean mian.py? looked", "apps/svc/run.sh": None}),
        (["apps/svc/run.sh"], {"main.py": None}),
        (["apps/svc/run.sh", "apps/svc/main.py"], {"apps/svc/run.sh": "the repository's root has it, but not all"}),
        (["apps/svc/run.sh", "man.py"], {"main.py": "did you mean man.py? looked in apps/svc"}),
    ],
)
def test_missing_sources_are_reported_for_the_folder_that_has_most(
    tmp_path: Path, there: list[str], hints: dict[str, str | None]
) -> None:
    """One error names all missing sources, and the folders that were searched."""
    for path in there:
        write(tmp_path, path)
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "main.py", "apps/svc/run.sh", ".")
    assert [problem.what for problem in caught.value.problems] == [f"source {path} does not exist" for path in hints]
    for problem, hint in zip(caught.value.problems, hints.values(), strict=True):
        assert problem.hint.startswith(hint or "")


@pytest.mark.parametrize("source", ["dist/app.whl", "dist/*.whl", "web/build", "web/build/index.html"])
def test_a_source_that_git_ignores_is_named_as_made_first(tmp_path: Path, source: str) -> None:
    write(tmp_path, ".gitignore", "dist/\n!dist/kept\n")
    write(tmp_path, "web/.gitignore", "build\n")
    with pytest.raises(UsageError) as caught:
        read(tmp_path, source)
    assert caught.value.problems[0].hint == "git ignores it: make it before slipway builds the image"
    write(tmp_path, "web/.gitignore", "!build\n")
    write(tmp_path, ".gitignore", "build\n")
    with pytest.raises(UsageError) as caught:
        read(tmp_path, source)
    assert "git ignores" not in caught.value.problems[0].hint


@pytest.mark.fault("C52")
@pytest.mark.parametrize(
    ("sources", "ignored", "refusal"),
    [
        (["none*"], "", ""),
        (["?/none", "*/*/none"], "", ""),
        (["libs/none*"], "", "libs/none*"),
        (["libs/none*", "libs/a.py"], "", ""),
        (["libs/none*", "libs/*.py"], "", ""),
        (["libs/none*", "."], "", ""),
        (["libs/none*", "."], "libs", "libs/none*"),
        (["libs/none*", "."], "libs/*", ""),
        (["libs/none*", "."], "libs\n!libs/sub/c.py", ""),
        (["libs/a*"], "libs/a.py", "libs/a*"),
        (["libs/s?b/none"], "", "libs/s?b/none"),
        (["libs/none*", "link"], "", ""),
        (["link/none*"], "", "link/none*"),
        (["link/none*", "libs/sub/c.py"], "", ""),
        (["lost/none*"], "", "lost/none*"),
    ],
)
def test_a_pattern_that_matches_nothing(tmp_path: Path, sources: list[str], ignored: str, refusal: str) -> None:
    """BuildKit fails for it unless the folder that it is looked for in is sent: tried on BuildKit itself, too."""
    write(tmp_path, "libs/a.py")
    write(tmp_path, "libs/sub/c.py")
    (tmp_path / "link").symlink_to("libs")
    write(tmp_path, ".dockerignore", ignored)
    if refusal:
        assert refused(tmp_path, *sources) == f"source {refusal} matches nothing"
    else:
        read(tmp_path, *sources)


def test_a_mount_takes_its_source_as_it_is_written(tmp_path: Path) -> None:
    write(tmp_path, "od[d]")
    mount = Source("", ("od[d]",), (), "mount", 3)
    assert list(Worktree(tmp_path).files(DOCKERFILE, ".", [mount]).entries) == ["od[d]"]


def test_a_link_that_is_named_is_followed_and_one_in_a_folder_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path, "real/a.py")
    (tmp_path / "named").symlink_to("real")
    (tmp_path / "file").symlink_to("real/a.py")
    (tmp_path / "real/inner").symlink_to("/etc/passwd")
    assert listed(tmp_path, "named", "file") == {
        "named": "40755 (a.py inner) via real",
        "file": "100644 … via real/a.py",
    }
    found = read(tmp_path, "real")
    (tree,) = found.trees.values()
    assert tree["inner"] == "link /etc/passwd"


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside"])
def test_a_named_link_that_leaves_the_context(tmp_path: Path, target: str) -> None:
    root = tmp_path / "repository"
    write(tmp_path, "outside")
    root.mkdir()
    (root / "named").symlink_to(target)
    assert refused(root, "named").startswith("source named leaves the context: ")


def test_a_path_that_leaves_the_context(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    write(tmp_path, "outside")
    assert refused(root, "../outside").startswith("source ../outside leaves the context: ")


DENIED = [".env", ".env.local", "a/server.pem", "tls.key", "id_ed25519", "home/.ssh/config", ".netrc", ".pypirc"]
DENIED += [".envrc", ".env-prod", ".env.example.local", "id_rsa", "a/ID_RSA", "server.PEM", "_netrc", ".dockercfg"]
DENIED += ["a/.git/hooks/deep/x", ".git-credentials", "id_ed25519_sk", "kubeconfig", "deep/.docker/config.json"]
DENIED += [".git/config", ".aws/credentials", ".docker/config.json", ".kube/config", "prod.kubeconfig", "cert.p12"]


@pytest.mark.fault("X04", "X12")
@pytest.mark.parametrize("path", DENIED)
def test_a_file_that_may_be_a_secret_is_marked(tmp_path: Path, path: str) -> None:
    write(tmp_path, path)
    content = hashlib.sha256((tmp_path / path).read_bytes()).hexdigest()
    inside = re.match(r"(.*/)?\.git(?=/)", path)
    expected = MarkedFile(f"{DOCKERFILE}:3", path, path, content)
    if inside:
        expected = MarkedFile(f"{DOCKERFILE}:3", inside[0], inside[0])
    for sources in ((path,), (".",)):
        assert read(tmp_path, *sources).marked == (expected,)
    write(tmp_path, ".dockerignore", path)
    assert read(tmp_path, ".").marked == ()


def test_a_link_to_a_key_is_marked_as_the_key_is(tmp_path: Path) -> None:
    write(tmp_path, "secrets/tls.key")
    (tmp_path / "harmless.txt").symlink_to("secrets/tls.key")
    assert [(one.path, one.file) for one in read(tmp_path, "harmless.txt").marked] == [("secrets/tls.key",) * 2]


def test_a_marked_file_is_known_by_its_context_and_by_the_root(tmp_path: Path) -> None:
    write(tmp_path, "apps/svc_a/certs/tls.key")
    (tmp_path / "linked").symlink_to("apps/svc_a")
    for context in ("apps/svc_a", "linked"):
        (one,) = read(tmp_path, ".", context=context).marked
        assert (one.path, one.file) == ("certs/tls.key", "apps/svc_a/certs/tls.key")


def test_a_folder_outside_the_repository_marks_its_files_too(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()
    write(tmp_path, "wheels/deep/tls.key")
    (one,) = Worktree(tmp_path / "repository").read_folder(tmp_path / "wheels").marked
    assert (one.path, one.file) == ("deep/tls.key", "../wheels/deep/tls.key")


def test_the_folder_git_is_opened_only_where_it_may_enter(tmp_path: Path) -> None:
    for path in (".git/HEAD", ".git/objects/ab/cd", "a.py"):
        write(tmp_path, path)
    closed, opened = (Worktree(tmp_path, git=git).files(DOCKERFILE, ".", [source(".")]) for git in (False, True))
    assert [one.path for one in closed.marked] == [one.path for one in opened.marked] == [".git"]
    assert ".git/objects/ab/cd" in opened.trees[opened.entries["."].content]
    assert not {".git/HEAD", ".git/objects/ab/cd"} & closed.trees[closed.entries["."].content].keys()
    assert Worktree(tmp_path, git=True).again().files(DOCKERFILE, ".", [source(".")]).entries == opened.entries


def test_a_folder_git_of_which_nothing_is_sent_is_not_marked(tmp_path: Path) -> None:
    """An exception below makes the reader walk the folder all the same."""
    for path in (".git/HEAD", "a.py"):
        write(tmp_path, path)
    write(tmp_path, ".dockerignore", ".git\n!.git/kept\n")
    assert read(tmp_path, ".").marked == ()


@pytest.mark.parametrize(
    "path", [".env.example", ".env.sample", "environment", "key.py", "pem/a.py", "docker/config.json"]
)
def test_a_file_that_only_looks_like_a_denied_one_is_not_marked(tmp_path: Path, path: str) -> None:
    write(tmp_path, path)
    assert read(tmp_path, path).marked == ()


@pytest.mark.fault("C18")
def test_special_files_are_refused_and_never_opened(tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    os.mkfifo(tmp_path / "libs/pipe")
    assert refused(tmp_path, "libs/pipe") == "libs/pipe is neither file, folder nor link"
    assert refused(tmp_path, "libs") == "libs/pipe is neither file, folder nor link"


def change_bytes(root: Path) -> None:
    (root / "libs/a.py").write_text("y")


def change_bytes_and_put_the_time_back(root: Path) -> None:
    status = (root / "libs/a.py").stat()
    (root / "libs/a.py").write_text("y")
    os.utime(root / "libs/a.py", ns=(status.st_atime_ns, status.st_mtime_ns))


def change_mode(root: Path) -> None:
    (root / "libs/a.py").chmod(0o600)


def change_link(root: Path) -> None:
    (root / "libs/link").unlink()
    (root / "libs/link").symlink_to("b.py")


def add_folder(root: Path) -> None:
    (root / "libs/empty").mkdir()


def rename(root: Path) -> None:
    (root / "libs/a.py").rename(root / "libs/c.py")


def touch(root: Path) -> None:
    os.utime(root / "libs/a.py", (1, 1))


def rewrite(root: Path) -> None:
    (root / "libs/a.py").unlink()
    (root / "libs/a.py").write_text("x")


def touch_elsewhere(root: Path) -> None:
    write(root, "other/file")


COUNTS = [change_bytes, change_bytes_and_put_the_time_back, change_mode, change_link, add_folder, rename]
DOES_NOT = [touch, rewrite, touch_elsewhere]


@pytest.mark.fault("C20")
@pytest.mark.parametrize("change", COUNTS + DOES_NOT, ids=lambda change: change.__name__)
def test_a_change_counts_exactly_when_it_changes_the_image(tmp_path: Path, change: Callable[[Path], None]) -> None:
    write(tmp_path, "libs/a.py")
    (tmp_path / "libs/link").symlink_to("a.py")
    time.sleep(0.06)
    worktree = keeping(tmp_path)
    before = worktree.files(DOCKERFILE, ".", [source("libs")])
    worktree.cache.save()
    change(tmp_path)
    assert (keeping(tmp_path).files(DOCKERFILE, ".", [source("libs")]) != before) is (change in COUNTS)


def test_owners_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, "libs/a.py")
    before = read(tmp_path, "libs")
    if os.getuid() == 0:
        os.chown(tmp_path / "libs/a.py", 12345, 12345)
    assert read(tmp_path, "libs") == before


@pytest.mark.fault("C15")
def test_odd_names_are_read_and_undecodable_ones_are_listed(tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    for name in ("-rf", "new\nline", "ünï"):
        (tmp_path / "libs" / name).write_text("x")
    (tree,) = read(tmp_path, "libs").trees.values()
    assert sorted(tree) == ["-rf", "new\nline", "ünï"]
    bad = os.fsdecode(b"bad\xff")
    (tmp_path / "libs" / bad).write_text("x")
    (tmp_path / "libs/link").symlink_to(os.fsdecode(b"to\xfe"))
    found = read(tmp_path, "libs", "libs/bad*")
    (tree,) = found.trees.values()
    assert {bad, "link"} < set(tree)
    assert sorted(found.odd) == [f"libs/{bad}", "libs/link"]
    write(tmp_path, ".dockerignore", "libs/bad*\nlibs/link\n")
    assert read(tmp_path, "libs").odd == ()


@pytest.mark.fault("C14")
def test_links_that_lead_outside_are_listed(tmp_path: Path) -> None:
    write(tmp_path, "libs/a/b.py")
    for name, target in {"in": "../a", "up": "../../x", "out": "../../../y", "root": "/etc", "odd..": "..b"}.items():
        (tmp_path / f"libs/a/{name}").symlink_to(target)
    found = read(tmp_path, "libs")
    assert sorted(found.leaving) == ["libs/a/out -> ../../../y", "libs/a/root -> /etc"]
    (tree,) = found.trees.values()
    assert tree["a/out"] == "link ../../../y"


@pytest.mark.fault("C13")
def test_a_context_that_leaves_the_repository(tmp_path: Path) -> None:
    root, outside = tmp_path / "repository", tmp_path / "outside"
    write(root, "apps/svc_a/a.py")
    write(outside, "a.py")
    worktree = Worktree(root)
    worktree.files("apps/svc_a/Dockerfile", "apps/svc_a", [source("a.py")])
    assert worktree.context("apps/svc_a")
    (root / "apps").rename(root / "former")
    (root / "apps").mkdir()
    (root / "apps/svc_a").symlink_to(outside)
    with pytest.raises(UsageError, match=f"the context apps/svc_a leaves the repository: {outside}"):
        worktree.again().files("apps/svc_a/Dockerfile", "apps/svc_a", [source("a.py")])
    with pytest.raises(UsageError, match=f"the context leaves the repository: {outside}") as caught:
        worktree.context("apps/svc_a")
    assert caught.value.exit_code == 2


@pytest.mark.fault("C13")
def test_a_name_of_a_context_that_was_led_elsewhere(tmp_path: Path) -> None:
    """``.slipway`` itself is a link: the name in it would stand for another folder."""
    root = tmp_path / "repository"
    write(root, "apps/svc_a/a.py")
    (tmp_path / "elsewhere/slipway").mkdir(parents=True)
    (root / ".slipway").symlink_to(tmp_path / "elsewhere/slipway")
    with pytest.raises(UsageError, match="the context leaves the repository"):
        Worktree(root).context(".")


def test_a_name_that_begins_with_dots_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path, "..data/a.py")
    assert listed(tmp_path, "..data") == {"..data": "40755 (a.py)"}


def test_a_named_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "named").symlink_to("nowhere")
    assert refused(tmp_path, "named") == "nowhere cannot be read: No such file or directory"


@pytest.mark.fault("C17")
def test_bytes_that_are_sent_count_once(tmp_path: Path) -> None:
    write(tmp_path, "libs/a.bin", "x" * 1000)
    write(tmp_path, "libs/more/b.bin", "x" * 500)
    write(tmp_path, "main.py", "x" * 20)
    (tmp_path / "libs/link").symlink_to("a.bin")
    found = read(tmp_path, "libs", "libs/more", "libs/a.bin", "main.py")
    assert found.size == 1520
    worktree = Worktree(tmp_path)
    assert worktree.largest(found, 2) == [("libs/a.bin", 1000), ("libs/more/b.bin", 500)]
    assert read(tmp_path, ".").size == 1520


class Writer:
    """Writes to a file each time that it is hashed, ``times`` times."""

    def __init__(self, file: Path, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file, self.left, self.readings = file, times, 0
        self.real = hashlib.file_digest
        monkeypatch.setattr(hashlib, "file_digest", self)

    def __call__(self, file: Any, name: str) -> Any:
        digest = self.real(file, name)
        self.readings += 1
        if self.left:
            self.left -= 1
            with self.file.open("a") as more:
                more.write("more")
        return digest


@pytest.mark.fault("C19")
def test_a_file_that_changes_while_it_is_hashed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "libs/app.py")
    writer = Writer(file, 1, monkeypatch)
    (tree,) = read(tmp_path, "libs").trees.values()
    assert writer.readings == 2
    assert tree["app.py"] == f"100644 {hashlib.sha256(file.read_bytes()).hexdigest()}"


@pytest.mark.fault("C19")
def test_a_file_that_changes_during_reading_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(write(tmp_path, "libs/grow.log"), 100, monkeypatch)
    assert refused(tmp_path, "libs") == "libs/grow.log cannot be read: it changes while it is read"
    assert writer.readings == 2


@pytest.mark.fault("C18", "C19")
@pytest.mark.parametrize("swap", ["fifo", "link", "gone"])
def test_a_file_that_becomes_something_else_after_it_was_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swap: str
) -> None:
    """It is neither followed nor waited for."""
    file = write(tmp_path, "libs/app.py")
    real = os.open
    struck: list[str] = []

    def opened(path: Any, *more: Any, **others: Any) -> int:
        if str(path) == str(file) and not struck:
            struck.append(str(path))
            file.unlink()
            if swap == "fifo":
                os.mkfifo(file)
            elif swap == "link":
                file.symlink_to("/etc/passwd")
        return real(path, *more, **others)

    monkeypatch.setattr(os, "open", opened)
    said = {"fifo": "it is not a regular file any more", "gone": "No such file", "link": "symbolic links"}[swap]
    assert said in refused(tmp_path, "libs")
    assert struck


def test_the_cache_is_believed_while_nothing_changed(tmp_path: Path) -> None:
    file = write(tmp_path, "a.py")
    time.sleep(0.06)
    cache = StatCache(tmp_path / "cache.json")
    digest = cache.sha256(str(file), file.stat())
    cache.save()
    write(tmp_path, "cache.json", (tmp_path / "cache.json").read_text().replace(digest, "marked"))
    assert StatCache(tmp_path / "cache.json").sha256(str(file), file.stat()) == "marked"
    file.chmod(0o600)
    assert StatCache(tmp_path / "cache.json").sha256(str(file), file.stat()) == digest


def test_a_fresh_file_is_not_cached(tmp_path: Path) -> None:
    """It may change once more within one tick of the clock."""
    file = write(tmp_path, "a.py")
    cache = StatCache(tmp_path / "cache.json")
    digest = cache.sha256(str(file), file.stat())
    cache.save()
    write(tmp_path, "cache.json", (tmp_path / "cache.json").read_text().replace(digest, "marked"))
    assert StatCache(tmp_path / "cache.json").sha256(str(file), file.stat()) == digest


def disguised(root: Path) -> None:
    """Other bytes under the same size and mtime."""
    file = root / "libs/a.py"
    status = file.stat()
    file.write_text(file.read_text().swapcase())
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def longer(root: Path) -> None:
    (root / "libs/a.py").write_text("longer than before")


def shorter_and_back(root: Path) -> None:
    """Read while it was another: then its former size and mtime, with other bytes."""
    before = (root / "libs/a.py").stat()
    (root / "libs/a.py").write_text("")
    salt_of(root)
    (root / "libs/a.py").write_text("Y")
    os.utime(root / "libs/a.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def back_as_it_was(root: Path) -> None:
    before = (root / "libs/a.py").stat()
    (root / "libs/a.py").write_text("")
    salt_of(root)
    (root / "libs/a.py").write_text("x")
    os.utime(root / "libs/a.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def without_a_cache(root: Path) -> None:
    (root.with_name(f"{root.name}-cache") / "stat.json").unlink()


def salt_of(root: Path) -> str:
    """As a run of its own sees it."""
    worktree = keeping(root)
    worktree.files(DOCKERFILE, ".", [source("libs")])
    worktree.cache.save()
    return worktree.cache.salt


@pytest.mark.fault("C20")
@pytest.mark.parametrize(
    ("change", "anew"),
    [
        (touch, False), (longer, False), (back_as_it_was, False),
        (disguised, True), (shorter_and_back, True), (without_a_cache, True),
    ],
)  # fmt: skip
def test_the_context_gets_a_new_name_when_size_and_mtime_deceive(
    tmp_path: Path, change: Callable[[Path], None], anew: bool
) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs/a.py").write_text("x")
    before = salt_of(tmp_path)
    change(tmp_path)
    assert (salt_of(tmp_path) != before) is anew


OWN = "**/.slipway\n**/.slipway/**\n"
SERVICE = Image("svc-a", "apps/svc_a/Dockerfile", "apps/svc_a")


def definition(root: Path, text: str = "FROM x\n") -> tuple[str, str]:
    """Return the text that BuildKit reads as the service's Dockerfile, and as its ignore file."""
    path = root / Worktree(root).define(SERVICE, text)
    return path.read_text(), path.with_name(f"{path.name}.dockerignore").read_bytes().decode()


@pytest.mark.fault("B50")
def test_buildkit_reads_the_planned_dockerfile_and_its_ignore_rules(tmp_path: Path) -> None:
    assert definition(tmp_path) == ("FROM x\n", f"\n{OWN}")
    write(tmp_path, ".dockerignore", "*.root\n")
    assert definition(tmp_path)[1] == f"\n{OWN}", "it is not the root that is sent"
    write(tmp_path, "apps/svc_a/.dockerignore", "*.own\n!.slipway")
    assert definition(tmp_path)[1] == f"*.own\n!.slipway\n{OWN}"
    (tmp_path / "apps/svc_a/Dockerfile.dockerignore").write_bytes("\ufeff# of this one\r\n".encode())
    assert definition(tmp_path)[1] == f"\ufeff# of this one\r\n\n{OWN}"


def test_a_definition_is_written_when_it_says_something_else(tmp_path: Path) -> None:
    """A Dockerfile may change and keep its size and time: what BuildKit reads has a new time then."""
    definition(tmp_path)
    path = tmp_path / ".slipway/dockerfiles/svc-a.Dockerfile"
    os.utime(path, ns=(1, 1))
    definition(tmp_path)
    assert path.stat().st_mtime_ns == 1
    assert definition(tmp_path, "FROM y\n")[0] == "FROM y\n"
    assert path.stat().st_mtime_ns != 1


def test_an_ignore_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, ".dockerignore")
    real = Path.read_bytes

    def denied(path: Path) -> bytes:
        if path == file:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(UsageError, match=r"^error: \.dockerignore: cannot be read: Permission denied$"):
        read(tmp_path, ".")


@pytest.mark.fault("B50")
@pytest.mark.parametrize("ignored", ["", "!.slipway\n", "*\n!.slipway\n!libs\n", "!**/.slipway/**\n"])
@pytest.mark.parametrize("sources", [["."], ["*"], [".s*", "libs"], ["libs", "*/more"]])
def test_slipways_own_folder_is_never_counted(tmp_path: Path, ignored: str, sources: list[str]) -> None:
    write(tmp_path, "libs/more/a.py")
    write(tmp_path, ".dockerignore", ignored)
    before = read(tmp_path, *sources)
    for path in (".slipway/runs/1/x.log", "libs/.slipway/cache/stat.json", "libs/more/.slipway"):
        write(tmp_path, path)
    assert read(tmp_path, *sources) == before


@pytest.mark.fault("B50")
def test_a_source_in_slipways_own_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ".slipway/cache/x")
    (tmp_path / "link").symlink_to(".slipway/cache")
    assert refused(tmp_path, ".slipway/cache/x") == "source .slipway/cache/x is slipway's own: it enters no image"
    assert refused(tmp_path, "link") == "source link leads into .slipway: it enters no image"


@pytest.mark.parametrize("path", [".", "apps/svc_a"])
def test_a_context_has_a_separate_name_for_each_salt(tmp_path: Path, path: str) -> None:
    write(tmp_path, "apps/svc_a/a.py")
    worktree = Worktree(tmp_path)
    former = worktree.context(path)
    assert (tmp_path / former).resolve() == (tmp_path / path).resolve()
    assert worktree.context(path) == former
    worktree.cache.salt = "another"
    named = worktree.context(path)
    assert (tmp_path / named).resolve() == (tmp_path / path).resolve()
    assert not (tmp_path / former).is_symlink() and named != former


BROKEN = ["", "{", "[]", "3", '"x"', '{"known": 3}', '{"salt": "x", "known": {"PATH": []}, "former": {}}', "\x00"]
BROKEN += ['{"salt": "x", "known": {"PATH": [1, 2, 3, 4, 5]}, "former": 3}', '{"known": {"PATH": [1, 2]}}']


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_cache_only_costs_time(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, "a.py")
    expected = StatCache(tmp_path / "none.json").sha256(str(file), file.stat())
    write(tmp_path, "cache.json", text.replace("PATH", str(file)))
    assert StatCache(tmp_path / "cache.json").sha256(str(file), file.stat()) == expected


def test_dockerfiles_are_found_where_they_belong(tmp_path: Path) -> None:
    for path in ("infra/docker/base-ml.Dockerfile", "apps/svc_a/Dockerfile", "apps/Dockerfile", "apps/x/y/Dockerfile"):
        write(tmp_path, path, "FROM x")
    write(tmp_path, "infra/docker/README.md")
    base, service = "infra/docker/base-ml.Dockerfile", "apps/svc_a/Dockerfile"
    found = rules_by_path((), Worktree(tmp_path).find)
    assert sorted(found) == [service, base]
    assert Worktree(tmp_path).dockerfiles(found) == ({base: "FROM x", service: "FROM x"}, {})
    (tmp_path / "apps/svc_a/Dockerfile").write_bytes(b"FROM \xff")
    texts, errors = Worktree(tmp_path).dockerfiles(found)
    assert texts == {base: "FROM x"}
    assert {path: error.message for path, error in errors.items()} == {
        "apps/svc_a/Dockerfile": "apps/svc_a/Dockerfile: byte 5 is not UTF-8"
    }


def test_a_named_context_has_its_own_ignore_file_and_not_the_root_s(tmp_path: Path) -> None:
    write(tmp_path, ".dockerignore", "*")
    write(tmp_path, "wheels/a.whl")
    write(tmp_path, "wheels/b.txt")
    write(tmp_path, "wheels/.dockerignore", "*.txt")
    found = Worktree(tmp_path).read_folder(tmp_path / "wheels")
    (listing,) = found.trees.values()
    assert "a.whl" in listing and "b.txt" not in listing


def test_a_named_context_is_read_whole(tmp_path: Path) -> None:
    write(tmp_path, "wheels/torch.whl")
    found = Worktree(tmp_path).read_folder(tmp_path / "wheels")
    (tree,) = found.trees.values()
    assert (list(found.entries), list(tree)) == (["."], ["torch.whl"])
    with pytest.raises(UsageError, match="no such folder"):
        Worktree(tmp_path).read_folder(tmp_path / "nowhere")


def moded(root: Path, file: int, folder: int) -> Path:
    write(root, "libs/kit/a.py").chmod(file)
    write(root, "main.py").chmod(file)
    (root / "libs/kit").chmod(folder)
    (root / "libs").chmod(folder)
    return root


@pytest.mark.fault("B52")
def test_modes_count_unless_they_are_set_by_all_that_read_the_file(tmp_path: Path) -> None:
    roots = [moded(tmp_path / name, *modes) for name, modes in {"022": (0o644, 0o755), "002": (0o664, 0o775)}.items()]
    kept, unkept = source("libs", "main.py"), source("libs", "main.py")._replace(modes=False)

    def entries(*sources: Source) -> list[Files]:
        return [Worktree(root).files(DOCKERFILE, ".", list(sources)) for root in roots]

    one, other = entries(unkept)
    assert one == other and all(entry.mode is None for entry in one.entries.values())
    one, other = entries(kept)
    assert one.entries.keys() == other.entries.keys() and not set(one.entries.items()) & set(other.entries.items())
    for sources in ((kept, unkept), (unkept, kept)):
        assert entries(*sources) == [one, other], "one that keeps them is enough"
    (roots[0] / "libs/kit/a.py").write_text("y")
    one, other = entries(unkept)
    assert one.entries["libs"] != other.entries["libs"] and one.entries["main.py"] == other.entries["main.py"]
