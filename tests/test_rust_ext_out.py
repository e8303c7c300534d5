"""run(..., out=) writes into the caller's arrays: all of them, or none."""

import threading
import tracemalloc

import numpy as np
import pytest
from onnx import TensorProto, helper

import rust_ext

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)
TYPES = {
    TensorProto.FLOAT: "f4",
    TensorProto.DOUBLE: "f8",
    TensorProto.BOOL: "?",
    **{getattr(TensorProto, f"INT{8 << n}"): f"i{1 << n}" for n in range(4)},
    **{getattr(TensorProto, f"UINT{8 << n}"): f"u{1 << n}" for n in range(4)},
}


def session_of(*nodes, element=TensorProto.FLOAT, elements=()):
    """A session of nodes that take x [N, 3]; each output is as x, or of its element."""
    elements = dict(elements)
    x = helper.make_tensor_value_info("x", element, ("N", 3))
    outputs = [
        helper.make_tensor_value_info(name, elements.get(name, element), None)
        for node in nodes
        for name in node.output
    ]
    graph = helper.make_graph(nodes, "of x", [x], outputs)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    return rust_ext.InferenceSession(model.SerializeToString())


@pytest.fixture(scope="module")
def session():
    """Outputs: minus x [N, 3], its square [N, 3], whether it is a number [N, 3]."""
    return session_of(
        helper.make_node("Neg", ["x"], ["minus"]),
        helper.make_node("Mul", ["x", "x"], ["square"]),
        helper.make_node("IsNaN", ["x"], ["gap"]),
        elements={"gap": TensorProto.BOOL},
    )


def arrays(rows=2):
    """One array for each output, full of sevens or True."""
    return [
        np.full((rows, 3), 7, np.float32),
        np.full((rows, 3), 7, np.float32),
        np.ones((rows, 3), bool),
    ]


def test_the_answers_are_in_the_arrays_given_and_those_come_back(session):
    for rows in (2, 1, 500, 0, 2):
        x = np.random.default_rng(rows).random((rows, 3), np.float32)
        out = arrays(rows)
        given = list(out)
        answers = session.run(None, {"x": x}, out=out)
        assert answers is out
        assert all(a is b for a, b in zip(out, given, strict=True))
        for answer, new in zip(answers, session.run(None, {"x": x}), strict=True):
            assert np.array_equal(answer, new)


@pytest.mark.parametrize("names", [["square", "minus"], ("square", "minus")])
def test_out_follows_the_names_as_a_list_and_as_a_dict(session, names):
    minus, square, _ = arrays()
    for out in ([square, minus], (square, minus), {"minus": minus, "square": square}):
        minus[:] = square[:] = 7
        answers = session.run(names, {"x": ROWS}, None, out=out)
        assert type(answers) is list
        assert answers[0] is square and answers[1] is minus
        assert (square == ROWS**2).all() and (minus == -ROWS).all()


@pytest.mark.parametrize(("element", "dtype"), TYPES.items())
def test_each_type_of_number_is_written(element, dtype):
    session = session_of(helper.make_node("Identity", ["x"], ["y"]), element=element)
    out = np.zeros((2, 3), dtype)
    session.run(None, {"x": ROWS.astype(dtype)}, out=[out])
    assert (out == ROWS.astype(dtype)).all()


def views():
    """Arrays of [2, 3] that are right, although each is part of something else."""
    yield np.zeros((4, 3), np.float32)[1:3]
    yield np.frombuffer(bytearray(24), np.float32).reshape(2, 3)
    yield np.ma.masked_array(np.zeros((2, 3), np.float32))
    yield np.zeros((3, 2), np.float32, order="F").T


@pytest.mark.parametrize("out", list(views()), ids=lambda out: type(out).__name__)
def test_a_view_or_subclass_is_an_array(session, out):
    assert session.run(["minus"], {"x": ROWS}, out=[out])[0] is out
    assert (np.asarray(out) == -ROWS).all()


def wrong():
    """What stands in for `square`, the exception, and what its message says."""
    fine = np.zeros((2, 3), np.float32)
    frozen = fine.copy()
    frozen.flags.writeable = False
    unaligned = np.frombuffer(bytearray(25), np.float32, 6, 1).reshape(2, 3)
    yield fine.astype("f8"), TypeError, "of float64"
    yield fine.astype(">f4"), TypeError, "of >f4"
    yield fine.astype("i4"), TypeError, "of int32"
    yield fine.astype(object), TypeError, "of object"
    yield fine.tolist(), TypeError, "list"
    yield None, TypeError, "NoneType"
    yield fine[:1], ValueError, r"of shape \[1, 3\]"
    yield fine[0], ValueError, r"of shape \[3\]"
    yield fine.ravel(), ValueError, r"of shape \[6\]"
    yield np.zeros((3, 3), np.float32), ValueError, r"of shape \[3, 3\]"
    yield np.zeros((2, 6), np.float32)[:, ::2], ValueError, "in another order"
    yield np.asfortranarray(fine), ValueError, "in another order"
    yield fine[::-1], ValueError, "in another order"
    yield unaligned, ValueError, "not aligned"
    yield frozen, ValueError, "read-only"


