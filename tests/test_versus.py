"""The table and the figures say what the samples say."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from workshop import figures, versus
from workshop.arms import FLOOR_ARMS, SERVED_ARMS
from workshop.launches import STAGES, WHOLE
from workshop.results import Result
from workshop.served import CLIENTS, LATENCY, TURN, ladder

ARMS = ("sklearn", "onnx-python", "onnx-python again", "onnx-rust")
WHOLE_S = dict(zip(ARMS, [2.0, 0.2, 0.21, 0.02], strict=True))
ONE_ROW_US = dict(zip(ARMS, [3000, 16, 16, 8], strict=True))
SERVED = [*SERVED_ARMS, *FLOOR_ARMS, "onnx-fastapi again"]
TURN_MS = dict(zip(SERVED, [4, 0.2, 0.18, 0.02, 0.15, 0.01, 0.2], strict=True))
EVERY = {"threads": 1, "round": 0}


def samples(what, rows, seconds):
    """Ten launches an arm, 1% up and down around its seconds."""
    spread = 1 + np.linspace(-0.01, 0.01, 11)
    return pd.DataFrame(
        [
            {"arm": arm, "what": what, "rows": rows, "launch": n, "seconds": s * f}
            for arm, s in seconds.items()
            for n, f in enumerate(spread)
        ]
    ).assign(**EVERY)


def result(name, *frames, **tables):
    machine = {"cpus_allowed": 2, "cpu": "a CPU"}
    found = pd.concat(frames) if frames else pd.DataFrame({"threads": [1]})
    return Result(name, "measured here", found, tables, machine, {}, "2026-11-25", 0)


def scaled(seconds, factor):
    return {arm: s * factor for arm, s in seconds.items()}


RESULTS = {
    "timing": result(
        "timing",
        samples(WHOLE, 6, WHOLE_S),
        *(samples(f"stage: {s}", 6, scaled(WHOLE_S, 0.2)) for s in STAGES),
        samples("call", 1, scaled(ONE_ROW_US, 1e-6)),
        samples("call", 100, dict.fromkeys(ONE_ROW_US, 3e-4)),
    ),
    "serving": result(
        "serving",
        samples(LATENCY.format(CLIENTS[0]), 1, scaled(TURN_MS, 1e-3)),
        samples(TURN.format(CLIENTS[-1]), 1, scaled(TURN_MS, 1e-3)),
    ),
    "scale": result(
        "scale",
        *(
            samples(f"median call, {model}", rows, scaled(ONE_ROW_US, 1e-6 * rows))
            for model in ("fare_small", "fare", "fare_large")
            for rows in (1, 100)
        ),
    ),
    "capacity": result(
        "capacity",
        *(samples(TURN.format(n), 1, scaled(TURN_MS, 1e-3)) for n in (1, 4, 16)),
        **{
            "by rate": pd.DataFrame(
                [
                    {"arm": arm, "launch": 0, "rate_per_s": rate, "p99_s": rate / 1e4}
                    for arm in SERVED
                    for rate in (100, 1000)
                ]
            )
        },
    ),
    "errors": result(
        "errors",
        errors=pd.DataFrame({"model": ["a line", "trees"], "usd": [1.2, 1.0]}),
    ),
    "parity": result(
        "parity",
        sweep=pd.DataFrame(
            {"step": [-1, 0, 1], "sklearn": [5, 5, 6], "onnx-python": [5, 6, 6]}
        ),
    ),
    "cost": result(
        "cost",
        bills=pd.DataFrame(
            {
                "arm": SERVED_ARMS,
                "compute_usd": [2.2, 0.2, 0.19, 0.1],
                "low_usd": [2.1, 0.18, 0.17, 0.08],
                "high_usd": [2.3, 0.22, 0.21, 0.12],
                "fee_usd": [6.0] * 4,
            }
        ),
    ),
}


def load(name):
    return RESULTS[name]


def measured(rows):
    return {row.claim: row.measured for row in rows}


def test_ratios_are_those_of_the_samples():
    found = measured(versus.timing_rows(load))
    assert found["whole process: Rust v. Python"].startswith("10.0 (")
    assert found["one row, running process: Rust v. Python"].startswith("2.00 (")
    assert found["100 rows: Rust v. Python"].startswith("1.00 (")
    assert found["whole process: ONNX in Rust"].startswith("20.0 ms (")


def test_a_ratio_stands_beside_what_noise_would_give():
    rows = {row.claim: row.noise for row in versus.timing_rows(load)}
    assert rows["whole process: Rust v. Python"].startswith("1.0")
    assert float(rows["whole process: Rust v. Python"].split()[0]) >= 1.05
    assert float(rows["100 rows: Rust v. Python"].split()[0]) < 1.05
    assert rows["whole process: ONNX in Rust"] == ""


def test_a_larger_model_has_rows_of_its_own():
    found = measured(versus.scale_rows(load))
    assert found["one row, 1,000 iterations: ONNX v. scikit-learn"].startswith("187 (")
    assert found["one row, 1,000 iterations: Rust v. Python"].startswith("2.00 (")


def test_the_served_rows_tell_the_framework_from_the_model():
    found = measured(versus.serving_rows(load))
    assert found["served: time saved"].startswith("99.5 (")
    assert found["16 clients: framework, ONNX in both"].startswith("9.00 (")
    assert found["16 clients: framework, no model at all"].startswith("15.0 (")


def test_a_step_of_the_ladder_stands_beside_its_framework_with_no_model():
    steps = {
        "model": ("sklearn-fastapi", "onnx-fastapi"),
        "framework": ("rust-fastapi", "onnx-axum"),
    }
    table = ladder(RESULTS["serving"].samples, steps)
    for clients in ("1 client", "16 clients"):
        assert table.loc["model", clients].startswith("20.0 (")
        assert table.loc["model", f"{clients}, no model"] == ""
        assert table.loc["framework", clients].startswith("9.00 (")
        assert table.loc["framework", f"{clients}, no model"].startswith("15.0 (")
        assert table.loc["framework", f"{clients}, noise"] == "1.00"


def test_the_bill_has_its_interval_and_the_posts_figure_where_there_is_one():
    rows = {row.claim: row for row in versus.cost_rows(load)}
    fastapi = rows["bill, post's rules: scikit-learn behind FastAPI"]
    assert (fastapi.post, fastapi.measured) == ("8.069 USD", "2.20 (2.10 to 2.30) USD")
    whole = rows["bill with the fee: ONNX behind axum"]
    assert (whole.post, whole.measured) == ("not said", "6.10 (6.08 to 6.12) USD")


@pytest.mark.parametrize("name", figures.DRAW)
def test_every_figure_is_drawn_to_a_file(name):
    assert figures.picture(name, load, "png").startswith(b"\x89PNG")


@pytest.mark.parametrize("source", ["measured here", "recorded on 2026-11-20"])
def test_ratios_from_two_places_name_both(source):
    elsewhere = dataclasses.replace(RESULTS["serving"], source=source)
    axes = figures.ratios({**RESULTS, "serving": elsewhere}.get)
    told = " ".join(axes.figure.get_supxlabel().split())
    plt.close(axes.figure)
    assert told.count("measured here") == 1
    other = "a CPU), threads 1, recorded on 2026-11-20"
    assert (f"; served: 2 CPUs ({other}" in told) == (source != "measured here")


def test_a_figure_is_the_same_file_every_time():
    assert figures.picture("bill", load, "svg") == figures.picture("bill", load, "svg")
