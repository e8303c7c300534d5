"""A set-up code says what a machine is, survives a chat, and is counted with others."""

import pytest

from workshop import check, setup_code
from workshop.check import Check
from workshop.errors import WorkshopError

READY = [Check("kernel", ".venv", True, "")]
FAULTS = [Check("ONNX Runtime library", "", False, ""), Check("build", "", False, "")]


@pytest.fixture
def said(tmp_path, capsys):
    """What is said of a file that holds these lines."""

    def ask(*lines):
        file = tmp_path / "room.txt"
        file.write_text("\n".join(lines))
        setup_code.main([str(file)])
        return capsys.readouterr().out

    return ask


def test_a_code_is_read_back_out_of_a_message():
    code = setup_code.write(READY)
    assert " " not in code and "_" not in code  # a chat makes italics of it
    for sent in (f"Hi! Here it is: {code}.\n> what about it?", code.upper()):
        (read,) = setup_code.read(sent)
        assert read.state == "ready"
        assert read.code.onnxruntime == check.found("onnxruntime")
        assert read.code.processors == f"{check.allowed_cores()}cpu"


def test_faults_stand_in_it_by_name():
    (read,) = setup_code.read(setup_code.write(FAULTS))
    assert read.code.faults == "onnx-runtime-library+build"


def test_each_code_is_said_with_its_line_and_who_sent_it(said):
    good, bad = setup_code.write(READY), setup_code.write(FAULTS)
    lines = [
        f"> Anna <anna@example.org>: set-up code: {good}",
        "no code yet, sorry. Bob",
        f"bob, {bad}",
        good,
        f"one: {good} two: {good}",
    ]
    assert said(*lines).startswith(
        "line 1, Anna <anna@example.org>: ready\n"
        "line 3, bob: not ready: onnx-runtime-library, build\n"
        "line 4: ready\n"
        "line 5, one: ready\n"
        "line 5, two: ready\n"
        "\n"
        "4 of 5 ready\n"
        "  1 to mend: onnx-runtime-library\n"
        "  1 to mend: build\n"
        "python "
    )


def test_a_code_that_lost_something_is_asked_for_again_and_counts(said):
    good, bad = setup_code.write(READY), setup_code.write(FAULTS)
    cut, changed = bad[:-7], bad.replace("cpu", "cpv")
    found = said(good, f"eve: {cut}", changed, "fare1/")
    assert f"line 2, eve: damaged, ask for it again: {cut}\n" in found
    assert f"line 3: damaged, ask for it again: {changed}\n" in found
    assert "line 4: damaged" in found
    assert "\n1 of 4 ready\n  3 to ask for again\n" in found
    assert "(1)\n" in found
    assert said(cut).endswith("0 of 1 ready\n  1 to ask for again\n")


def test_a_code_of_another_version_is_named(said):
    other = setup_code.write(READY).replace("fare1/", "Fare12/")
    found = said(f"carl {other}")
    assert "line 1, carl: of another version of the course (fare12)" in found
    assert "0 of 1 ready" in found


def test_a_machine_without_rust_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "")
    (read,) = setup_code.read(setup_code.write(READY))
    assert read.code.cargo == "missing"


def test_a_file_without_a_code_is_one_error(said):
    for lines in ([""], ["no code yet", "a fare1 of 20 USD"]):
        with pytest.raises(WorkshopError, match=r"no set-up code in .*room\.txt"):
            said(*lines)


def test_a_file_that_cannot_be_read_is_one_error(tmp_path):
    with pytest.raises(WorkshopError, match="plain text"):
        setup_code.main([str(tmp_path / "none")])


@pytest.mark.parametrize(("argv", "code"), [([], 2), (["--help"], 0)])
def test_it_says_what_to_give(capsys, argv, code):
    with pytest.raises(SystemExit) as ended:
        setup_code.main(argv)
    assert ended.value.code == code
    assert "usage: python -m workshop codes [-h] file" in "".join(capsys.readouterr())
