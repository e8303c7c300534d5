"""The application: routes, limits, and the way from a request to its answer."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson
from fastapi import FastAPI, Request, Response

from workshop.servers.models import Model
from workshop.servers.problems import HANDLERS, RequestError
from workshop.servers.rows import by_row, read_rows

# A body up to this size is answered on the event loop: a hand-over to a thread costs
# more than it saves. Above it, a thread keeps the loop free for the other requests.
INLINE_BYTES = 16_384
NUMPY = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True)
class Limits:
    """What one server takes on."""

    max_body_bytes: int = 2_097_152
    timeout_s: float = 30.0
    max_inflight: int = 256


@dataclass
class Service:
    """A model, and the requests that it is answering."""

    model: Model
    limits: Limits
    in_flight: int = 0
    ready: bool = False

    def answer(self, body: bytes | bytearray) -> bytes:
        """Return the predictions for a body, as JSON; raises RequestError."""
        arrays = read_rows(body, self.model.columns)
        rows = len(next(iter(arrays.values())))
        predictions = by_row(self.model.predict(arrays)) if rows else []
        return orjson.dumps({"predictions": predictions}, option=NUMPY)

    def warm_up(self) -> None:
        """Make one real prediction, after which the server is ready."""
        rows = [
            {column.name: column.example() for column in self.model.columns.values()}
        ]
        self.answer(orjson.dumps({"instances": rows}))
        self.ready = True

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a place among the requests in flight; raises RequestError if none."""
        if self.in_flight >= self.limits.max_inflight:
            detail = "too many requests are in flight: try again in a second"
            raise RequestError("overloaded", detail, headers={"Retry-After": "1"})
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1


async def predict(request: Request) -> Response:
    """Answer POST /predict."""
    service: Service = request.app.state.service
    with service.slot():
        check_type(request)
        body = await read_body(request, service.limits)
        if len(body) <= INLINE_BYTES:
            answer = service.answer(body)
        else:
            answer = await in_thread(service, body)
    return Response(answer, media_type="application/json")


def check_type(request: Request) -> None:
    """Raise RequestError unless the request says that its body is JSON."""
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != "application/json":
        raise RequestError("wrong-type", "the Content-Type must be application/json")


async def read_body(request: Request, limits: Limits) -> bytearray:
    """Return the whole body; raises RequestError for one too large or too slow."""
    detail = f"the body is larger than {limits.max_body_bytes} bytes"
    if int(request.headers.get("content-length", 0)) > limits.max_body_bytes:
        raise RequestError("too-large", detail)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.max_body_bytes:
                    raise RequestError("too-large", detail)
    except TimeoutError:
        detail = f"the body did not arrive within {limits.timeout_s:g} s"
        close = {"Connection": "close"}
        raise RequestError("slow-client", detail, headers=close) from None
    return body


async def in_thread(service: Service, body: bytearray) -> bytes:
    """Return the answer to a large body, made in a thread; raises RequestError."""
    try:
        async with asyncio.timeout(service.limits.timeout_s):
            return await asyncio.to_thread(service.answer, body)
    except TimeoutError:
        detail = f"the answer took longer than {service.limits.timeout_s:g} s"
        raise RequestError("timeout", detail) from None


async def live() -> Response:
    """Answer GET /health/live."""
    return Response(b'{"status":"live"}', media_type="application/json")


async def ready(request: Request) -> Response:
    """Answer GET /health/ready."""
    if not request.app.state.service.ready:
        raise RequestError("not-ready", "the server is starting or stopping")
    return Response(b'{"status":"ready"}', media_type="application/json")


def create_app(service: Service) -> FastAPI:
    """Return the application of one arm."""
    app = FastAPI(openapi_url=None, redirect_slashes=False, exception_handlers=HANDLERS)
    app.state.service = service
    app.add_api_route("/predict", predict, methods=["POST"])
    app.add_api_route("/health/live", live, methods=["GET", "HEAD"])
    app.add_api_route("/health/ready", ready, methods=["GET", "HEAD"])
    return app
