"""The bench's pure parts: what it generates, what it makes of samples, and that docs/ show what was measured."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from slipway.core.reference import check_path
from slipway.stack.parents import Naming
from tests.bench import documents, logs, ml, peers, table, targets
from tests.bench.measure import FailedError, check_changed
from tests.bench.picture import picture
from tests.bench.processes import Peaks
from tests.bench.rounds import Field
from tests.bench.samples import Results, Sample, Series
from tests.bench.stacks import BASES, Tree, dockerfile, parent_of
from tests.bench.summary import summary
from tests.bench.wide import Tries, cause
from tests.stack.assembling import assemble_texts

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MACHINE = {"cores": "2", "memory": "25 GB"}
SVG = "{http://www.w3.org/2000/svg}"


def series(scenario: str, services: int, peer: str, *seconds: float, part: str = "builds", memory: int = 0) -> Series:
    return Series(part, scenario, services, peer, tuple(Sample(each, each / 2, memory) for each in seconds))


BUILDS = (
    series(targets.NOTHING, 20, "slipway", 0.5, 0.4, 0.6),
    series(targets.NOTHING, 20, "bake", 0.8, 0.7, 2.0),
    series(targets.NOTHING, 100, "slipway", 0.6),
    series(targets.NOTHING, 100, "bake", 5.0),
    series(targets.NOTHING, 100, "script", 30.0),
    series(targets.NOTHING, 500, "slipway", 1.7),
)
MEMORY = series(targets.MEMORY, 500, "slipway", 60.0, part="memory", memory=160_000_000)
RESULTS = Results(MACHINE, (*BUILDS, MEMORY))


#: At 500 services bake failed in every try of one scenario, and in one try of the other.
WIDE = Results(
    MACHINE,
    (
        series(targets.COLD, 500, "slipway", 100.0, part="wide"),
        Series("wide", targets.COLD, 500, "bake", (), "no such job, 5 tries"),
        series(targets.COLD, 500, peers.IN_PARTS, 110.0, part="wide"),
        series(targets.LIBRARY, 500, "slipway", 40.0, part="wide"),
        Series("wide", targets.LIBRARY, 500, "bake", (Sample(50.0),), "no such job, 1 of 2 tries"),
        series(targets.peak(targets.LIBRARY), 500, "slipway", 40.0, part="wide", memory=52_000_000),
        series(targets.peak(targets.LIBRARY), 500, "slipway's buildx", 40.0, part="wide", memory=90_000_000),
    ),
)


def tree(root: Path, services: int = 4) -> Tree:
    made = Tree(root, services, "localhost:5000", root.name, "run", "python:3.12-slim")
    made.create()
    return made


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_median_is_of_the_samples_and_the_spread_is_all_there_was() -> None:
    assert (BUILDS[0].seconds, BUILDS[0].spread, BUILDS[0].cpu) == (0.5, (0.4, 0.6), 0.25)
    assert MEMORY.memory == 160_000_000


def test_samples_survive_being_written() -> None:
    assert documents.loads(documents.dumps(RESULTS)) == RESULTS


def test_a_newer_run_replaces_the_parts_it_measured() -> None:
    again = series(targets.MEMORY, 500, "slipway", 50.0, part="memory", memory=90_000_000)
    assert RESULTS.joined(Results(MACHINE, (again,))).series == (*BUILDS, again)
    hundred = series(targets.NOTHING, 100, "slipway", 0.7)
    assert RESULTS.joined(Results(MACHINE, (hundred,))).series == (*BUILDS[:2], hundred, BUILDS[5], MEMORY)


def test_a_newer_kernel_does_not_remove_earlier_figures() -> None:
    newer = Results({**MACHINE, "kernel": "Linux 99"}, (MEMORY,))
    joined = RESULTS.joined(newer)
    assert (joined.machine, set(joined.series)) == (newer.machine, set(RESULTS.series))


def test_figures_of_two_machines_are_never_mixed() -> None:
    elsewhere = Results({"cores": "64"}, BUILDS[:1])
    assert RESULTS.joined(elsewhere) == elsewhere


def test_a_target_is_judged_by_medians_and_only_when_it_was_measured() -> None:
    told = {verdict.target.measured: (figure(verdict), verdict.reached) for verdict in judge(20, 500)}
    assert told == {
        (targets.NOTHING, 20, "slipway"): (0.625, True),
        (targets.NOTHING, 500, "slipway"): (2.833, True),
        (targets.MEMORY, 500, "slipway"): (160e6, False),
    }
    assert [(figure(verdict), verdict.reached) for verdict in judge(100)] == [(0.12, False), (0.02, True)]
    assert (
        table.unmeasured(RESULTS) == f"{len(targets.TARGETS) - 5} of {len(targets.TARGETS)} targets were not measured"
    )


def figure(verdict: targets.Verdict) -> float:
    assert verdict.figure is not None
    return round(verdict.figure, 3)


def judge(*sizes: int) -> list[targets.Verdict]:
    return [verdict for verdict in targets.verdicts(RESULTS) if verdict.target.measured[1] in sizes]


def test_a_target_that_is_just_met_is_reached() -> None:
    target = targets.TARGETS[0]
    assert targets.Verdict(target, target.limit).reached
    assert not targets.Verdict(target, target.limit + 0.001).reached


def test_the_tables_show_every_series_once() -> None:
    times, others = table.times(RESULTS), table.others(RESULTS)
    assert times[1] == ("nothing changed", "20", "0.50 s (0.40–0.60)", "0.80 s (0.70–2.00)", "", "", "3")
    assert times[2] == ("nothing changed", "100", "0.60 s", "5.0 s", "", "30.0 s", "1")
    assert [(row[0], row[1], row[3], row[5]) for row in others[1:]] == [
        ("nothing changed", "500", "1.7 s", ""),
        ("peak memory", "500", "1 min 00 s", "160 MB"),
    ]


def test_the_judgement_names_both_sides() -> None:
    rows = table.judged(RESULTS)
    assert rows[1] == (
        "nothing changed, 20 services: slipway",
        "0.50 s",
        "bake 0.80 s",
        "0.625",
        "0.800",
        "reached",
    )
    assert rows[4][2] == "slipway at 100 0.60 s"
    assert rows[5] == ("peak memory, 500 services: slipway", "160 MB", "", "", "150 MB", "not reached")
    assert "not reached" in table.text(RESULTS) and "cores 2" in table.text(RESULTS)


def test_a_peer_that_failed_has_its_reason_and_no_figure() -> None:
    assert documents.loads(documents.dumps(WIDE)) == WIDE
    assert "failed" not in documents.dumps(RESULTS)
    assert [row[2:4] for row in table.times(WIDE)[1:]] == [
        ("1 min 40 s", "failed: no such job, 5 tries"),
        ("40.0 s", "50.0 s, failed: no such job, 1 of 2 tries"),
    ]
    assert [(row[0], row[2], row[5]) for row in table.others(WIDE)[1:]] == [
        ("cold, bases cached", "bake, 50 at a time", ""),
        ("peak memory: shared library edited", "slipway", "52.0 MB"),
        ("peak memory: shared library edited", "slipway's buildx", "90.0 MB"),
    ]


def test_a_target_beside_a_peer_that_failed_is_neither_reached_nor_missed() -> None:
    assert [row[1:] for row in table.judged(WIDE)[1:]] == [
        ("40.0 s", "bake 50.0 s", "0.800", "1.000", "reached"),
        ("1 min 40 s", "bake failed: no such job, 5 tries", "", "1.000", "no ratio"),
        ("1 min 40 s", "bake, 50 at a time 1 min 50 s", "0.909", "1.000", "reached"),
        ("52.0 MB", "", "", "150 MB", "reached"),
    ]


def test_the_summary_names_a_peer_that_failed() -> None:
    assert list(summary(WIDE))[1:] == [
        (
            "build, shared library edited, 500 services",
            "40.0 s",
            "bake: 50.0 s, failed: no such job, 1 of 2 tries",
            "1.25 × faster",
        ),
        ("build, every service edited, 500 services", "1 min 40 s", "bake failed: no such job, 5 tries", ""),
        (
            "build, every service edited, 500 services",
            "1 min 40 s",
            "bake, 50 at a time: 1 min 50 s",
            "1.10 × faster",
        ),
    ]


def test_each_service_is_in_one_of_the_parts(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 101, "registry", "owner", "run", "root:1")
    lines = [line.split()[3:] for line in peers.bake_script(tree).splitlines() if "bake" in line]
    assert [len(part) for part in lines] == [50, 50, 1]
    assert sorted(name for part in lines for name in part) == sorted(set(tree.names) - set(BASES))


def test_every_peer_has_a_tree_whose_owner_is_a_repository_path(tmp_path: Path) -> None:
    field = Field(tmp_path, "registry.example", "f00", 1, print)
    for peer in (*peers.PEERS, peers.BAKE_IN_PARTS):
        owner = field.tree(peer.name, 1).owner
        assert check_path(owner) == owner


def test_the_picture_has_only_the_sizes_of_every_peer() -> None:
    assert "500 services" not in picture(Results(MACHINE, (*RESULTS.series, *WIDE.series)))


def test_tries_tell_how_many_of_them_failed() -> None:
    assert Tries(samples=[Sample(1.0)]).failed == ""
    assert Tries(causes=["no such job"]).failed == "no such job, 1 try"
    assert Tries(causes=["no such job"] * 5).failed == "no such job, 5 tries"
    assert (
        Tries(samples=[Sample(1.0)], causes=["no such job", "denied", "no such job"]).failed
        == "no such job, 3 of 4 tries"
    )


def test_a_peer_without_a_sample_has_no_memory() -> None:
    failed = Tries(causes=["no such job"])
    assert [one.scenario for one in failed.series(targets.COLD, "bake")] == [targets.COLD]
    done = Tries([Sample(2.0)], own=[3], buildx=[5])
    assert [(one.scenario, one.peer, one.memory) for one in done.series(targets.COLD, "slipway")] == [
        (targets.COLD, "slipway", 0),
        (targets.peak(targets.COLD), "slipway's buildx", 5),
        (targets.peak(targets.COLD), "slipway", 3),
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("docker buildx bake ended with exit code 1:\nERROR: target a: no such job abc\nmore", "no such job"),
        ("docker buildx bake ended with exit code 1:\nERROR: denied\n", "denied"),
    ],
)
def test_the_cause_of_a_failed_try(said: str, told: str) -> None:
    assert cause(said) == told


def test_the_memory_is_that_of_the_process_and_of_all_its_buildx_together(tmp_path: Path) -> None:
    def process(pid: int, parent: int, name: str, peak: int) -> None:
        folder = tmp_path / str(pid)
        folder.mkdir(exist_ok=True)
        (folder / "stat").write_text(f"{pid} (a) name) S {parent} 1 1\n")
        (folder / "comm").write_text(f"{name}\n")
        (folder / "status").write_text(f"Name:\t{name}\nVmHWM:\t{peak} kB\n")

    for pid, parent, name in ((7, 1, "python"), (8, 7, "docker"), (9, 8, "docker-buildx"), (10, 7, "docker-buildx")):
        process(pid, parent, name, pid)
    process(11, 1, "docker-buildx", 99)
    peaks = Peaks()
    peaks.look(7, tmp_path)
    assert (peaks.own, peaks.buildx) == (7 * 1024, 19 * 1024)
    process(9, 8, "docker-buildx", 1)
    peaks.look(7, tmp_path)
    peaks.look(12, tmp_path)
    assert (peaks.own, peaks.buildx) == (7 * 1024, 19 * 1024)


def test_the_picture_s_bars_are_as_long_as_their_seconds() -> None:
    drawn = ElementTree.fromstring(picture(RESULTS))
    bars = [bar for bar in drawn.iter(f"{SVG}rect") if "bar" in bar.attrib["class"].split()]
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert widths[0] / widths[1] == pytest.approx(0.5 / 0.8, rel=0.01)
    assert widths[2:] == [pytest.approx(4.8), pytest.approx(40.0), pytest.approx(240.0)]
    assert [bar.attrib["class"] for bar in bars].count("bar own") == 2
    words = [element.text for element in drawn.iter(f"{SVG}text")]
    assert {"0.50 s", "5.0 s", "30.0 s", "20 services on two bases", "100 services on two bases"} <= set(words)


def test_trees_have_the_same_files_and_no_bytes_in_common_but_the_recipes(tmp_path: Path) -> None:
    one, other = (contents(tree(tmp_path / name).root) for name in ("one", "other"))
    assert one.keys() == other.keys()
    alike = {path for path in one if one[path] == other[path]}
    assert alike == {path for path in one if "Dockerfile" in path} | {".dockerignore", "pyproject.toml"}
    assert {path: len(text) for path, text in one.items()} == {path: len(text) for path, text in other.items()}


@pytest.mark.parametrize("edit", [Tree.edit_nothing, Tree.edit_one_service, Tree.edit_library, Tree.edit_every_service])
def test_an_edit_changes_the_files_it_names_to_new_bytes(tmp_path: Path, edit: object) -> None:
    assert callable(edit)
    made = tree(tmp_path / "tree")
    seen = contents(made.root)
    for turn in (0, 1):
        edited, now = edit(made, turn), contents(made.root)
        changed = {path for path in now if now[path] != seen[path]}
        named = {path.split("/")[1].replace("_", "-") for path in changed if path.startswith("apps/")}
        shared = any(path.startswith("libs/servicekit/") for path in changed)
        assert edited == (frozenset(made.names) - set(BASES) if shared else named)
        assert changed <= {path for path in now if path.endswith((".py", ".txt"))}
        seen = now


def test_slipway_reads_the_graph_that_the_peers_are_given(tmp_path: Path) -> None:
    made = tree(tmp_path / "tree")
    texts = {dockerfile(name): (made.root / dockerfile(name)).read_text() for name in made.names}
    stack = assemble_texts(texts, Naming(made.registry, made.owner, "v1", "v1"), args=made.args).stack
    assert {image.name: image.parents for image in stack} == {
        name: (parent_of(name),) if parent_of(name) else () for name in made.names
    }
    assert [parent_of(name) for name in made.names] == ["", "base-runtime", *["base-runtime", "base-ml"] * 2]


def test_every_peer_is_given_every_image_with_its_parent_before_it(tmp_path: Path) -> None:
    made = tree(tmp_path / "tree")
    bake, compose, script = peers.bake_file(made), peers.compose_file(made), peers.build_script(made)
    for name in made.names:
        for text in (bake, compose, script, peers.push_script(made)):
            assert made.reference(name) in text
        if parent := parent_of(name):
            assert f'target "{name}"' in bake and f'"{made.reference(parent)}" = "target:{parent}"' in bake
            assert f"{made.reference(parent)}: service:{parent}" in compose
            assert script.index(f"--tag {made.reference(parent)} ") < script.index(f"--tag {made.reference(name)} ")


def test_a_round_that_built_other_images_fails() -> None:
    before = {"base": "1", "svc-a": "1"}
    check_changed(before, {"base": "1", "svc-a": "2"}, {"svc-a"}, "bake")
    for after, wanted in (({"base": "2", "svc-a": "2"}, {"svc-a"}), (before, {"svc-a"}), ({"base": "1"}, set[str]())):
        with pytest.raises(FailedError, match="images are new"):
            check_changed(before, after, wanted, "bake")


def test_pip_takes_uv_s_place_and_nothing_else_changes() -> None:
    uv = (ROOT / "infra/docker/base-ml.Dockerfile").read_text()
    pip = ml.with_pip(uv)
    assert (
        "python -m pip install --break-system-packages --no-deps --require-hashes --requirement /requirements.txt"
        in pip
    )
    assert "/root/.cache/pip" in pip and "uv.toml" not in pip and "uv pip" not in pip
    assert len(pip.splitlines()) == len(uv.splitlines())
    with pytest.raises(FailedError, match="what is pip's counterpart now"):
        ml.with_pip(pip)


def test_the_page_and_the_picture_show_the_measurements() -> None:
    kept = documents.loads((DOCS / "performance.json").read_text("utf-8"))
    for name, content in (("performance.md", documents.overview(kept)), ("measurements.md", documents.figures(kept))):
        page = (DOCS / name).read_text("utf-8")
        assert content in page and documents.drawn(page, content) == page
    assert (DOCS / "performance.svg").read_text("utf-8") == picture(kept)


def written(number: int, second: float) -> bytes:
    return f"writer-00  {number} {second:.4f} xxx\n".encode()


def test_the_delay_of_a_line_counts_after_the_start_of_a_follower() -> None:
    late, soon = written(7, 1.0), written(8, 19.8)
    assert logs.greatest_delay([(10.0, late), (20.0, soon[:5]), (20.1, soon[5:])], "a", rate=0.01) == pytest.approx(0.3)


@pytest.mark.parametrize("number", [7, 9], ids=["twice", "one is missing"])
def test_a_follower_that_loses_or_repeats_a_line_is_not_measured(number: int) -> None:
    with pytest.raises(FailedError, match=f"{number} follows 7"):
        logs.greatest_delay([(10.0, written(7, 9.9)), (20.0, written(number, 19.9))], "a")


def test_a_follower_of_too_few_lines_is_not_measured() -> None:
    with pytest.raises(FailedError, match="only 1 lines"):
        logs.greatest_delay([(10.0, written(7, 9.9)), (20.0, written(8, 19.9))], "a")
