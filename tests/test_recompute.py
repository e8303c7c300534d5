"""The ratios that are printed, computed once more by a script that stands alone."""

import subprocess
import sys

import pytest

from workshop import results, stats
from workshop.paths import REFERENCE, ROOT
from workshop.quantities import digits
from workshop.versus import scale_rows, serving_rows, timing_rows

SCRIPT = ROOT / "data" / "recompute.py"
KIND = ["what", "rows", "threads"]


@pytest.fixture(scope="module", params=["timing", "scale", "serving"])
def recorded(request):
    """A recorded result, and (ratio, low, high) by kind and pair of arms."""
    file = REFERENCE / f"{request.param}.json"
    command = [sys.executable, "-I", str(SCRIPT), str(file)]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    lines = [line.split("\t") for line in text.splitlines()]
    found = {tuple(line[:5]): tuple(map(float, line[5:])) for line in lines}
    return results.recorded(request.param), found


def test_it_comes_to_the_same_ratios(recorded):
    result, found = recorded
    assert len(found) > 100
    for kind, samples in result.samples.groupby(KIND):
        for slow in samples["arm"].unique():
            for fast in set(samples["arm"]) - {slow}:
                ours = stats.ratio_interval(samples, slow, fast)
                theirs = found[(*map(str, kind), slow, fast)]
                assert theirs == pytest.approx((ours.ratio, ours.low, ours.high), 1e-3)


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
