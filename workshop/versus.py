"""'The post v. your machine': a row a claim, computed from the kept samples."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from workshop import results, stats
from workshop.arms import label
from workshop.bench import scale
from workshop.claims import read_claims
from workshop.launches import WHOLE
from workshop.quantities import Spread, digits, duration
from workshop.results import Result
from workshop.served import AGAIN, CLIENTS, LATENCY, TURN
from workshop.stats import Interval

Load = Callable[[str], Result]
UNSAID = "not said"
MANY = 100  # rows in the batch that the table speaks of


class Row(NamedTuple):
    """One claim: what the post says, what was measured, and what noise would give."""

    claim: str
    post: str
    measured: str
    noise: str = ""
    source: str = ""


def timing_rows(load: Load = results.load) -> list[Row]:
    """Return the rows that notebook 05 adds: whole processes, one row, a batch."""
    result = load("timing")
    post = read_claims().whole_process["median_s"]
    whole = kind(result, what=WHOLE)
    found = [
        Row(f"whole process: {label(arm)}", f"{seconds:.3g} s", median(whole, arm))
        for arm, seconds in post.items()
    ]
    ratio = f"{post['onnx-python'] / post['onnx-rust']:.3g} x"
    pair = ("onnx-python", "onnx-rust")
    found += [
        versus("whole process: Rust v. Python", ratio, whole, pair),
        versus(
            "one row, running process: Rust v. Python", UNSAID, calls(result, 1), pair
        ),
        versus(f"{MANY} rows: Rust v. Python", UNSAID, calls(result, MANY), pair),
    ]
    return [row._replace(source=result.source) for row in found]


def scale_rows(load: Load = results.load) -> list[Row]:
    """Return the rows of one ride and a model with five times as many trees."""
    result = load("scale")
    samples = scale.of(result, "fare_large")
    samples = samples[samples["rows"] == 1]
    found = [
        versus(f"one row, 1,000 iterations: {step}", "more", samples, pair)
        for step, pair in scale.STEPS.items()
    ]
    return [row._replace(source=result.source) for row in found]


def serving_rows(load: Load = results.load) -> list[Row]:
    """Return the rows that notebook 06 adds: one client, and many."""
    claims, result = read_claims(), load("serving")
    one = kind(result, what=LATENCY.format(CLIENTS[0]))
    many = kind(result, what=TURN.format(CLIENTS[-1]))
    slow, fast = "sklearn-fastapi", "onnx-axum"
    found = []
    for arm in (slow, fast):
        said = f"{claims.value(f'served-{arm}'):.3g} s"
        found.append(Row(f"served: {label(arm)}", said, median(one, arm)))
    saved = percent(stats.ratio_interval(one, slow, fast))
    found.append(Row("served: time saved", f"{claims.value('served')} %", saved))
    found += [
        versus(f"{CLIENTS[-1]} clients: {said}", UNSAID, many, pair)
        for said, pair in [
            ("model and framework", (slow, fast)),
            ("the extension inside FastAPI", ("onnx-fastapi", "rust-fastapi")),
            ("framework, ONNX in both", ("rust-fastapi", fast)),
            ("framework, no model at all", ("noop-fastapi", "noop-axum")),
        ]
    ]
    return [row._replace(source=result.source) for row in found]


def versus(claim: str, post: str, samples: pd.DataFrame, pair: tuple[str, str]) -> Row:
    """Return the row of a ratio: how many times as fast the second arm is."""
    ratio = stats.ratio_interval(samples, *pair)
    again = next(arm for arm in samples["arm"] if arm.endswith(AGAIN))
    floor = stats.noise_floor(samples, again.removesuffix(AGAIN), again)
    return Row(claim, post, f"{ratio} x", f"{floor:.3g} x")


def cost_rows(load: Load = results.load) -> list[Row]:
    """Return the rows that notebook 07 adds: the post's bill, and the whole."""
    claims, bills = read_claims(), load("cost").tables["bills"].set_index("arm")
    compute = bills[["compute_usd", "low_usd", "high_usd"]]
    found = []
    for arm, usd in compute.iterrows():
        post = claims.claims.get(f"bill-{arm}")
        said = f"{post.value} USD" if post else UNSAID
        found.append(Row(f"bill, post's rules: {label(arm)}", said, dollars(*usd)))
    for arm, usd in compute.add(bills["fee_usd"], axis=0).iterrows():
        found.append(Row(f"bill with the fee: {label(arm)}", UNSAID, dollars(*usd)))
    source = load("serving").source  # a bill is as much from here as its times are
    return [row._replace(source=source) for row in found]


def show(*parts: list[Row]) -> pd.DataFrame:
    """Return rows as a table for a notebook."""
    names = ["claim", "the post", "measured (95% interval)", "noise floor", "source"]
    return pd.DataFrame([row for part in parts for row in part], columns=names)


def table() -> pd.DataFrame:
    """Return the whole table, of what was measured here or else recorded."""
    return show(timing_rows(), scale_rows(), serving_rows(), cost_rows())


def text() -> str:
    """Return the whole table as lines for a terminal."""
    left = dict.fromkeys(("claim", "measured (95% interval)"), "{:<52}".format)
    return "the post v. your machine\n" + table().to_string(
        index=False, justify="left", formatters=left
    )


def kind(result: Result, **wanted: object) -> pd.DataFrame:
    """Return the samples of one kind, such as what='whole process'."""
    samples = result.samples
    for column, value in wanted.items():
        samples = samples[samples[column] == value]
    return samples


def calls(result: Result, rows: int) -> pd.DataFrame:
    """Return the samples of calls with so many rows, in a running process."""
    return kind(result, what="call", rows=rows)


def median(samples: pd.DataFrame, arm: str) -> str:
    """Return an arm's median time with its interval, in the unit that suits it."""
    middle, low, high = map(duration, stats.median_interval(samples, arm))
    return f"{middle} ({low} to {high})"


def dollars(middle: float, low: float, high: float) -> str:
    """Return a sum with its interval, in USD, to the digit that it carries."""
    return f"{Spread(middle, low, high)} USD"


def percent(ratio: Interval) -> str:
    """Return a ratio as the per cent of time saved."""
    saved = [100 * (1 - 1 / each) for each in (ratio.ratio, ratio.low, ratio.high)]
    return "{} ({} to {}) %".format(*map(digits, saved))
