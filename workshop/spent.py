"""Where a request's time goes, by the server's account and by the client's clock."""

import re
import socket
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import pandas as pd

from workshop.errors import WorkshopError

PARTS = ("parse", "queue", "predict", "write")  # of the header Server-Timing, in ms
REST = "framework, HTTP, network"  # what the client waits beside these
HEAD = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n"
)
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
TIMING = re.compile(rb"server-timing: *(.*?)\r\n", re.IGNORECASE)


def spent(url: str, bodies: Sequence[bytes]) -> pd.Series:
    """Return the median seconds that a request spends in each part, by its name.

    Each body is posted once, over one connection, after one round that is not counted.
    Raises WorkshopError where an answer is not 200 or does not say where its time went.
    """
    found = pd.DataFrame(_answers(url, [*bodies, *bodies])).tail(len(bodies))
    found[REST] = found.pop("wait") - found.sum(axis=1)
    return found.median()


def _answers(url: str, bodies: Sequence[bytes]) -> Iterator[dict[str, float]]:
    """Yield the seconds in each part and what the client waited, for each body.

    By a plain socket: an HTTP library's own time would be most of what is measured.
    """
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as to:
        to.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for body in bodies:
            request = HEAD % len(body) + body
            start = time.perf_counter()
            to.sendall(request)
            answer = to.recv(65_536)
            while not _whole(answer) and (more := to.recv(65_536)):
                answer += more
            wait = time.perf_counter() - start
            said = TIMING.search(answer)
            if (
                not answer.startswith(b"HTTP/1.1 200 ")
                or not said
                or not _whole(answer)
            ):
                line = answer.partition(b"\r\n")[0].decode(errors="replace")
                raise WorkshopError(
                    f"{url} did not say where its time went, but: {line or 'nothing'}. "
                    "Ask it once with ask() to see why."
                )
            parts = dict(part.split(b";dur=") for part in said[1].split(b", "))
            spent = {name: float(parts[name.encode()]) / 1e3 for name in PARTS}
            yield {**spent, "wait": wait}


def _whole(answer: bytes) -> bool:
    head, end, content = answer.partition(b"\r\n\r\n")
    return bool(end) and len(content) >= int(LENGTH.search(head)[1])
