"""Simulated requests are billed as the closed form says, within the interval."""

import time
from dataclasses import replace

import numpy as np
import pytest

from workshop.arrivals import simulate
from workshop.cost import POST_RULES, ROUNDINGS, usage
from workshop.month import FLAT, Month, of_rides
from workshop.prices import read_prices
from workshop.rides import read_rides
from workshop.workload import Workload, busy_share, cold_share, instances

RUN = read_prices().cloud_run
FASTAPI, AXUM = Workload(15e6, 0.0145), Workload(15e6, 0.0120)
OVERLAP = replace(POST_RULES, overlap=True)


@pytest.fixture(scope="module")
def january():
    return of_rides(read_rides()["tpep_pickup_datetime"])


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_15_million_requests_of_a_january_are_billed_as_the_closed_form_says(
    january, rounding
):
    rules = replace(OVERLAP, rounding=rounding)
    start = time.perf_counter()
    found = simulate(AXUM, RUN, rules, january)
    assert time.perf_counter() - start < 30  # 2 s on a quiet machine
    assert found.requests == pytest.approx(15e6, abs=4 * 15e6**0.5)
    active_s = usage(AXUM, RUN, rules, january).vcpu_s
    assert found.active_s.low < active_s < found.active_s.high
    assert found.active_s.high - found.active_s.low < 0.002 * active_s


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_the_interval_holds_the_closed_form_in_19_of_20_months(rounding, overlap):
    rules = replace(POST_RULES, overlap=overlap, rounding=rounding)
    day = Month(np.array([0.1, 0.2, 0.3, 0.4]), 21_600)
    work = Workload(150_000, 0.0145)
    active_s = usage(work, RUN, rules, day).vcpu_s
    months = [simulate(work, RUN, rules, day, seed).active_s for seed in range(60)]
    held = sum(low <= active_s <= high for _, low, high in months)
    assert 52 <= held <= 60


@pytest.mark.parametrize(("load", "held_s"), [(0.4, 0.25), (0.55, 0.03), (0.1, 1.0)])
def test_rounded_busy_intervals_are_near_where_many_overlap(load, held_s):
    hour = Month(np.ones(10) / 10, 3600)
    work = Workload(load * hour.seconds / held_s, held_s)
    rules = replace(OVERLAP, rounding="busy interval")
    found = simulate(work, RUN, rules, hour).active_s.middle
    assert usage(work, RUN, rules, hour).vcpu_s == pytest.approx(found, rel=0.02)


def test_several_instances_share_a_heavy_hour():
    hour = Month(np.array([0.2, 0.8]), 3600)
    work = Workload(1e6, 0.0120)
    assert instances(work, RUN, hour).tolist() == [2, 5]
    found = simulate(work, RUN, OVERLAP, hour)
    active_s = usage(work, RUN, OVERLAP, hour).vcpu_s
    assert found.active_s.low < active_s < found.active_s.high
    assert active_s < 0.0120e6  # they overlap


def test_an_interval_that_crosses_the_hour_is_one_interval():
    hours = Month(np.ones(48) / 48, 3600)
    lives = replace(AXUM, requests=480, held_s=1800.0)
    found = simulate(replace(lives, answer_s=0.01), RUN, OVERLAP, hours)
    assert found.active_s.middle <= hours.seconds + 1800
    share = float(busy_share(480 / hours.seconds, 1800.0))
    assert found.active_s.middle / hours.seconds == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("requests", [300, 2_000, 10_000])
def test_cold_starts_are_as_many_as_the_closed_form_says(requests):
    found = simulate(Workload(requests, 0.012), RUN, OVERLAP)
    share = cold_share(requests, RUN)
    off = 4 * (share * (1 - share) / requests) ** 0.5
    assert found.starts / found.requests == pytest.approx(share, abs=off)


def test_an_hour_without_a_request_makes_the_next_one_colder():
    months = [simulate(Workload(60, 0.012), RUN, OVERLAP, FLAT, s) for s in range(30)]
    requests = sum(month.requests for month in months)
    found = sum(month.starts for month in months) / requests
    share = cold_share(60, RUN)
    off = 4 * (share * (1 - share) / requests) ** 0.5
    assert found == pytest.approx(share, abs=off)


def test_no_request_costs_nothing_and_a_seed_is_a_month():
    empty = simulate(Workload(0, 0.012), RUN, OVERLAP)
    assert (empty.requests, empty.starts, empty.active_s) == (0, 0, (0, 0, 0))
    some = Workload(1000, 0.012)
    assert simulate(some, RUN, OVERLAP) == simulate(some, RUN, OVERLAP)
    assert simulate(some, RUN, OVERLAP, FLAT, 1) != simulate(some, RUN, OVERLAP)
