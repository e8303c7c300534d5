"""The notebooks keep one rhythm, were run from top to bottom, and hold no error."""

import ast
import inspect
import re

import nbformat
import pytest

from workshop import models, rides, series
from workshop.paths import NOTEBOOKS, ROOT

MINUTES = {  # of the half day; 40 more are breaks and 20 the close: see the README
    "00_check_your_setup": (10, 0),
    "01_train_a_fare_model": (10, 5),
    "02_write_it_as_onnx": (15, 5),
    "03_prove_nothing_was_lost": (15, 10),
    "04_call_it_from_rust": (20, 10),
    "05_time_it": (20, 10),
    "06_serve_it": (20, 10),
    "07_what_it_costs": (20, 10),
}
EXTRAS = {"extras/scale": (10, 0), "extras/threads_and_the_gil": (10, 0)}
BOOKS = MINUTES | EXTRAS
IGNORED = {"nbval-ignore-output", "nbval-skip"}


def book(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def test_the_series_is_complete():
    assert series.names() == [f"{name}.ipynb" for name in MINUTES]
    assert series.extras() == [f"{name}.ipynb" for name in EXTRAS]


def test_the_agenda_of_the_readme_is_half_a_day_of_these_notebooks():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    agenda = dict(
        re.findall(r"(?m)^\| ([^|]+?) \| (\d+) \|", readme.split("half day")[-1])
    )
    listed = {what[:2]: int(minutes) for what, minutes in agenda.items()}
    assert {name[:2]: listed[name[:2]] for name in MINUTES} == {
        name[:2]: sum(minutes) for name, minutes in MINUTES.items()
    }
    rows = re.findall(r"(?m)^\| [^|]+ \| (\d+) \|", readme)
    assert sum(map(int, rows)) == 240


@pytest.fixture(params=BOOKS)
def name(request):
    return request.param


def test_the_title_says_why_what_and_how_long(name):
    title = book(name).cells[0].source
    taught, exercise = BOOKS[name]
    time = f"Time: {taught} min" + (f" + {exercise} min exercise" if exercise else "")
    assert title.startswith("# Extra: " if name in EXTRAS else f"# {name[:2]} ")
    assert "**You will be able to**" in title
    assert time in title
    assert 2 <= len(re.findall(r"(?m)^- ", title)) <= 4


def test_it_was_run_once_from_top_to_bottom(name):
    cells = code(book(name))
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert "error" not in kinds
    assert not any(
        output.get("name") == "stderr" for cell in cells for output in cell.outputs
    )


def test_what_is_not_compared_is_asserted_next(name):
    cells = code(book(name))
    ignored = [number for number, cell in enumerate(cells) if tags(cell) & IGNORED]
    assert len(ignored) <= len(cells) / 3
    for number in ignored:
        follows = cells[number + 1]
        assert not tags(follows) & IGNORED, f"two such cells in a row: {number + 1}"
        assert re.search(r"\bassert\b|require\(", follows.source), number + 1


def test_cells_stay_short(name):
    title, *cells = book(name).cells
    assert len(title.source.split()) <= 120
    for cell in cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 25, cell.source
        elif "<details>" not in cell.source:
            assert len(cell.source.split()) <= 120, cell.source


def test_it_ends_with_what_to_remember(name):
    cells = book(name).cells
    goals = re.findall(r"(?m)^- (.+?)[;.]?$", cells[0].source)
    last = next(c for c in reversed(cells) if c.cell_type == "markdown")
    assert last.source.startswith("## Take away")
    assert len(re.findall(r"(?m)^- ", last.source)) == len(goals)
    assert "Short of time:" in last.source


def test_prose_holds_no_figure_measured_here(name):
    prose = [c.source for c in book(name).cells[1:] if c.cell_type == "markdown"]
    found = re.findall(r"\d[\d.,]* ?(?:µs|us|ms|MB|kB|rps)\b", "\n".join(prose))
    assert found == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("01_train_a_fare_model", rides.clean),
        ("01_train_a_fare_model", models.fare_pipeline),
    ],
)
def test_what_is_shown_is_what_is_imported(name, shown):
    def body(source):
        tree = ast.parse(source)
        return next(
            ast.dump(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name == shown.__name__
        )

    cell = next(c for c in code(book(name)) if f"def {shown.__name__}(" in c.source)
    assert body(cell.source) == body(inspect.getsource(shown))
