"""Without rust_ext most of the course runs, and the rest is shown as recorded."""

import re
import subprocess
import sys
import webbrowser

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

from workshop import bets, recorded, report, series
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
    monkeypatch.setattr(recorded, "ROOT", tmp_path.parent)
    monkeypatch.setattr(bets, "FILE", tmp_path / "bets.json")
    monkeypatch.delenv(recorded.NOTEBOOK, raising=False)
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


def test_it_is_said_in_one_line_and_shown(no_rust_ext, tmp_path):
    with pytest.raises(WorkshopError, match=r"^[^\n]+$") as raised:
        recorded.need_rust_ext()
    where = f"{tmp_path.name}/recorded.html (file browser on the left: {tmp_path.name} "
    for said in (where, "'make setup'", "wheels/", "Restart Kernel"):
        assert said in str(raised.value)
    page = tmp_path / "recorded.html"
    assert no_rust_ext == [page.as_uri()]
    text = page.read_text(encoding="utf-8")
    assert "<title>Fare and Square, as it was recorded</title>" in text
    assert "06 Serve it" in text


def test_the_page_opens_at_the_notebook(no_rust_ext, monkeypatch, tmp_path):
    name = NOTEBOOKS / "05_time_it.ipynb"
    monkeypatch.setenv(recorded.NOTEBOOK, str(name))
    with pytest.raises(WorkshopError):
        recorded.need_rust_ext()
    (address,) = no_rust_ext
    anchor = address.rpartition("#")[2]
    text = (tmp_path / "recorded.html").read_text(encoding="utf-8")
    assert f'<a href="#{anchor}">05 Time it</a>' in text
    assert f'<section id="{anchor}">' in text


def test_the_cells_after_it_say_the_same(no_rust_ext, monkeypatch, capsys):
    shell = InteractiveShell()
    monkeypatch.setattr(recorded, "get_ipython", lambda: shell)
    monkeypatch.setattr(recorded.report, "write", lambda *_: recorded.ROOT / "a.html")
    with pytest.raises(WorkshopError) as raised:
        recorded.need_rust_ext()
    for cell, error in (
        ("import rust_ext", "ModuleNotFoundError: import of rust_ext halted; "),
        ("files.onnx", "NameError: name 'files' is not defined"),
        ("max([])", "ValueError: max() "),
    ):
        assert not shell.run_cell(cell).success
        said = f"WorkshopError: {raised.value} This cell ends with {error}"
        assert capsys.readouterr().out.startswith(said)


def test_the_bets_of_what_needs_it_are_settled_as_recorded(no_rust_ext):
    with pytest.raises(WorkshopError):
        recorded.need_rust_ext()
    for line in bets.score().splitlines()[:-1]:
        settled = line.endswith("no bet, by the recorded run")
        assert settled == line.startswith(series.NEED_RUST), line
    stored = {claim: said for book in series.NEED_RUST for claim, said in answers(book)}
    assert all(f"{c:<10} {said} " in bets.score() for c, said in stored.items())
    assert {*stored} == {"lines", "one row", "served"}


def answers(book):
    """Yield each claim that a notebook settles, as it is stored, with the answer."""
    (path,) = NOTEBOOKS.glob(f"{book}_*.ipynb")
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            for found in re.finditer(
                r"(?m)^([\w ]+): (\w, .+?) \(measured", output.get("text", "")
            ):
                yield found.groups()


def test_the_series_goes_on_with_what_is_stored(no_rust_ext, capsys):
    assert not series.runs_here("04_call_it_from_rust.ipynb")
    assert "04_call_it_from_rust.ipynb" in capsys.readouterr().out
    assert series.runs_here("07_what_it_costs.ipynb")


def test_where_it_is_there_nothing_is_said():
    recorded.need_rust_ext()
    assert series.runs_here("04_call_it_from_rust.ipynb")
