"""Test the running page: its settings, its results, and the hostile files that it refuses.

Streamlit's AppTest runs the page's script inside the container, as a browser's session does. ``nox -s browser`` opens
the page in a real browser.
"""

from __future__ import annotations

import json
import re
from typing import Any

from slipway.testing.plugin import BuiltImage, Container

#: Gives the page each file, and returns the texts that a person would see.
VISIT = """
import json, warnings
warnings.simplefilter("ignore")
from streamlit.testing.v1 import AppTest
from svc_strain_seer import examples

def visit(data, **entered):
    page = AppTest.from_file("/app/svc_strain_seer/app.py", default_timeout=30).run()
    if data is None:
        page.toggle(key="example").set_value(True)
    else:
        page.file_uploader(key="file").set_value(("test.csv", data, "text/csv"))
    page.run()
    for key, value in entered.items():
        page.number_input(key=key).set_value(value)
    if entered:
        page.run()
    return {
        "errors": [one.value for one in page.error] + [one.message for one in page.exception],
        "metrics": {one.label.split(", ")[-1]: one.value for one in page.metric},
        "captions": [one.value for one in page.caption],
    }
"""


def visit(container: Container, program: str) -> Any:
    executed = container.exec("python", "-c", f"{VISIT}\nprint(json.dumps({program}))")
    assert executed.exit_code == 0, executed.output
    return json.loads(executed.output.splitlines()[-1])


def test_the_server_is_healthy_and_serves_the_page(container: Container) -> None:
    health = container.get("/_stcore/health")
    assert (health.status_code, health.text) == (200, "ok")
    assert "<title>Streamlit</title>" in container.get("/").text


def test_the_settings_are_those_of_the_file(container: Container) -> None:
    names = ["server.maxUploadSize", "server.fileWatcherType", "browser.gatherUsageStats", "client.showErrorDetails"]
    names += ["server.enableXsrfProtection", "global.developmentMode"]
    program = f"import json, streamlit.config as c; print(json.dumps([c.get_option(one) for one in {names}]))"
    told = json.loads(container.exec("python", "-c", program).output.splitlines()[-1])
    assert told == [20, "none", False, "none", True, False]


def test_it_runs_as_appuser_and_writes_only_to_its_temporary_folder(container: Container) -> None:
    told = "os.getuid(), pwd.getpwuid(1000).pw_name, os.environ['TMPDIR']"
    program = f"import json, os, pwd; print(json.dumps([{told}]))"
    assert json.loads(container.exec("python", "-c", program).output) == [1000, "appuser", "/tmp/app"]
    assert "Read-only file system" in container.exec("touch", "/app/new").output


def test_the_example_has_its_properties(container: Container) -> None:
    told = visit(container, "visit(None)")
    assert told["errors"] == []
    values = {symbol: float(text.split()[0]) for symbol, text in told["metrics"].items()}
    assert 200 < values["E"] < 212 and 280 < values["Rp0.2"] < 290 and 388 < values["Rm"] < 393


def test_an_uploaded_file_is_analysed_once_its_specimen_is_known(container: Container) -> None:
    upload = "examples.as_csv(examples.pull(examples.ALUMINIUM))"
    asked, told = visit(container, f"[visit({upload}), visit({upload}, area=50.0, gauge=50.0)]")
    assert "enter" in asked["errors"][0]
    assert told["errors"] == [] and told["metrics"]["Rp0.2"].startswith("276")
    assert any("semicolon, decimal comma" in caption for caption in told["captions"])


def test_hostile_files_are_refused_with_a_reason(container: Container) -> None:
    files = ["b''", "b'\\x00' * 1000", "b'1,' * 1_000_000", "b'1;2\\n' * 300_000", "b'nan;nan\\n' * 100", "b'1;2\\n'"]
    files += ["b'1;1\\n' * 100", "b'9e300;9e300\\n1;2\\n' * 100", "b'\"' * 5000", "b'PK\\x03\\x04'"]
    program = "[" + ", ".join(f"visit({file})" for file in files) + "]"
    told = visit(container, program)
    assert [len(one["errors"]) for one in told] == [1] * len(files), told
    assert not [error for one in told for error in one["errors"] if re.search("Traceback|Error:", error)]


def test_neither_poetry_nor_a_compiler_is_in_the_image(container: Container) -> None:
    tools = ["as", "c++", "cc", "clang", "g++", "gcc", "ld", "make", "poetry", "uv"]
    program = f"import json, shutil; print(json.dumps([tool for tool in {tools} if shutil.which(tool)]))"
    assert json.loads(container.exec("python", "-c", program).output) == []


def test_modules_come_with_their_bytecode(image: BuiltImage) -> None:
    paths = {path for layer in image.layers() for path in layer.paths}
    sources = {path for path in paths if re.fullmatch(r"app/svc_strain_seer/\w+\.py", path)}
    assert len(sources) > 8
    compiled = {
        re.sub(r"__pycache__/(\w+)\.cpython-\d+\.pyc", r"\1.py", path) for path in paths if path.endswith(".pyc")
    }
    assert sources <= compiled
    assert any(re.search(r"site-packages/streamlit/__pycache__/", path) for path in paths)
    assert not [path for path in paths if re.search("uv.toml|poetry.lock", path)]
