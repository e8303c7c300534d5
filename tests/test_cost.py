import re
from dataclasses import fields, is_dataclass, replace
from datetime import date
from math import inf, nan

import numpy as np
import pytest

from workshop.claims import read_claims
from workshop.cost import (
    BILLED_MONTH_S,
    MONTH_S,
    POST_RULES,
    Rules,
    Traffic,
    always_on,
    bill,
    break_even_requests,
    charge,
    cold_start_share,
    fargate_usd,
    instances,
    lambda_usd,
    payback_months,
    speedup_percent,
    time_saved_percent,
    usage,
)
from workshop.errors import WorkshopError
from workshop.prices import Rates, Usage, read_prices

PRICES = read_prices()
RUN = PRICES.cloud_run
FASTAPI, AXUM = Traffic(15e6, 0.0145), Traffic(15e6, 0.0120)
STEP_S = RUN.billing_step_s


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
    assert bill(Traffic(1000, 0.01), RUN, Rules()).total_usd == 0
    assert bill(Traffic(0, 0.01), RUN, Rules(free_tier=False)).total_usd == 0


def simulate_busy_s(per_s, held_s, step_s, *, seed=0, arrivals=400_000):
    """Return the seconds billed per second where busy intervals are rounded up."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.exponential(1 / per_s, arrivals))
    opens = np.flatnonzero(np.diff(starts, prepend=-inf) >= held_s)
    last = np.append(opens[1:], arrivals) - 1
    lasts_s = starts[last] + held_s - starts[opens]
    billed_s = np.ceil(lasts_s / step_s - 1e-9) * step_s
    return billed_s.sum() / starts[-1], lasts_s.sum() / starts[-1]


@pytest.mark.parametrize("traffic", [FASTAPI, AXUM], ids=["fastapi", "axum"])
def test_overlap_agrees_with_simulated_arrivals(traffic):
    per_s = traffic.requests / MONTH_S
    rounded, exact = simulate_busy_s(per_s, traffic.seconds_per_request, STEP_S)
    rules = replace(POST_RULES, overlap=True)
    assert usage(traffic, RUN, rules).vcpu_s / MONTH_S == pytest.approx(exact, rel=0.01)
    busy = usage(traffic, RUN, replace(rules, rounding="busy interval")).vcpu_s
    assert busy / MONTH_S == pytest.approx(rounded, rel=0.01)


@pytest.mark.parametrize(("load", "held_s"), [(0.4, 0.25), (0.55, 0.03), (0.1, 1.0)])
def test_rounded_busy_intervals_agree_with_simulation_where_many_overlap(load, held_s):
    traffic = Traffic(load * MONTH_S / held_s, held_s)
    rules = replace(POST_RULES, overlap=True, rounding="busy interval")
    rounded, _ = simulate_busy_s(load / held_s, held_s, STEP_S)
    billed = usage(traffic, RUN, rules).vcpu_s / MONTH_S
    assert billed == pytest.approx(min(1, rounded), rel=0.02)


def test_a_whole_number_of_steps_is_not_rounded_up_by_a_float():
    rules = replace(POST_RULES, rounding="request")
    assert usage(Traffic(10, 0.1 + 0.2), RUN, rules).vcpu_s == pytest.approx(3.0)
    assert usage(Traffic(10, 0.301), RUN, rules).vcpu_s == pytest.approx(4.0)


def test_without_overlap_each_request_is_a_busy_interval():
    alone, each = (
        usage(FASTAPI, RUN, replace(POST_RULES, rounding=rounding))
        for rounding in ("busy interval", "request")
    )
    assert alone == each


def test_more_than_one_instance_shares_a_heavy_load():
    heavy = Traffic(100 * MONTH_S, 0.0145)  # 1.45 vCPU busy: three at 60%
    assert instances(heavy, RUN) == 3
    billed = usage(heavy, RUN, replace(POST_RULES, overlap=True)).vcpu_s
    assert 1 < billed / MONTH_S < 1.45
    one = always_on(FASTAPI, RUN, POST_RULES).total_usd
    assert always_on(heavy, RUN, POST_RULES).total_usd == pytest.approx(3 * one)


def test_c64_cloud_run_month_at_the_price_passed_in():
    cpu = Rates(0.000024, 0)
    month = Usage(BILLED_MONTH_S, 0)
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


def test_c62_lambda_bills_by_the_millisecond():
    million = Traffic(1e6, 0.366, gib=0.125)
    aws = PRICES.aws_lambda
    assert lambda_usd(million, aws, free_tier=False) == pytest.approx(0.9625, abs=1e-5)
    each = replace(million, requests=1)
    compute_usd = lambda_usd(each, aws, free_tier=False) - 0.20e-6
    assert compute_usd == pytest.approx(7.625e-7, rel=1e-4)
    assert lambda_usd(million, aws, free_tier=True) == 0


def test_c65_fargate_bills_a_minute_at_least():
    daily = Traffic(100, 20, vcpu=0.25, gib=0.5)
    assert fargate_usd(daily, PRICES.aws_fargate) == pytest.approx(
        100 * 0.00020571, rel=1e-4
    )
    day = Traffic(1, 86_400, vcpu=0.25, gib=0.5)
    assert fargate_usd(day, PRICES.aws_fargate) == pytest.approx(
        24 * (0.25 * 0.04048 + 0.5 * 0.004445)
    )


def test_always_on_by_either_month():
    assert always_on(AXUM, RUN, POST_RULES).total_usd == pytest.approx(63.07, abs=5e-3)
    by_days = always_on(AXUM, RUN, POST_RULES, MONTH_S)
    assert by_days.total_usd == pytest.approx(62.21, abs=5e-3)


@pytest.mark.parametrize(
    ("seconds", "millions"), [(0.0145, 67), (0.0120, 75), (0.00035, 153)]
)
def test_break_even_with_an_always_on_instance(seconds, millions):
    rules = replace(POST_RULES, request_fee=True)
    found = break_even_requests(Traffic(0, seconds), RUN, rules)
    assert found / 1e6 == pytest.approx(millions, abs=0.5)
    assert found == break_even_requests(Traffic(1e9, seconds), RUN, rules)


def test_break_even_never_comes_before_the_instance_is_full():
    tiny = Traffic(0, 0.01, vcpu=1, gib=1)
    dear_month = replace(POST_RULES, overlap=True)
    assert break_even_requests(tiny, RUN, dear_month) == inf


def test_payback_and_cold_starts():
    slow, fast = totals(POST_RULES)
    assert payback_months(1, 50, slow - fast) == pytest.approx(36, abs=0.1)
    assert payback_months(1, 50, 0) == payback_months(1, 50, -1) == inf
    assert cold_start_share(10_000, RUN.idle_minutes) == pytest.approx(0.03, abs=0.002)
    assert cold_start_share(100_000, RUN.idle_minutes) < 1e-14


def test_two_rules_of_per_cent_are_not_one():
    times = read_claims().whole_process["median_s"]
    slow, fast = times["onnx-python"], times["onnx-rust"]
    assert round(speedup_percent(slow, fast)) == 552
    assert time_saved_percent(slow, fast) == pytest.approx(84.7, abs=0.05)
    assert speedup_percent(0.0145, 0.0120) == pytest.approx(20.8, abs=0.05)
    assert time_saved_percent(0.0145, 0.0120) == pytest.approx(17.24, abs=0.005)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Traffic(1, -0.1), "seconds_per_request is -0.1: give a number of 0"),
        (lambda: Traffic(nan, 0.1), "requests is nan"),
        (lambda: Traffic(1, inf), "seconds_per_request is inf"),
        (lambda: Traffic(1, 1, vcpu=0), "vcpu is 0: give a number above 0"),
        (lambda: Rules(rounding="up"), "No rounding 'up': choose one of"),
        (
            lambda: bill(AXUM, RUN, Rules(tier=3)),
            r"no tier 3 here: choose one of \[1, 2",
        ),
        (lambda: bill(AXUM, RUN, POST_RULES, 0), "month_s is 0"),
        (lambda: speedup_percent(1, 0), "fast is 0"),
        (lambda: time_saved_percent(0, 1), "slow is 0"),
        (lambda: payback_months(-1, 50, 1), "hours is -1"),
        (
            lambda: break_even_requests(Traffic(1, 0), RUN, POST_RULES),
            "give a number above 0",
        ),
    ],
)
def test_bad_input_says_what_to_do(wrong, says):
    with pytest.raises(WorkshopError, match=says):
        wrong()


def test_every_provider_has_its_page_and_month():
    providers = [value for value in vars(PRICES).values() if is_dataclass(value)]
    assert len(providers) == len([f for f in fields(PRICES) if is_dataclass(f.type)])
    for provider in providers:
        assert provider.source.startswith("https://")
        assert re.fullmatch(r"20\d\d-[01]\d", provider.read)


def test_old_prices_warn():
    assert PRICES.age(date(2027, 1, 9)) == "Prices read in 2026-11, 2 months ago."
    assert "WARNING" not in PRICES.age(date(2027, 5, 31))
    stale = PRICES.age(date(2027, 6, 1))
    assert stale.startswith("WARNING") and RUN.source in stale


def test_a_broken_price_file_says_which(tmp_path):
    broken = tmp_path / "prices.toml"
    with pytest.raises(WorkshopError, match=r"prices\.toml cannot be read"):
        read_prices(broken)
    broken.write_text("[cloud_run]\nsource = 1\n", encoding="utf-8")
    with pytest.raises(WorkshopError, match="compare the file with the one"):
        read_prices(broken)
