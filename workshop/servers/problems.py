"""What a server answers when it cannot answer: RFC 9457 problem details."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import HTTPException
from starlette.exceptions import HTTPException as RoutingError
from starlette.requests import ClientDisconnect

PROBLEMS = {
    "not-json": (400, "The body is not JSON"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "The method is not allowed"),
    "slow-client": (408, "The request came too slowly"),
    "too-large": (413, "The body is too large"),
    "wrong-type": (415, "The body must be application/json"),
    "wrong-encoding": (415, "The body must not be encoded"),
    "wrong-rows": (422, "The rows do not fit the model"),
    "overloaded": (429, "Too many requests are in flight"),
    "internal": (500, "The server failed"),
    "not-ready": (503, "The server is not ready"),
    "timeout": (504, "The answer took too long"),
}


@dataclass(eq=False)
class RequestError(Exception):
    """A request that gets an error for an answer; ``code`` is a key of PROBLEMS."""

    code: str
    detail: str
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] | None = None

    def response(self) -> Response:
        """Return the problem as an HTTP response."""
        status, title = PROBLEMS[self.code]
        body: dict[str, Any] = {
            "type": f"urn:fare:{self.code}",
            "title": title,
            "status": status,
            "detail": self.detail,
            "error": self.detail,
            "errors": self.errors,
        }
        return Response(
            orjson.dumps(body), status, self.headers, "application/problem+json"
        )


async def _problem(_: Request, problem: RequestError) -> Response:
    return problem.response()


async def _routing(request: Request, error: HTTPException) -> Response:
    path, method = request.url.path, request.method
    if error.status_code == PROBLEMS["method-not-allowed"][0]:
        detail = f"{path} does not take {method}"
        headers = dict(error.headers or {})
        return RequestError("method-not-allowed", detail, headers=headers).response()
    detail = (
        f"there is nothing at {path}: "
        "try POST /predict, GET /health/live or GET /health/ready"
    )
    return RequestError("not-found", detail).response()


async def _left(_: Request, __: ClientDisconnect) -> Response:
    return RequestError(
        "slow-client", "the client left before its body ended"
    ).response()


async def _failed(_: Request, __: Exception) -> Response:
    return RequestError("internal", "the server failed; its log says why").response()


HANDLERS = {
    RequestError: _problem,
    RoutingError: _routing,
    ClientDisconnect: _left,
    Exception: _failed,
}
