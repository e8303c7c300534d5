"""rust_ext's session answers, and refuses, as onnxruntime's does."""

import pickle
from collections import OrderedDict

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from onnx import TensorProto, helper
from sides import both, comparable, outcome

import rust_ext

FLOATS = np.arange(6, dtype=np.float32).reshape(2, 3)


TYPES = ("d", "e", "i", "q", "?", "O", "U", "c", "F", "M8[s]")


def identity_model(element: int, shape: tuple = ("N", 3)) -> bytes:
    """Return a model whose output y is its input x."""
    x, y = (helper.make_tensor_value_info(name, element, shape) for name in "xy")
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "identity", [x], [y])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    helper.set_model_props(model, {"key": "value"})
    return model.SerializeToString()


@pytest.fixture(scope="module")
def floats():
    return both(identity_model(TensorProto.FLOAT))


@pytest.fixture(scope="module")
def texts():
    return both(identity_model(TensorProto.STRING, ("N",)))


@pytest.mark.parametrize(
    "feed",
    [
        {"x": np.asfortranarray(FLOATS)},
        {"x": FLOATS[::-1, ::-1]},
        {"x": np.arange(12, dtype=np.float32).reshape(2, 6)[:, ::2]},
        {"x": np.arange(6, dtype=np.float32).reshape(3, 2).T},
        {"x": np.broadcast_to(np.float32(1.5), (2, 3))},
        {"x": np.frombuffer(FLOATS.tobytes(), np.float32).reshape(2, 3)},
        {"x": np.frombuffer(b"0" + FLOATS.tobytes(), np.float32, 6, 1).reshape(2, 3)},
        {"x": FLOATS[:0]},
        {"x": np.repeat(FLOATS, 50, axis=0)},
        {"x": np.ma.masked_array(FLOATS, FLOATS > 3)},
        {"x": FLOATS.tolist()},
        {"x": [[1, 2, 3]]},
        {"x": list(FLOATS)},
        OrderedDict(x=FLOATS),
        {"x": [[1.0, 2.0], [3.0]]},
        {"x": [["a", "b", "c"]]},
        {"x": 1.0},
        {"x": "text"},
        {"x": pd.DataFrame(FLOATS)},
        {"x": pd.Series(FLOATS[0])},
        *({"x": FLOATS.astype(dtype)} for dtype in TYPES),
        {"x": FLOATS[:, :2]},
        {"x": np.zeros((2, 5), np.float32)},
        {"x": FLOATS[0]},
        {"x": FLOATS[None]},
        {},
        {"z": FLOATS},
        {"x": FLOATS, "z": FLOATS},
        {"x": FLOATS, 1: FLOATS},
        [FLOATS],
        None,
    ],
    ids=repr,
)
def test_feeds_are_taken_or_refused_alike(floats, feed):
    theirs, ours = floats
    assert outcome(ours.run, None, feed) == outcome(theirs.run, None, feed)


@pytest.mark.parametrize(
    "names",
    [
        None,
        [],
        ["y"],
        ("y",),
        ["y", "y"],
        {"y"},
        ["nope"],
        "y",
        [None],
        1,
        {},
        {"y": 1},
    ],
    ids=repr,
)
def test_output_names_are_taken_or_refused_alike(floats, names):
    theirs, ours = floats
    for feed in ({"x": FLOATS}, {"x": -FLOATS}):
        assert outcome(ours.run, names, feed) == outcome(theirs.run, names, feed)


@pytest.mark.parametrize(
    "make", [iter, reversed, lambda n: map(str, n), lambda n: (*n,)]
)
def test_output_names_are_a_list_or_made_one_by_one(floats, make):
    answers = [outcome(s.run, make(["y"]), {"x": FLOATS}) for s in floats]
    assert answers[1] == answers[0]


@pytest.mark.parametrize("options", [onnxruntime.RunOptions(), "fast"])
def test_run_options_are_taken_or_refused_alike(floats, options):
    answers = [outcome(s.run, None, {"x": FLOATS}, options) for s in floats]
    assert answers[1] == answers[0]


