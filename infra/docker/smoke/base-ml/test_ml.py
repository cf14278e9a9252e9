"""What base-ml promises, in it and in every image that stands on it."""

from __future__ import annotations

import json
from typing import Any

import pytest

#: Module → the least it must be able to do, without a network and without files of its own.
ABILITIES = {
    "fuzzywuzzy": "from fuzzywuzzy import fuzz; result = fuzz.ratio('harbour', 'harbor') > 90",
    "Levenshtein": "import Levenshtein; result = Levenshtein.distance('kitten', 'sitting') == 3",
    "nltk": "from nltk.stem import PorterStemmer; result = PorterStemmer().stem('running') == 'run'",
    "numpy": "import numpy; result = bool(numpy.allclose(numpy.linalg.inv(2 * numpy.eye(3)), numpy.eye(3) / 2))",
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


def answer(container: Any, program: str) -> Any:
    """What ``program`` leaves in ``result``, run by the container's Python."""
    executed = container.exec("python", "-W", "ignore", "-c", f"{program}\nimport json; print(json.dumps(result))")
    assert executed.exit_code == 0, executed.output
    return json.loads(executed.output.splitlines()[-1])


@pytest.mark.parametrize("module", sorted(ABILITIES))
def test_a_library_does_its_work(container: Any, module: str) -> None:
    assert answer(container, ABILITIES[module]) is True


def test_torch_learns(container: Any) -> None:
    program = """
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
    assert answer(container, program) == 3.0


def test_torch_is_the_cpu_build(container: Any) -> None:
    program = "import torch; result = [torch.version.cuda, torch.cuda.is_available()]"
    assert answer(container, program) == [None, False]


def test_no_cuda_library_is_installed(container: Any) -> None:
    program = """
import importlib.metadata
names = {distribution.metadata["Name"].lower() for distribution in importlib.metadata.distributions()}
result = sorted(name for name in names if name.startswith(("nvidia", "cuda")) or name == "triton")
"""
    assert answer(container, program) == []


def test_models_are_never_fetched(container: Any) -> None:
    program = "import huggingface_hub.constants as hub; result = hub.HF_HUB_OFFLINE"
    assert answer(container, program) is True
