import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb

from workshop import plots
from workshop.arms import ARMS, BLACK, GREY
from workshop.quantities import duration
from workshop.stats import Interval

pytestmark = pytest.mark.usefixtures("figures")


def samples(medians, launches=10, **columns):
    spread = np.linspace(0.9, 1.1, launches)
    frames = [
        pd.DataFrame({"arm": arm, "launch": range(launches), "seconds": m * spread})
        for arm, m in medians.items()
    ]
    return pd.concat(frames, ignore_index=True).assign(**columns)


def drawn(axes):
    """Return all that is written on the figure, having drawn it."""
    axes.figure.canvas.draw()
    found = axes.figure.findobj(mpl.text.Text)
    return [text.get_text().replace("\n", " ") for text in found if text.get_text()]


ONE_ROW = {"onnx-rust": 8e-6, "sklearn": 3e-3, "onnx-python": 16e-6}


def test_few_samples_are_shown_one_by_one():
    few = plots.rates(samples(ONE_ROW, launches=11), title="few", caption="2 CPUs")
    assert sum(line.get_marker() == "." for line in few.get_lines()) == 3
    said = "mark: median of 11 launches (dots), line: 5th to 95th percentile; 2 CPUs"
    assert {"few", said, "125,000"} <= set(drawn(few))
    many = plots.rates(samples(ONE_ROW, launches=40), title="many")
    assert not [line for line in many.get_lines() if line.get_marker() == "."]


def test_stages_stack_from_zero_to_the_whole_with_the_prediction_in_black():
    parts = {"start": 0.02, "imports": 0.8, "first prediction": 0.01}
    table = pd.concat(
        [samples({"sklearn": s}, what=f"stage: {part}") for part, s in parts.items()]
        + [
            samples({"onnx-python": s / 9}, what=f"stage: {p}")
            for p, s in parts.items()
        ]
        + [samples({"sklearn": 0.83}, what="whole process")]
    )
    axes = plots.stages(table, title="It is imports")
    slow = [bar for bar in axes.patches if bar.get_y() > 0.5]
    assert axes.get_xlim()[0] == 0
    assert [bar.get_width() for bar in slow] == pytest.approx(list(parts.values()))
    assert [bar.get_x() for bar in slow] == pytest.approx([0, 0.02, 0.82])
    assert slow[-1].get_facecolor()[:3] == to_rgb(BLACK)
    assert {"830 ms", "92.2 ms", "first prediction", "imports"} <= set(drawn(axes))
    marks = [float(line.get_xdata()[0]) for line in axes.get_lines()]
    assert sorted(marks) == pytest.approx([0.825 / 9, 0.825])  # over what is too thin
    (legend,) = axes.figure.legends
    shown = {patch.get_facecolor() for patch in legend.findobj(mpl.patches.Rectangle)}
    assert {bar.get_facecolor() for bar in axes.patches} <= shown


def test_money_is_bars_from_zero_with_the_sum_written_at_the_end():
    table = pd.DataFrame(
        {"compute": [8.07, 6.68], "request fee": [6.0, 6.0]},
        index=["sklearn-fastapi", "onnx-axum"],
    )
    axes = plots.bars(table, title="The fee", caption="Cloud Run")
    assert axes.get_xlim()[0] == 0 and len(axes.patches) == 4
    assert not axes.get_lines()  # each fee can be seen
    assert {"14.07", "12.68", "request fee", "Cloud Run"} <= set(drawn(axes))
    single = plots.bars(pd.Series({"onnx-axum": 12.68}), title="One")
    assert to_hex(single.patches[0].get_facecolor()).upper() == ARMS["onnx-axum"].colour
    assert not single.figure.legends


