"""The bench of sizes: what Rust saves in its two parts, and leads held to noise."""

import numpy as np
import pandas as pd
import pytest

from workshop import results
from workshop.bench import scale
from workshop.errors import WorkshopError

ROWS = (1, 10, 100, 1_000, 10_000)
CALL_S, ROW_S = 7e-6, 4e-8  # what is planted


def planted(name="fare", *, saved=(CALL_S, ROW_S), noise=1e-4, threads=1, launches=5):
    """Samples of four arms: Rust's call is shorter by a part a call and one a row."""
    rng = np.random.default_rng(0)
    found = []
    for launch in range(launches):
        for rows in ROWS:
            rust = 10e-6 + 3e-6 * rows
            python = rust + saved[0] + saved[1] * (rows - 1)
            for arm, seconds in {
                "sklearn": 2e-3 + 6e-6 * rows,
                "onnx-python": python,
                "onnx-python again": python,
                "onnx-rust": rust,
            }.items():
                found.append((arm, rows, launch, seconds * rng.lognormal(0, noise)))
    samples = pd.DataFrame(found, columns=["arm", "rows", "launch", "seconds"])
    return samples.assign(what=scale.WHAT.format(name), threads=threads, round=0)


@pytest.fixture
def saved_to(monkeypatch, tmp_path):
    """Keep samples as the bench does, and load them."""
    monkeypatch.setattr(results, "BUILD", tmp_path)

    def keep(*samples):
        results.save("scale", pd.concat(samples), 0)
        return results.load("scale")

    return keep


def test_what_is_saved_falls_into_a_part_a_call_and_a_part_a_row():
    call, row = scale.saved(planted(noise=1e-3))
    assert call.low < CALL_S < call.high and row.low < ROW_S < row.high
    assert call.middle == pytest.approx(CALL_S, rel=0.01)
    assert row.low > 0
    exact = scale.saved(planted(noise=0))
    assert exact.call.middle == pytest.approx(CALL_S)
    assert exact.row.middle == pytest.approx(ROW_S)


def test_nothing_saved_a_row_is_found_to_be_nothing():
    call, row = scale.saved(planted(saved=(CALL_S, 0), noise=1e-3))
    assert call.low > 0 and row.low < 0 < row.high


def test_what_has_no_two_parts_is_refused():
    samples = planted()
    with pytest.raises(WorkshopError, match="choose one model"):
        scale.saved(pd.concat([samples, planted(threads=2)]))
    for few in (
        samples[samples["rows"] == 1],
        samples[samples["rows"] > 1],
        samples[samples["arm"] != "onnx-rust"],
    ):
        with pytest.raises(WorkshopError, match="one row and more, of both"):
            scale.saved(few)


def test_both_leads_are_held_to_the_noise_floor(saved_to):
    # Where Python and Python again differ by a tenth, 6% more is nobody's lead.
    samples = planted("fare_small", saved=(7e-6, 2e-7))
    noisy = samples["arm"].eq("onnx-python again") & samples["rows"].gt(10)
    samples.loc[noisy, "seconds"] *= 1.1
    (ends,) = scale.crossovers(saved_to(samples)).itertuples(index=False)
    onnx, rust = (lead.end for lead in ends)
    assert onnx == "ONNX in Python, no end up to 10,000"
    assert rust == "ONNX in Rust up to 10, undecided beyond"


@pytest.mark.parametrize("name", ["fare_small", "fare"])
def test_of_what_is_recorded_both_parts_are_sure(name):
    call, row = scale.saved(scale.of(results.recorded("scale"), name))
    assert call.low > 0 and row.low > 0
