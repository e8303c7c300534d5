"""The notebooks keep one rhythm, were run from top to bottom, and hold no error."""

import ast
import inspect
import re

import nbformat
import pytest
from exercises import exercises

from workshop import models, rides, series
from workshop.paths import NOTEBOOKS

SERIES = [name.removesuffix(".ipynb") for name in series.names()]
EXTRAS = ["extras/scale", "extras/threads_and_the_gil"]
BOOKS = SERIES + EXTRAS
IGNORED = {"nbval-ignore-output", "nbval-skip"}


def book(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def sources(name):
    return "\n".join(cell.source for cell in code(book(name)))


def tags(cell):
    return set(cell.metadata.get("tags", []))


def test_the_series_is_complete():
    assert [name[:2] for name in SERIES] == [f"{number:02}" for number in range(8)]
    assert series.extras() == [f"{name}.ipynb" for name in EXTRAS]


@pytest.fixture(params=BOOKS)
def name(request):
    return request.param


def test_the_title_says_why_what_and_how_long(name):
    title = book(name).cells[0].source
    assert title.startswith("# Extra: " if name in EXTRAS else f"# {name[:2]} ")
    assert "**You will be able to**" in title
    assert re.search(r"(?m)^Time: \d+ min( \+ \d+ min exercise)?\. Needs ", title)
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


def test_it_ends_with_what_to_remember_goal_by_goal(name):
    cells = book(name).cells
    goals = re.findall(r"(?m)^- (.+)$", cells[0].source)
    assert cells[-1].source.startswith("## Take away")
    learned = re.findall(r"(?m)^- (.+)$", cells[-1].source)
    for goal, its in zip(goals, learned, strict=True):
        assert stems(goal) & stems(its), (goal, its)
    assert "Short of time: " in cells[-1].source


def stems(text):
    """The beginnings of the words of four letters and more."""
    return {word[:4].lower() for word in re.findall(r"\w{4,}", text)}


@pytest.mark.parametrize("name", SERIES)
def test_it_asks_before_it_shows(name):
    assert re.search(r"guess\w* = None|bets\.place\(", sources(name))


@pytest.mark.parametrize("name", SERIES)
def test_something_fails_on_purpose_and_is_read(name):
    cells = book(name).cells
    failing = [at for at, cell in enumerate(cells) if "fails-on-purpose" in tags(cell)]
    assert failing
    for at in failing:
        after = [
            cell for cell in cells[at + 1 : at + 4] if cell.cell_type == "markdown"
        ]
        assert after and not after[0].source.startswith("#"), cells[at].source


@pytest.mark.parametrize("name", SERIES)
def test_each_exercise_has_its_parts_in_a_row(name):
    cells, minutes = book(name).cells, 0
    found = list(exercises(f"{name}.ipynb"))
    for each in found:
        at = cells.index(each.stub)
        task = re.search(r"(?m)^##+ Exercise, (\d+) min: ", cells[at - 1].source)
        assert task, cells[at - 1].source
        minutes += int(task[1])
        assert len(each.stub.source.splitlines()) == 1, "the stub is a line to edit"
        assert each.solution.strip()
        assert len(each.why.split()) >= 15, each.why
    assert found
    told = re.search(r"\+ (\d+) min exercise", cells[0].source)
    assert minutes == int(told[1])


def test_prose_holds_no_figure_measured_here(name):
    prose = [c.source for c in book(name).cells[1:] if c.cell_type == "markdown"]
    found = re.findall(r"\d[\d.,]* ?(?:µs|us|ms|MB|kB|rps)\b", "\n".join(prose))
    assert found == []


def test_onnxruntime_is_told_to_be_silent_before_it_is_imported(name):
    found = re.findall(r"(?m)^(?:import|from) (workshop|onnxruntime)\b", sources(name))
    assert "workshop" in found
    assert found[0] == "workshop"


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
