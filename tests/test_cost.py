from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from workshop.claims import read_claims
from workshop.cost import (
    POST_RULES,
    Rules,
    bill,
    charge,
    idle_usage,
    instance_bill,
    usage,
)
from workshop.errors import WorkshopError
from workshop.month import FLAT, QUOTED, flat
from workshop.prices import Rates, Usage, read_prices
from workshop.quantities import time_saved_percent
from workshop.workload import Workload

PRICES = read_prices()
RUN = PRICES.cloud_run
FASTAPI, AXUM = Workload(15e6, 0.0145), Workload(15e6, 0.0120)


def totals(rules):
    return [bill(arm, RUN, rules).total_usd for arm in (FASTAPI, AXUM)]


def test_the_posts_bill_to_its_last_digit():
    claims = read_claims()
    assert [round(usd, 3) for usd in totals(POST_RULES)] == [
        claims.value("bill-sklearn-fastapi"),
        claims.value("bill-onnx-axum"),
    ]


@pytest.mark.parametrize(
    ("added", "fastapi_usd", "axum_usd", "saving_percent"),
    [
        ({}, 8.069, 6.678, 17.2),
        ({"request_fee": True}, 14.07, 12.68, 9.9),
        ({"request_fee": True, "free_tier": True}, 8.19, 6.93, 15.4),
        ({"overlap": True}, 7.74, 6.45, 16.6),
        ({"rounding": "request"}, 55.65, 55.65, 0),
        ({"rounding": "request", "overlap": True}, 42.25, 42.25, 0),
        ({"rounding": "busy interval", "overlap": True}, 51.17, 51.92, -1.5),
    ],
)
def test_what_is_added_to_the_posts_bill(added, fastapi_usd, axum_usd, saving_percent):
    slow, fast = totals(replace(POST_RULES, **added))
    assert slow == pytest.approx(fastapi_usd, abs=0.005)
    assert fast == pytest.approx(axum_usd, abs=0.005)
    assert time_saved_percent(slow, fast) == pytest.approx(saving_percent, abs=0.05)


def test_components_add_up_and_the_discount_takes_none_below_zero():
    dear = bill(FASTAPI, RUN, replace(POST_RULES, request_fee=True, free_tier=True))
    assert (dear.cpu_usd, dear.memory_usd) == pytest.approx((7.308, 0.76125))
    assert (dear.request_fee_usd, dear.free_usd) == pytest.approx((6.0, -5.88125))
    tier1 = replace(POST_RULES, tier=1, free_tier=True)
    assert totals(tier1) == pytest.approx([0.90, 0.0])  # 180,000 vCPU-s to the digit
    assert bill(Workload(1000, 0.01), RUN, Rules()).total_usd == 0
    assert bill(Workload(0, 0.01), RUN, Rules(free_tier=False)).total_usd == 0


def test_a_whole_number_of_steps_is_not_rounded_up_by_a_float():
    rules = replace(POST_RULES, rounding="request")
    assert usage(Workload(10, 0.1 + 0.2), RUN, rules).vcpu_s == pytest.approx(3.0)
    assert usage(Workload(10, 0.301), RUN, rules).vcpu_s == pytest.approx(4.0)


def test_without_overlap_each_request_is_a_busy_interval():
    alone, each = (
        usage(FASTAPI, RUN, replace(POST_RULES, rounding=rounding))
        for rounding in ("busy interval", "request")
    )
    assert alone == each


def test_c64_cloud_run_month_at_the_price_passed_in():
    cpu = Rates(0.000024, 0)
    month = Usage(QUOTED.seconds, 0)
    free = {
        180_000: charge(RUN.free_request_based, cpu),
        240_000: charge(RUN.free_instance_based, cpu),
    }
    assert charge(month, cpu).total_usd == pytest.approx(63.07, abs=0.005)
    assert charge(month, cpu, free[240_000]).total_usd == pytest.approx(57.31, abs=5e-3)
    assert charge(month, cpu, free[180_000]).total_usd == pytest.approx(58.75, abs=5e-3)
    own = Rates(RUN.tier(1).instance_based.usd_per_vcpu_s, 0)
    worth = charge(RUN.free_instance_based, own)
    assert charge(month, own).total_usd == pytest.approx(47.30, abs=0.005)
    assert charge(month, own, worth).total_usd == pytest.approx(42.98, abs=0.005)
    assert charge(Usage(10, 0), cpu, free[180_000]).total_usd == 0


