"""Lists, maps, optional values, initialisers: taken and returned as onnxruntime's."""

from collections import OrderedDict

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto as T
from onnx import helper
from sides import both, list_of, map_of, model, optional, outcome, tensor
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import rust_ext

FLOATS = np.arange(3, dtype=np.float32)
DOUBLES = FLOATS.astype(np.float64)
VECTOR = tensor(T.FLOAT, ("N",))
ML = {"domain": "ai.onnx.ml"}
ELEMENTS = {
    T.FLOAT16: "e",
    T.FLOAT: "f",
    T.DOUBLE: "d",
    T.INT8: "b",
    T.INT64: "q",
    T.UINT16: "H",
    T.BOOL: "?",
    T.STRING: "O",
}


def one_node(operator, takes, returns, **attributes):
    """Both sessions of a model whose output y is an operator's of its input x."""
    node = helper.make_node(operator, ["x"], ["y"], **attributes)
    return both(model([node], {"x": takes}, {"y": returns}))


def alike(sessions, feed, names=None):
    """The answer or refusal of both, which are the same."""
    theirs, ours = (outcome(session.run, names, feed) for session in sessions)
    assert ours == theirs
    return ours


@pytest.mark.parametrize("labels", [["casual", "member"], [3, 7], [False, True]])
@pytest.mark.parametrize("rows", [0, 1, 2, 50])
def test_probabilities_by_label_are_lists_of_dicts(labels, rows):
    x = np.random.default_rng(7).random((60, 2), np.float32)
    fitted = LogisticRegression().fit(x, np.array(labels)[np.arange(60) % 2])
    sessions = both(to_onnx(fitted, x[:1]).SerializeToString())
    assert alike(sessions, {"X": x[:rows]}) != "Fail"
    _, probabilities = sessions[1].run(None, {"X": x[:rows]})
    assert type(probabilities) is list
    for each in probabilities:
        assert list(each) == [type(labels[0])(label) for label in labels]
        assert sum(each.values()) == pytest.approx(1)


def zipped(labels, **outputs):
    """A model of x as maps by label, and of other outputs."""
    kind = "int64s" if isinstance(labels[0], int) else "strings"
    maps = list_of(map_of(T.INT64 if kind == "int64s" else T.STRING, T.FLOAT))
    labels = {f"classlabels_{kind}": labels}
    node = helper.make_node("ZipMap", ["x"], ["maps"], **ML, **labels)
    return model([node], {"x": tensor(T.FLOAT)}, outputs | {"maps": maps})


@pytest.mark.parametrize(
    "labels",
    [[1, 2], [2, 1], [-7, 2**40], [3, 3], ["a", "b"], ["b", "a"], ["é", "日"]],
)
@pytest.mark.parametrize("shape", [(2, 2), (0, 2), (2,), (2, 3), (0, 0), (3,)])
def test_maps_have_the_keys_and_refusals_of_onnxruntime(labels, shape):
    x = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    alike(both(zipped(labels)), {"x": x})
    alike(both(zipped(labels, x=tensor(T.FLOAT))), {"x": x}, ["maps", "x", "maps"])


@pytest.mark.parametrize("names", [["y"], ["maps"], None])
def test_maps_of_nothing_are_refused_though_another_output_is_asked_for(names):
    nodes = [
        helper.make_node("ZipMap", ["x"], ["maps"], **ML, classlabels_int64s=[1, 2]),
        helper.make_node("Identity", ["z"], ["y"]),
    ]
    inputs = {"x": tensor(T.FLOAT, (None, 2)), "z": VECTOR}
    maps = list_of(map_of(T.INT64, T.FLOAT))
    sessions = both(model(nodes, inputs, {"maps": maps, "y": VECTOR}))
    assert alike(sessions, {"x": None, "z": FLOATS}, names) == "Fail"


def test_maps_of_a_model_with_weights_beside_it(tmp_path, monkeypatch):
    weights = onnx.numpy_helper.from_array(np.eye(2, dtype=np.float32) * 3, "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["rows"]),
        helper.make_node("ZipMap", ["rows"], ["y"], **ML, classlabels_int64s=[0, 1]),
    ]
    maps, x = list_of(map_of(T.INT64, T.FLOAT)), tensor(T.FLOAT, (None, 2))
    made = onnx.load_from_string(model(nodes, {"x": x}, {"y": maps}, [weights]))
    (tmp_path / "é").mkdir()
    path = tmp_path / "é" / "model.onnx"
    where = {"location": "w", "size_threshold": 0, "save_as_external_data": True}
    onnx.save(made, path, **where)
    rows = np.ones((3, 2), np.float32)
    assert alike(both(path), {"x": rows}) != "Fail"
    monkeypatch.chdir(path.parent)
    assert alike(both("model.onnx"), {"x": rows}) != "Fail"


