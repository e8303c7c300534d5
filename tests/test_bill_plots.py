"""The figures of the bill draw what the tables say."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from workshop import bill_plots
from workshop.arms import ARMS
from workshop.choices import SAVED
from workshop.month import Month

pytestmark = pytest.mark.usefixtures("figures")
STEPS = pd.DataFrame(
    {"sklearn-fastapi": [8.0, 14, 10], "onnx-axum": [6.0, 12, 10], SAVED: [25, 14, 0]},
    index=["as the post", "+ fee", "free tier"],
)


def drawn(axes):
    """Return all that is written on the figure, having drawn it."""
    axes.figure.canvas.draw()
    found = axes.figure.findobj(mpl.text.Text)
    return [text.get_text().replace("\n", " ") for text in found if text.get_text()]


def test_a_waterfall_goes_on_where_the_last_step_ended():
    axes = bill_plots.waterfall(STEPS, title="Steps", caption="by list prices")
    grey = [bar for bar in axes.patches if to_hex(bar.get_facecolor()) == "#949494"]
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in grey]
    assert ends == [(0, 8), (8, 14), (14, 10)]
    said = drawn(axes)
    assert {"8.00 and 6.00: 25%", "10.00 and 10.00: 0%", "free tier"} <= {*said}
    assert any("orange: ONNX behind axum" in text for text in said)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first step is on top


def test_a_month_has_its_mean_its_peak_and_the_storm():
    shares = np.concatenate([np.full(24, 1.0), np.full(24, 3.0)])
    two_days = Month(shares / shares.sum(), 3600, pd.Timestamp("2015-01-26"))
    axes = bill_plots.month(two_days, 172_800, title="Days", storm="2015-01-26")
    said = drawn(axes)
    assert {"mean 1.00", "peak 1.50", "snowstorm"} <= {*said}
    assert any(text.startswith("Mon 26") for text in said)


def test_volumes_are_a_line_an_arm_and_the_fee_in_each_panel():
    volumes = [1e5, 1e7, 1e9]
    table = pd.DataFrame(
        {"onnx-fastapi": [0.5, 0.4, 0.1], "onnx-axum": [0.4, 0.4, 0.05]}, index=volumes
    )
    axes = bill_plots.by_volume({"one": table, "two": table}, fee=0.4, title="V")
    assert len(axes.figure.axes) == 2
    assert axes.get_xscale() == axes.get_yscale() == "log"
    fee, slow, fast = axes.get_lines()
    assert [*fee.get_ydata()] == [0.4] * 3
    colours = [to_hex(line.get_color()).upper() for line in (slow, fast)]
    assert colours == [ARMS[arm].colour for arm in table]
    assert {"the fee", "ONNX behind axum", "100k", "1B"} <= {*drawn(axes)}


def test_a_tornado_is_bars_around_the_middle():
    table = pd.DataFrame(
        {"low": [1.0, 1.8], "middle": [2.0, 2.0], "high": [4.0, 2.1]},
        index=["volume", "latency"],
    )
    axes = bill_plots.tornado(table, of="USD", title="T")
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([3, 0.3])
    assert {"volume", "1", "4", "1.8", "2.1"} <= {*drawn(axes)}
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
