"""A set-up code says what a machine is, survives a chat, and is counted with others."""

import pytest

from workshop import check, setup_code
from workshop.check import Check
from workshop.errors import WorkshopError

READY = [Check("kernel", ".venv", True, "")]
FAULTS = [Check("ONNX Runtime library", "", False, ""), Check("build", "", False, "")]


def test_a_code_is_read_back_out_of_a_message():
    code = setup_code.write(READY)
    assert " " not in code and "_" not in code  # a chat makes italics of it
    (read,), damaged = setup_code.read(f"Hi! Here it is: {code}.\n> what about it?")
    assert damaged == []
    assert read.faults == "ready"
    assert read.onnxruntime == check.found("onnxruntime")
    assert read.processors == f"{check.allowed_cores()}cpu"


def test_faults_stand_in_it_by_name():
    (read,), _ = setup_code.read(setup_code.write(FAULTS))
    assert read.faults == "ONNX-Runtime-library+build"


def test_a_code_that_lost_something_is_asked_for_again(tmp_path, capsys):
    good, bad = setup_code.write(READY), setup_code.write(FAULTS)
    cut, changed = bad[:-7], bad.replace("cpu", "cpv")
    file = tmp_path / "room.txt"
    file.write_text("\n".join([good, good, bad, cut, changed]))
    setup_code.main([str(file)])
    said = capsys.readouterr().out
    assert said.startswith("2 of 3 ready\n  1 to mend: ONNX-Runtime-library\n")
    assert "(3)\n" in said
    assert f"again: {cut}\ndamaged, ask for it again: {changed}" in said


def test_a_machine_without_rust_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "")
    (read,), _ = setup_code.read(setup_code.write(READY))
    assert read.cargo == "missing"


@pytest.mark.parametrize("argv", [[], ["no such file"]])
def test_without_a_file_it_says_what_to_give(argv):
    with pytest.raises(WorkshopError, match=r"codes FILE|plain text"):
        setup_code.main(argv)
