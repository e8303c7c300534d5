"""The stub of rust_ext says what the module is, and the wheel holds both."""

import inspect
import subprocess
import sys
import zipfile

import pytest
from mypy import api

import rust_ext
from workshop import extension
from workshop.paths import ROOT, RUST

PROGRAM = """\
from pathlib import Path
from typing import Any, assert_type

import numpy as np

from rust_ext import BUILD_PROFILE, InferenceSession, binary, errors

session = InferenceSession(Path("fare.onnx"), providers=["CPUExecutionProvider"])
InferenceSession(b"", None)
x = np.zeros((1, 3), np.float32)
outputs = session.run(None, {"x": x, "city": ["a"]})
assert_type(outputs, list[Any])
assert_type(session.run(["y"], {"x": x}, None, out=[x]), list[np.ndarray])
by_name = {"y": np.zeros((1, 3), np.float32)}
in_order = [np.zeros((1, 3), np.float32)]
session.run(("y",), {"x": x}, out=by_name)
session.run(("y",), {"x": x}, out=in_order)
answers = session.predict({"x": [1.5], "city": ["a"]})
assert_type(answers, np.ndarray | dict[str, Any])
assert_type(session.get_inputs()[0].shape, list[int | str | None])
assert_type(session.get_modelmeta().custom_metadata_map, dict[str, str])
assert_type(binary("fare-server"), Path)
error: type[Exception] = errors.NoSuchFile
try:
    InferenceSession("fare.onnx")
except (errors.NoSuchFile, errors.InvalidProtobuf) as refusal:
    print(refusal, BUILD_PROFILE == "release")

InferenceSession()  # wrong
InferenceSession(7)  # wrong
InferenceSession("fare.onnx", threads=2)  # wrong
session.run(["y"])  # wrong
session.run([1], {"x": x})  # wrong
session.run(None, [x])  # wrong
session.run(None, {"x": x}, None, [x])  # wrong
session.run(None, {"x": x}, out=x)  # wrong
session.predict(7)  # wrong
session.predict([x])  # wrong
session.get_inputs()[0].name = "z"  # wrong
session.get_modelmeta().version + "1"  # wrong
session.fit(x)  # wrong
BUILD_PROFILE == "fast"  # wrong
error = errors.InferenceSession  # wrong
class Mine(InferenceSession): ...  # wrong
"""


def test_a_type_checker_finds_the_stub_true_to_the_module():
    command = [sys.executable, "-m", "mypy.stubtest", "rust_ext", "--concise"]
    told = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (told.stdout, told.returncode) == ("", 0), told.stderr


def test_a_type_checker_passes_what_is_right_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # mypy takes the folder rust_ext/ for a package
    (tmp_path / "program.py").write_text(PROGRAM)
    told, failure, _ = api.run(["--strict", "program.py"])
    assert not failure
    found = {int(line.split(":")[1]) for line in told.splitlines() if "error:" in line}
    lines = enumerate(PROGRAM.splitlines(), 1)
    assert found == {number for number, line in lines if line.endswith("# wrong")}, told


def public(thing, path=""):
    """Yield what a person can reach in a class or module, each with its path."""
    for name, value in vars(thing).items():
        if not name.startswith("_") and name in getattr(thing, "__all__", vars(thing)):
            yield f"{path}.{name}", value
            if inspect.isclass(value) or value is rust_ext.errors:
                yield from public(value, f"{path}.{name}")


@pytest.mark.parametrize(("path", "thing"), list(public(rust_ext)))
def test_all_that_is_public_is_described(path, thing):
    assert isinstance(thing, str) or inspect.getdoc(thing)


def test_one_wheel_fits_each_python_and_brings_its_types(tmp_path):
    build = [sys.executable, "-m", "maturin", "build", "--release", "--locked"]
    build += ["--offline", "--out", str(tmp_path)]
    env = extension.for_cargo()
    subprocess.run(build, cwd=RUST / "python", env=env, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert "-cp311-abi3-" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    there = ["py.typed", "_rust_ext.pyi", "__init__.py", "errors.py"]
    assert set(names) >= {f"rust_ext/{name}" for name in there}
    assert [name for name in names if "_rust_ext." in name and ".pyi" not in name] == [
        "rust_ext/_rust_ext.abi3.so"
    ]
