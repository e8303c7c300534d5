"""Without rust_ext most of the course runs, and the rest is shown as recorded."""

import subprocess
import sys
import webbrowser

import nbformat
import pytest

from workshop import recorded, report, series
from workshop.errors import WorkshopError
from workshop.paths import NOTEBOOKS

WITHOUT = """
import sys
sys.modules["rust_ext"] = None
sys.path[0] = ".."
{imports}
from workshop import machine
assert machine.versions()["onnxruntime library"] == "not loaded from Rust"
"""


@pytest.fixture
def no_rust_ext(monkeypatch, tmp_path):
    """An environment without rust_ext; which pages were opened in the browser."""
    opened = []
    monkeypatch.setitem(sys.modules, "rust_ext", None)
    monkeypatch.setattr(report, "BUILD", tmp_path)
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    monkeypatch.setattr(webbrowser, "open", opened.append)
    return opened


def code(name):
    cells = nbformat.read(NOTEBOOKS / name, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


RUN = [name for name in series.names() if not name.startswith(series.NEED_RUST)]


@pytest.mark.parametrize("name", RUN)
def test_the_others_import_nothing_of_it(name):
    lines = [line for cell in code(name) for line in cell.splitlines()]
    imports = next(cell for cell in code(name) if "from workshop" in cell)
    assert not any(line.startswith("import rust_ext") for line in lines)
    program = WITHOUT.format(imports=imports)
    subprocess.run([sys.executable, "-c", program], cwd=NOTEBOOKS, check=True)


def test_what_needs_it_says_so_in_its_first_cell():
    for name in series.names():
        asks = "recorded.need_rust_ext()" in code(name)[0]
        assert asks == name.startswith(series.NEED_RUST), name


def test_it_is_said_in_one_line_and_shown(no_rust_ext):
    with pytest.raises(WorkshopError, match=r"^[^\n]+recorded, in recorded\.html\.$"):
        recorded.need_rust_ext()
    (page,) = no_rust_ext
    text = (recorded.ROOT / "recorded.html").read_text(encoding="utf-8")
    assert page.endswith("/recorded.html")
    assert "<title>Fare and Square, as it was recorded</title>" in text
    assert "06 Serve it" in text


def test_the_series_goes_on_with_what_is_stored(no_rust_ext, capsys):
    assert not series.runs_here("04_call_it_from_rust.ipynb")
    assert "04_call_it_from_rust.ipynb" in capsys.readouterr().out
    assert series.runs_here("07_what_it_costs.ipynb")


def test_where_it_is_there_nothing_is_said():
    recorded.need_rust_ext()
    assert series.runs_here("04_call_it_from_rust.ipynb")
