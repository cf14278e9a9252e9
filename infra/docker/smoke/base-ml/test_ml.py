"""Test the promises of base-ml, in it and in every image that builds on it."""

from __future__ import annotations

import json
from typing import Any

import pytest

#: Module → a program that it must be able to run, without a network and without files of its own.
ABILITIES = {
    "fuzzywuzzy": "from fuzzywuzzy import fuzz; result = fuzz.ratio('harbour', 'harbor') > 90",
    "Levenshtein": "import Levenshtein; result = Levenshtein.distance('kitten', 'sitting') == 3",
    "nltk": "from nltk.stem import PorterStemmer; result = PorterStemmer().stem('running') == 'run'",
    "numpy": "import numpy; result = bool(numpy.allclose(numpy.linalg.inv(2 * numpy.eye(3)), numpy.eye(3) / 2))",
    "rapidfuzz": "from rapidfuzz import fuzz; result = fuzz.ratio('harbour', 'harbor') > 90",
    "sentence_transformers": (
        "from sentence_transformers import util; result = abs(float(util.cos_sim([[1., 0.]], [[1., 0.]])) - 1) < 1e-6"
    ),
    "sklearn": (
        "from sklearn.feature_extraction.text import TfidfVectorizer; "
        "result = TfidfVectorizer().fit_transform(['red apple', 'green pear']).shape == (2, 4)"
    ),
    "spacy": "import spacy; result = [token.text for token in spacy.blank('en')('Pears, please.')][1] == ','",
    "torch": "import torch; result = torch.equal(torch.ones(2, 3) @ torch.ones(3, 2), torch.full((2, 2), 3.0))",
    "transformers": "from transformers import BertConfig; result = BertConfig(hidden_size=128).hidden_size == 128",
}


#: Further checks of the process that has loaded torch, because loading takes seconds.
TRAINED = """
import torch
torch.manual_seed(0)
weight = torch.zeros(1, requires_grad=True)
for _ in range(50):
    loss = (weight * 2.0 - 6.0).square().sum()
    loss.backward()
    with torch.no_grad():
        weight -= 0.1 * weight.grad
    weight.grad = None
result = round(weight.item(), 3)
"""
FINDINGS = {
    "trained": TRAINED,
    "cuda": "import torch; result = [torch.version.cuda, torch.cuda.is_available()]",
    "models": "import huggingface_hub.constants as hub; result = hub.HF_HUB_OFFLINE",
    "nvidia": """
import importlib.metadata
names = {distribution.metadata["Name"].lower() for distribution in importlib.metadata.distributions()}
result = sorted(name for name in names if name.startswith(("nvidia", "cuda")) or name == "triton")
""",
    "uncompiled": """
import os, sys
files = {name: getattr(module, "__cached__", None) for name, module in sys.modules.items()}
result = sorted(name for name, file in files.items() if isinstance(file, str) and not os.path.exists(file))
""",
}
#: Runs each program separately. The result of a program that fails is its traceback.
EACH = """
import json, sys, traceback
found = {}
for name, program in json.loads(sys.argv[1]).items():
    space = {}
    try:
        exec(program, space)
        found[name] = space["result"]
    except Exception:
        found[name] = traceback.format_exc()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(container: Any) -> dict[str, Any]:
    """Return the ``result`` of each program. One process of the container's Python runs all programs."""
    programs = json.dumps({**ABILITIES, **FINDINGS})
    executed = container.exec("python", "-W", "ignore", "-c", EACH, programs)
    assert executed.exit_code == 0, executed.output
    return dict(json.loads(executed.output.splitlines()[-1]))


@pytest.mark.parametrize("module", sorted(ABILITIES))
def test_a_library_does_its_work(found: dict[str, Any], module: str) -> None:
    assert found[module] is True


def test_torch_learns(found: dict[str, Any]) -> None:
    assert found["trained"] == 3.0


def test_torch_is_the_cpu_build(found: dict[str, Any]) -> None:
    assert found["cuda"] == [None, False]


def test_no_cuda_library_is_installed(found: dict[str, Any]) -> None:
    assert found["nvidia"] == []


def test_every_loaded_module_comes_with_its_bytecode(found: dict[str, Any]) -> None:
    assert found["uncompiled"] == []


def test_models_are_never_fetched(found: dict[str, Any]) -> None:
    assert found["models"] is True