def test_c64_two_services_share_one_free_tier():
    rates, worth = RUN.tier(1).request_based, charge(Usage(180_000, 0), Rates(24e-6, 0))
    one = Usage(150_000, 0)
    assert charge(one, rates, worth).total_usd == 0
    assert charge(one + one, rates, worth).total_usd == pytest.approx(120_000 * 24e-6)


def always_on(work, rules=POST_RULES, month=QUOTED):
    return instance_bill(work, RUN, replace(rules, min_instances=1), month).total_usd


def test_always_on_by_either_month():
    assert always_on(AXUM) == pytest.approx(63.07, abs=5e-3)
    assert always_on(AXUM, month=FLAT) == pytest.approx(62.21, abs=5e-3)


@pytest.mark.parametrize(
    ("held_s", "compute", "with_fee", "fee_percent"),
    [
        (0.0145, 8.07, 14.07, 43),
        (0.0120, 6.68, 12.68, 47),
        (0.00035, 0.195, 6.195, 97),
    ],
)
def test_what_the_arithmetic_already_says(held_s, compute, with_fee, fee_percent):
    found = bill(Workload(15e6, held_s), RUN, replace(POST_RULES, request_fee=True))
    assert found.cpu_usd + found.memory_usd == pytest.approx(compute, abs=0.005)
    assert found.total_usd == pytest.approx(with_fee, abs=0.005)
    share = 100 * found.request_fee_usd / found.total_usd
    assert share == pytest.approx(fee_percent, abs=0.5)


def test_the_free_tier_is_worth_what_the_page_says_and_the_post_fills_it_exactly():
    worth = charge(RUN.free_request_based, RUN.tier(1).request_based)
    parts = (worth.cpu_usd, worth.memory_usd, worth.request_fee_usd)
    assert parts == pytest.approx((4.32, 0.90, 0.80))
    used = usage(AXUM, RUN, POST_RULES)
    assert used.vcpu_s == pytest.approx(RUN.free_request_based.vcpu_s, rel=1e-12)


def test_two_services_of_one_account_share_its_free_tier():
    rules = Rules(rounding="none")
    one = bill(FASTAPI, RUN, rules)
    both = bill([FASTAPI, FASTAPI], RUN, rules)
    assert both.cpu_usd == pytest.approx(2 * one.cpu_usd)
    assert (one.free_usd, both.free_usd) == pytest.approx((-5.851, -6.02), abs=0.005)
    assert bill([FASTAPI], RUN, rules) == one


def test_one_instance_kept_warm_is_billed_as_idle_while_it_is_not_active():
    kept = replace(POST_RULES, min_instances=1)
    idle = idle_usage(AXUM, RUN, kept)
    assert idle.vcpu_s == pytest.approx(FLAT.seconds - 180_000)
    found = bill(AXUM, RUN, kept)
    assert found.idle_usd == pytest.approx((FLAT.seconds - 180_000) * 7e-6)
    assert found.total_usd == pytest.approx(6.678 + found.idle_usd, abs=5e-4)
    assert bill(AXUM, RUN, POST_RULES).idle_usd == 0
    warm = bill(Workload(0, 0.01), RUN, replace(Rules(), min_instances=2)).total_usd
    assert warm == pytest.approx(2 * FLAT.seconds * 7e-6)


