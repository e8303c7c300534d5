"""What a load tells of a server, and what it refuses to tell."""

import os
from contextlib import closing
from socket import create_server
from threading import Timer

import numpy as np
import pandas as pd
import psutil
import pytest

from workshop import models
from workshop.errors import WorkshopError
from workshop.load import closed_loop, load, open_loop, result, summary
from workshop.serving import bodies, frozen, serve, two_cores
from workshop.stats import quantile_interval

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

COLUMNS = ["scheduled_s", "waited_s", "latency_s", "queued", "outcome"]


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


def test_an_open_loop_tells_of_every_request_when_it_was_due(axum, rides):
    made = bodies(rides, 1, 100, seed=0)
    done = open_loop(axum, made, rate_per_s=500, seconds=1, arrivals="constant")
    assert list(done.columns) == COLUMNS
    assert done["scheduled_s"].to_numpy() == pytest.approx(np.arange(500) / 500)
    assert (done["outcome"] == "200").all()
    assert (done["latency_s"] > done["waited_s"]).all()
    assert done["queued"].dtype == bool


def test_an_open_loop_comes_by_seed(axum):
    def due(seed):
        done = open_loop(axum, [b"{}"], rate_per_s=200, seconds=0.5, seed=seed)
        assert set(done["outcome"]) == {"422"}
        return list(done["scheduled_s"])

    assert due(1) == due(1) != due(2)


# A server stands still for F of the T seconds, and requests come evenly: those of the
# F seconds wait for the rest of them, so a share q of all wait up to F - T (1 - q).
@pytest.mark.parametrize(
    ("still_s", "seconds", "waits_s"),
    [
        (1, 3, {0.5: 0, 0.8: 0.4, 0.9: 0.7, 0.99: 0.97}),
        pytest.param(
            *(10, 30, {0.5: 0, 0.7: 1, 0.9: 7, 0.99: 9.7}), marks=pytest.mark.heavy
        ),
    ],
)
def test_a_server_that_stands_still(still_s, seconds, waits_s, rides):
    made = bodies(rides, 1, 100, seed=0)
    model = models.ensure("fare_small").onnx
    still = {"after_s": seconds / 3, "for_s": still_s}
    with serve("noop-axum", model) as url, frozen(url, **still):
        schedule = {"arrivals": "constant", "connections": 16, "timeout_s": 30}
        done = open_loop(url, made, rate_per_s=100, seconds=seconds, **schedule)
    with serve("noop-axum", model) as url, frozen(url, **still):
        closed = closed_loop(url, made, connections=16, seconds=seconds)

    assert (done["outcome"] == "200").all()
    for q, wait_s in waits_s.items():
        assert done["latency_s"].quantile(q) == pytest.approx(wait_s, abs=0.15)
        ours = quantile_interval(done["latency_s"], q)
        assert ours.seconds == pytest.approx(wait_s, abs=0.15)
        assert not ours.low > wait_s + 0.15 and not ours.high < wait_s - 0.15
    told = summary(done, seconds)
    assert told["p99_s"] == pytest.approx(waits_s[0.99], abs=0.15)
    assert told["answers"] == 100 * seconds
    # Who found a connection free was sent at once; the other waited, as it is told.
    assert done.loc[~done["queued"], "waited_s"].quantile(0.99) < 0.1
    assert done["queued"].mean() == pytest.approx(still_s / seconds, abs=0.1)
    # The closed loop asked 16 times in all that time, and otherwise went on.
    assert (closed["latency_s"] > still_s / 2).sum() == 16
    assert quantile_interval(closed["latency_s"], 0.999).high < 0.1
    assert closed["latency_s"].max() == pytest.approx(still_s, abs=0.15)
    assert closed["waited_s"].max() < 0.1 and not closed["queued"].any()


def test_a_server_that_dies_leaves_failures_that_are_no_latencies(rides):
    model = models.ensure("fare_small").onnx
    made = bodies(rides, 1, 100, seed=0)
    with serve("noop-axum", model) as url:
        Timer(0.5, psutil.Process(url.pid).kill).start()
        done = open_loop(url, made, rate_per_s=500, seconds=1)
    answered = done["outcome"] == "200"
    assert 50 < answered.sum() < 450
    assert set(done.loc[~answered, "outcome"]) <= {"connect", "closed", "read", "write"}
    assert done["latency_s"].notna().equals(answered)
    assert done.loc[answered, "scheduled_s"].max() < 0.6


def test_an_open_loop_on_no_server_says_that_nobody_answers():
    with closing(create_server(("127.0.0.1", 0))) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(WorkshopError, match=r"did not run.*no server answers"):
        open_loop(f"http://127.0.0.1:{port}", [b"{}"], rate_per_s=10, seconds=0.1)


def test_a_summary_mixes_no_refusal_into_the_latencies():
    outcomes = ["200"] * 400 + ["429"] * 30 + ["503"] * 10 + ["timeout"] * 5
    outcomes += ["closed", "422"]
    latency_s = [i / 1000 for i in range(1, 401)] + [1e-6] * 40 + [np.nan] * 6 + [9.0]
    requests = pd.DataFrame(
        {
            "scheduled_s": np.linspace(0, 1.8, len(outcomes)),
            "waited_s": [5.0] * 200 + [0.001] * 247,
            "latency_s": latency_s,
            "queued": [True] * 200 + [False] * 247,
            "outcome": pd.Categorical(outcomes),
        }
    )
    told = summary(requests, seconds=2)
    assert told["scheduled_per_s"] == 447 / 2
    assert told["answered_per_s"] == 397 / 2  # the 398th comes at 1.602 + 0.398 s
    counts = [told[each] for each in ("refused", "timeouts", "other_failures")]
    assert counts == [40, 5, 2]
    assert (told["answers"], told["p50_s"], told["p99_s"]) == (400, 0.2, 0.396)
    assert told["p99_low_s"] < 0.396 < told["p99_high_s"]
    assert told["lateness_p99_s"] == 0.001


def test_a_server_and_its_load_get_different_cores():
    server, client = two_cores()
    if len(psutil.Process().cpu_affinity()) > 1:
        assert server.isdisjoint(client)
        assert server | client <= os.sched_getaffinity(0)
    else:
        assert (server, client) == (None, None)
