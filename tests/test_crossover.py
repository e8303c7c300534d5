"""Where one arm overtakes another: found where planted, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

from workshop.crossover import by_rows, crossover
from workshop.errors import WorkshopError

ROWS = (1, 10, 100, 1_000, 10_000, 100_000)
NOISE = dict.fromkeys(ROWS, 1.03)


def calls(seconds, *, rows=ROWS, noise=0.01, launches=5, seed=0):
    """Samples of launches; seconds: by arm, a function of the rows of a call."""
    rng = np.random.default_rng(seed)
    found = [
        (arm, n, launch, time(n) * rng.lognormal(0, noise))
        for arm, time in seconds.items()
        for n in rows
        for launch in range(launches)
    ]
    samples = pd.DataFrame(found, columns=["arm", "rows", "launch", "seconds"])
    return samples.assign(what="call", threads=1)


def power(start, exponent):
    return lambda rows: start * rows**exponent


# Straight lines on logarithmic axes meet where their times are equal: at 200 rows.
PLANTED = {"sklearn": power(200**0.5, 0.5), "onnx-python": power(1, 1.0)}


@pytest.mark.parametrize(
    "arms", [("sklearn", "onnx-python"), ("onnx-python", "sklearn")]
)
def test_a_planted_crossover_is_found_whichever_arm_is_named_first(arms):
    found = crossover(calls(PLANTED), *arms)
    assert found and found.low < 200 < found.high
    assert found.rows == pytest.approx(200, rel=0.1)
    assert (found.first, found.then) == ("ONNX in Python", "scikit-learn")
    exact = crossover(calls(PLANTED, noise=1e-6), *arms)
    assert str(exact) == "ONNX in Python leads scikit-learn up to 200 (200 to 200)"
    assert exact.end == "ONNX in Python up to 200 (200 to 200)"


def test_the_interval_holds_the_truth_as_often_as_it_says():
    # Between numbers of rows that were timed it holds it more often: here is one.
    planted = {"sklearn": power(10, 0.5), "onnx-python": power(1, 1.0)}
    held = 0
    for seed in range(300):
        samples = calls(planted, noise=0.1, seed=seed)
        found = crossover(samples, "sklearn", "onnx-python")
        held += found.low < 100 < found.high
    assert 273 <= held <= 296  # 95 in 100 of 300 is 285


def test_a_lead_that_never_ends_is_a_result():
    always = {"sklearn": power(3, 1), "onnx-rust": power(1, 1)}
    found = crossover(calls(always), "sklearn", "onnx-rust")
    assert not found and np.isnan([found.rows, found.low, found.high]).all()
    assert str(found) == (
        "ONNX in Rust leads scikit-learn, no crossover seen up to 100,000"
    )
    assert found.end == "ONNX in Rust, no end up to 100,000"


def test_a_lead_that_fades_into_noise_is_no_crossover():
    fades = {"onnx-python": lambda n: n + 1, "onnx-rust": float}
    runs = [calls(fades, seed=seed) for seed in range(40)]
    found = [crossover(run, "onnx-python", "onnx-rust") for run in runs]
    assert sum(map(bool, found)) > 2  # of six intervals of 1, one lies beyond by chance
    found = [crossover(run, "onnx-python", "onnx-rust", noise=NOISE) for run in runs]
    assert not any(found) and all(each.leads for each in found)


def test_a_lead_is_undecided_beyond_the_last_rows_where_it_is_sure():
    fades = {"onnx-python": lambda n: n * 1.02 + 5, "onnx-rust": float}
    samples, pair = calls(fades, noise=1e-4), ("onnx-python", "onnx-rust")
    endless = crossover(samples, *pair)
    assert endless.end == "ONNX in Rust, no end up to 100,000"
    found = crossover(samples, *pair, noise=NOISE)  # 1.07 on 100 rows, 1.025 on 1,000
    assert not found and found.leads and found.sure == 100
    assert found.end == "ONNX in Rust up to 100, undecided beyond"
    said = "ONNX in Rust leads ONNX in Python up to 100, undecided beyond"
    assert str(found) == said


def test_undecided_rows_before_sure_ones_are_no_end():
    leads = {"onnx-python": lambda n: n * 1.2, "onnx-rust": float}
    noise = NOISE | {100: 1.5}
    found = crossover(calls(leads), "onnx-python", "onnx-rust", noise=noise)
    assert found.end == "ONNX in Rust, no end up to 100,000"
    noise = NOISE | {100: 1.5, 1_000: 1.5, 10_000: 1.5, 100_000: 1.5}
    found = crossover(calls(leads), "onnx-python", "onnx-rust", noise=noise)
    assert found.end == "ONNX in Rust up to 10, undecided beyond"


def test_a_level_and_noise_are_both_to_be_passed():
    fades = {"onnx-python": lambda n: n + 1, "onnx-rust": float}
    samples = calls(fades, noise=1e-4)  # 1.1 on ten rows, 1.01 on a hundred
    pair = ("onnx-python", "onnx-rust")
    assert crossover(samples, *pair, level=1.05)
    wide = dict.fromkeys(ROWS, 1.06)
    found = crossover(samples, *pair, level=1.05, noise=wide)
    assert found.end == "ONNX in Rust up to 1, undecided beyond"


def test_arms_that_are_alike_have_no_lead():
    alike = {"onnx-python": float, "onnx-rust": float}
    found = crossover(calls(alike), "onnx-python", "onnx-rust", noise=NOISE)
    assert str(found) == "no lead seen of ONNX in Rust over ONNX in Python"
    assert found.end == "no lead"


def test_where_a_lead_falls_under_a_level():
    fades = {"onnx-python": lambda n: n + 1, "onnx-rust": float}
    dense = [*range(5, 60)]
    samples = calls(fades, rows=dense, noise=1e-4)
    found = crossover(samples, "onnx-python", "onnx-rust", level=1.05)
    assert found.rows == pytest.approx(20, rel=0.02)  # 1 + 1 / 20
    said = "ONNX in Rust is over 1.05 times as fast as ONNX in Python up to 20 ("
    assert str(found).startswith(said)
    never = crossover(samples, "onnx-rust", "onnx-python", level=1.05)
    assert not never and not never.leads


def test_ratios_by_rows_are_those_of_each_number_of_rows():
    found = by_rows(calls(PLANTED, noise=1e-6), "sklearn", "onnx-python")
    assert [*found] == [*ROWS]
    assert found[100].ratio == pytest.approx(200**0.5 / 10, rel=1e-4)


def test_what_holds_no_crossover_is_refused():
    with pytest.raises(WorkshopError, match=r"several numbers of rows: \[1\]"):
        crossover(calls(PLANTED, rows=[1]), "sklearn", "onnx-python")
    mixed = pd.concat([calls(PLANTED), calls(PLANTED).assign(threads=2)])
    with pytest.raises(WorkshopError, match="mix threads"):
        crossover(mixed, "sklearn", "onnx-python")
