"""What the extension must reach, and how a measurement is held against it."""

from typing import NamedTuple

import pandas as pd

from workshop import stats
from workshop.bench.cases import COLUMNS, ROWS, TENSOR, TOGETHER, Case
from workshop.bench.contenders import AGAIN, FLOOR, OUT, PYTHON, RUST, TWO, base
from workshop.quantities import digits, duration
from workshop.stats import Interval


class Bar(NamedTuple):
    """A limit on `over` / `under`, two contenders' times in the same round."""

    says: str
    case: Case
    over: str
    under: str
    limit: float
    at_most: bool = True


NAMES = ["case, rows", "bar", "limit", "measured", "noise floor", "verdict"]
ONE, SAME, RIDE = Case(TENSOR), Case(TENSOR, same_row=True), Case(COLUMNS)
MANY = [Case(model, rows) for model in (TENSOR, COLUMNS) for rows in ROWS[2:]]
BOTH = {Case(TENSOR, 1, task=TOGETHER): 0.95, Case(TENSOR, 1_000, task=TOGETHER): 1.7}
BARS = [
    Bar("run(out=) / floor", ONE, OUT, FLOOR, 1.2),
    Bar("run / floor", ONE, RUST, FLOOR, 1.35),
    Bar("onnxruntime / run", ONE, PYTHON, RUST, 1.9, at_most=False),
    Bar("onnxruntime / run", SAME, PYTHON, RUST, 2.3, at_most=False),
    Bar("run / floor", RIDE, RUST, FLOOR, 1.55),
    Bar("onnxruntime / run", RIDE, PYTHON, RUST, 1.9, at_most=False),
    *(Bar("run / floor", case, RUST, FLOOR, 1.05) for case in MANY),
    *(Bar("run / onnxruntime", case, RUST, PYTHON, 1) for case in MANY),
    *(
        Bar("rate of two threads / one", case, RUST, RUST + TWO, limit, at_most=False)
        for case, limit in BOTH.items()
    ),
]


def of_case(samples: pd.DataFrame, case: Case) -> pd.DataFrame:
    """The samples of one case: none where it was not timed."""
    kind = (samples["rows"] == case.rows) & (samples["threads"] == case.threads)
    return samples[kind & (samples["what"] == case.what)]


def noise(samples: pd.DataFrame, case: Case) -> float:
    """What the case's base timed against itself does not exceed: 1 or more.

    Two threads want a second core, and what it has not to give here is noise as well:
    what onnxruntime lacks, which lets go of the GIL at each call, of two times as much.
    """
    arms = base(case), base(case) + AGAIN
    found = stats.noise_floor(samples, *arms, ratio=stats.paired_ratio)
    if case.task == TOGETHER and case.rows > 1:
        found = max(found, 2 / stats.paired_ratio(samples, PYTHON, PYTHON + TWO).ratio)
    return found


def judge(ratio: Interval, noise: float, bar: Bar) -> str:
    """The verdict on a ratio, whose interval is no narrower than the noise floor."""
    low = min(ratio.low, ratio.ratio / noise)
    high = max(ratio.high, ratio.ratio * noise)
    return verdict(low, high, bar.limit, at_most=bar.at_most)


def verdict(low: float, high: float, limit: float, *, at_most: bool) -> str:
    """'met' or 'missed' where the whole interval is, else 'within noise'."""
    if low <= limit <= high:
        return "within noise"
    return "met" if at_most == (high < limit) else "missed"


def judged(samples: pd.DataFrame) -> pd.DataFrame:
    """A row for each bar whose contenders were timed: what it wants, what it got."""
    rows = []
    for bar in BARS:
        mine = of_case(samples, bar.case)
        if {bar.over, bar.under} <= set(mine["arm"]):
            ratio = stats.paired_ratio(mine, bar.over, bar.under)
            most = noise(mine, bar.case)
            limit = f"at {'most' if bar.at_most else 'least'} {bar.limit}"
            says = f"{bar.case.what}, {bar.case.rows:,}", bar.says, limit, str(ratio)
            rows.append((*says, digits(most), judge(ratio, most, bar)))
    return pd.DataFrame(rows, columns=NAMES)


def table(samples: pd.DataFrame, case: Case) -> pd.DataFrame:
    """A row for each contender of a case: its time a call, and how many of the base."""
    mine, rows = of_case(samples, case), []
    for arm in mine.groupby("arm")["seconds"].median().sort_values().index:
        ratio = stats.paired_ratio(mine, arm, base(case))
        time = duration(stats.median_interval(mine, arm).seconds)
        rows.append((arm, time, str(ratio)))
    return pd.DataFrame(rows, columns=["", "time a call", f"/ {base(case)}"])
