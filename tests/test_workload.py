"""How many instances a month needs, how often they start, and what they can answer."""

from dataclasses import replace

import numpy as np
import pytest

from workshop.errors import WorkshopError
from workshop.month import FLAT, Month
from workshop.prices import read_prices
from workshop.workload import (
    Workload,
    at_peak,
    busy_share,
    capacity_per_s,
    cold_share,
    instances,
    starts,
)

RUN = read_prices().cloud_run
RUSH = Month(np.array([0.1, 0.9]), 3600)


def test_instances_run_at_60_per_cent_of_their_vcpus_or_of_their_concurrency():
    assert instances(Workload(15e6, 0.012), RUN) == 1
    heavy = Workload(100 * FLAT.seconds, 0.0145)  # 1.45 vCPUs busy
    assert instances(heavy, RUN) == 3
    assert instances(replace(heavy, vcpu=4), RUN) == 1
    assert instances(replace(heavy, answer_s=0.005), RUN) == 1
    waits = Workload(100 * FLAT.seconds, 1.0, answer_s=1e-4)  # 100 in flight
    assert instances(waits, RUN) == 3  # of 48 each
    assert instances(waits, RUN, overlap=False) == 167
    exact = Workload(60 * FLAT.seconds, 0.01)  # 0.6 vCPU to the last bit of a float
    assert instances(exact, RUN) == 1
    assert instances(Workload(1e6, 0.012), RUN, RUSH).tolist() == [1, 5]


def test_cold_starts_need_sparse_traffic():
    assert cold_share(10_000, RUN) == pytest.approx(0.03, abs=0.002)
    assert cold_share(100_000, RUN) < 1e-14
    assert cold_share(1, RUN) > 0.999


def test_a_rush_hour_starts_instances_even_where_no_request_finds_none():
    busy = Workload(1e6, 0.012)
    assert starts(busy, RUN, RUSH) == 4
    assert starts(busy, RUN, RUSH, min_instances=3) == 2
    assert starts(busy, RUN, RUSH, min_instances=5) == 0
    assert starts(Workload(100, 0.012), RUN, min_instances=1) == 0


def test_the_busy_share_is_the_load_where_it_is_light_and_one_where_it_is_heavy():
    assert busy_share(np.array([1e-6, 1e6]), 0.01) == pytest.approx([1e-8, 1])


@pytest.mark.parametrize("spread", ["constant", "exponential", "heavy tail"])
def test_the_busy_share_is_that_of_a_simulation_however_the_holds_differ(spread):
    rng, mean_s, per_s, n = np.random.default_rng(1), 0.05, 10, 400_000
    held_s = {
        "constant": np.full(n, mean_s),
        "exponential": rng.exponential(mean_s, n),
        "heavy tail": rng.lognormal(np.log(mean_s) - 1.125, 1.5, n),
    }[spread]
    at = np.cumsum(rng.exponential(1 / per_s, n))
    until = np.maximum.accumulate(at + held_s)
    idle_s = np.maximum(0, at[1:] - until[:-1]).sum()
    busy = 1 - idle_s / at[-1]
    assert busy == pytest.approx(float(busy_share(per_s, mean_s)), rel=0.01)


def waits_s(per_s, answer_s, *, seed=0, arrivals=400_000):
    """Return each answer's seconds in an M/M/1 queue, by Lindley's recursion."""
    rng = np.random.default_rng(seed)
    answers = rng.exponential(answer_s, arrivals)
    steps = answers[:-1] - rng.exponential(1 / per_s, arrivals - 1)
    walk = np.concatenate([[0], np.cumsum(steps)])
    return walk - np.minimum.accumulate(walk) + answers


@pytest.mark.parametrize("p99_s", [0.008, 0.012])
def test_the_capacity_keeps_p99_where_a_queue_is_simulated(p99_s):
    rate = capacity_per_s(0.001, p99_s)
    assert np.quantile(waits_s(rate, 0.001), 0.99) <= p99_s * 1.03
    if rate < 599:  # else it is the autoscaler that stops it
        assert np.quantile(waits_s(rate, 0.001), 0.99) == pytest.approx(p99_s, rel=0.03)


def test_no_rate_keeps_a_bound_that_an_answer_alone_breaks():
    assert capacity_per_s(0.001, 10) == pytest.approx(600)
    with pytest.raises(WorkshopError, match=r"alone 1 in 100 takes 4\.61 ms"):
        capacity_per_s(0.001, 0.004)


def test_the_peak_needs_as_many_instances_as_keep_the_bound():
    work = Workload(1e6, 0.012)
    each = capacity_per_s(0.012, 0.1)
    rate = 1e6 * RUSH.shares.max() / RUSH.slot_s
    assert at_peak(work, RUSH, 0.1) == -(-rate // each) > 1
    assert at_peak(replace(work, vcpu=4), RUSH, 0.1) == -(-rate // (4 * each))
    with pytest.raises(WorkshopError, match="No rate keeps"):
        at_peak(work, RUSH, 0.05)