@pytest.mark.parametrize(
    "values",
    [
        np.array(["é日本🚲", "", None, np.nan, pd.NA, 3, True, np.str_("k")], object),
        np.array(["a", "bc", ""]),
        np.array(["a", "b", "c", "d"], object)[::2],
        np.array(["a", "b"], object)[::-1],
        np.array([], object),
        np.array(["x" * 1000, "y"] * 20, object),
        ["a", "b"],
        ["a", None, 3],
        np.array([1, 2]),
        np.array(["\ud800"], object),
        np.array([["a"]], object),
    ],
    ids=repr,
)
def test_strings_are_taken_or_refused_alike(texts, values):
    theirs, ours = texts
    feed = {"x": values}
    assert outcome(ours.run, None, feed) == outcome(theirs.run, None, feed)


def test_strings_in_fortran_order_come_back_in_place():
    theirs, ours = both(identity_model(TensorProto.STRING, ("N", 2)))
    feed = {"x": np.asfortranarray(np.array([["a", "b"], ["c", "d"]], object))}
    assert outcome(ours.run, None, feed) == outcome(theirs.run, None, feed)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (FLOATS.astype(">f4"), FLOATS),
        (np.array([[b"1", b"23"]]), None),
    ],
)
def test_bytes_that_onnxruntime_misreads_are_read_or_refused(floats, array, expected):
    answer = outcome(floats[1].run, None, {"x": array})
    assert answer == ("InvalidArgument" if expected is None else [comparable(expected)])


@pytest.mark.parametrize("values", [np.array([b"a", b"bc"]), np.array(["a", "bc\0d"])])
def test_text_that_onnxruntime_cuts_is_read_whole(texts, values):
    [answer] = texts[1].run(None, {"x": values})
    assert answer.tolist() == np.asarray(values, "U").tolist()


def test_an_element_whose_str_fails_raises_its_error(texts):
    class Broken:
        def __str__(self):
            raise ZeroDivisionError

    values = np.array(["a", Broken()], object)
    assert outcome(texts[1].run, None, {"x": values}) == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("element", "dtype"),
    [
        (TensorProto.FLOAT16, "f2"),
        (TensorProto.FLOAT, "f4"),
        (TensorProto.DOUBLE, "f8"),
        (TensorProto.BOOL, "?"),
        *((getattr(TensorProto, f"INT{8 << n}"), f"i{1 << n}") for n in range(4)),
        *((getattr(TensorProto, f"UINT{8 << n}"), f"u{1 << n}") for n in range(4)),
    ],
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 4), (1, 2, 1, 2, 1, 2)])
def test_each_type_and_rank_comes_back(element, dtype, shape):
    sessions = both(identity_model(element, shape))
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    answers = [outcome(session.run, None, {"x": values}) for session in sessions]
    assert answers[1] == answers[0] == [comparable(values)]


def test_calls_of_any_size_follow_one_another(floats):
    for rows in (1, 2, 1, 500, 0, 9, 10, 11, 1):
        x = np.random.default_rng(rows).random((rows, 3), np.float32)
        [y] = floats[1].run(None, {"x": x})
        assert np.array_equal(x, y)


def test_outputs_outlive_the_session_and_belong_to_the_caller():
    session = rust_ext.InferenceSession(identity_model(TensorProto.FLOAT))
    inputs = [np.full((rows, 3), rows, np.float32) for rows in (1, 1, 5, 20_000)]
    outputs = [session.run(None, {"x": x})[0] for x in inputs]
    del session
    outputs[0][0, 0] = 99
    assert [float(y.max()) for y in outputs] == [99, 1, 5, 20_000]
    assert [float(x.max()) for x in inputs] == [1, 1, 5, 20_000]


def described(session) -> list:
    """Return all that a session says about its model."""
    meta = session.get_modelmeta()
    nodes = [*session.get_inputs(), *session.get_outputs()]
    names = "producer_name graph_name domain description graph_description version"
    return [
        [(node.name, node.type, node.shape, str(node)) for node in nodes],
        [getattr(meta, name) for name in names.split()],
        meta.custom_metadata_map,
        session.get_providers(),
    ]


@pytest.mark.parametrize("shape", [("N", 3), (None, 1), (2,), ()])
def test_models_are_described_alike(shape):
    theirs, ours = both(identity_model(TensorProto.STRING, shape))
    assert described(ours) == described(theirs)


def test_sessions_cannot_be_pickled(floats):
    assert [outcome(pickle.dumps, s) for s in floats] == ["TypeError", "TypeError"]
