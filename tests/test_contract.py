"""Every arm answers alike: contract.json is the contract, case by case.

A case is a request (by default POST /predict with application/json) and what every
arm answers to it: `status`; for a problem its `code` and all of its `errors`; for
predictions the number of `rows`; for anything else the `json`. A `detail` is given
where no error says it.
"""

import base64
import json
import math
import re
import socket
import time
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
import requests
from conftest import model_of

from workshop import models
from workshop.paths import ROOT
from workshop.servers.problems import PROBLEMS
from workshop.serving import ask, body, serve

CASES = json.loads((ROOT / "tests" / "contract.json").read_text(encoding="utf-8"))
ROW = (
    b'{"distance_miles": 1.5, "pickup_zone": "1-east", "dropoff_zone": "2-west",'
    b' "hour": 8, "weekday": 2, "passengers": 1}'
)
TIMING = "Server-Timing"
GOOD = b'{"instances": [' + ROW + b"]}"


def send(url, case):
    asked = case["request"]
    body = asked.get("body", "").encode()
    with requests.Session() as session:
        session.trust_env = False
        request = requests.Request(
            asked.get("method", "POST"),
            url + asked.get("path", "/predict"),
            headers=asked.get("headers", {"Content-Type": "application/json"}),
            data=base64.b64decode(asked.get("body_base64", "")) or body,
        ).prepare()
        request.url = url + asked.get("path", "/predict")
        return session.send(request, timeout=20)


def strict_json(text):
    """The JSON in a text, without the NaN and Infinity that Python lets through."""

    def refuse(token):
        raise ValueError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def assert_problem(answer, status, code):
    problem = strict_json(answer.text)
    assert answer.status_code == status, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "error", "errors"}
    assert problem["type"] == f"urn:fare:{code}"
    assert (status, problem["title"]) == PROBLEMS[code]
    assert problem["status"] == status
    assert problem["detail"] == problem["error"] != ""
    assert not re.search(r"Traceback|\.py\b|\.rs:|\.onnx|panicked", answer.text)
    return problem


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(url, case):
    answer = send(url, case)
    if code := case.get("code"):
        problem = assert_problem(answer, case["status"], code)
        assert problem["errors"] == case.get("errors", [])
        assert problem["detail"] == case.get("detail", problem["detail"])
        if problem["errors"]:
            assert problem["detail"] == problem["errors"][0]["detail"]
        for method in case.get("allow", []):
            assert method in answer.headers["allow"]
        return
    content = strict_json(answer.text)
    assert answer.status_code == case["status"], content
    assert answer.headers["content-type"] == "application/json"
    if "json" in case:
        assert content == case["json"]
        return
    assert set(content) == {"predictions"}
    assert len(content["predictions"]) == case["rows"]
    assert all(math.isfinite(fare) for fare in content["predictions"])


def test_ids_are_unique():
    assert len({case["id"] for case in CASES}) == len(CASES) > 50


class Connection:
    """A socket to a server, for what an HTTP library would not send."""

    def __init__(self, url):
        address = (urlsplit(url).hostname, urlsplit(url).port)
        self.socket = socket.create_connection(address, timeout=10)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))

    def receive(self):
        """The next answer: its status and its JSON; None once the server has closed."""
        line = self.file.readline()
        if not line:
            return None
        length = 0
        while (header := self.file.readline().lower()) != b"\r\n":
            if header.startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        content = self.file.read(length)
        return int(line.split()[1]), content and strict_json(content)


def head(*headers):
    """The head of a POST to /predict, with the headers given."""
    lines = [b"POST /predict HTTP/1.1", b"Host: a", b"Content-Type: application/json"]
    return b"\r\n".join([*lines, *headers, b"", b""])


def post(body, *headers):
    return head(b"Content-Length: %d" % len(body), *headers) + body


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def count(answer):
    status, content = answer
    return status, len(content.get("predictions", ()))


def test_pipelined_requests_are_answered_in_order(url):
    with Connection(url) as connection:
        connection.send(post(GOOD), post(b'{"instances": []}'))
        assert count(connection.receive()) == (200, 1)
        assert count(connection.receive()) == (200, 0)


def test_a_broken_request_leaves_the_connection_usable(url):
    with Connection(url) as connection:
        connection.send(post(b'{"instances":'))
        assert connection.receive()[0] == 400
        connection.send(post(GOOD))
        assert count(connection.receive()) == (200, 1)


def test_nothing_is_answered_after_connection_close(url):
    with Connection(url) as connection:
        connection.send(post(GOOD, b"Connection: close"), post(GOOD))
        assert count(connection.receive()) == (200, 1)
        assert connection.receive() is None


def test_a_body_in_chunks_is_read(url):
    with Connection(url) as connection:
        connection.send(head(b"Transfer-Encoding: chunked"), chunk(GOOD[:50]))
        time.sleep(0.1)  # so that the halves do not arrive as one
        connection.send(chunk(GOOD[50:]), chunk(b""))
        assert count(connection.receive()) == (200, 1)


