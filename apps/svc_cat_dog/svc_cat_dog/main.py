"""Serve ``POST /classify``, which tells whether a picture shows a cat or a dog."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from servicekit.app import create_app
from servicekit.places import Places
from servicekit.problems import refusals
from servicekit.settings import ServiceSettings, load
from servicekit.upload import ENVELOPE, describe_body, receive_upload
from svc_cat_dog.answers import Answer, Answers, Patience, Store, digest_of
from svc_cat_dog.breaker import Breaker
from svc_cat_dog.classifier import Classifier, load_classifier
from svc_cat_dog.pictures import Limits, UnknownKind, Unreadable, read_picture

log = logging.getLogger("svc-cat-dog")


class Settings(ServiceSettings):
    """Hold the settings.

    The service takes ``max_requests`` requests at the same time, and classifies ``workers`` pictures of them. A look-up
    in Redis takes at most ``redis_seconds``; after a failure, Redis rests for ``redis_rest_seconds``. Redis forgets an
    answer after ``answer_seconds``.
    """

    redis_host: str = "redis"
    redis_seconds: PositiveFloat = 0.2
    redis_rest_seconds: PositiveFloat = 5
    answer_seconds: PositiveInt = 30 * 24 * 3600
    max_bytes: PositiveInt = 8_000_000
    max_pixels: PositiveInt = 25_000_000
    body_seconds: PositiveFloat = 30
    max_requests: PositiveInt = 32
    workers: PositiveInt = 2


class Probabilities(BaseModel):
    cat: float
    dog: float


class Classified(BaseModel):
    """An answer. ``digest`` names the picture's bytes; ``cached`` tells whether the answer was found in Redis."""

    label: str
    confidence: float
    probabilities: Probabilities
    digest: str
    model: str
    cached: bool


class Card(BaseModel):
    """The weights' name, and facts about their training under the names that the file of the weights gives them."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str]

    model: str


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    from svc_cat_dog.redis_store import RedisStore

    settings = load(Settings)
    store = RedisStore(settings.redis_host, settings.answer_seconds)
    return create(settings, load_classifier(), store)


def create(settings: Settings, classifier: Classifier, store: Store) -> FastAPI:
    """Return the service. It is ready without its store, because answers do not need it."""
    limits = Limits(settings.max_pixels, painted=8 * settings.max_pixels)
    patience, breaker = Patience(settings.redis_seconds), Breaker(settings.redis_rest_seconds)
    answers = Answers(store, classifier.model, patience, breaker)
    places, threads = Places(settings.max_requests), anyio.CapacityLimiter(settings.workers)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aclosing(store):
            yield

    max_body = settings.max_bytes + ENVELOPE
    app = create_app("svc-cat-dog", lifespan=lifespan, max_body=max_body, body_seconds=settings.body_seconds)

    @app.post("/classify", openapi_extra=describe_body(), responses=refusals(400, 408, 413, 415, 422, 503))
    async def classify(request: Request, after: BackgroundTasks) -> Classified:
        """Tell whether the JPEG or PNG in the multipart field ``file`` shows a cat or a dog."""
        try:
            with places.taken():
                async with receive_upload(request, settings.max_bytes) as upload:
                    data = await upload.read()
                return await answered(data, after)
        except UnknownKind as error:
            raise HTTPException(415, str(error)) from error
        except Unreadable as error:
            log.info("a picture cannot be read", exc_info=error)
            raise HTTPException(422, str(error)) from error

    @app.get("/model")
    def model() -> Card:
        """Describe the weights: their data, and their accuracy on pictures that they were not trained on."""
        return Card.model_validate({"model": classifier.model, **classifier.card})

    async def answered(data: bytes, after: BackgroundTasks) -> Classified:
        digest = digest_of(data)
        if found := await answers.find(digest):
            return _as_json(found, digest, classifier.model, cached=True)
        answer = await anyio.to_thread.run_sync(classified, data, limiter=threads)
        after.add_task(answers.keep, digest, answer)
        return _as_json(answer, digest, classifier.model, cached=False)

    def classified(data: bytes) -> Answer:
        return classifier.classify(read_picture(data, limits))

    return app


def _as_json(answer: Answer, digest: str, model: str, *, cached: bool) -> Classified:
    return Classified(
        label=answer.label,
        confidence=max(answer.cat, answer.dog),
        probabilities=Probabilities(cat=answer.cat, dog=answer.dog),
        digest=f"sha256:{digest}",
        model=model,
        cached=cached,
    )
