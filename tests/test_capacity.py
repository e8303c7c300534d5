"""What a server holds and what its start costs, from measurements that are made up."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import poisson
from test_versus import result, samples

from workshop.arms import FLOOR_ARMS
from workshop.bench import capacity, starts
from workshop.bench.capacity import SHARES
from workshop.served import AGAIN, LATENCY, TURN
from workshop.stats import quantile_interval

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
    table["scheduled_per_s"] = table["answered_per_s"] = 1.02 * table.rate_per_s
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
        {"answered_per_s": (1, 199)},  # of 204 that were due: a queue is left
        {"answered_per_s": (4, 199)},
    ],
)
def test_a_rate_that_failed_once_is_not_held(changed):
    found = capacity.held(tries([0.001, 0.01, 0.012], **changed))
    assert found.loc["onnx-axum", "rate_per_s"] == 100


def test_a_few_may_still_be_on_their_way_when_the_schedule_ends():
    found = capacity.held(tries([0.001, 0.01, 0.5], answered_per_s=(1, 200)))
    assert found.loc["onnx-axum", "rate_per_s"] == 200


def test_a_rate_that_is_held_although_the_load_was_late_is_held():
    found = capacity.held(tries([0.001, 0.01, 0.5], lateness_p99_s=(1, 0.002)))
    assert found.loc["onnx-axum", "rate_per_s"] == 200


def test_a_load_that_found_no_connection_free_was_not_late():
    found = capacity.held(tries([0.001, 0.01, 0.5], lateness_p99_s=(1, np.nan)))
    assert found.loc["onnx-axum", "rate_per_s"] == 200
    assert not found.loc["onnx-axum", "at_least"]  # at 300, it was the server


@pytest.mark.parametrize(
    ("waits_s", "changed", "said"),
    [
        ([0.001, 0.01, 0.5], {}, "200"),
        (
            [0.5, 0.6, 0.7],
            {"lateness_p99_s": (slice(None), 0.002)},
            "not known: the load was late",
        ),
        ([0.001, 0.01, 0.5], {"lateness_p99_s": (5, 0.002)}, "200"),  # others were not
        (
            [0.001, 0.01, 0.5],
            {"lateness_p99_s": (slice(2, None, 3), 0.002)},
            "at least 200",
        ),
        ([0.001, 0.5, 0.6], {"lateness_p99_s": (2, 0.002)}, "100"),  # late further on
        ([0.001, 0.01, 0.02], {}, "at least 300"),  # no rate was too much
    ],
)
def test_a_rate_that_only_the_load_ended_is_told_as_at_least(waits_s, changed, said):
    table = capacity.in_words(capacity.held(tries(waits_s, **changed)))
    assert table.loc["ONNX behind axum", "requests a second"] == said


def test_what_came_of_one_rate_is_told_without_a_bound():
    one = {"scheduled_per_s": 321.0, "p99_s": 0.005, "p99_low_s": 0.004}
    one |= {"p99_high_s": 0.006, "answers": 642}
    told = capacity.in_words(pd.DataFrame({"onnx-axum": one}).T).iloc[0].tolist()
    assert told == ["321", "5.00 ms (4.00 ms to 6.00 ms)", "642"]


def test_a_schedule_is_long_enough_for_the_interval_of_p99():
    least = next(n for n in range(1000) if quantile_interval(range(n), 0.99).high > 0)
    assert poisson.sf(least - 1, capacity.ENOUGH) > 0.9999


def test_an_arm_that_holds_no_rate_is_told_so():
    table = capacity.held(tries([0.5, 0.6, 0.7]))
    assert table.drop(columns="at_least").loc["onnx-axum"].isna().all()
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


def test_a_disturbed_launch_moves_neither_the_rates_nor_what_is_drawn():
    closed = samples(TURN.format(16), 1, {"onnx-axum": 1e-3, "onnx-axum again": 1e-3})
    rates = capacity.rates_to_try(closed)
    (calm,) = capacity.by_clients(result("capacity", closed)).to_dict("records")
    closed.loc[closed["launch"] == 10, "seconds"] *= 100
    assert capacity.rates_to_try(closed) == rates
    (row,) = capacity.by_clients(result("capacity", closed)).to_dict("records")
    assert row["clients"] == 16
    assert row["per_s"] == calm["per_s"] == pytest.approx(1000)
    assert row["high"] == calm["high"] == pytest.approx(1000 / 0.99)
    assert row["low"] == pytest.approx(calm["low"] / 100)


def started(arms):
    """Two starts of each arm, and a request of one client: 0.02 s and 1e-4 s."""
    table = pd.DataFrame(
        [
            {"arm": arm, "launch": launch, "ready_s": 0.02, "rss_bytes": 2**25}
            for arm in arms
            for launch in range(LAUNCHES)
        ]
    ).assign(model="fare")
    one = {**dict.fromkeys(arms, 1e-4), "sklearn-fastapi": 1e-2}
    return result(
        "capacity",
        starts.samples(table),
        samples(LATENCY.format(1), 1, one),
        starts=table,
    )


def test_a_start_is_paid_for_after_as_many_requests_as_it_is_long():
    found = started(["onnx-axum"])
    assert starts.paid_after(found, "onnx-axum").ratio == pytest.approx(200, rel=0.02)
    row = starts.table(found).loc["ONNX behind axum", "fare"]
    assert row["memory, MiB"] == "32.0"
    assert row["launch to ready"].startswith("20.0 ms (")
    assert row["paid for after requests"] == str(starts.paid_after(found, "onnx-axum"))
    assert not row.index.str.contains("noise").any()  # it does not stand in twice


def test_a_start_stands_beside_that_of_the_same_arm_and_not_of_one_with_no_model():
    arms = ["onnx-axum", "sklearn-fastapi", *FLOOR_ARMS, "onnx-axum" + AGAIN]
    found = started(arms)
    again = found.tables["starts"]["arm"].str.endswith(AGAIN)
    found.tables["starts"].loc[again, "ready_s"] *= 1.25
    table = starts.table(found)
    assert [arm for arm, _ in table.index] == [
        *("ONNX behind axum", "scikit-learn behind FastAPI")
    ]
    assert set(table["launch to ready, noise"]) == {"1.25"}
    assert set(table["memory, noise"]) == {"1.00"}


def test_what_is_started_holds_a_model_that_it_runs_and_one_twice(monkeypatch):
    @contextmanager
    def serve(arm, model, cores):
        yield SimpleNamespace(arm=arm, ready_s=0.5, rss_bytes=lambda: 2**20)

    monkeypatch.setattr(starts, "serve", serve)
    monkeypatch.setattr(starts, "load", lambda *_args, **_options: None)
    arms = dict.fromkeys(["onnx-axum", "onnx-fastapi", *FLOOR_ARMS], "a model")
    found = starts.measure(arms, [b"{}"], launches=LAUNCHES, seed=0)
    assert set(found["arm"]) == {"onnx-axum", "onnx-axum" + AGAIN, "onnx-fastapi"}
    assert found.groupby("arm").size().eq(LAUNCHES).all()


def test_a_peer_runs_alone():
    arms = {"onnx-axum": "a", "onnx-litserve": "b", "noop-axum": "c"}
    assert capacity.together(arms) == [
        {"onnx-axum": "a", "noop-axum": "c"},
        {"onnx-litserve": "b"},
    ]
