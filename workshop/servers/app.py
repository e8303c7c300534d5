"""The application: routes, limits, and the way from a request to its answer."""

import asyncio
import logging
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response

from workshop.servers.models import Model
from workshop.servers.problems import HANDLERS, RequestError
from workshop.servers.rows import by_row, read_rows

# A hand-over to a thread costs 30 to 60 us of processor time: as much as one row with
# ONNX, a tenth of 100 rows (11 kB). So bodies up to this size are answered on the event
# loop, and a thread takes the larger ones, to keep the loop free for other requests.
INLINE_BYTES = 16_384
SLOW_ROW_S = 0.01  # a model that takes longer for one row always answers in the thread
LOG = logging.getLogger(__name__)
# Where the time of an answer went, in ms.
TIMING = "parse;dur={:.3f}, queue;dur={:.3f}, predict;dur={:.3f}, write;dur={:.3f}"
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
    answered: bool = False
    stopping: bool = False
    inline_bytes: int = INLINE_BYTES
    thread: Executor = field(default_factory=partial(ThreadPoolExecutor, 1))

    def answer(self, body: bytes | bytearray, arrived: float) -> Response:
        """Return the predictions for a body; raises RequestError.

        arrived: when the body was whole, in seconds of time.perf_counter.
        """
        begun = time.perf_counter()
        arrays = read_rows(body, self.model.columns)
        read = time.perf_counter()
        predictions = self.predict(arrays)
        predicted = time.perf_counter()
        content = orjson.dumps({"predictions": predictions}, option=NUMPY)
        written = time.perf_counter()
        spent = read - begun, begun - arrived, predicted - read, written - predicted
        headers = {"Server-Timing": TIMING.format(*(1e3 * each for each in spent))}
        return Response(content, headers=headers, media_type="application/json")

    def predict(self, arrays: dict[str, np.ndarray]) -> Any:
        """Return one entry a row, as orjson takes it; raises RequestError."""
        rows = len(next(iter(arrays.values())))
        if rows == 0:
            return []
        if self.model.batch not in (None, rows):
            detail = f"the model takes {self.model.batch} rows at a time, not {rows}"
            raise RequestError("wrong-rows", detail)
        predictions = by_row(self.model.predict(arrays))
        self.answered = True
        return predictions

    def warm_up(self) -> None:
        """Make a first prediction, then time one; without them it is not ready yet."""
        row = {name: column.example() for name, column in self.model.columns.items()}
        body = orjson.dumps({"instances": [row] * (self.model.batch or 1)})
        try:
            self.answer(body, 0.0)
            start = time.perf_counter()
            self.answer(body, start)
        except RequestError as error:
            LOG.warning("not ready, a made-up row has no answer: %s", error.detail)
        else:
            slow = time.perf_counter() - start > SLOW_ROW_S
            self.inline_bytes = 0 if slow else INLINE_BYTES

    def check_slots(self) -> None:
        """Raise RequestError where no place among the requests in flight is free."""
        if self.in_flight >= self.limits.max_inflight:
            detail = f"{self.limits.max_inflight} requests are in flight: try again"
            raise RequestError("overloaded", detail, headers={"Retry-After": "1"})

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a place while an answer is made; raises RequestError if none is free.

        A request whose body is still arriving holds none, so that slow clients cannot
        take them all.
        """
        self.check_slots()
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1


async def predict(request: Request) -> Response:
    """Answer POST /predict."""
    service: Service = request.app.state.service
    service.check_slots()
    check_type(request)
    body = await read_body(request, service.limits)
    arrived = time.perf_counter()
    with service.slot():
        if len(body) <= service.inline_bytes:
            return service.answer(body, arrived)
        return await in_thread(service, body, arrived)


def check_type(request: Request) -> None:
    """Raise RequestError unless the request says that its body is plain JSON."""
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != "application/json":
        raise RequestError("wrong-type", "the body must be application/json")
    encodings = request.headers.getlist("content-encoding")
    if any(encoding.lower() != "identity" for encoding in encodings):
        detail = "the body must come as it is, without a Content-Encoding"
        takes = {"Accept-Encoding": "identity"}
        raise RequestError("wrong-encoding", detail, headers=takes)


async def read_body(request: Request, limits: Limits) -> bytearray:
    """Return the whole body; raises RequestError for one too large or too slow."""
    detail = f"the body is over the limit of {limits.max_body_bytes} bytes"
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


async def in_thread(service: Service, body: bytearray, arrived: float) -> Response:
    """Return the answer to a large body, made in a thread; raises RequestError."""
    try:
        async with asyncio.timeout(service.limits.timeout_s):
            loop = asyncio.get_running_loop()
            job = service.answer, body, arrived
            return await loop.run_in_executor(service.thread, *job)
    except TimeoutError:
        detail = f"the answer took longer than {service.limits.timeout_s:g} s"
        raise RequestError("timeout", detail) from None


async def live() -> Response:
    """Answer GET /health/live."""
    return Response(b'{"status":"live"}', media_type="application/json")


async def ready(request: Request) -> Response:
    """Answer GET /health/ready."""
    service: Service = request.app.state.service
    if service.stopping or not service.answered:
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