@pytest.mark.parametrize(("array", "error", "said"), list(wrong()))
@pytest.mark.parametrize("place", [0, 1])
def test_a_wrong_array_leaves_everything_as_it_was(session, place, array, error, said):
    before = np.array(array, copy=True)
    minus, square, gap = arrays()
    out = [minus, array, gap] if place else [array, square, gap]
    name = ["minus", "square"][place]
    match = (
        rf"^out for output '{name}' must be an array of float32 and shape \[2, 3\].*"
        f"; it is.*{said}"
    )
    with pytest.raises(error, match=match):
        session.run(None, {"x": ROWS}, out=out)
    assert np.array_equal(array, before)
    for left, right in zip((minus, square, gap), arrays(), strict=True):
        assert (left == right).all()
    assert (session.run(["minus"], {"x": ROWS}, out=[minus])[0] == -ROWS).all()


@pytest.mark.parametrize(
    ("out", "error"),
    [
        ([], ValueError),
        (arrays()[:2], ValueError),
        ([*arrays(), arrays()[0]], ValueError),
        ({}, ValueError),
        ({"minus": arrays()[0], "square": arrays()[1]}, ValueError),
        (dict(zip(["minus", "square", "gaps"], arrays(), strict=True)), ValueError),
        ({name: arrays()[0] for name in ("minus", "square", "gap", "x")}, ValueError),
        (arrays()[0], TypeError),
        ("gap", TypeError),
        (7, TypeError),
    ],
)
def test_out_has_one_array_for_each_output(session, out, error):
    with pytest.raises(error, match="out must"):
        session.run(None, {"x": ROWS}, out=out)


def test_outputs_of_one_run_cannot_share_memory(session):
    memory = np.full(12, 7, np.float32)
    one, half = memory[:6].reshape(2, 3), memory[3:9].reshape(2, 3)
    for pair in [(one, one), (one, one.view()), (one, half), (half, one)]:
        with pytest.raises(ValueError, match=r"'square'.*in the memory of another"):
            session.run(["minus", "square"], {"x": ROWS}, out=pair)
        assert (memory == 7).all()
    session.run(["minus", "square"], {"x": ROWS}, out=[one, memory[6:].reshape(2, 3)])
    assert (memory == [*(-ROWS).ravel(), *(ROWS**2).ravel()]).all()


def test_outputs_of_one_run_cannot_share_memory_that_numpy_calls_two_arrays(session):
    memory = bytearray(24)
    pair = [np.frombuffer(memory, np.float32).reshape(2, 3) for _ in range(2)]
    with pytest.raises(ValueError, match="two arrays of out lie in the same memory"):
        session.run(["minus", "square"], {"x": ROWS}, out=pair)
    assert memory == bytearray(24)
    rows, columns = np.zeros(24), np.float32
    wide = session_of(
        helper.make_node("Neg", ["x"], ["minus"]),
        helper.make_node("Cast", ["x"], ["double"], to=TensorProto.DOUBLE),
        elements={"double": TensorProto.DOUBLE},
    )
    over = rows.view(columns)[6:12].reshape(2, 3), rows[:6].reshape(2, 3)
    with pytest.raises(ValueError, match=r"lie in the same memory|memory of another"):
        wide.run(None, {"x": ROWS}, out=list(over))
    assert not rows.any()


@pytest.mark.parametrize("names", [["minus", "minus"], ["minus", "square", "minus"]])
def test_an_output_asked_for_twice_is_written_twice(session, names):
    out = [np.zeros((2, 3), np.float32) for _ in names]
    session.run(names, {"x": ROWS}, out=out)
    assert (out[0] == -ROWS).all() and (out[-1] == -ROWS).all()


@pytest.mark.parametrize("rows", [2, 2000])
def test_an_output_may_lie_over_an_input(session, rows):
    start = np.random.default_rng(rows).random((rows + 1, 3), np.float32)
    for place in (slice(0, rows), slice(1, rows + 1)):
        memory = start.copy()
        feed, out = memory[:rows], memory[place]
        session.run(["square"], {"x": feed}, out=[out])
        assert (out == start[:rows] ** 2).all()


def test_text_is_refused_by_name():
    node = helper.make_node("Identity", ["x"], ["y"])
    session = session_of(node, element=TensorProto.STRING)
    x, out = np.full((2, 3), "a", object), np.full((2, 3), "b", object)
    with pytest.raises(TypeError, match="'y' is text"):
        session.run(None, {"x": x}, out=[out])
    assert (out == "b").all()


def test_a_feed_that_fails_leaves_the_arrays_alone(session):
    out = arrays()
    for feed in ({}, {"x": ROWS.astype("f8")}, {"x": ROWS[:, :2]}):
        with pytest.raises((ValueError, rust_ext.errors.InvalidArgument)):
            session.run(None, feed, out=out)
    for left, right in zip(out, arrays(), strict=True):
        assert (left == right).all()


def test_out_is_given_by_name_only(session):
    with pytest.raises(TypeError):
        session.run(None, {"x": ROWS}, None, arrays())


def test_no_array_is_made(session):
    x, out = np.ones((9, 3), np.float32), arrays(9)
    feed = {"x": x}
    session.run(None, feed, out=out)
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(100):
            session.run(None, feed, out=out)
        peak = tracemalloc.get_traced_memory()[1] - start
        session.run(None, feed)
        assert tracemalloc.get_traced_memory()[1] - start > peak + out[0].nbytes
    finally:
        tracemalloc.stop()
    assert peak < out[0].nbytes


def test_threads_write_each_into_its_own(session):
    wrong = []

    def work(seed):
        out = [np.empty((3, 3), np.float32)]
        for step in range(2000):
            x = np.full((3, 3), seed * 10_000 + step, np.float32)
            session.run(["minus"], {"x": x}, out=out)
            if (out[0] != -x).any():
                wrong.append((seed, step))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