def test_a_client_that_asks_first_is_told_to_continue(url):
    with Connection(url) as connection:
        connection.send(
            head(b"Content-Length: %d" % len(GOOD), b"Expect: 100-continue")
        )
        start = time.perf_counter()
        assert connection.receive() == (100, b"")
        assert time.perf_counter() - start < 0.9  # where a client gives up waiting
        connection.send(GOOD)
        assert count(connection.receive()) == (200, 1)


def test_a_client_that_asks_first_with_too_much_is_refused_at_once(strict_url):
    with Connection(strict_url) as connection:
        connection.send(head(b"Content-Length: 1001", b"Expect: 100-continue"))
        assert connection.receive()[0] == 413


def test_the_limit_of_a_body_is_exact_and_named(strict_url):
    for size, status in ((1000, 200), (1001, 413)):
        with Connection(strict_url) as connection:
            connection.send(post(GOOD.ljust(size)))
            answered, content = connection.receive()
        assert answered == status
        if status == 413:
            assert content["detail"] == "the body is over the limit of 1000 bytes"


def test_the_limit_holds_for_a_body_in_chunks(strict_url):
    for size, status in ((1000, 200), (1001, 413)):
        with Connection(strict_url) as connection:
            body = chunk(GOOD.ljust(size)) + chunk(b"")
            connection.send(head(b"Transfer-Encoding: chunked"), body)
            assert connection.receive()[0] == status


def test_megabytes_too_many_get_a_readable_answer(strict_url):
    big = b" " * 3_000_000
    for data in (big, iter([big[:1_000_000]] * 3)):
        answer = requests.post(
            f"{strict_url}/predict",
            data=data,
            headers={"Content-Type": "application/json"},
            proxies={"http": ""},
            timeout=20,
        )
        assert_problem(answer, 413, "too-large")


def test_a_stream_without_end_costs_no_memory(strict_url):
    before = strict_url.rss_bytes()
    piece = chunk(b" " * 65_536)
    with Connection(strict_url) as connection:
        connection.send(head(b"Transfer-Encoding: chunked"))
        end = time.monotonic() + 0.5
        with suppress(ConnectionError):
            while time.monotonic() < end:
                connection.send(piece)
    assert strict_url.rss_bytes() - before < 20e6
    with Connection(strict_url) as connection:
        connection.send(post(GOOD))
        assert count(connection.receive()) == (200, 1)


def test_a_slow_request_holds_no_place_and_is_given_up(strict_url):
    with Connection(strict_url) as slow, Connection(strict_url) as other:
        slow.send(head(b"Content-Length: 500"), b"{")
        time.sleep(0.2)
        other.send(post(GOOD))  # there is one place
        assert count(other.receive()) == (200, 1)
        status, problem = slow.receive()
        assert (status, problem["type"]) == (408, "urn:fare:slow-client")


def test_more_slow_bodies_than_places_make_no_request_fail(url):
    with ExitStack() as slow, Connection(url) as other:
        connections = [slow.enter_context(Connection(url)) for _ in range(300)]
        for each in connections:
            each.send(head(b"Content-Length: %d" % len(GOOD)), GOOD[:50])
        time.sleep(0.2)
        other.send(post(GOOD))
        assert count(other.receive()) == (200, 1)
        connections[-1].send(GOOD[50:])
        assert count(connections[-1].receive()) == (200, 1)


def test_it_stops_when_told_and_finishes_what_it_began(arm):
    with serve(arm, model_of(arm)) as url, Connection(url) as running:
        with Connection(url) as silent, Connection(url) as idle:
            idle.send(post(GOOD))
            assert count(idle.receive()) == (200, 1)
            running.send(head(b"Content-Length: %d" % len(GOOD)), GOOD[:50])
            time.sleep(0.2)
            server = psutil.Process(url.pid)
            server.terminate()
            assert idle.receive() is None
            assert silent.receive() is None
        with pytest.raises(ConnectionError):
            Connection(url)
        running.send(GOOD[50:])
        assert count(running.receive()) == (200, 1)
        assert running.receive() is None
        assert server.wait(10) == 0


def test_the_answer_says_where_its_time_went(url, rides):
    found = {}
    for rows in (0, 1, 5000):
        start = time.perf_counter()
        answer = send(url, {"request": {"body": body(rides.head(rows)).decode()}})
        total = (time.perf_counter() - start) * 1e3
        parts = dict(part.split(";dur=") for part in answer.headers[TIMING].split(", "))
        assert list(parts) == ["parse", "queue", "predict", "write"]
        found[rows] = {name: float(spent) for name, spent in parts.items()}
        assert min(found[rows].values()) >= 0
        assert sum(found[rows].values()) < total
    assert found[5000]["parse"] > found[1]["parse"]


def test_rides_get_the_fares_of_scikit_learn(arm, url, rides):
    rides = rides.sample(200, random_state=0)
    fares = np.array(ask(url, rides))
    if arm.startswith("noop"):
        assert (fares == 0).all()
        return
    expected = models.load("fare_small").predict(rides)
    assert np.abs(fares - expected).max() < 1e-4


def test_a_float32_is_as_short_as_it_can_be(arm, url, rides):
    fares = [str(fare) for fare in ask(url, rides.head(200))]
    if arm == "sklearn-fastapi":  # float64
        assert max(map(len, fares)) > 12
    else:
        assert fares == [str(np.float32(fare)) for fare in fares]
