"""Figures can be read by ear, in black and white, and in a dark JupyterLab."""

import re
from itertools import pairwise

import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from nbformat.v4 import new_code_cell, new_notebook

from workshop import figures, results, series
from workshop.arms import ARMS
from workshop.looks import TEXT_GREY
from workshop.paths import NOTEBOOKS

BOOKS = [*series.names(), *series.extras()]


def book(name):
    return nbformat.read(NOTEBOOKS / name, as_version=4)


def shown(notebook):
    """The outputs of each cell that shows a picture."""
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        if any("image/png" in output.get("data", {}) for output in outputs):
            yield outputs


def has_words_and_numbers(outputs):
    at = next(n for n, o in enumerate(outputs) if "image/png" in o.get("data", {}))
    words = outputs[at].metadata.get("image/png", {}).get("alt", "")
    html = "".join(o.get("data", {}).get("text/html", "") for o in outputs[at + 1 :])
    folds_out = html.startswith(
        "<details><summary>The figure's numbers</summary><table"
    )
    return len(words.split()) >= 4 and folds_out


@pytest.mark.parametrize("name", BOOKS)
def test_each_picture_has_words_and_its_numbers(name):
    assert all(map(has_words_and_numbers, shown(book(name))))


def test_a_kernel_shows_both_once_for_each_figure(monkeypatch, tmp_path):
    draw = (
        "import pandas as pd\nfrom workshop import plots\nplots.theme()\n"
        "axes = plots.bars(pd.Series({'onnx-rust': 1.5}), title='One bar is enough')"
    )
    cells = [new_code_cell(draw), new_code_cell(draw), new_code_cell("1 + 1")]
    monkeypatch.setattr(series, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(series, "EXECUTED", tmp_path / "build")
    nbformat.write(new_notebook(cells=cells), tmp_path / "01_a.ipynb")
    done = series.execute("01_a.ipynb")
    assert len(list(shown(done))) == 2
    for outputs in shown(done):
        assert has_words_and_numbers(outputs)
        assert "ONNX in Rust" in outputs[1].data["text/html"]
    assert [len(cell.outputs) for cell in done.cells] == [2, 2, 1]


@pytest.mark.parametrize("name", figures.DRAW)
@pytest.mark.usefixtures("figures")
def test_each_figure_of_the_course_is_described(name):
    described = figures.DRAW[name](results.recorded).figure.described
    assert len(described.words.split()) >= 8
    assert described.table.size and described.table.notna().any(axis=1).all()


@pytest.mark.parametrize("name", BOOKS)
def test_headings_go_down_one_level_at_a_time(name):
    prose = [c.source for c in book(name).cells if c.cell_type == "markdown"]
    text = re.sub(r"(?s)```.*?```", "", "\n".join(prose))
    levels = [len(marks) for marks in re.findall(r"(?m)^(#+) ", text)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def contrast_on_white(colour):
    """WCAG 2's contrast ratio, from 1 to 21."""
    parts = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in to_rgb(colour)
    )
    luminance = np.dot([0.2126, 0.7152, 0.0722], list(parts))
    return 1.05 / (luminance + 0.05)


def test_marks_and_words_stand_out_from_white():
    assert contrast_on_white("black") == pytest.approx(21)
    assert all(contrast_on_white(arm.colour) >= 3 for arm in ARMS.values())
    assert contrast_on_white(TEXT_GREY) >= 4.5


def test_no_two_arms_differ_by_colour_alone():
    looks = {
        (arm.colour, arm.linestyle, arm.marker, arm.fillstyle) for arm in ARMS.values()
    }
    assert len(looks) == len(ARMS)


@pytest.mark.usefixtures("figures")
def test_a_dark_page_leaves_a_figure_white():
    figure = figures.DRAW["bill"](results.recorded).figure
    assert figure.get_facecolor() == (1, 1, 1, 1)
    assert figure.axes[0].get_facecolor() == (1, 1, 1, 1)