@pytest.mark.parametrize(
    "given",
    [
        [],
        [FLOATS],
        [FLOATS, FLOATS[:0], FLOATS[::2]],
        (FLOATS,),
        iter([FLOATS]),
        [FLOATS, DOUBLES],
        [FLOATS.tolist()],
        [1.0],
        FLOATS,
        {1: 1.0},
        None,
        1.0,
    ],
    ids=repr,
)
@pytest.mark.parametrize("maybe", [False, True])
def test_lists_of_tensors_are_taken_or_refused_alike(given, maybe):
    vectors = optional(list_of(VECTOR)) if maybe else list_of(VECTOR)
    alike(one_node("Identity", vectors, vectors), {"x": given})


@pytest.mark.parametrize(("element", "dtype"), ELEMENTS.items())
def test_lists_hold_every_type(element, dtype):
    kind = list_of(tensor(element))
    sessions = one_node("Identity", kind, kind)
    items = [np.ones(2, dtype), np.zeros((2, 0), dtype), np.array(1, dtype)]
    for given in (items, [np.asfortranarray(np.eye(3).astype(dtype))], []):
        assert alike(sessions, {"x": given}) != "RuntimeError"


@pytest.mark.parametrize(
    "given",
    [
        {1: 2.0, 3: 4},
        {3: 1, 2: True, np.int64(1): np.float32(5)},
        {True: 1},
        OrderedDict({1: 2.0}),
        {"a": 2.0, "c": 1},
        {"a": 2.0, 1: 3.0},
        {1: 3.0, "a": 2.0},
        {},
        {1.5: 1.0},
        {1: "a"},
        {1: None},
        {None: 1.0},
        {2**70: 1.0},
        [{1: 1.0}],
        ({1: 1.0},),
        FLOATS,
        None,
        "text",
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    ("key", "value", "vocabulary"),
    [
        (T.INT64, T.FLOAT, {"int64_vocabulary": [1, 2, 3]}),
        (T.STRING, T.FLOAT, {"string_vocabulary": ["a", "b", "1"]}),
        (T.STRING, T.INT64, {"string_vocabulary": ["a", "b", "1"]}),
    ],
)
def test_maps_are_taken_or_refused_alike(given, key, value, vocabulary):
    row = tensor(value, (1, 3))
    sessions = one_node("DictVectorizer", map_of(key, value), row, **ML, **vocabulary)
    alike(sessions, {"x": given})


@pytest.mark.parametrize(
    "given",
    [({1: 2.0, 3: 1},), [{1: 2.0}], [], (), ({"a": 1.0},), ({},), "text", (1,)],
    ids=repr,
)
def test_lists_of_maps_are_taken_or_refused_alike(given):
    alike(passed_on_maps(), {"x": given})


def test_maps_of_which_onnxruntime_repeats_the_first_are_told_apart():
    given = ({1: 2.0}, {3: 4.0})
    theirs, ours = (s.run(["x"], {"x": iter(given)})[0] for s in passed_on_maps())
    assert theirs == [given[0], given[0]]
    assert ours == [*given]


def passed_on_maps():
    """Both sessions of a model whose output x is its input, a list of maps."""
    maps = list_of(map_of(T.INT64, T.FLOAT))
    node = helper.make_node("Constant", [], ["y"], value_float=1.0)
    return both(model([node], {"x": maps}, {"x": maps, "y": tensor(T.FLOAT, ())}))


@pytest.mark.parametrize(
    "feed",
    [{}, {"x": None}, {"x": FLOATS}, {"x": [1.0]}, {"x": DOUBLES}, {"z": FLOATS}],
)
@pytest.mark.parametrize(
    ("operator", "returns"),
    [
        ("Identity", optional(VECTOR)),
        ("OptionalHasElement", tensor(T.BOOL, ())),
        ("OptionalGetElement", VECTOR),
    ],
)
def test_optional_inputs_may_be_left_out(operator, returns, feed):
    alike(one_node(operator, optional(VECTOR), returns), feed)


def weighted(*outputs):
    """Both sessions of y = x + w, where the feed may replace w."""
    node = helper.make_node("Add", ["x", "w"], ["y"])
    weights = helper.make_tensor("w", T.FLOAT, [3], [1, 2, 3])
    inputs = {"x": VECTOR, "w": tensor(T.FLOAT, (3,))}
    return both(model([node], inputs, dict.fromkeys(outputs, VECTOR), [weights]))


@pytest.mark.parametrize(
    "feed",
    [
        {"x": FLOATS},
        {"x": FLOATS, "w": FLOATS},
        {"w": FLOATS, "x": FLOATS},
        {"x": FLOATS, "w": None},
        {"x": FLOATS, "w": DOUBLES},
        {"x": FLOATS, "w": FLOATS[:2]},
        {"x": FLOATS, "w": FLOATS.tolist()},
        {"w": FLOATS},
        {"x": FLOATS, "v": FLOATS},
        {"x": FLOATS, "w": FLOATS, "v": FLOATS},
    ],
)
def test_initialisers_are_replaced_alike(feed):
    for sessions in (weighted("y"), weighted("y", "w"), weighted("w", "y", "x")):
        alike(sessions, feed)
    nodes = [session.get_overridable_initializers() for session in sessions]
    assert [*map(str, nodes[1])] == [*map(str, nodes[0])]
    assert [each.name for each in sessions[1].get_inputs()] == ["x"]


def test_no_output_shares_memory_with_another_array():
    session = weighted("w", "y", "x")[1]
    x, w = FLOATS.copy(), FLOATS.copy()
    answers = session.run(["x", "w", "y", "x", "y"], {"x": x, "w": w})
    answers += session.run(None, {"x": x})
    for number, array in enumerate([x, w, *answers]):
        array[:] = number
    assert [array[0] for array in [x, w, *answers]] == [*range(10)]
    assert session.run(["w"], {"x": x})[0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("value", [FLOATS, DOUBLES])
def test_an_ortvalue_is_its_array(value):
    ortvalue = onnxruntime.OrtValue.ortvalue_from_numpy(value)
    alike(one_node("Identity", VECTOR, VECTOR), {"x": ortvalue})


@pytest.mark.parametrize("element", [T.BFLOAT16, T.INT4, T.UINT4])
def test_an_output_of_a_type_that_numpy_lacks_is_refused_alike(element):
    odd = tensor(element, ("N",))
    alike(one_node("Cast", VECTOR, odd, to=element), {"x": FLOATS})


@pytest.mark.parametrize("given", [FLOATS, FLOATS.astype("e"), FLOATS.view("i"), [1.0]])
def test_an_input_of_a_type_that_numpy_lacks_is_refused_alike(given):
    odd = tensor(T.BFLOAT16, ("N",))
    alike(one_node("Cast", odd, VECTOR, to=T.FLOAT), {"x": given})


@pytest.mark.parametrize("given", [[1, 2], None])
def test_out_takes_tensors_only(given):
    vectors = list_of(VECTOR)
    session = one_node("Identity", vectors, vectors)[1]
    with pytest.raises(TypeError, match="out"):
        session.run(None, {"x": [FLOATS]}, out=[given])


def test_a_missing_value_names_its_input():
    session = rust_ext.InferenceSession(
        model([helper.make_node("Neg", ["x"], ["y"])], {"x": VECTOR}, {"y": VECTOR})
    )
    with pytest.raises(rust_ext.errors.Fail, match="Missing Input: x"):
        session.run(None, {"x": None})


def columns_together(x):
    """Both sessions of columns that FeatureVectorizer puts together, and their feed."""
    fitted = make_pipeline(StandardScaler(), Ridge()).fit(x, x.sum(axis=1))
    names = [*"abc"]
    types = [(name, FloatTensorType([None, 1])) for name in names]
    made = convert_sklearn(fitted, initial_types=types).SerializeToString()
    return both(made), {name: x[:, [n]] for n, name in enumerate(names)}


def test_zero_rows_that_end_onnxruntimes_process_are_refused():
    x = np.random.default_rng(7).random((5, 3), np.float32)
    sessions, feed = columns_together(x)
    alike(sessions, feed)
    with pytest.raises(rust_ext.errors.Fail, match="'a' has no rows"):
        sessions[1].run(None, {name: column[:0] for name, column in feed.items()})


def test_zero_rows_of_one_vector_are_answered():
    two = tensor(T.FLOAT, (None, 2))
    sessions = one_node("FeatureVectorizer", two, two, **ML, inputdimensions=[2])
    alike(sessions, {"x": np.zeros((0, 2), np.float32)})


def test_a_vector_without_elements_is_refused_where_trees_would_read_past_its_end():
    x = np.random.default_rng(7).random((20, 1), np.float32)
    tree = DecisionTreeRegressor(max_depth=1).fit(x, x[:, 0])
    made = onnx.load_from_string(to_onnx(tree, x[:1]).SerializeToString())
    made.graph.input[0].type.tensor_type.ClearField("shape")
    sessions = both(made.SerializeToString())
    for given in (x, x[:0], x[0], x[:0].T):
        alike(sessions, {"X": given})
    with pytest.raises(rust_ext.errors.Fail, match="'X' has no rows"):
        sessions[1].run(None, {"X": x[:0, 0]})