def test_rates_are_answers_a_second_with_marks_for_where_an_arm_runs():
    table = samples({"onnx-axum": 2e-5, "noop-axum": 1e-5, "sklearn-fastapi": 3e-3})
    axes = plots.rates(table, title="The framework")
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[::-1] == [
        *("scikit-learn behind\nFastAPI", "ONNX behind axum", "no model behind axum")
    ]
    dots = [line for line in axes.get_lines() if line.get_marker() in "os"]
    assert [dot.get_marker() for dot in dots] == ["s", "s", "o"]
    assert {dot.get_fillstyle() for dot in dots} == {"none"}
    colours = [to_hex(dot.get_color()).upper() for dot in dots]
    arms = ("noop-axum", "onnx-axum", "sklearn-fastapi")
    assert colours == [ARMS[arm].colour for arm in arms]
    rates = [dot.get_xdata()[0] for dot in dots]
    assert rates == pytest.approx([1e5, 5e4, 333.3], rel=0.01)
    assert axes.get_xscale() == "log" and "answers a second" in axes.get_xlabel()


def test_ratios_are_dots_with_their_intervals_around_a_line_at_one():
    found = {"one row": Interval(1.5, 1.4, 1.7, 10), "rows": Interval(1, 0.9, 1.1, 10)}
    floors = {"one row": 1.25, "rows": 1.0}
    axes = plots.intervals(found, floors, title="It depends")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["rows", "one row"]
    lines = [each.get_segments()[0][:, 0].tolist() for each in axes.collections]
    assert lines == [pytest.approx([0.9, 1.1]), pytest.approx([1.4, 1.7])]
    assert axes.get_lines()[0].get_xdata() == [1, 1]
    grey = [each.get_xdata() for each in axes.get_lines() if each.get_linewidth() > 10]
    assert grey == [pytest.approx([1, 1]), pytest.approx([0.8, 1.25])]
    assert {"1.50", "1.00"} <= set(drawn(axes))


def test_lines_by_rows_are_named_at_their_ends_without_covering_each_other():
    close = [samples({a: m * r for a, m in ONE_ROW.items()}, rows=r) for r in (1, 100)]
    close.append(samples(dict.fromkeys(ONE_ROW, 0.04), rows=10_000))
    axes = plots.by_rows(pd.concat(close), title="No gain")
    axes.figure.canvas.draw()
    boxes = sorted(text.get_window_extent().y0 for text in axes.texts)
    assert len(boxes) == 3 and min(np.diff(boxes)) > 10
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert {"1", "100", "10,000", "No gain", "medians of 10 calls"} <= set(drawn(axes))


def test_a_sweep_draws_one_line_a_model():
    miles = pd.Index([1.0, 2.0, 3.0], name="distance in miles")
    table = pd.DataFrame(
        {"sklearn": [5, 7, 9], "onnx-python": [5, 7, 9.2]}, index=miles
    )
    axes = plots.sweep(table, title="A threshold")
    ends = [line.get_ydata()[-1] for line in axes.get_lines()]
    assert ends == [9, 9.2]
    assert {"scikit-learn", "ONNX in Python", "distance in miles"} <= set(drawn(axes))


def test_an_arm_of_another_name_is_grey_under_its_own():
    axes = plots.bars(pd.Series({"tree_lite": 0.1}), title="Peers")
    assert axes.get_yticklabels()[0].get_text() == "tree lite"
    assert to_hex(axes.patches[0].get_facecolor()).upper() == GREY


def test_an_arm_with_a_word_behind_it_has_the_arms_look():
    axes = plots.bars(pd.Series({"onnx-python through uv": 0.1}), title="Launchers")
    name = axes.get_yticklabels()[0].get_text().replace("\n", " ")
    assert name == "ONNX in Python through uv"
    colour = to_hex(axes.patches[0].get_facecolor()).upper()
    assert colour == ARMS["onnx-python"].colour


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.5e-5, "15.0 µs"), (0.0123, "12.3 ms"), (0.123, "123 ms"), (2, "2.00 s")],
)
def test_durations_have_three_digits_and_a_unit(seconds, text):
    assert duration(seconds) == text
    assert duration(5e-8) == "0.0500 µs"
