"""What is large, deep, empty or odd neither ends the process nor mixes up answers."""

import enum
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from sides import both, model, outcome, tensor

import rust_ext

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
DEEP = (1,) * 33  # numpy takes 64 dimensions, the Rust crate 32


def sides(nodes, inputs, outputs, **initialisers):
    arrays = [numpy_helper.from_array(v, k) for k, v in initialisers.items()]
    return both(model(nodes, inputs, outputs, arrays))


def alike(pair, feed):
    theirs, ours = (outcome(session.run, None, feed) for session in pair)
    assert ours == theirs
    return ours


HUGE = """
import sys, numpy as np, rust_ext
open(sys.argv[2], "wb").truncate(2**40)
values = np.memmap(sys.argv[2], np.float32, "r", shape=(2**38,))
session = rust_ext.InferenceSession(sys.argv[1])
try:
    session.run(None, {"x": values})
except Exception as error:
    print(error)
"""


def test_an_input_that_no_memory_holds_is_an_error(tmp_path):
    shape = helper.make_node("Shape", ["x"], ["y"])
    (tmp_path / "m.onnx").write_bytes(
        model([shape], {"x": tensor(FLOAT, ("N",))}, {"y": tensor(INT64, (1,))})
    )
    done = subprocess.run(
        [sys.executable, "-c", HUGE, tmp_path / "m.onnx", tmp_path / "huge"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Unable to allocate" in done.stdout


@pytest.mark.parametrize(
    ("operator", "element", "value"),
    [("Neg", FLOAT, 1.5), ("Identity", STRING, "x"), ("Identity", FLOAT, 2.0)],
)
def test_more_dimensions_than_the_crate_knows_come_back(operator, element, value):
    node = helper.make_node(operator, ["x"], ["y"])
    pair = sides([node], {"x": tensor(element)}, {"y": tensor(element)})
    dtype = object if element == STRING else "f4"
    assert alike(pair, {"x": np.full(DEEP, value, dtype)})[0][1] == DEEP


@pytest.mark.parametrize("shape", [[2**62, 0], [1] * 65, [3, 0, 2], [2, 1, 2], [0]])
def test_an_output_that_numpy_cannot_hold_is_refused_alike(shape):
    node = helper.make_node("ConstantOfShape", ["x"], ["y"])
    pair = sides([node], {"x": tensor(INT64, ("N",))}, {"y": tensor(FLOAT)})
    alike(pair, {"x": np.array(shape, np.int64)})


def test_no_answer_holds_what_another_call_was_given():
    nodes = [
        helper.make_node("Mul", ["c", "x"], ["t"]),
        helper.make_node("Concat", ["t", "y"], ["z"], axis=1),
    ]
    inputs = {name: tensor(FLOAT, ("N", 1)) for name in "xy"}
    constant = np.ones((1, 1), "f4")
    ours = sides(nodes, inputs, {"z": tensor(FLOAT, ("N", 2))}, c=constant)[1]
    secret = {"x": np.full((3, 1), 777, "f4"), "y": np.full((3, 1), 888, "f4")}
    ours.run(None, secret)
    with pytest.raises(rust_ext.errors.Fail, match="'x' has no rows"):
        ours.run(None, {"x": np.zeros((0, 1), "f4"), "y": np.ones((3, 1), "f4")})


@pytest.mark.parametrize(
    ("node", "axis", "rows", "width"),
    [
        (helper.make_node("Identity", ["x"], ["t"]), -2, 2, 3),
        (helper.make_node("ReduceSum", ["x", "zero"], ["t"], keepdims=1), 1, 1, 2),
        (helper.make_node("Transpose", ["x"], ["t"]), 1, 3, 2),
    ],
)
def test_no_rows_that_onnxruntime_answers_are_answered(node, axis, rows, width):
    nodes = [node, helper.make_node("Concat", ["t", "y"], ["z"], axis=axis)]
    inputs = {"x": tensor(FLOAT, ("N", 3)), "y": tensor(FLOAT, ("M", width))}
    zero = np.array([0], np.int64)
    pair = sides(nodes, inputs, {"z": tensor(FLOAT)}, zero=zero)
    feed = {"x": np.zeros((0, 3), "f4"), "y": np.ones((rows, width), "f4")}
    assert alike(pair, feed) != "Fail"


class Color(str, enum.Enum):  # noqa: UP042 - StrEnum has another str()
    RED = "red"


class Shouted(str):
    __slots__ = ()

    def __str__(self):
        return self.upper()


@pytest.mark.parametrize("text", [Color.RED, Shouted("red"), "red"])
@pytest.mark.parametrize("given", [list, lambda values: np.array(values, object)])
def test_a_kind_of_text_is_what_str_says(text, given):
    node = helper.make_node("Identity", ["x"], ["y"])
    port = tensor(STRING, ("N",))
    alike(sides([node], {"x": port}, {"y": port}), {"x": given([text, "blue"])})


def test_bytes_that_are_no_text_are_refused_alike():
    node = helper.make_node("Identity", ["x"], ["y"])
    port = tensor(STRING, ("N",))
    pair = sides([node], {"x": port}, {"y": port})
    assert alike(pair, {"x": np.array([b"\xff"])}) == "UnicodeDecodeError"


def test_an_output_whose_size_depends_on_the_values_is_made_once(capfd):
    nodes = [
        helper.make_node("RandomUniformLike", ["x"], ["r"], seed=1.0),
        helper.make_node("Mul", ["x", "r"], ["q"]),
        helper.make_node("NonZero", ["q"], ["z"]),
    ]
    outputs = {"r": tensor(FLOAT, ("N", 1)), "z": tensor(INT64, (2, "M"))}
    pair = sides(nodes, {"x": tensor(FLOAT, ("N", 1))}, outputs)
    for row in ([1, 1], [0, 1], [1, 0], [0, 0]):
        alike(pair, {"x": np.array(row, "f4").reshape(2, 1)})
    assert capfd.readouterr().err == ""


def test_an_output_of_varying_rows_fails_to_be_reused_once(capfd):
    node = helper.make_node("Compress", ["x", "keep"], ["y"], axis=0)
    inputs = {"x": tensor(FLOAT, ("N",)), "keep": tensor(TensorProto.BOOL, ("N",))}
    made = model([node], inputs, {"y": tensor(FLOAT, ("M",))})
    session = rust_ext.InferenceSession(made)
    x = np.arange(2, dtype="f4")
    for keep in [[True, True], [True, False], [True, True], [False, True]]:
        (y,) = session.run(None, {"x": x, "keep": np.array(keep)})
        assert y.tolist() == x[keep].tolist()
    assert capfd.readouterr().err.count("Non-zero status code") <= 1


# In a process of its own: others may have left room that its text fits into.
LONG_TEXT = """
import sys, psutil, rust_ext
session = rust_ext.InferenceSession(sys.argv[1])
session.run(None, {"x": ["a"]})
before = psutil.Process().memory_info().rss
session.run(None, {"x": ["long" * 10_000_000]})
session.run(None, {"x": ["a"]})
print(psutil.Process().memory_info().rss - before)
"""


def test_a_long_text_is_not_kept(tmp_path):
    node = helper.make_node("Identity", ["x"], ["t"])
    length = helper.make_node("Shape", ["t"], ["y"])
    port = tensor(STRING, ("N",))
    made = model([node, length], {"x": port}, {"y": tensor(INT64, (1,))})
    (tmp_path / "m.onnx").write_bytes(made)
    command = [sys.executable, "-c", LONG_TEXT, tmp_path / "m.onnx"]
    told = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert int(told.stdout) < 20e6


def longest_stop(session, feed):
    """How long a run stops another thread, as a share of the run."""
    ran, took_s = threading.Event(), []

    def run():
        start = time.perf_counter()
        session.run(None, feed)
        took_s.append(time.perf_counter() - start)
        ran.set()

    thread = threading.Thread(target=run)
    turns = [time.perf_counter()]
    thread.start()
    while not ran.is_set():
        turns.append(time.perf_counter())
    thread.join()
    return np.diff(turns).max() / took_s[0]


def test_a_long_run_on_a_scalar_lets_other_threads_go_on():
    ends = {"zero": np.array(0.0), "one": np.array(1.0)}
    nodes = [
        helper.make_node("Range", ["zero", "x", "one"], ["r"]),
        helper.make_node("ReduceSum", ["r"], ["y"], keepdims=0),
    ]
    number = tensor(TensorProto.DOUBLE, ())
    session = sides(nodes, {"x": number}, {"y": number}, **ends)[1]
    assert longest_stop(session, {"x": np.array(3e7)}) < 0.5


def test_a_small_model_that_is_slow_lets_other_threads_go_on_after_three_runs():
    nodes = [
        helper.make_node("ConstantOfShape", ["x"], ["c"]),
        helper.make_node("Erf", ["c"], ["e"]),
        helper.make_node("ReduceSum", ["e"], ["y"], keepdims=0),
    ]
    session = sides(nodes, {"x": tensor(INT64, (1,))}, {"y": tensor(FLOAT, ())})[1]
    feed = {"x": np.array([20_000_000])}
    stops = [longest_stop(session, feed) for _ in range(4)]
    assert min(stops[:3]) > 0.5 > stops[3]
