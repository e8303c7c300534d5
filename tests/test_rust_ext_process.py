"""A session among processes, signals and the collector; each child has a time limit."""

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto
from test_rust_ext import identity_model

import rust_ext

MODEL = identity_model(TensorProto.FLOAT)
LIMIT_S = 30
posix = pytest.mark.skipif(os.name == "nt", reason="signals and fork are POSIX's")

# A model that multiplies a matrix so often that one run takes seconds, and a short one.
PREPARE = """
import sys, time
import numpy as np
from onnx import TensorProto, helper
import rust_ext

def times(steps, size=256):
    shape = ["N", size]
    nodes = [
        helper.make_node("MatMul", [f"t{i}", "w"], [f"t{i + 1}"]) for i in range(steps)
    ]
    io = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name in ("t0", f"t{steps}")
    ]
    w = helper.make_tensor("w", TensorProto.FLOAT, [size, size], [1 / size] * size**2)
    graph = helper.make_graph(nodes, "times", io[:1], io[1:], [w])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    return rust_ext.InferenceSession(model.SerializeToString())

x = np.ones((1000, 256), np.float32)
"""
LONG = "session = times(4000)\ndef work(): session.run(None, {'t0': x})\n"
SHORT = (
    "session = times(1)\n"
    "def work():\n    while True: session.run(None, {'t0': x[:1]})\n"
)
INTERRUPTED = """
print("ready", flush=True)
try:
    work()
    print("not interrupted")
except KeyboardInterrupt:
    print(session.run(None, {"t0": x[:1]})[0].shape)
"""


@pytest.fixture(scope="module")
def session():
    return rust_ext.InferenceSession(MODEL)


def answer(session, value=1.0):
    [y] = session.run(None, {"x": np.full((1, 3), value, np.float32)})
    return y.tolist()


def child(*arguments):
    command = [sys.executable, "-c", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("copies", [pickle.dumps, copy.deepcopy, copy.copy])
def test_copies_are_made_or_refused_alike(session, copies):
    def outcome(of):
        try:
            return type(copies(of)).__name__
        except TypeError:
            return "TypeError"

    theirs = onnxruntime.InferenceSession(MODEL)
    assert outcome(session) == outcome(theirs)
    assert answer(session) == [[1.0] * 3]


def test_a_session_as_an_argument_of_joblib_is_refused_and_hangs_nobody(session):
    with pytest.raises(pickle.PicklingError):
        joblib.Parallel(2, timeout=LIMIT_S)(
            joblib.delayed(answer)(session, value) for value in (1.0, 2.0)
        )


def opened(value):
    """What a worker answers, with a session of its own."""
    return answer(rust_ext.InferenceSession(MODEL), value)


def test_workers_open_sessions_of_their_own():
    found = joblib.Parallel(2, timeout=LIMIT_S)(
        joblib.delayed(opened)(value) for value in (1.0, 2.0)
    )
    assert found == [[[1.0] * 3], [[2.0] * 3]]


FORKED = """
import os
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = THREADS
path = sys.argv[1]
session = rust_ext.InferenceSession(path, options)
want = session.run(None, {"x": x[:, :3]})[0]
child = os.fork()
try:
    said = f"{np.array_equal(session.run(None, {'x': x[:, :3]})[0], want)}"
except rust_ext.errors.Fail as error:
    said = f"{'forked' in str(error)} {bool(child)}"
os.write(1, f"{said}\\n".encode())  # at once: the other process writes, too
if not child:
    os._exit(0)  # as multiprocessing's do: ONNX Runtime's own exit waits for threads
print(os.waitpid(child, 0)[1])
"""


@posix
@pytest.mark.parametrize(
    ("threads", "said"),
    [("1", ["0", "True", "True"]), ("2", ["0", "True", "True False"])],
)
def test_a_forked_process_answers_or_says_why_it_cannot(tmp_path, threads, said):
    (tmp_path / "m.onnx").write_bytes(MODEL)
    code = PREPARE + FORKED.replace("THREADS", threads)
    out, _ = child(code, str(tmp_path / "m.onnx")).communicate(timeout=LIMIT_S)
    assert sorted(out.splitlines()) == said


@posix
@pytest.mark.parametrize("work", [LONG, SHORT], ids=["one long run", "short runs"])
def test_an_interrupt_ends_work_after_the_run_and_leaves_the_session_usable(work):
    process = child(PREPARE + work + INTERRUPTED)
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    assert (out, process.returncode) == ("(1, 256)\n", 0)


def test_arrays_stay_whole_when_the_session_is_gone():
    kept = []
    for value in range(200):
        session = rust_ext.InferenceSession(MODEL)
        x = np.full((1000, 3), value, np.float32)
        kept += session.run(None, {"x": x})
        del session, x
    gc.collect()
    assert [float(array.sum()) for array in kept] == [3000.0 * v for v in range(200)]
