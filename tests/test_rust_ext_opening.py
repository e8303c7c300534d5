"""rust_ext opens the models, options and libraries that it should, and no others."""

import subprocess
import sys
import threading
import time

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from test_rust_ext import identity_model

import rust_ext

MODEL = identity_model(TensorProto.FLOAT)


def opened(package, model, *arguments) -> str:
    """Return the name of the session's class, or of the exception."""
    try:
        return type(package.InferenceSession(model, *arguments)).__name__
    except Exception as error:
        return type(error).__name__


def changed(**changes) -> bytes:
    """Return the model with another opset, IR version or operator."""
    model = onnx.load_from_string(MODEL)
    model.opset_import[0].version = changes.get("opset", 17)
    model.ir_version = changes.get("ir", 9)
    model.graph.node[0].op_type = changes.get("operator", "Identity")
    return model.SerializeToString()


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        b"",
        MODEL[:-10],
        b"<!DOCTYPE html><title>404 Not Found</title>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
        changed(opset=99),
        changed(ir=99),
        changed(operator="Nope"),
    ],
    ids=["good", "empty", "cut", "html", "lfs", "opset", "ir", "operator"],
)
def test_broken_models_are_refused_alike(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model)
    for source in (model, path):
        assert opened(rust_ext, source) == opened(onnxruntime, source)


def test_paths_are_taken_or_refused_alike(tmp_path):
    path = tmp_path / "é 日本 model.onnx"
    path.write_bytes(MODEL)
    for source in (
        path,
        str(path),
        bytearray(MODEL),
        None,
        3,
        tmp_path / "no",
        tmp_path,
    ):
        assert opened(rust_ext, source) == opened(onnxruntime, source)


def test_a_refusal_names_the_file(tmp_path):
    path = tmp_path / "page.onnx"
    path.write_text("<html>")
    with pytest.raises(rust_ext.errors.InvalidProtobuf, match=r"page\.onnx"):
        rust_ext.InferenceSession(path)


def test_options_that_cannot_be_honoured_are_refused():
    level = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level.ORT_DISABLE_ALL
    options.inter_op_num_threads = options.intra_op_num_threads = 2
    assert opened(rust_ext, MODEL, options) == "InferenceSession"
    options.enable_profiling = True
    assert opened(rust_ext, MODEL, options) == "NotImplemented"
    assert opened(rust_ext, MODEL, "fast") == "TypeError"


def test_only_the_cpu_provider_runs():
    providers = ["CUDAExecutionProvider", ("CPUExecutionProvider", {})]
    with pytest.warns(UserWarning, match="'CUDAExecutionProvider'"):
        session = rust_ext.InferenceSession(MODEL, None, providers)
    assert session.get_providers() == ["CPUExecutionProvider"]


def test_exceptions_have_onnxruntimes_names_and_bases():
    theirs = onnxruntime.capi.onnxruntime_pybind11_state
    for name in rust_ext.errors.__all__:
        ours, its = getattr(rust_ext.errors, name), getattr(theirs, name)
        assert (ours.__name__, ours.__bases__) == (its.__name__, its.__bases__)
        assert ours.__module__ == "rust_ext.errors"


def test_threads_share_a_session_and_get_their_own_answers():
    session = rust_ext.InferenceSession(MODEL)
    wrong = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for rows in rng.integers(0, 30, 200):
            x = rng.random((rows, 3), np.float32)
            if session.run(None, {"x": x})[0].tobytes() != x.tobytes():
                wrong.append((seed, rows))

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_long_run_lets_other_threads_work():
    size = 512
    weights = np.ones((size, size), np.float32)
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            "product",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", size])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", size])],
            [onnx.numpy_helper.from_array(weights, "w")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    session = rust_ext.InferenceSession(model.SerializeToString())
    ticks, done = [], threading.Event()

    def tick() -> None:
        while not done.wait(0.001):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    x = np.ones((20_000, size), np.float32)
    start = time.perf_counter()
    session.run(None, {"x": x})
    end = time.perf_counter()
    done.set()
    thread.join()
    middle = (end - start) / 4
    assert any(start + middle < moment < end - middle for moment in ticks)


def run(code: str, *arguments, **environment) -> subprocess.CompletedProcess:
    """Run code in a new interpreter, with five seconds to end."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=5, check=False
    )


@pytest.mark.parametrize(
    "imports", ["rust_ext, onnxruntime", "onnxruntime, rust_ext", "rust_ext"]
)
def test_the_interpreter_exits_cleanly_with_a_live_session(tmp_path, imports):
    (tmp_path / "m.onnx").write_bytes(MODEL)
    code = f"""
import sys, {imports}, numpy as np
path, x = sys.argv[1], np.ones((1, 3), np.float32)
sessions = [globals()[p.strip()].InferenceSession(path) for p in "{imports}".split(",")]
print([s.run(None, dict(x=x))[0].tolist() for s in sessions])
"""
    result = run(code, tmp_path / "m.onnx")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{[[[1.0] * 3]] * len(imports.split(','))}\n"


@pytest.mark.parametrize("library", ["absent.so", "text.so", "."])
def test_an_unusable_library_is_named_at_once(tmp_path, library):
    (tmp_path / "text.so").write_text("not a library")
    path = tmp_path / library
    code = "import rust_ext, sys; rust_ext.InferenceSession(b'')"
    result = run(code, ORT_DYLIB_PATH=str(path))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(f"ImportError: '{path}' cannot be")


def test_a_good_library_loads_after_an_unusable_one(tmp_path):
    code = """
import os, rust_ext, sys
os.environ["ORT_DYLIB_PATH"] = sys.argv[1]
try: rust_ext.InferenceSession(b"")
except ImportError: del os.environ["ORT_DYLIB_PATH"]
try: rust_ext.InferenceSession(b"")
except rust_ext.errors.InvalidArgument: print("loaded")
"""
    result = run(code, tmp_path / "absent.so")
    assert (result.stdout, result.stderr) == ("loaded\n", "")


def test_the_library_is_found_without_importing_onnxruntime(tmp_path):
    code = """
import rust_ext, sys
assert rust_ext.onnxruntime_library().is_file()
assert "onnxruntime" not in sys.modules
"""
    assert run(code).returncode == 0
    code = "import rust_ext; print(rust_ext.onnxruntime_library())"
    assert run(code, ORT_DYLIB_PATH="elsewhere").stdout == "elsewhere\n"


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match="fare-nothing"):
        rust_ext.binary("fare-nothing")


def test_programs_are_found_in_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(rust_ext, "__file__", str(tmp_path / "__init__.py"))
    program = tmp_path / "bin" / ("fare.exe" if sys.platform == "win32" else "fare")
    program.parent.mkdir()
    program.touch()
    assert rust_ext.binary("fare") == program
