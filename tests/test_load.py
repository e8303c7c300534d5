"""What a load tells of a server, and what it refuses to tell."""

import os
from contextlib import closing
from socket import create_server

import psutil
import pytest

from workshop import models
from workshop.errors import WorkshopError
from workshop.load import load, result
from workshop.serving import bodies, serve, two_cores

REPORT = {
    "url": "http://127.0.0.1:1/predict",
    "connections": 4,
    "threads": 1,
    "warmup_s": 0.5,
    "seconds": 2.0,
    "requests": 1000,
    "rate_per_s": 500.0,
    "statuses": {"200": 1000},
    "errors": {},
    "histogram": [[0.001, 500], [0.002, 490], [0.1, 9], [3.0, 1]],
}


@pytest.mark.parametrize(
    ("q", "seconds"),
    [(0, 0.001), (0.5, 0.001), (0.501, 0.002), (0.99, 0.002), (0.999, 0.1), (1, 3.0)],
)
def test_a_quantile_is_the_time_within_which_that_share_came(q, seconds):
    assert result(REPORT).quantile_s(q) == seconds


@pytest.mark.parametrize("q", [-0.1, 1.1, 99])
def test_a_quantile_that_is_no_share_is_refused(q):
    with pytest.raises(WorkshopError, match="between 0 and 1"):
        result(REPORT).quantile_s(q)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"statuses": {"200": 1000, "429": 3}}, "3 x 429 beside 1000"),
        ({"errors": {"read": 2}}, "2 x read beside 1000"),
        ({"statuses": {}, "requests": 0, "histogram": []}, "nothing beside 0"),
    ],
)
def test_answers_that_are_no_200_are_not_timed(changed, told):
    with pytest.raises(WorkshopError, match=told):
        result(REPORT | changed)


@pytest.fixture(scope="module")
def axum():
    server, _ = two_cores()
    with serve("noop-axum", models.ensure("fare_small").onnx, cores=server) as url:
        yield url


def test_a_load_counts_and_times_answers_of_axum(axum, rides):
    _, cores = two_cores()
    made = bodies(rides, 1, 100, seed=0)
    done = load(axum, made, connections=2, seconds=0.5, cores=cores)
    assert (done.connections, done.seconds) == (2, 0.5)
    assert done.requests == sum(count for _, count in done.histogram) > 100
    assert done.rate_per_s == pytest.approx(done.requests / done.seconds)
    assert 0 < done.quantile_s(0.5) <= done.quantile_s(0.99) < 1


def test_a_load_of_wrong_bodies_on_axum_is_refused(axum):
    with pytest.raises(WorkshopError, match=r"\d+ x 422 beside 0"):
        load(axum, [b'{"rows": []}'], connections=1, seconds=0.5)


def test_a_load_on_no_axum_says_that_nobody_answers():
    with closing(create_server(("127.0.0.1", 0))) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(WorkshopError, match=r"did not run.*no server answers"):
        load(f"http://127.0.0.1:{port}", [b"{}"], connections=1, seconds=0.1)


def test_a_server_and_its_load_get_different_cores():
    server, client = two_cores()
    if len(psutil.Process().cpu_affinity()) > 1:
        assert server.isdisjoint(client)
        assert server | client <= os.sched_getaffinity(0)
    else:
        assert (server, client) == (None, None)
