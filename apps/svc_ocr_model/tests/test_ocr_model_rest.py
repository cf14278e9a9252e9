"""Test the REST routes without a server and without tesseract, and compare them with the published description."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from openapi_schema_validator import OAS30Validator, OAS31Validator
from svc_ocr_model.main import Settings, create
from svc_ocr_model.model import Reading

from ocrkit.unreadable import Unreadable
from tests.services.described import DescribedClient

DESCRIPTION = yaml.safe_load((Path(__file__).parents[1] / "protocol/open_inference_rest.yaml").read_text("utf-8"))
MODEL = "/v2/models/ocr-model"
PNG = b"\x89PNG\r\n\x1a\n"
PAGE = base64.b64encode(PNG).decode()


async def read(files: Sequence[bytes]) -> list[Reading]:
    """Read each file as its number of bytes."""
    if b"" in files:
        raise Unreadable("image 0: it is not a PNG, JPEG or TIFF")
    return [Reading(f"{len(file)} bytes, für €5", 96.5) for file in files]


def client(language: str = "eng", **settings: Any) -> DescribedClient:
    app = create(Settings(max_bytes=10_000, language=language, **settings), read, lambda: ["deu", "eng"])
    return DescribedClient(app, raise_server_exceptions=False)


def image(*data: object, **changes: object) -> dict[str, object]:
    return {"name": "image", "shape": [len(data)], "datatype": "BYTES", "data": list(data)} | changes


def asked(**changes: object) -> dict[str, object]:
    return {"id": "42", "inputs": [image(PAGE)]} | changes


def fits(schema: str, content: object) -> bool:
    """Tell whether the content has the shape that the published description gives it."""
    described = {"$ref": f"#/components/schemas/{schema}", "components": DESCRIPTION["components"]}
    OAS30Validator(described).validate(content)
    return True


def decoded(output: dict[str, Any]) -> list[str]:
    return [base64.b64decode(text).decode() for text in output["data"]]


PATHS = {
    path.replace("${MODEL_NAME}", "ocr-model").replace("${MODEL_VERSION}", "1"): methods
    for path, methods in DESCRIPTION["paths"].items()
}


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_the_description_answers_in_its_shape(path: str) -> None:
    method = "post" if "post" in PATHS[path] else "get"
    answer = client().request(method, path, json=asked() if method == "post" else None)
    assert answer.status_code == 200, answer.text
    described = PATHS[path][method]["responses"]["200"].get("content")
    if described:
        [content] = described.values()
        assert fits(content["schema"]["$ref"].rpartition("/")[2], answer.json())


@pytest.mark.parametrize("path", [path for path in PATHS if "/versions/1" in path])
def test_the_version_is_optional(path: str) -> None:
    method = "post" if "post" in PATHS[path] else "get"
    answer = client().request(method, path.replace("/versions/1", ""), json=asked() if method == "post" else None)
    assert answer.status_code == 200, answer.text


def test_the_server_and_the_model_describe_themselves() -> None:
    assert client().get("/v2").json() == {"name": "svc-ocr-model", "version": "1", "extensions": []}
    assert client().get("/v2/health/live").json() == {"live": True}
    assert client().get("/v2/health/ready").json() == {"live": True, "ready": True}
    assert client().get(f"{MODEL}/ready").json() == {"name": "ocr-model", "ready": True}
    assert client().get(MODEL).json() == {
        "name": "ocr-model",
        "versions": ["1"],
        "platform": "tesseract_traineddata",
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": "text", "datatype": "BYTES", "shape": [-1]},
            {"name": "confidence", "datatype": "FP32", "shape": [-1]},
        ],
    }


def test_an_inference_answers_the_id_and_base64() -> None:
    body = asked()
    assert fits("inference_request", body)
    answer = client().post(f"{MODEL}/infer", json=body).json()
    text, confidence = answer.pop("outputs")
    assert answer == {"model_name": "ocr-model", "model_version": "1", "id": "42"}
    assert decoded(text) == ["8 bytes, für €5"]
    assert (text["shape"], text["datatype"], text["parameters"]) == ([1], "BYTES", {"content_type": "base64"})
    assert confidence == {"name": "confidence", "shape": [1], "datatype": "FP32", "data": [96.5]}


def test_an_inference_without_an_id_answers_the_id_of_the_request() -> None:
    answer = client().post(f"{MODEL}/infer", json={"inputs": [image(PAGE)]}, headers={"X-Request-ID": "abc"})
    assert answer.json()["id"] == "abc"


@pytest.mark.parametrize(
    "tensor",
    [
        image(PAGE, PAGE),
        image([PAGE], [PAGE], shape=[2, 1]),
        image(PAGE, PAGE, shape=[2, 1]),
        image(PAGE, base64.encodebytes(PNG).decode()),
    ],
    ids=["flat", "nested", "flat-column", "wrapped-base64"],
)
def test_a_batch_is_read_in_the_shape_of_its_input(tensor: dict[str, Any]) -> None:
    outputs = client().post(f"{MODEL}/infer", json=asked(inputs=[tensor])).json()["outputs"]
    assert [output["shape"] for output in outputs] == [tensor["shape"]] * 2
    assert decoded(outputs[0]) == ["8 bytes, für €5"] * 2


def test_only_the_outputs_that_were_asked_for_are_answered_as_they_were_asked_for() -> None:
    plain = {"name": "text", "parameters": {"content_type": "str", "binary_data": False}}
    [text] = client().post(f"{MODEL}/infer", json=asked(outputs=[plain])).json()["outputs"]
    assert (text["data"], text["parameters"]) == (["8 bytes, für €5"], {"content_type": "str"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (asked(inputs=[]), "the model takes one input, 'image'; the request has []"),
        (asked(inputs=[image(PAGE), image(PAGE)]), "the model takes one input"),
        (asked(inputs=[image(PAGE, name="picture")]), "the request has ['picture']"),
        (asked(inputs=[image(PAGE, datatype="FP32")]), "the datatype is BYTES, not 'FP32'"),
        (asked(inputs=[image(PAGE, shape=[2])]), "the shape [2] has 2 elements, the data 1"),
        (asked(inputs=[image(PAGE, shape=[1, 2])]), "the shape is [n] or [n, 1], not [1, 2]"),
        (asked(inputs=[image(shape=[0])]), "the shape is [n] or [n, 1], not [0]"),
        (asked(inputs=[image(PAGE, shape=[])]), "the shape is [n] or [n, 1], not []"),
        (asked(inputs=[image(PAGE, shape=[-1])]), "inputs.0.shape.0: Input should be greater than or equal to 0"),
        (asked(inputs=[image(PAGE, shape=["1"])]), "inputs.0.shape.0: Input should be a valid integer"),
        (asked(inputs=[image(PAGE, shape=[1 << 63, 4])]), "the shape is [n] or [n, 1]"),
        (asked(inputs=[image(*[PAGE] * 257)]), "inputs.0.data: List should have at most 256 items"),
        (asked(inputs=[image([PAGE] * 257, shape=[257, 1])]), "it has more than 256 elements"),
        (asked(inputs=[image(PAGE, shape=[1 << 62])]), "it has more than 256 elements"),
        (asked(inputs=[image(5)]), "element 0 is not a text of base64"),
        (asked(inputs=[image(None)]), "element 0 is not a text of base64"),
        (asked(inputs=[image([[PAGE]])]), "element 0 is not a text of base64"),
        (asked(inputs=[image("not base64!")]), "element 0 is not base64"),
        (asked(inputs=[image("ä")]), "element 0 is not base64"),
        (asked(outputs=[{"name": "language"}]), "the model has no output 'language'; it has 'text', 'confidence'"),
        (asked(outputs=[{"name": "text", "parameters": {"content_type": "pt"}}]), "is 'base64' or 'str', not 'pt'"),
        (asked(id=42), "id: Input should be a valid string"),
        (asked(id="x" * 1001), "id: String should have at most 1000 characters"),
        (asked(parameters={"deep": {}}), "parameters.deep"),
        ({"id": "42"}, "inputs: Field required"),
        ([], "input: Input should be"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(body: object, said: str) -> None:
    answer = client().post(f"{MODEL}/infer", json=body)
    assert (answer.status_code, said in answer.json()["error"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b'{"id": NaN}', "the body is not JSON"),
        (b"[" * 9000, "the body is not JSON"),
        (b'{"id": "\\ud800"}', "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
    ],
)
def test_a_body_that_is_not_json_is_refused(content: bytes, said: str) -> None:
    answer = client().post(f"{MODEL}/infer", content=content)
    assert (answer.status_code, said in answer.json()["error"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/nowhere", {}, 404),
        ("GET", "/v2/models/other", {}, 404),
        ("GET", f"{MODEL}/versions/2", {}, 404),
        ("POST", f"{MODEL}/versions/2/infer", {"json": asked()}, 404),
        ("GET", f"{MODEL}/infer", {}, 405),
        ("POST", "/v2/health/live", {}, 405),
        ("POST", f"{MODEL}/infer", {"content": b"", "headers": {"Inference-Header-Content-Length": "5"}}, 400),
        ("POST", f"{MODEL}/infer", {"json": asked(inputs=[image("A" * 90_000)])}, 413),
        ("POST", f"{MODEL}/infer", {"content": b"", "headers": {"Content-Encoding": "gzip"}}, 415),
        ("POST", f"{MODEL}/infer", {"json": asked(inputs=[image("")])}, 422),
    ],
)
def test_every_error_has_the_protocols_shape(method: str, path: str, sent: dict[str, Any], status: int) -> None:
    answer = client().request(method, path, **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    assert answer.json().keys() == {"error"} and fits("inference_error_response", answer.json())


def test_an_unexpected_exception_has_the_protocols_shape_and_not_its_text() -> None:
    async def broken(files: Sequence[bytes]) -> list[Reading]:
        raise RuntimeError("hunter2")

    app = create(Settings(), broken, lambda: ["eng"])
    answer = DescribedClient(app, raise_server_exceptions=False).post(f"{MODEL}/infer", json=asked())
    assert (answer.status_code, answer.json().keys()) == (500, {"error"})
    assert "hunter2" not in answer.text


def test_openapi_describes_a_request_of_the_protocol() -> None:
    described = client().get("/openapi.json").json()["paths"]
    for path in ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"):
        schema = described[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        OAS31Validator(schema).validate(asked(outputs=[{"name": "text"}]))
        assert not OAS31Validator(schema).is_valid({"inputs": [{"name": "image"}]})


def test_the_metrics_name_whole_paths() -> None:
    asking = client()
    asking.post(f"{MODEL}/versions/1/infer", json=asked())
    assert 'path="/v2/models/{model}/versions/{version}/infer"' in asking.get("/metrics").text


def test_a_model_that_cannot_read_is_alive_and_not_ready() -> None:
    unready = client("fra")
    assert unready.get("/v2/health/live").status_code == 200
    for path in ("/v2/health/ready", f"{MODEL}/ready", f"{MODEL}/versions/1/ready"):
        answer = unready.get(path)
        assert (answer.status_code, answer.json()) == (503, {"error": "the model is not ready"})
    assert unready.get("/ready").json()["failures"] == ["tesseract"]


def test_a_body_that_does_not_arrive_in_time_is_refused() -> None:
    async def main() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await anyio.sleep_forever()
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": f"{MODEL}/infer", "query_string": b"", "headers": []}
        app = create(Settings(body_seconds=0.05), read, lambda: ["eng"])
        await app(scope, receive, send)  # type: ignore[arg-type]
        return sent

    start, body = anyio.run(main)
    assert (start["status"], body["body"]) == (408, b'{"error":"a body arrives within 0.05 s"}')


def test_a_request_without_a_place_is_refused_with_the_time_to_wait() -> None:
    async def waits(files: Sequence[bytes]) -> list[Reading]:
        inner = DescribedClient(app).post(f"{MODEL}/infer", json=asked())
        assert (inner.status_code, inner.headers["retry-after"]) == (503, "5")
        assert inner.json() == {"error": "all 1 places are taken; try again in 5 s"}
        return await read(files)

    app = create(Settings(max_requests=1), waits, lambda: ["eng"])
    assert DescribedClient(app).post(f"{MODEL}/infer", json=asked()).status_code == 200
    assert DescribedClient(app).post(f"{MODEL}/infer", json=asked(inputs=[])).status_code == 400
