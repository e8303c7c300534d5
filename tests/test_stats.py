import numpy as np
import pandas as pd
import pytest
from scipy.stats import gmean, ttest_1samp

from workshop.errors import WorkshopError
from workshop.stats import (
    Interval,
    mean_ms,
    median_interval,
    noise_floor,
    paired_ratio,
    quantile_interval,
    ratio_interval,
    split,
    verdict,
)


def measured(medians, *, drift=0.05, noise=0.02, count=60, seed=2):
    """Return samples of 10 launches that drift, each arm of its own."""
    rng, shape = np.random.default_rng(seed), (len(medians), 10, count)
    seconds = np.array([*medians.values()]).reshape(-1, 1, 1)
    seconds = seconds * rng.lognormal(0, drift, (*shape[:2], 1))
    arms, launches, _ = np.indices(shape)
    found = {
        "arm": np.array(list(medians))[arms.ravel()],
        "launch": launches.ravel(),
        "seconds": (seconds * rng.lognormal(0, noise, shape)).ravel(),
    }
    return pd.DataFrame(found).assign(what="call", rows=1, threads=1, round=0)


TWICE = measured({"onnx-python": 2e-5, "onnx-python again": 2e-5, "onnx-rust": 1e-5})


def test_the_ratio_is_the_mean_of_those_of_the_launches():
    found = ratio_interval(TWICE, "onnx-python", "onnx-rust")
    medians = TWICE.pivot_table("seconds", "launch", "arm", aggfunc="median")
    each = medians["onnx-python"] / medians["onnx-rust"]
    assert found.ratio == pytest.approx(gmean(each))
    by_scipy = ttest_1samp(np.log(each), 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(np.exp(by_scipy)))
    assert found.launches == 10


def test_launches_that_differ_widen_the_interval():
    steady = measured({"a": 2.0, "b": 1.0}, drift=0.01)
    unsteady = measured({"a": 2.0, "b": 1.0}, drift=0.05)
    narrow, wide = (ratio_interval(each, "a", "b") for each in (steady, unsteady))
    assert wide.high / wide.low - 1 > 3 * (narrow.high / narrow.low - 1)


def test_what_both_arms_of_a_launch_have_in_common_does_not():
    slower = TWICE["launch"].map(lambda launch: 1 + launch / 3)
    common = TWICE.assign(seconds=TWICE["seconds"] * slower)
    found, same = (
        ratio_interval(each, "onnx-python", "onnx-rust") for each in (common, TWICE)
    )
    assert (found.low, found.high) == pytest.approx((same.low, same.high))


RUNS = 1000
NOISES = [  # from launch to launch and within one, as much as in what is recorded
    {"drift": 0.03, "noise": 0.0, "count": 1},
    {"drift": 0.02, "noise": 0.25, "count": 100},
]


def simulated(noise, *, slowdown=1.0):
    """Many runs of an arm, the same again, and one that is slower, by a fixed seed."""
    arms = {"a": 1.0, "a again": 1.0, "b": slowdown}
    return (measured(arms, **noise, seed=seed) for seed in range(RUNS))


@pytest.mark.parametrize("noise", NOISES)
def test_95_in_100_intervals_of_an_arm_against_itself_hold_1(noise):
    found = [ratio_interval(run, "a", "a again") for run in simulated(noise)]
    assert 930 <= sum(each.low <= 1 <= each.high for each in found) <= 970


def test_a_planted_slowdown_of_10_in_100_is_found():
    said = [
        verdict(ratio_interval(run, "b", "a"), noise_floor(run, "a", "a again"))
        for run in simulated(NOISES[1], slowdown=1.1)
    ]
    assert sum(each.startswith("a is 1.") for each in said) >= 900


def test_a_median_has_an_interval_of_its_own():
    found = median_interval(TWICE, "onnx-rust")
    each = TWICE[TWICE["arm"] == "onnx-rust"].groupby("launch")["seconds"].median()
    assert found.seconds == pytest.approx(gmean(each))
    assert found.low < found.seconds < found.high < 1.1 * found.low
    with pytest.raises(WorkshopError, match="mix threads"):
        mixed = pd.concat([TWICE, TWICE.assign(threads=2)])
        median_interval(mixed, "onnx-rust")


