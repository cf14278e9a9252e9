"""Serve the Open Inference Protocol V2 over gRPC: ``inference.GRPCInferenceService``, as the published proto says."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from ocrkit.unreadable import Unreadable
from servicekit.places import Busy
from svc_ocr_model import open_inference_grpc_pb2 as pb
from svc_ocr_model.fields import parse
from svc_ocr_model.model import IMAGE, NAME, OUTPUTS, PLATFORM, SERVER, VERSION, check_name
from svc_ocr_model.protobuf import answer_of, request_of
from svc_ocr_model.service import Service
from svc_ocr_model.tensors import Refused, TensorSpec, UnknownModel

log = logging.getLogger("svc-ocr-model.grpc")

M = TypeVar("M", bound=Message)
Context = grpc.aio.ServicerContext[Any, Any]

#: In seconds: calls that are not done this long after SIGTERM are cancelled.
_GRACE = 1.0
_CODES: dict[type[Exception], grpc.StatusCode] = {
    Refused: grpc.StatusCode.INVALID_ARGUMENT,
    Unreadable: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownModel: grpc.StatusCode.NOT_FOUND,
    Busy: grpc.StatusCode.UNAVAILABLE,
}


class Calls:
    """Answer the calls of ``GRPCInferenceService``, one method for each of its rpcs."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def ServerLive(self, request: pb.ServerLiveRequest) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=self._service.is_ready())

    async def ModelReady(self, request: pb.ModelReadyRequest) -> pb.ModelReadyResponse:
        check_name(request.name, request.version)
        return pb.ModelReadyResponse(ready=self._service.is_ready())

    async def ServerMetadata(self, request: pb.ServerMetadataRequest) -> pb.ServerMetadataResponse:
        return pb.ServerMetadataResponse(name=SERVER, version=VERSION)

    async def ModelMetadata(self, request: pb.ModelMetadataRequest) -> pb.ModelMetadataResponse:
        check_name(request.name, request.version)
        return pb.ModelMetadataResponse(
            name=NAME, versions=[VERSION], platform=PLATFORM, inputs=[_spec(IMAGE)], outputs=map(_spec, OUTPUTS)
        )

    async def ModelInfer(self, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
        check_name(request.model_name, request.model_version)
        with self._service.places.taken():
            outputs = await self._service.infer(request_of(request))
        id = request.id or uuid.uuid4().hex
        return answer_of(outputs, id, raw=bool(request.raw_input_contents))


@asynccontextmanager
async def serving(service: Service, address: str, *, max_bytes: int, max_calls: int) -> AsyncIterator[int]:
    """Serve on ``address`` while the context is open, and yield the port. Raises RuntimeError when it is taken.

    A message has at most ``max_bytes`` bytes. gRPC refuses a call while ``max_calls`` others are open.
    """
    options = [("grpc.max_receive_message_length", max_bytes), ("grpc.so_reuseport", 0)]
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=max_calls)
    server.add_generic_rpc_handlers((_handlers(Calls(service)),))
    port = server.add_insecure_port(address)
    await server.start()
    log.info("gRPC is served", extra={"port": port})
    try:
        yield port
    finally:
        await server.stop(_GRACE)


def _handlers(calls: Calls) -> grpc.GenericRpcHandler:
    """Return a handler for each rpc that the proto names. Raises AttributeError when one is missing."""
    described = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    handlers: dict[str, grpc.RpcMethodHandler[bytes, Message]] = {
        method.name: grpc.unary_unary_rpc_method_handler(
            _answered(method.name, GetMessageClass(method.input_type), getattr(calls, method.name)),
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )
        for method in described.methods
    }
    return grpc.method_handlers_generic_handler(described.full_name, handlers)


def _answered(
    name: str, kind: type[M], call: Callable[[M], Awaitable[Message]]
) -> Callable[[bytes, Context], Awaitable[Message]]:
    """Return the call with a status for each exception, and a log line. No client gets an unexpected one's text."""

    async def answered(request: bytes, context: Context) -> Message:
        started, code = time.perf_counter(), grpc.StatusCode.CANCELLED
        try:
            answer = await call(parse(kind, request))
            code = grpc.StatusCode.OK
            return answer
        except tuple(_CODES) as error:
            code = _CODES[type(error)]
            await context.abort(code, str(error))
        except Exception:
            code = grpc.StatusCode.INTERNAL
            log.exception("a call failed", extra={"method": name})
            await context.abort(code, "internal error; the service's log has it")
        finally:
            if name == "ModelInfer":
                seconds = round(time.perf_counter() - started, 4)
                log.info("call", extra={"method": name, "code": code.name, "seconds": seconds})

    return answered


def _spec(spec: TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(name=spec.name, datatype=spec.datatype, shape=spec.shape)