def test_a_start_is_billed_in_whole_steps_where_there_are_any():
    sparse = Workload(10_000, 0.012, start_s=0.61)
    cold = 10_000 * np.exp(-10_000 / FLAT.seconds * 900)
    for rounding, start_s in [("none", 0.61), ("request", 0.7)]:
        rules = replace(POST_RULES, rounding=rounding)
        more = usage(sparse, RUN, rules).vcpu_s
        more -= usage(replace(sparse, start_s=0), RUN, rules).vcpu_s
        assert more == pytest.approx(cold * start_s)
    kept = replace(POST_RULES, min_instances=1)
    without = usage(replace(sparse, start_s=0), RUN, kept)
    assert usage(sparse, RUN, kept) == without


def test_an_instance_lives_until_it_was_idle_for_a_quarter_of_an_hour():
    one_an_hour = Workload(FLAT.seconds / 3600, 0.012)
    rules = replace(POST_RULES, overlap=True)
    alive = instance_bill(one_an_hour, RUN, rules).total_usd / always_on(
        one_an_hour, rules, FLAT
    )
    assert alive == pytest.approx(1 - np.exp(-(900.012 / 3600)))
    assert instance_bill(AXUM, RUN, rules).total_usd == pytest.approx(
        always_on(AXUM, rules, FLAT)
    )
    assert instance_bill(Workload(0, 0.012), RUN, rules).total_usd == 0


def test_a_bill_by_requests_follows_latency_and_one_by_instances_throughput():
    dense = Workload(1000 * FLAT.seconds, held_s=0.002, answer_s=0.001)  # 2 instances
    waits, works = replace(dense, held_s=0.004), replace(dense, answer_s=0.002)
    by_requests = [bill(w, RUN, POST_RULES).total_usd for w in (dense, waits)]
    assert by_requests[1] == pytest.approx(2 * by_requests[0])
    overlap = replace(POST_RULES, overlap=True)
    always = [always_on(work, overlap) for work in (dense, waits, works)]
    assert always[0] == always[1] == pytest.approx(always[2] / 2)


def test_more_than_one_instance_shares_a_heavy_load():
    heavy = Workload(100 * FLAT.seconds, 0.0145)  # 1.45 vCPU busy: three at 60%
    billed = usage(heavy, RUN, replace(POST_RULES, overlap=True)).vcpu_s
    assert 1 < billed / FLAT.seconds < 1.45
    assert always_on(heavy) == pytest.approx(3 * always_on(FASTAPI))


def test_a_longer_month_spreads_the_same_requests_and_keeps_an_instance_longer():
    overlap = replace(POST_RULES, overlap=True)
    short, long = (bill(FASTAPI, RUN, overlap, flat(d)).total_usd for d in (28, 31))
    assert short < long < bill(FASTAPI, RUN, POST_RULES).total_usd
    assert always_on(AXUM, month=flat(31)) == pytest.approx(744 * 3600 * 24e-6)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Workload(1, -0.1), "held_s is -0.1: give a number of 0"),
        (lambda: Workload(1, 0.1, answer_s=-1), "answer_s is -1"),
        (lambda: Workload(nan, 0.1), "requests is nan"),
        (lambda: Workload(1, inf), "held_s is inf"),
        (lambda: Workload(1, 1, vcpu=0), "vcpu is 0: give a number above 0"),
        (lambda: Rules(rounding="up"), "No rounding 'up': choose one of"),
        (lambda: Rules(min_instances=-1), "min_instances is -1"),
        (
            lambda: bill(AXUM, RUN, Rules(tier=3)),
            r"no tier 3 here: choose one of \[1, ",
        ),
        (lambda: bill(replace(AXUM, vcpu=9), RUN, Rules()), r"has 0\.08 to 8"),
        (lambda: bill(replace(AXUM, vcpu=0.5), RUN, Rules()), "overlap=False"),
        (lambda: bill(replace(AXUM, gib=5), RUN, Rules()), "1 vCPU take up to 4 GiB"),
        (
            lambda: bill(replace(AXUM, vcpu=0.1), RUN, POST_RULES),
            r"0\.1 vCPU take up to 0\.5 GiB",
        ),
    ],
)
def test_bad_input_says_what_to_do(wrong, says):
    with pytest.raises(WorkshopError, match=says):
        wrong()
