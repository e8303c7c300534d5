"""The other clouds, at the prices of the file: their minimums and their steps."""

from dataclasses import replace

import numpy as np
import pytest

from workshop.clouds import (
    azure_usd,
    compare,
    fargate_task_usd,
    fargate_usd,
    lambda_usd,
    rules_of_each,
    with_memory,
)
from workshop.errors import WorkshopError
from workshop.month import FLAT, QUOTED, Month
from workshop.prices import read_prices
from workshop.workload import Workload

PRICES = read_prices()
AWS = PRICES.aws_lambda
AXUM = Workload(15e6, 0.012)


def test_c62_lambda_bills_by_the_millisecond():
    million = Workload(1e6, 0.366, gib=0.125)
    assert lambda_usd(million, AWS) == pytest.approx(0.9625, abs=1e-5)
    compute_usd = lambda_usd(replace(million, requests=1), AWS) - 0.20e-6
    assert compute_usd == pytest.approx(7.625e-7, rel=1e-4)
    assert lambda_usd(million, AWS, free_tier=True) == 0
    short = lambda_usd(Workload(1e6, 0.00035, gib=0.125), AWS)
    assert short == lambda_usd(Workload(1e6, 0.001, gib=0.125), AWS)


def test_lambda_on_arm_is_a_fifth_cheaper_a_second_and_no_other_kind_is_known():
    x86, arm = (
        lambda_usd(AXUM, AWS, architecture=each) - 3.0 for each in ("x86", "arm")
    )
    assert arm / x86 == pytest.approx(0.8, abs=1e-4)
    with pytest.raises(WorkshopError, match="no architecture 'riscv' here: choose"):
        lambda_usd(AXUM, AWS, architecture="riscv")


def test_lambda_bills_each_start():
    slow = Workload(1000, 0.1, start_s=0.25)
    more = lambda_usd(slow, AWS, starts=100) - lambda_usd(slow, AWS)
    assert more == pytest.approx(25 * 1.66667e-5)


def test_less_memory_on_lambda_is_less_cpu_and_costs_the_same():
    whole = with_memory(AXUM, 1769, AWS)
    assert whole.held_s == AXUM.held_s
    half = with_memory(AXUM, 1769 / 2, AWS)
    assert half.held_s == pytest.approx(0.024)
    assert lambda_usd(half, AWS) == pytest.approx(lambda_usd(whole, AWS))
    twice = with_memory(AXUM, 3538, AWS)
    assert lambda_usd(twice, AWS) - 3 == pytest.approx(2 * (lambda_usd(whole, AWS) - 3))


def test_c65_fargate_bills_a_minute_at_least():
    task, fargate = Workload(0, 0, vcpu=0.25, gib=0.5), PRICES.aws_fargate
    short = fargate_task_usd(20, task, fargate)
    assert 100 * short == pytest.approx(100 * 0.00020571, rel=1e-4)
    naive = 20 / 3600 * (0.25 * 0.04048 + 0.5 * 0.004445)
    assert short == pytest.approx(3 * naive)
    assert fargate_task_usd(86_400, task, fargate) == pytest.approx(
        24 * (0.25 * 0.04048 + 0.5 * 0.004445)
    )


def test_a_service_on_fargate_runs_one_task_at_least_and_more_in_the_rush_hour():
    hour_usd = 0.04048 + 0.004445
    assert fargate_usd(AXUM, PRICES, QUOTED) == pytest.approx(730 * hour_usd)
    rush = Month(np.array([0.1, 0.9]), 3600)
    busy = Workload(1e6, 0.012)  # 0.33 and 3 vCPUs: 1 and 5 tasks at 60%
    assert fargate_usd(busy, PRICES, rush) == pytest.approx(6 * hour_usd)


def test_azure_bills_what_is_busy_less_what_is_free():
    busy_s = FLAT.seconds * (1 - np.exp(-15e6 / FLAT.seconds * 0.012))
    assert azure_usd(AXUM, PRICES) == pytest.approx(6.0 + busy_s * 27e-6)
    free = azure_usd(AXUM, PRICES, free_tier=True)
    assert free == pytest.approx(13 * 0.4)  # neither CPU nor memory: 173,000 s
    assert azure_usd(Workload(2e6, 0.01), PRICES, free_tier=True) == 0


def test_every_way_has_a_rule_and_a_sum_and_no_free_tier_is_dearer():
    works = {"slow": Workload(15e6, 0.0145), "fast": AXUM}
    dear, cheap = (compare(works, PRICES, free_tier=free) for free in (False, True))
    assert list(dear.index) == list(rules_of_each().index)
    assert list(dear.columns) == ["slow", "fast"]
    assert (cheap <= dear).all(axis=None) and (dear > 0).all(axis=None)
    assert (dear["fast"] <= dear["slow"]).all()
