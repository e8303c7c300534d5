"""What a room would wait for is run once, and each failure is one line."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from workshop import dry_run, models, rust
from workshop.arms import FLOOR_ARMS, SERVED_ARMS
from workshop.errors import WorkshopError


def refuses(*_args, **_options):
    raise WorkshopError("no linker. Install one.")


@pytest.fixture
def no_model(monkeypatch):
    """A model that nobody fits."""
    files = models.ModelFiles("fare.joblib", "fare.onnx")
    monkeypatch.setattr(models, "ensure", lambda _name: files)


def test_every_program_of_notebook_04_is_built_in_both_profiles(no_model, monkeypatch):
    built = []
    monkeypatch.setattr(
        rust, "run_example", lambda name, *_, profile: built.append((name, profile))
    )
    dry_run.builds()
    examples = {path.stem for path in rust.RUST.glob("engine/examples/*.rs")}
    assert {*built} == {(name, each) for name in examples for each in rust.FOLDERS}


def test_the_programs_take_what_they_are_given():
    assert dry_run.builds() == "4 programs, dev and release"


def test_each_server_of_notebook_06_is_asked_and_stopped(no_model, monkeypatch):
    said = []

    @contextmanager
    def serve(arm, model):
        yield arm
        said.append((arm, model))

    monkeypatch.setattr(dry_run, "serve", serve)
    monkeypatch.setattr(dry_run, "ask", lambda arm, ride: said.append((arm, len(ride))))
    dry_run.servers()
    model = dict.fromkeys(SERVED_ARMS + FLOOR_ARMS, "fare.onnx")
    model["sklearn-fastapi"] = "fare.joblib"
    assert said == [each for arm in model for each in ((arm, 1), (arm, model[arm]))]


def test_jupyterlab_answers_and_is_ended(monkeypatch):
    ended = []
    popen = dry_run.subprocess.Popen

    def started(*args, **options):
        ended.append(popen(*args, **options))
        return ended[-1]

    monkeypatch.setattr(dry_run, "subprocess", SimpleNamespace(Popen=started))
    assert "answers" in dry_run.jupyterlab("--allow-root")
    assert ended[0].returncode is not None


def test_where_jupyterlab_does_not_start_its_last_words_are_said():
    with pytest.raises(WorkshopError, match=r"it does not answer: .*no-such"):
        dry_run.jupyterlab("--allow-root", "--ServerApp.root_dir=no-such")


def test_each_failure_is_a_line_and_the_others_go_on(monkeypatch, capsys):
    monkeypatch.setattr(dry_run, "builds", refuses)
    monkeypatch.setattr(dry_run, "servers", lambda: "6 answer one ride")
    monkeypatch.setattr(dry_run, "jupyterlab", refuses)
    found = dry_run.checks()
    assert [(each.what, each.fine) for each in found] == [
        ("builds", False),
        ("servers", True),
        ("JupyterLab", False),
    ]
    assert found[0].found == "no linker. Install one." and found[0].advice
    assert capsys.readouterr().out.count(" ... 0 s\n") == 3
