"""What a server holds and what its start costs, from measurements that are made up."""

import numpy as np
import pandas as pd
import pytest
from test_versus import result, samples

from workshop.bench import capacity
from workshop.bench.capacity import READY, SHARES
from workshop.served import AGAIN, LATENCY, TURN

LAUNCHES = 2


def tries(waits_s, **changed):
    """What came of rates 100, 200 and 300 in each launch; waits_s: p99 by rate."""
    row = {"refused": 0, "timeouts": 0, "other_failures": 0, "answers": 500}
    rows = [
        {"arm": "onnx-axum", "launch": launch, "rate_per_s": rate, "p99_s": seconds}
        | row
        for launch in range(LAUNCHES)
        for rate, seconds in zip((100, 200, 300), waits_s, strict=True)
    ]
    table = pd.DataFrame(rows).assign(lateness_p99_s=1e-4)
    table["p99_low_s"], table["p99_high_s"] = 0.9 * table.p99_s, 1.1 * table.p99_s
    for column, (row_number, value) in changed.items():
        table.loc[row_number, column] = value
    return result("capacity", **{"by rate": table})


def test_a_rate_is_held_up_to_the_knee():
    table = capacity.held(tries([0.001, 0.01, 0.5]))
    assert table.loc["onnx-axum", ["rate_per_s", "p99_s", "answers"]].tolist() == [
        *(200, 0.01, 500)
    ]
    said = capacity.in_words(table).loc["ONNX behind axum"]
    assert said.tolist() == ["200", "10.0 ms (9.00 ms to 11.0 ms)", "500"]


@pytest.mark.parametrize(
    "changed",
    [
        {"p99_high_s": (1, 0.051)},  # the end of the interval counts
        {"p99_high_s": (1, np.nan)},  # too few answers for one
        {"refused": (1, 1)},
        {"timeouts": (4, 1)},  # in one of the launches
        {"other_failures": (1, 3)},
        {"lateness_p99_s": (1, 0.002)},  # the load's own fault, so not tried
    ],
)
def test_a_rate_that_failed_once_is_not_held(changed):
    found = capacity.held(tries([0.001, 0.01, 0.012], **changed))
    assert found.loc["onnx-axum", "rate_per_s"] == 100


def test_an_arm_that_holds_no_rate_is_told_so():
    table = capacity.held(tries([0.5, 0.6, 0.7]))
    assert table.loc["onnx-axum"].isna().all()
    assert capacity.in_words(table).iloc[0].tolist() == ["none that was tried", "", ""]


def test_the_worst_launch_is_shown():
    found = capacity.held(tries([0.001, 0.01, 0.5], p99_s=(4, 0.015)))
    assert found.loc["onnx-axum", "p99_s"] == 0.015


def test_rates_are_shares_of_what_many_clients_get():
    turns = {"onnx-axum": 1e-3, "onnx-fastapi": 1e-2, "onnx-fastapi" + AGAIN: 1e-2}
    closed = samples(TURN.format(16), 1, turns)
    found = capacity.rates_to_try(closed)
    assert [*found] == ["onnx-axum", "onnx-fastapi"]
    assert found["onnx-axum"] == pytest.approx([1000 * share for share in SHARES])
    assert found["onnx-fastapi"] == pytest.approx([100 * share for share in SHARES])


def test_a_start_is_paid_for_after_as_many_requests_as_it_is_long():
    starts = pd.DataFrame(
        {"arm": "onnx-axum", "model": "fare", "launch": [0, 1], "rss_bytes": 2**25}
    )
    found = result(
        "capacity",
        samples(READY.format("fare"), 1, {"onnx-axum": 0.02}),
        samples(LATENCY.format(1), 1, {"onnx-axum": 1e-4, "sklearn-fastapi": 1e-2}),
        starts=starts,
    )
    assert capacity.paid_after(found, "onnx-axum").ratio == pytest.approx(200)
    row = capacity.start_and_memory(found).loc["ONNX behind axum", "fare"]
    assert row["memory, MiB"] == "32.0"
    assert row["launch to ready"].startswith("20.0 ms (")
    assert row["paid for after requests"].startswith("200 (")


def test_a_peer_runs_alone():
    arms = {"onnx-axum": "a", "onnx-litserve": "b", "noop-axum": "c"}
    assert capacity.together(arms) == [
        {"onnx-axum": "a", "noop-axum": "c"},
        {"onnx-litserve": "b"},
    ]
