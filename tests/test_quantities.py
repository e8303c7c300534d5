"""No digit that an interval does not carry, and two rules of per cent are not one."""

from math import inf, nan

import numpy as np
import pytest

from workshop.claims import read_claims
from workshop.errors import WorkshopError
from workshop.quantities import Spread, carried, speedup_percent, time_saved_percent


@pytest.mark.parametrize(
    ("spread", "text"),
    [
        ((6.3172, 6.07, 6.52), "6.3 (6.1 to 6.5)"),
        ((0.0525, 0.0507, 0.0546), "0.052 (0.051 to 0.055)"),
        ((12_345, 11_200, 13_900), "12,000 (11,000 to 14,000)"),
        ((-0.001, -0.4, 0.3), "0.0 (-0.4 to 0.3)"),
        ((8.069, 8.069, 8.069), "8.07"),
        ((99.96, 95, 105), "100 (95 to 105)"),
        ((5.2, 5.2, 5.2 + 1e-15), "5.20"),
    ],
)
def test_what_is_printed_is_what_the_interval_carries(spread, text):
    assert str(Spread(*spread)) == text


def test_the_last_digit_is_between_a_twentieth_of_the_width_and_half_of_it():
    rng = np.random.default_rng(0)
    for _ in range(500):
        low = rng.normal() * 10 ** rng.uniform(-3, 5)
        width = 10 ** rng.uniform(-4, 4)
        text = carried(low, low, low + width).replace(",", "")
        places = len(text.partition(".")[2])
        unit = 10.0**-places if places else 1.0
        if width < 2:
            assert width / 20 < unit <= width / 2
        assert abs(float(text) - low) <= width / 4


def test_ends_are_the_extremes_whichever_way_they_are_turned():
    assert Spread.of(2, 3, 1) == Spread.of(2, 1, 3) == (2, 1, 3)
    assert Spread.of(2, 3, 4) == (2, 2, 4)


@pytest.mark.parametrize("ends", [(2, 1), (nan, 1), (0, inf)])
def test_ends_that_are_none_are_refused(ends):
    with pytest.raises(WorkshopError, match="carries no digit"):
        carried(1, *ends)


def test_two_rules_of_per_cent_are_not_one():
    times = read_claims().whole_process
    slow, fast = times["median_s"][["onnx-python", "onnx-rust"]]
    assert round(speedup_percent(slow, fast)) == 552
    assert time_saved_percent(slow, fast) == pytest.approx(84.7, abs=0.05)
    mean = times["mean_s"]
    assert round(speedup_percent(mean["onnx-python"], mean["onnx-rust"])) == 536
    for column, onnx, rust in [("median_s", 4.93, 6.52), ("mean_s", 4.97, 6.36)]:
        sklearn, python, fastest = times[column][
            ["sklearn", "onnx-python", "onnx-rust"]
        ]
        assert sklearn / python == pytest.approx(onnx, abs=0.006)
        assert python / fastest == pytest.approx(rust, abs=0.006)


def test_the_posts_17_18_does_not_follow_from_its_times():
    assert speedup_percent(0.0145, 0.0120) == pytest.approx(20.8, abs=0.05)
    assert time_saved_percent(0.0145, 0.0120) == pytest.approx(17.24, abs=0.005)
    allowed = [
        time_saved_percent(0.0145 + a * 5e-5, 0.0120 - a * 5e-5) for a in (-1, 1)
    ]
    assert allowed == pytest.approx([16.6, 17.9], abs=0.05)
    claims = read_claims()
    assert claims.value("requests") / claims.value("users") == 150


@pytest.mark.parametrize("wrong", [(1, 0), (0, 1), (-1, 1)])
def test_no_time_is_refused(wrong):
    with pytest.raises(WorkshopError, match="give a number"):
        speedup_percent(*wrong)
    with pytest.raises(WorkshopError, match="give a number"):
        time_saved_percent(*wrong)
