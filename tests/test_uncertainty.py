"""Draws have the ranges that they were given; the tornado finds what matters."""

import time

import numpy as np
import pytest

from workshop.cost import ROUNDINGS, Rules, bill
from workshop.errors import WorkshopError
from workshop.month import of_rides
from workshop.prices import read_prices
from workshop.quantities import Spread
from workshop.rides import read_rides
from workshop.uncertainty import (
    Assumed,
    Measured,
    OneOf,
    describe,
    months,
    spread,
    tornado,
)
from workshop.workload import Workload

RUN = read_prices().cloud_run
INPUTS = {
    "held_s": Measured(Spread(0.0145, 0.0140, 0.0150)),
    "factor": Assumed(1, 4),
    "rounding": OneOf(ROUNDINGS),
}


def draw(name, count=40_000):
    return INPUTS[name].draw(np.random.default_rng(0), count)


def test_a_measured_number_keeps_its_95_per_cent():
    drawn = draw("held_s")
    inside = np.mean((drawn >= 0.0140) & (drawn <= 0.0150))
    assert inside == pytest.approx(0.95, abs=0.01)
    assert np.median(drawn) == pytest.approx(0.0145, rel=1e-3)
    exact = Measured(Spread(1.0, 1.0, 1.0)).draw(np.random.default_rng(0), 3)
    assert exact.tolist() == [1, 1, 1]


def test_an_assumed_number_is_as_likely_from_1_to_2_as_from_2_to_4():
    drawn = draw("factor")
    assert drawn.min() >= 1 and drawn.max() <= 4
    assert np.mean(drawn < 2) == pytest.approx(0.5, abs=0.01)
    assert INPUTS["factor"].values == pytest.approx((2, 1, 4))
    assert Assumed(1, 4, middle=1).values == (1, 1, 4)


def test_a_choice_is_each_of_them_as_often():
    drawn = draw("rounding", 3000)
    assert {*drawn} == {*ROUNDINGS}
    assert drawn.count("none") == pytest.approx(1000, abs=100)


def test_a_seed_is_a_sample_and_one_input_more_leaves_the_others_as_they_were():
    def factor(drawn):
        return drawn["factor"]

    found = months(INPUTS, factor, draws=50)
    assert months(INPUTS, factor, draws=50).tolist() == found.tolist()
    assert months(INPUTS, factor, draws=50, seed=1).tolist() != found.tolist()
    more = {"new": Assumed(1, 2), **INPUTS}
    assert months(more, factor, draws=50).tolist() == found.tolist()


def test_1000_months_of_a_bill_take_less_than_10_seconds():
    january = of_rides(read_rides()["tpep_pickup_datetime"])

    def usd(drawn):
        work = Workload(15e6, drawn["held_s"] * drawn["factor"])
        rules = Rules(free_tier=False, rounding=drawn["rounding"])
        return bill(work, RUN, rules, january).total_usd

    start = time.perf_counter()
    found = months(INPUTS, usd)
    assert time.perf_counter() - start < 10
    assert found.shape == (1000,)
    middle, low, high = spread(found)
    assert low < middle < high
    assert low == pytest.approx(np.quantile(found, 0.025))


def test_the_tornado_is_sorted_by_width_around_one_middle():
    def usd(drawn):
        rounded = drawn["rounding"] != "none"
        return 100 * drawn["held_s"] * drawn["factor"] + rounded

    table = tornado(INPUTS, usd)
    assert [*table.index] == ["factor", "rounding", "held_s"]
    assert table["middle"].to_numpy() == pytest.approx([2.9] * 3)
    assert table.loc["factor"].tolist() == pytest.approx([1.45, 2.9, 5.8])
    assert table.loc["rounding"].tolist() == pytest.approx([2.9, 2.9, 3.9])


def test_the_table_of_inputs_says_what_was_measured():
    table = describe(INPUTS)
    assert table["is"].tolist() == ["measured", "assumed", "assumed"]
    assert table.loc["factor", ["low", "high"]].tolist() == [1, 4]
    assert table.loc["rounding", "low"] == "request or busy interval"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Assumed(0, 1),
        lambda: Assumed(2, 1),
        lambda: Assumed(1, 2, middle=3),
        lambda: Assumed(1, float("inf")),
        lambda: Measured(Spread(1, 2, 3)),
        lambda: Measured(Spread(1, -1, 3)),
    ],
)
def test_a_range_that_is_none_is_refused(wrong):
    with pytest.raises(WorkshopError, match="give numbers above 0, in this order"):
        wrong()
