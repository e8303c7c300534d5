"""The ratios that are printed, computed once more by a script that stands alone."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from workshop import results, stats
from workshop.paths import REFERENCE, ROOT
from workshop.quantities import digits
from workshop.versus import scale_rows, serving_rows, timing_rows

SCRIPT = ROOT / "data" / "recompute.py"
KIND = ["what", "rows", "threads"]


def recomputed(file, *more):
    """(ratio, low, high) by kind and pair of arms, as the script prints them."""
    command = [sys.executable, "-I", str(SCRIPT), str(file), *more]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    lines = [line.split("\t") for line in text.splitlines()]
    return {tuple(line[:5]): tuple(map(float, line[5:])) for line in lines}


@pytest.fixture(scope="module", params=["timing", "scale", "serving"])
def recorded(request):
    """A recorded result, and what the script says of it."""
    found = recomputed(REFERENCE / f"{request.param}.json")
    return results.recorded(request.param), found


def assert_alike(samples, found, ratio):
    """The script's intervals are those of the workshop, for each kind and pair."""
    pairs = 0
    for kind, mine in samples.groupby(KIND):
        for slow in mine["arm"].unique():
            for fast in set(mine["arm"]) - {slow}:
                ours, pairs = ratio(mine, slow, fast), pairs + 1
                theirs = found[(*map(str, kind), slow, fast)]
                assert theirs == pytest.approx((ours.ratio, ours.low, ours.high), 1e-3)
    assert len(found) == pairs


def test_it_comes_to_the_same_ratios(recorded):
    result, found = recorded
    assert len(found) > 100
    assert_alike(result.samples, found, stats.ratio_interval)


def test_it_comes_to_the_same_ratios_by_rounds(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    kinds = [("one tensor", 1, 1), ("one tensor", 100, 1), ("columns", 1, 2)]
    samples = [
        (*kind, arm, launch, turn, factor * 1.5**turn * rng.lognormal(0, 0.1))
        for kind in kinds
        for arm, factor in (("floor", 1), ("floor again", 1), ("onnxruntime", 2))
        for launch in range(3)
        for turn in range(7)
        for _ in range(2)
    ]
    names = [*KIND, "arm", "launch", "round", "seconds"]
    monkeypatch.setattr(results, "BUILD", tmp_path)
    file = results.save("bench", pd.DataFrame(samples, columns=names), 0)
    found, loaded = recomputed(file, "rounds"), results.load("bench").samples
    assert_alike(loaded, found, stats.paired_ratio)
    assert found != recomputed(file)


def test_each_ratio_of_the_table_is_among_them(recorded):
    result, found = recorded
    printed = {"timing": timing_rows, "scale": scale_rows, "serving": serving_rows}
    said = [row.measured for row in printed[result.name](results.recorded)]
    said = [text.removesuffix(" x") for text in said if text.endswith(" x")]
    assert len(said) >= 2
    ours = {"{} ({} to {})".format(*map(digits, three)) for three in found.values()}
    assert set(said) <= ours


def test_it_knows_nothing_of_the_workshop():
    assert "workshop" not in SCRIPT.read_text().partition('"""\n\n')[2]
