"""The verdict changes sign where it should, and volumes are found where they are."""

from dataclasses import replace
from math import inf

import pytest

from workshop.cost import POST_RULES, bill
from workshop.errors import WorkshopError
from workshop.prices import read_prices
from workshop.quantities import Spread
from workshop.verdict import (
    Effort,
    break_even_requests,
    decide,
    first_volume,
    in_words,
)
from workshop.workload import Workload

RUN = read_prices().cloud_run
WORK = Effort(hours=40, usd_per_hour=50)  # 83.3 USD a month, over 24


@pytest.mark.parametrize(
    ("saved_usd", "says"),
    [
        (
            0.195,
            "do not rewrite it: it saves 0.195 USD a month; 40 h at 50 USD",
        ),
        (83.2, "do not rewrite it: it saves 83.2 USD"),
        (83.4, "rewrite it: it saves 83.4 USD"),
        (0, "do not rewrite it: it saves nothing; 40 h"),
        (-1.5, "do not rewrite it: it saves nothing; 40 h"),
        (Spread(90, 84, 99), "rewrite it: it saves 90 (84 to 99) USD"),
        (Spread(70, 60, 83), "do not rewrite it: it saves 70 (60 to 80) USD"),
        (Spread(90, 80, 99), "too close to call: it saves 90 (80 to 99) USD"),
        (Spread(-1, -9, 90), "too close to call"),
        (Spread(-5, -9, -1), "do not rewrite it: it saves nothing"),
    ],
)
def test_it_changes_sign(saved_usd, says):
    assert decide(saved_usd, WORK).startswith(says)


def test_the_months_and_the_upkeep_are_the_readers_to_set():
    assert decide(10, replace(WORK, within_months=201)).startswith("rewrite it")
    dear = replace(WORK, upkeep_hours=2)  # 100 USD a month more
    assert decide(183, dear).startswith("do not rewrite it")
    assert decide(184, dear).startswith("rewrite it")
    assert "40 h and 2 h a month at 50 USD" in decide(184, dear)
    assert dear.payback_months(184) == pytest.approx(2000 / 84)
    assert dear.payback_months(100) == inf
    free = Effort(hours=0, usd_per_hour=50)
    assert decide(0.01, free).startswith("rewrite it")
    assert decide(0, free).startswith("do not rewrite it")


def test_the_posts_saving_repays_an_hour_in_36_months():
    slow, fast = (
        bill(Workload(15e6, held_s), RUN, POST_RULES).total_usd
        for held_s in (0.0145, 0.0120)
    )
    hour = Effort(hours=1, usd_per_hour=50)
    assert hour.payback_months(slow - fast) == pytest.approx(36, abs=0.1)
    assert hour.payback_months(0) == hour.payback_months(-1) == inf


@pytest.mark.parametrize(
    ("held_s", "millions"), [(0.0145, 67), (0.0120, 75), (0.00035, 153)]
)
def test_break_even_with_an_always_on_instance(held_s, millions):
    rules = replace(POST_RULES, request_fee=True)
    found = break_even_requests(Workload(0, held_s), RUN, rules)
    assert found / 1e6 == pytest.approx(millions, abs=0.5)
    assert found == break_even_requests(Workload(1e9, held_s), RUN, rules)


def test_break_even_never_comes_where_full_instances_cost_less_by_requests():
    without_fee = replace(POST_RULES, overlap=True)
    assert break_even_requests(Workload(0, 0.01), RUN, without_fee) == inf


def test_the_first_volume_is_found_or_there_is_none():
    assert first_volume(lambda v: v >= 123_456) == pytest.approx(123_456)
    assert first_volume(lambda v: True) == 10_000
    assert first_volume(lambda v: False) == inf
    assert first_volume(lambda v: 2e6 <= v < 3e6) == pytest.approx(2e6)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Effort(-1, 50), "hours is -1"),
        (lambda: Effort(1, 50, within_months=0), "within_months is 0"),
        (lambda: Effort(1, 50, upkeep_hours=-1), "upkeep_hours is -1"),
        (lambda: break_even_requests(Workload(1, 0), RUN, POST_RULES), "held_s is 0"),
    ],
)
def test_bad_input_says_what_to_do(wrong, says):
    with pytest.raises(WorkshopError, match=says):
        wrong()


@pytest.mark.parametrize(
    ("volume", "says"),
    [
        (96e6, "it first pays at about 100 million a month"),
        (3.2e10, "it first pays at about 30,000 million a month"),
        (1e4, "it first pays at about 0.01 million a month"),
        (inf, "it pays at no volume up to 1,000,000 million a month"),
    ],
)
def test_a_volume_is_said_in_words(volume, says):
    assert in_words(volume) == says