def test_of_one_launch_nothing_is_known():
    one = TWICE[TWICE["launch"] == 3]
    found = ratio_interval(one, "onnx-python", "onnx-rust")
    assert (found.low, found.high) == (0, np.inf)
    assert noise_floor(one, "onnx-python", "onnx-python again") == np.inf
    assert verdict(found, 1.01).startswith("no difference")


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


def test_an_interval_that_holds_1_is_no_difference():
    assert verdict(Interval(1.2, 0.98, 1.4, 10), 1.1).startswith("no difference")
    assert verdict(Interval(1.2, 1.02, 1.4, 10), 1.1).startswith("fast is 1.20")


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


def rounds_of(launches, *, rounds=50, seed=5):
    """Rounds disturbed by up to 100%, each for both arms alike; b is 1.2 times a."""
    rng = np.random.default_rng(seed)
    common = rng.uniform(1, 2, (launches, rounds))
    launch, round_ = np.indices((launches, rounds)).reshape(2, -1)
    frame = pd.DataFrame({"launch": launch, "round": round_})
    noise = {arm: rng.lognormal(0, 0.02, common.shape) for arm in "ab"}
    arms = {"a": common * noise["a"], "b": 1.2 * common * noise["b"]}
    parts = [frame.assign(arm=arm, seconds=s.ravel()) for arm, s in arms.items()]
    return pd.concat(parts).assign(what="call", rows=1, threads=1)


@pytest.mark.parametrize("launches", [1, 5])
def test_what_disturbs_a_round_is_not_in_a_paired_ratio(launches):
    found = paired_ratio(rounds_of(launches), "b", "a")
    assert 1.18 < found.low < 1.2 < found.high < 1.22
    assert found.launches == launches


def test_the_interval_of_a_median_is_by_rank():
    one = rounds_of(1, rounds=10)
    ratios = np.sort(
        one[one["arm"] == "b"]["seconds"].to_numpy()
        / one[one["arm"] == "a"]["seconds"].to_numpy()
    )
    found = paired_ratio(one, "b", "a")
    assert (found.low, found.high) == pytest.approx((ratios[1], ratios[8]))  # 97.9%
    few = paired_ratio(rounds_of(1, rounds=5), "b", "a")
    assert (few.low, few.high) == (0, np.inf)


@pytest.mark.parametrize(
    ("n", "q", "expected"),
    [
        (100, 0.5, (50, 40, 61, 100)),  # the ranks that tables give
        (1000, 0.99, (990, 983, 997, 1000)),
        (368, 0.99, (365, 360, 368, 368)),
        (367, 0.99, (364, 359, np.nan, 367)),  # more often than 2.5% all lie below
        (1, 0.5, (1, np.nan, np.nan, 1)),
        (0, 0.99, (np.nan, np.nan, np.nan, 0)),
    ],
)
def test_a_quantile_lies_between_two_ranks(n, q, expected):
    shuffled = np.random.default_rng(0).permutation(np.arange(1, n + 1))
    np.testing.assert_equal(quantile_interval(shuffled, q), expected)


def test_rank_intervals_hold_the_true_p99_in_19_of_20_samples():
    rng = np.random.default_rng(0)
    truth = -np.log(0.01)
    found = [quantile_interval(rng.exponential(size=500), 0.99) for _ in range(1000)]
    held = sum(each.low <= truth <= each.high for each in found)
    assert 950 <= held <= 985


def test_the_parts_of_a_whole_add_up_and_have_intervals():
    parts = pd.DataFrame({"imports": [0.08, 0.09, 0.1], "load": [0.01, 0.01, 0.01]})
    found = split(parts)
    assert found.loc["load", "ms"] == "10.0"
    assert found.loc["imports", "ms"] == "90 (70 to 110)"
    mean = 100 * np.mean([8 / 9, 9 / 10, 10 / 11])
    assert found.loc["imports", "% of it"].startswith(f"{mean:.0f} (")
    assert mean_ms(parts["imports"]) == "90 (70 to 110)"


def test_a_part_below_zero_is_one_that_costs():
    found = split(pd.DataFrame({"gain": [0.03, 0.03], "cost": [-0.01, -0.01]}))
    assert found["ms"].tolist() == ["30.0", "-10.0"]
    assert found["% of it"].tolist() == ["150", "-50.0"]
