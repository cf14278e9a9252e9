"""Test the running svc-ocr-model with clients of other projects: Triton's, over HTTP and gRPC, and KServe's models.

``nox -s conformance`` runs these tests in an environment that has the clients.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from PIL import Image, ImageDraw, ImageFont
from tritonclient.utils import InferenceServerException

from slipway.testing.plugin import Container

NAME = "ocr-model"
LINES = ("Invoice 2041 for Harbour Lane", "Seven crates of green apples")


def page(line: str) -> bytes:
    image = Image.new("L", (1240, 300), 255)
    ImageDraw.Draw(image).text((120, 100), line, fill=0, font=ImageFont.load_default(44))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def base64_of(line: str) -> str:
    return base64.b64encode(page(line)).decode()


@pytest.fixture(scope="session")
def kserve() -> ModuleType:
    """Load KServe's models alone: the package itself imports all that it requires."""
    package = importlib.util.find_spec("kserve")
    assert package and package.submodule_search_locations
    file = Path(package.submodule_search_locations[0], "protocol/rest/v2_datamodels.py")
    spec = importlib.util.spec_from_file_location("v2_datamodels", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def over_http(container: Container) -> Any:
    return tritonclient.http.InferenceServerClient(container.address(8080))


@pytest.fixture
def over_grpc(container: Container) -> Any:
    return tritonclient.grpc.InferenceServerClient(container.address(8081))


@pytest.mark.parametrize("transport", ["over_http", "over_grpc"])
def test_tritons_client_finds_the_model(transport: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(transport)
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(NAME) and client.is_model_ready(NAME, "1")
    options = {"as_json": True} if transport == "over_grpc" else {}
    assert client.get_server_metadata(**options)["name"] == "svc-ocr-model"
    model = client.get_model_metadata(NAME, **options)
    assert (model["name"], model["inputs"][0]["datatype"]) == (NAME, "BYTES")
    for version in ("2", "x"):
        assert not client.is_model_ready(NAME, version) if transport == "over_http" else True
        with pytest.raises(InferenceServerException, match="has no version"):
            client.get_model_metadata(NAME, version)
    with pytest.raises(InferenceServerException, match="model 'other' not found"):
        client.get_model_metadata("other")


def test_tritons_http_client_gets_base64(over_http: Any) -> None:
    image = tritonclient.http.InferInput("image", [2], "BYTES")
    image.set_data_from_numpy(np.array([base64_of(line) for line in LINES], dtype=object), binary_data=False)
    wanted = [tritonclient.http.InferRequestedOutput(name, binary_data=False) for name in ("text", "confidence")]
    result = over_http.infer(NAME, [image], request_id="42", outputs=wanted)
    assert result.get_response()["id"] == "42"
    assert [base64.b64decode(text).decode() for text in result.as_numpy("text")] == list(LINES)
    assert result.as_numpy("confidence").dtype == np.float32 and (result.as_numpy("confidence") > 80).all()


def test_tritons_http_client_is_refused_with_the_reason(over_http: Any) -> None:
    image = tritonclient.http.InferInput("image", [1], "BYTES")
    image.set_data_from_numpy(np.array([page(LINES[0])], dtype=object), binary_data=True)
    with pytest.raises(InferenceServerException, match="binary_data=False"):
        over_http.infer(NAME, [image])
    image.set_data_from_numpy(np.array(["bm8gaW1hZ2U="], dtype=object), binary_data=False)
    with pytest.raises(InferenceServerException, match="image 0: it is not a PNG, JPEG or TIFF"):
        over_http.infer(NAME, [image])


@pytest.mark.parametrize("element", [page, lambda line: base64_of(line).encode()], ids=["bytes", "base64"])
def test_tritons_grpc_client_gets_the_bytes(over_grpc: Any, element: Any) -> None:
    image = tritonclient.grpc.InferInput("image", [2], "BYTES")
    image.set_data_from_numpy(np.array([element(line) for line in LINES], dtype=object))
    result = over_grpc.infer(NAME, [image], request_id="42", model_version="1")
    assert result.get_response().id == "42"
    assert [text.decode() for text in result.as_numpy("text")] == list(LINES)
    assert (result.as_numpy("confidence") > 80).all()


def test_kserves_models_fit_requests_and_answers(container: Container, kserve: ModuleType) -> None:
    image = kserve.RequestInput(name="image", shape=[1], datatype="BYTES", data=[base64_of(LINES[0])])
    request = kserve.InferenceRequest(id="42", inputs=[image])
    answer = container.post(f"/v2/models/{NAME}/infer", json=request.model_dump(exclude_none=True))
    read = kserve.InferenceResponse.model_validate_json(answer.text)
    assert (read.model_name, read.model_version, read.id) == (NAME, "1", "42")
    assert base64.b64decode(read.outputs[0].data[0]).decode() == LINES[0]

    with_nulls = container.post(f"/v2/models/{NAME}/infer", json=json.loads(request.model_dump_json()))
    assert kserve.InferenceResponse.model_validate_json(with_nulls.text).id == "42"


def test_kserves_models_fit_health_and_metadata(container: Container, kserve: ModuleType) -> None:
    for path, model in {
        "/v2": kserve.ServerMetadataResponse,
        "/v2/health/live": kserve.ServerLiveResponse,
        "/v2/health/ready": kserve.ServerReadyResponse,
        f"/v2/models/{NAME}": kserve.ModelMetadataResponse,
        f"/v2/models/{NAME}/ready": kserve.ModelReadyResponse,
        f"/v2/models/{NAME}/versions/1/ready": kserve.ModelReadyResponse,
    }.items():
        assert model.model_validate_json(container.get(path).text), path
