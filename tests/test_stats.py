import numpy as np
import pandas as pd
import pytest

from workshop.errors import WorkshopError
from workshop.stats import (
    Interval,
    median_interval,
    noise_floor,
    paired_ratio,
    ratio_interval,
    verdict,
)


def measured(medians, *, launches=10, drift=0.05, count=60, seed=2):
    """Return samples whose launches drift, each arm of its own."""
    rng = np.random.default_rng(seed)
    frames = [
        pd.DataFrame(
            {
                **{"arm": arm, "what": "call", "rows": 1, "threads": 1},
                **{"launch": launch, "round": 0},
                "seconds": median
                * rng.lognormal(0, drift)
                * rng.lognormal(0, 0.02, count),
            }
        )
        for launch in range(launches)
        for arm, median in medians.items()
    ]
    return pd.concat(frames)


TWICE = measured({"onnx-python": 2e-5, "onnx-python again": 2e-5, "onnx-rust": 1e-5})


def test_the_ratio_is_that_of_the_medians_and_lies_in_its_interval():
    found = ratio_interval(TWICE, "onnx-python", "onnx-rust")
    medians = TWICE.groupby("arm")["seconds"].median()
    assert found.ratio == medians["onnx-python"] / medians["onnx-rust"]
    assert found.low < 2 < found.high
    assert found.high / found.low < 1.2
    assert found.launches == 10


def test_launches_that_differ_widen_the_interval():
    flat = TWICE.assign(launch=0)
    inside = ratio_interval(flat, "onnx-python", "onnx-rust")
    across = ratio_interval(TWICE, "onnx-python", "onnx-rust")
    assert across.high - across.low > 2 * (inside.high - inside.low)


def test_nine_of_ten_intervals_hold_the_truth():
    """A 95% interval from 10 launches is somewhat narrow, as bootstraps are."""
    held = 0
    for seed in range(60):
        few = measured({"a": 2.0, "b": 1.0}, count=15, seed=seed)
        found = ratio_interval(few, "a", "b", seed=seed)
        held += found.low <= 2 <= found.high
    assert 51 <= held < 60


def test_a_median_has_an_interval_of_its_own():
    found = median_interval(TWICE, "onnx-rust")
    mine = TWICE[TWICE["arm"] == "onnx-rust"]
    assert found.seconds == mine["seconds"].median()
    assert found.low < found.seconds < found.high < 1.1 * found.low
    each = mine.groupby("launch")["seconds"].median()
    assert found.low < each.mean() < found.high
    with pytest.raises(WorkshopError, match="mix threads"):
        mixed = pd.concat([TWICE, TWICE.assign(threads=2)])
        median_interval(mixed, "onnx-rust")


def test_the_seed_fixes_the_interval():
    first = ratio_interval(TWICE, "onnx-python", "onnx-rust", seed=3)
    assert first == ratio_interval(TWICE, "onnx-python", "onnx-rust", seed=3)
    assert first.low != ratio_interval(TWICE, "onnx-python", "onnx-rust", seed=4).low


def test_what_disturbs_a_whole_round_leaves_a_paired_ratio_as_it_is():
    rng = np.random.default_rng(0)
    disturbed = rng.lognormal(0, 0.5, 60)
    arms = {"a": disturbed * 1.2, "b": disturbed, "b again": disturbed * 0.999}
    samples = pd.concat(
        pd.DataFrame({"arm": arm, "round": range(60), "seconds": seconds})
        for arm, seconds in arms.items()
    ).assign(what="call", rows=1, threads=1, launch=0)
    paired = paired_ratio(samples, "a", "b")
    assert (paired.low, paired.ratio, paired.high) == pytest.approx((1.2, 1.2, 1.2))
    assert ratio_interval(samples, "a", "b").high > 1.3
    floor = noise_floor(samples, "b", "b again", ratio=paired_ratio)
    assert floor == pytest.approx(1 / 0.999)
    with pytest.raises(WorkshopError, match="No samples of 'c'"):
        paired_ratio(samples, "c", "b")


def test_launches_of_unequal_size_count_alike():
    uneven = pd.concat([TWICE, *[TWICE[TWICE["launch"] == 0]] * 20])
    found = ratio_interval(uneven, "onnx-python", "onnx-rust")
    even = ratio_interval(TWICE, "onnx-python", "onnx-rust")
    assert (found.low, found.high) == pytest.approx((even.low, even.high), rel=0.02)


def test_the_verdict_says_which_is_faster_and_by_how_much():
    floor = noise_floor(TWICE, "onnx-python", "onnx-python again")
    assert 1 < floor < 1.2
    said = verdict(ratio_interval(TWICE, "onnx-python", "onnx-rust"), floor)
    assert said.startswith("ONNX in Rust is ") and "as fast as ONNX in Python" in said
    turned = verdict(ratio_interval(TWICE, "onnx-rust", "onnx-python"), floor)
    assert said[:20] == turned[:20]  # the intervals are drawn anew


def test_an_arm_against_itself_is_no_difference():
    same = ratio_interval(TWICE, "onnx-python", "onnx-python again")
    floor = noise_floor(TWICE, "onnx-python", "onnx-python again")
    assert verdict(same, floor).startswith("no difference between")


def test_a_gain_below_the_noise_floor_is_no_difference():
    gain = Interval(1.04, 1.02, 1.06, 10, "slow", "fast")
    assert verdict(gain, 1.01) == (
        "fast is 1.04 (1.02 to 1.06) times as fast as slow, in 10 launches"
    )
    assert verdict(gain, 1.05) == (
        "no difference between slow and fast: 1.04 (1.02 to 1.06) times as fast "
        "in 10 launches, and the noise floor is 1.05"
    )


def test_an_interval_that_reaches_into_the_noise_is_no_difference():
    wide = Interval(1.2, 1.02, 1.4, 10)
    assert verdict(wide, 1.1).startswith("no difference")


def test_a_loss_is_told_as_the_other_arms_gain():
    loss = Interval(0.5, 0.4, 0.625, 10, "python", "rust")
    assert verdict(loss, 1.1) == (
        "python is 2.00 (1.60 to 2.50) times as fast as rust, in 10 launches"
    )


def test_one_launch_is_said_to_be_too_few():
    one = verdict(Interval(2, 1.9, 2.1, 1), 1.01)
    assert one.endswith("in 1 launch (it takes 10 to be sure)")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((2.1234, 2.0, 2.2), "2.12 (2.00 to 2.20)"),
        ((2536.4, 99.94, 0.0123), "2,536 (99.9 to 0.0123)"),
    ],
)
def test_three_digits_are_printed(numbers, text):
    assert str(Interval(*numbers, 10)) == text


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (
            pd.concat([TWICE, TWICE.assign(rows=100)]),
            r"mix rows \[1, 100\]: choose one",
        ),
        (TWICE[TWICE["arm"] != "onnx-rust"], "No samples of 'onnx-rust': choose from"),
        (
            TWICE.assign(launch=TWICE["launch"] + 100 * (TWICE["arm"] == "onnx-rust")),
            "share no launch",
        ),
    ],
)
def test_samples_that_do_not_compare_are_refused(samples, says):
    with pytest.raises(WorkshopError, match=says):
        ratio_interval(samples, "onnx-python", "onnx-rust")
