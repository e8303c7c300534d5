"""Running the series: progress, and what is said and kept when a cell fails."""

import textwrap

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workshop import report, series
from workshop.errors import WorkshopError


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(series, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(series, "EXECUTED", tmp_path / "build")
    (tmp_path / "notebooks" / "extras").mkdir(parents=True)
    return tmp_path


def write(folder, name, *sources):
    cells = [new_markdown_cell("# A title"), *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), folder / "notebooks" / name)


def test_a_failing_cell_is_named_and_what_ran_is_kept(folder, capsys):
    write(folder, "01_a.ipynb", "print('first')", "1 / 0\n2", "print('never')")
    with pytest.raises(WorkshopError) as raised:
        series.execute("01_a.ipynb")
    message = str(raised.value)
    assert "01_a.ipynb stopped in cell 3" in message
    assert "1 / 0" in message
    assert "ZeroDivisionError: division by zero" in message
    assert "make lab" in message
    kept = nbformat.read(folder / "build" / "01_a.ipynb", as_version=4)
    assert kept.cells[1].outputs[0].text == "first\n"
    assert "stopped" in capsys.readouterr().out


def test_a_dead_kernel_is_not_waited_for(folder):
    write(folder, "01_a.ipynb", "import os; os._exit(1)")
    with pytest.raises(WorkshopError, match="Python process ended"):
        series.execute("01_a.ipynb")


def test_what_is_no_notebook_is_named(folder):
    write(folder, "01_a.ipynb")
    (folder / "notebooks" / "02_b.ipynb").write_text("<<<<<<< HEAD")
    with pytest.raises(WorkshopError, match=r"02_b\.ipynb cannot be read.*make reset"):
        series.store(["notebooks/02_b.ipynb"])
    with pytest.raises(WorkshopError, match=r"03_c.*There are: 01_a\.ipynb"):
        series.store(["03_c.ipynb"])


def test_a_long_measurement_says_in_the_notebook_how_long_it_took(folder):
    turns = (
        "from workshop.progress import turns\nassert list(turns(2, 'try')) == [0, 1]"
    )
    write(folder, "01_a.ipynb", turns)
    (line,) = series.execute("01_a.ipynb").cells[1].outputs
    assert line.data["text/plain"] == "2 times try: 0 s"


def test_a_widget_is_kept_as_what_can_be_read_without_a_kernel(folder):
    shows = """
    import ipywidgets
    from IPython.display import display
    slider = ipywidgets.IntSlider()
    display(slider._repr_mimebundle_() | {"text/html": "<b>7</b>"}, raw=True)
    """
    write(folder, "01_a.ipynb", textwrap.dedent(shows))
    book = series.execute("01_a.ipynb")
    (output,) = book.cells[1].outputs
    assert {*output.data} == {"text/plain", "text/html"}
    assert "widgets" not in book.metadata


def test_store_keeps_the_outputs_and_a_failure_leaves_the_notebook(folder):
    write(folder, "01_a.ipynb", "print('kept')")
    write(folder, "extras/c.ipynb", "print('kept')")
    series.store(["notebooks/extras/c.ipynb"])
    extra = nbformat.read(folder / "notebooks" / "extras" / "c.ipynb", as_version=4)
    assert extra.cells[1].outputs[0].text == "kept\n"
    write(folder, "02_b.ipynb", "raise ValueError('no')")
    before = (folder / "notebooks" / "02_b.ipynb").read_bytes()
    with pytest.raises(WorkshopError, match="ValueError: no"):
        series.store()
    stored = nbformat.read(folder / "notebooks" / "01_a.ipynb", as_version=4)
    assert stored.cells[1].outputs[0].text == "kept\n"
    assert (folder / "notebooks" / "02_b.ipynb").read_bytes() == before


def test_the_series_ends_with_the_table_the_prices_age_and_a_report(
    folder, monkeypatch, capsys
):
    write(folder, "01_a.ipynb", "1 + 1")
    monkeypatch.setattr(report, "BUILD", folder)
    series.run()
    said = capsys.readouterr().out
    assert "the post v. your machine" in said
    assert "Prices read in 20" in said
    assert said.endswith(f"{folder / 'report.html'}\n")
    assert (folder / "report.html").exists()


def test_the_report_is_one_file_that_asks_for_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "BUILD", tmp_path)
    book = new_notebook(cells=[new_markdown_cell("# 01 A & B"), new_code_cell("1 + 1")])
    page = report.write([book]).read_text(encoding="utf-8")
    assert '<a href="#book0">01 A &amp; B</a>' in page
    for tag in ("<script", "<link", "@import", "src="):
        assert tag not in page


def test_an_error_of_the_course_is_shown_without_its_stack(folder):
    raises = "from workshop.errors import WorkshopError\nraise WorkshopError('do this')"
    write(folder, "01_a.ipynb", raises)
    with pytest.raises(WorkshopError, match="WorkshopError: do this"):
        series.execute("01_a.ipynb")
    kept = nbformat.read(folder / "build" / "01_a.ipynb", as_version=4)
    assert kept.cells[1].outputs[0].traceback == ["WorkshopError: do this"]
