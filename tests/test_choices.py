"""The post's choices, alone and in turn, are the tables of the facts."""

from dataclasses import replace

import pytest

from workshop.choices import POST_QUOTES, SAVED, alone, bills, in_turn, post_cases
from workshop.claims import read_claims
from workshop.month import of_rides
from workshop.prices import read_prices
from workshop.rides import read_rides

RUN, CLAIMS = read_prices().cloud_run, read_claims()
CASES = post_cases(CLAIMS)


@pytest.fixture(scope="module")
def january():
    return of_rides(read_rides()["tpep_pickup_datetime"])


@pytest.mark.parametrize(
    ("choice", "fastapi", "axum", "saved"),
    [
        ("as the post", 8.069, 6.678, 17.2),
        ("request fee", 14.07, 12.68, 9.9),
        ("request fee and free tier", 8.19, 6.93, 15.4),
        ("requests overlap", 7.74, 6.45, 16.6),
        ("100 ms: each request", 55.65, 55.65, 0),
        ("100 ms: the same, overlaps merged", 42.25, 42.25, 0),
        ("100 ms: each busy interval", 51.17, 51.92, -1.5),
        ("start-up time", 8.069, 6.678, 17.2),  # nobody finds it cold
        ("tier 1 region", 5.764, 4.770, 17.2),
        ("one idle instance kept", 24.69, 23.56, 4.6),
        ("0.5 GiB of memory", 7.689, 6.363, 17.2),
        ("31 days", 8.069, 6.678, 17.2),  # seconds are seconds, until instances wait
        ("10 quotes a user, not 150", 0.538, 0.445, 17.2),
    ],
)
def test_each_choice_alone(january, choice, fastapi, axum, saved):
    row = bills(CASES, RUN, alone(january)).loc[choice]
    assert row["sklearn-fastapi"] == pytest.approx(fastapi, abs=0.005)
    assert row["onnx-axum"] == pytest.approx(axum, abs=0.005)
    assert row[SAVED] == pytest.approx(saved, abs=0.06)


def test_in_turn_each_is_added_to_those_before_it(january):
    steps = bills(CASES, RUN, in_turn(january), adding=True)
    assert steps.index[0] == "as the post"
    assert steps["onnx-axum"].iloc[:3].tolist() == pytest.approx(
        [6.678, 12.678, 12.451], abs=5e-4
    )
    assert steps.loc["+ 100 ms rounding", SAVED] == pytest.approx(0)
    assert steps["onnx-axum"].iloc[-1] < steps["onnx-axum"].iloc[-2]  # the free tier
    assert (steps["sklearn-fastapi"].diff().abs() > 0.01).sum() == len(steps) - 2


def test_a_start_is_billed_where_requests_are_few(january):
    sparse = {
        arm: replace(case, work=replace(case.work, requests=10_000))
        for arm, case in CASES.items()
    }
    usd = bills(sparse, RUN, alone(january))
    more = usd.loc["start-up time"] - usd.loc["as the post"]
    assert more["sklearn-fastapi"] > 10 * more["onnx-axum"] > 0


def test_what_the_choices_say_of_the_post_is_what_it_says():
    assert CLAIMS.value("requests") / CLAIMS.value("users") == POST_QUOTES
    assert CASES["onnx-axum"].start_s == pytest.approx(0.020614)
