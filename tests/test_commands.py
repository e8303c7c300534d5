"""The verbs beside the series: what they leave, and what they say."""

import json
import re
import subprocess
import sys

import pytest

from workshop import __main__ as commands
from workshop import figures, gate, golden, progress, reference, series, tidy
from workshop.errors import WorkshopError
from workshop.paths import NOTEBOOKS, ROOT


@pytest.fixture
def clone(monkeypatch, tmp_path):
    """A small clone made by git, with one notebook and one exercise."""
    for name in ("notebooks/00.ipynb", "rust_ext/engine/examples/quote.rs"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("as it was")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "a"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    monkeypatch.setattr(tidy, "ROOT", tmp_path)
    monkeypatch.setattr(tidy, "BUILD", tmp_path / "build")
    monkeypatch.setattr(tidy, "KEPT", tmp_path / "build" / "kept")
    return tmp_path


def test_reset_puts_back_what_was_edited_and_keeps_a_copy(clone, capsys):
    notebook = clone / "notebooks" / "00.ipynb"
    exercise = clone / "rust_ext" / "engine" / "examples" / "quote.rs"
    notebook.unlink()
    exercise.write_text("mine")
    tidy.reset()
    assert notebook.read_text() == exercise.read_text() == "as it was"
    (kept,) = (clone / "build" / "kept").rglob("*.rs")
    assert kept.read_text() == "mine"
    assert "put back 2 file(s)" in capsys.readouterr().out
    tidy.reset()
    assert "nothing to put back" in capsys.readouterr().out


def test_reset_outside_of_a_clone_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(tidy, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(WorkshopError, match="in a clone made by git"):
        tidy.reset()


def test_clean_removes_what_was_made_but_not_what_was_kept(clone, capsys):
    for name in ("kept/day/mine.ipynb", "notebooks/00.ipynb", "timing.json"):
        (clone / "build" / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / "build" / name).touch()
    tidy.clean()
    left = {path.name for path in (clone / "build").rglob("*") if path.is_file()}
    assert left == {"mine.ipynb"}
    assert "build/kept stay" in capsys.readouterr().out


def test_reference_copies_the_measurements_and_draws(monkeypatch, tmp_path):
    monkeypatch.setattr(reference, "BUILD", tmp_path / "build")
    monkeypatch.setattr(reference, "REFERENCE", tmp_path / "reference")
    monkeypatch.setattr(figures, "picture", lambda *asked: repr(asked[::2]).encode())
    written = []
    monkeypatch.setattr(golden, "write", lambda: written.append("golden"))
    (tmp_path / "build").mkdir()
    for name in reference.NAMES[1:]:
        (tmp_path / "build" / f"{name}.json").write_text(name)
    with pytest.raises(WorkshopError, match="holds no errors"):
        reference.main()
    reference.main(["golden"])
    assert not (tmp_path / "reference").exists()
    assert written == ["golden"]
    (tmp_path / "build" / "errors.json").write_text("errors")
    (tmp_path / "build" / "scale.json").write_text("scale")  # of the bench, one of two
    reference.main()
    found = {path.name: path.read_text() for path in (tmp_path / "reference").iterdir()}
    assert found.pop("result.svg") == "('ratios', 'svg')"
    assert found == {f"{name}.json": name for name in (*reference.NAMES, "scale")}
    assert written == ["golden"] * 2


@pytest.fixture
def two_checks(monkeypatch):
    def stand_in(code):
        return [sys.executable, "-c", f"raise SystemExit({code})"]

    checks = [("good", stand_in(0), ROOT), ("bad one", stand_in(3), ROOT)]
    monkeypatch.setattr(gate, "checks", lambda: checks)


@pytest.mark.parametrize(
    ("words", "code", "verdict"),
    [
        ([], 1, "1 passed, 1 failed"),
        (["goo"], 0, "1 passed, 0 failed"),
        (["one"], 1, "0 passed, 1 failed"),
    ],
)
def test_the_gate_counts_what_failed(two_checks, capfd, words, code, verdict):
    assert gate.main(words) == code
    assert verdict in capfd.readouterr().out


def test_the_gate_knows_no_such_check(two_checks):
    with pytest.raises(WorkshopError, match="There are: good, bad one"):
        gate.main(["luck"])


def test_the_gate_runs_every_notebook_of_the_series():
    *_, (name, command, _) = gate.checks()
    assert name == "notebooks"
    books = [path for path in command if path.endswith(".ipynb")]
    extras = ["extras/scale.ipynb", "extras/threads_and_the_gil.ipynb"]
    names = [*series.names(), *extras]
    assert books == [str(NOTEBOOKS / name) for name in names]
    assert "--nbval" in command


def test_jupyterlab_shows_the_course_and_opens_in_the_notebooks():
    code = "from workshop import lab; lab.main(['--show-config-json'])"
    lab = [sys.executable, "-c", code]
    done = subprocess.run(lab, cwd=ROOT, capture_output=True, check=True)
    config = json.loads(done.stdout)
    assert config["ServerApp"]["root_dir"] == str(ROOT)
    assert config["FileContentsManager"]["preferred_dir"] == str(NOTEBOOKS)


def test_a_terminal_shows_one_line_and_a_file_gets_none(capsys, monkeypatch):
    assert list(progress.turns(2, "try")) == [0, 1]
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(progress.turns(2, "try")) == [0, 1]
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    said = [each.strip() for each in err.split("\r\033[K")]
    assert said == ["", "try 1 of 2", "try 2 of 2", "2 times try: 0 s"]


@pytest.mark.parametrize("page", ["README.md", "INSTRUCTOR.md", "CONTRIBUTING.md"])
def test_every_command_that_a_page_names_is_one(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"(?m)^([a-z ]+):", makefile).group(1).split())
    made = set(re.findall(r"(?m)(?:`|^)make (\w+)", text))
    asked = set(re.findall(r"-m workshop (\w+)", text))
    assert made | asked
    assert made <= targets <= set(commands.VERBS)
    assert asked <= set(commands.VERBS)
