"""predict(frame) takes a frame's columns by name, as scikit-learn takes them."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression

import rust_ext
from workshop import export
from workshop.gaps import MISSING_TEXT

NAN = float("nan")
GAPS = [None, NAN, pd.NA]
SEED = 7


def column(name, dtype="float32", **given):
    """One entry of a fare.schema; the input has another name, as ONNX would have it."""
    rest = {"missing": False, "categories": None, "unknown": None}
    source = {"name": name, "input": name.replace(" ", "_"), "dtype": dtype}
    return source | {"unit": None} | rest | given


def session_of(*schema, width=1, rows="N", described=True):
    """A session whose outputs are its inputs [rows, width], named `input out`."""
    names = {"float32": "FLOAT", "float64": "DOUBLE"}
    inputs, outputs, nodes = [], [], []
    for entry in schema:
        dtype, name = entry["dtype"], entry["input"]
        element = getattr(TensorProto, names.get(dtype, dtype.upper()))
        for values, suffix in [(inputs, ""), (outputs, " out")]:
            shape = (rows, width)
            values.append(helper.make_tensor_value_info(name + suffix, element, shape))
        nodes.append(helper.make_node("Identity", [name], [name + " out"]))
    graph = helper.make_graph(nodes, "columns", inputs, outputs)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    if described:
        helper.set_model_props(model, {"fare.schema": json.dumps(schema)})
    return rust_ext.InferenceSession(model.SerializeToString())


def answer(values, dtype="float32", **given):
    """What the column's values become, or the exception's words."""
    session = session_of(column("x", dtype, **given))
    values = values if hasattr(values, "dtype") else pd.Series(values)
    return session.predict(pd.DataFrame({"x": values}))


NUMBERS = [
    ([1, 2], "int8"),
    ([1, 2], "uint16"),
    ([1, 2], "int64"),
    ([1, 2], "uint64"),
    ([1.0, 2.0], "float16"),
    ([1.0, 2.0], "float32"),
    ([1.0, 2.0], "float64"),
    ([1, 2], "Int64"),
    ([1, 2], "UInt8"),
    ([1, 2], "Float32"),
    ([1, 2], object),
    ([1.0, 2], object),
    ([Decimal(1), Decimal("2.0")], object),
    ([np.int8(1), np.float32(2)], object),
    ([1, 2], "category"),
    ([1.0, 2.0], pd.SparseDtype(float, 1.0)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "int16"])
@pytest.mark.parametrize(("values", "given"), NUMBERS)
def test_whole_numbers_of_any_type_are_numbers_of_any_type(values, given, dtype):
    got = answer(pd.Series(values, dtype=given), dtype)
    assert got.dtype == dtype
    assert got.tolist() == [1, 2]


@pytest.mark.parametrize("given", ["bool", "boolean", object, "int64", "float32"])
@pytest.mark.parametrize("dtype", ["bool", "float32", "int64"])
def test_truth_values_are_one_and_zero(given, dtype):
    got = answer(pd.Series([True, False]).astype(given), dtype)
    assert (got.dtype, got.tolist()) == (dtype, [1, 0])


@pytest.mark.parametrize(
    ("values", "given"),
    [
        ([1.5, NAN], "float32"),
        ([1.5, None], "Float64"),
        ([1.5, NAN, *GAPS], object),
        ([Decimal("1.5"), Decimal("NaN"), None], object),
        ([np.float32(1.5), np.float32(NAN), pd.NaT], object),
        ([1.5, None], "category"),
        ([None, *GAPS], object),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_missing_number_is_nan_where_it_may_be_missing(values, given, dtype):
    values = pd.Series(values, dtype=given)
    want = [NAN if pd.isna(value) else float(value) for value in values]
    np.testing.assert_array_equal(answer(values, dtype, missing=True), want)
    gap = np.isnan(want).argmax()
    with pytest.raises(ValueError, match=rf"'x' must hold.*row {gap} has no value"):
        answer(values, dtype)


@pytest.mark.parametrize(
    ("values", "given", "dtype"),
    [
        ([1, None], "Int64", "int64"),
        ([1.0, NAN], "float64", "int64"),
        ([True, None], "boolean", "bool"),
        ([1, NAN], object, "uint8"),
    ],
)
@pytest.mark.parametrize("missing", [False, True])
def test_no_integer_or_truth_value_stands_for_a_missing_one(
    values, given, dtype, missing
):
    with pytest.raises(ValueError, match=r"column 'x' must hold.*row 1 has no value"):
        answer(pd.Series(values, dtype=given), dtype, missing=missing)


def test_floats_keep_what_numpy_keeps():
    values = np.array([0.1, -0.0, 1e-45, np.inf, -np.inf, 2**24 + 1, 3.4028235e38])
    for given in (values, values.astype(object), [float(v) for v in values]):
        got = answer(pd.Series(given), "float32")
        assert got.tobytes() == values.astype(np.float32).tobytes()
    assert answer(values, "float64").tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (2**63 - 1, "int64"),
        (-(2**63), "int64"),
        (2**64 - 1, "uint64"),
        (255, "uint8"),
    ],
)
def test_integers_are_exact_to_the_last_and_no_further(value, dtype):
    beyond = value + (1 if value > 0 else -1)
    fitting = np.uint64 if value > 2**63 else np.int64
    for given in (pd.Series([value], dtype=object), pd.Series([value], dtype=fitting)):
        assert answer(given, dtype).tolist() == [value]
    with pytest.raises(ValueError, match=rf"range of {dtype}; row 0 has {beyond}"):
        answer(pd.Series([beyond], dtype=object), dtype)


@pytest.mark.parametrize("value", [2**53 + 1, -(2**62) - 1])
def test_a_decimal_is_as_exact_as_an_integer(value):
    assert answer([Decimal(value)], "int64").tolist() == [value]
    assert answer([Decimal("0.1")], "float32").tolist() == [np.float32(0.1)]
    for odd in (Decimal("1.5"), np.longdouble("1e4000")):
        with pytest.raises(ValueError, match="column 'x' must hold"):
            answer(pd.Series([odd], dtype=object), "int64")


def test_an_integer_is_rounded_once():
    value = 2**60 + 2**36 + 1  # by way of a double it becomes another
    assert answer([value], "float32").tolist() == [np.int64(value).astype("f4")]


TEXTS = ["", " ", "nan", "None", "é日本🚲", "a\0b", "x" * 1000]


@pytest.mark.parametrize("given", ["str", "string", "category", object])
def test_text_of_any_storage_is_itself_and_a_gap_is_no_text(given):
    assert answer(pd.Series(TEXTS, dtype=given), "string").tolist() == TEXTS
    gappy = pd.Series([*TEXTS, *GAPS], dtype=given)
    want = TEXTS + [MISSING_TEXT] * len(GAPS)
    assert answer(gappy, "string", missing=True).tolist() == want
    with pytest.raises(ValueError, match="'x' must hold text; row 7 has no value"):
        answer(gappy, "string")


@pytest.mark.parametrize(
    ("values", "dtype", "said"),
    [
        ([1, "2"], "float32", "numbers in the range of float32; row 1 has '2'"),
        ([1e39], "float32", "numbers in the range of float32; row 0 has 1e39"),
        ([1, 1.5], "int64", "whole numbers in the range of int64; row 1 has 1.5"),
        ([np.inf], "int64", "whole numbers in the range of int64; row 0 has inf"),
        ([2.0**63], "int64", "row 0 has 9.223372036854776e18"),
        ([300, -1], "uint8", "whole numbers in the range of uint8; row 0 has 300"),
        ([-1], "uint64", "row 0 has -1"),
        ([0, 2], "bool", "true or false; row 1 has 2"),
        ([0.5], "bool", "true or false; row 0 has 0.5"),
        (["True"], "bool", "true or false; row 0 has 'True'"),
        (["a", 3], "string", "text; row 1 has 3"),
        ([1.5], "string", "text; row 0 has 1.5"),
        (pd.Series(["\ud800"], dtype=object), "string", "text; row 0 has '"),
        ([b"a"], "string", "text; row 0 has b'a', <class 'bytes'>"),
        ([[1]], "float32", r"row 0 has \[1\], <class 'list'>"),
        ([1j], "float32", "numbers in the range of float32, not complex128"),
        ([pd.Timestamp("2024")], "int64", r"int64, not datetime64\[us\]"),
        ([pd.Timedelta("1s")], "float32", r"float32, not timedelta64\[us\]"),
        ([pd.Timestamp("2024", tz="UTC")], "float32", "row 0 has 2024-01-01"),
        ([pd.Period("2024")], "float32", "row 0 has 2024"),
    ],
)
def test_a_misfit_is_refused_with_column_row_and_value(values, dtype, said):
    with pytest.raises(ValueError, match=f"^column 'x' must hold .*{said}"):
        answer(values, dtype, missing=True)


@pytest.mark.parametrize(
    ("dtype", "known", "unknown"),
    [("string", ["a", "b"], "c"), ("int64", [10, -20], 11), ("string", [], "a")],
)
def test_a_category_is_known_or_refused_or_ignored(dtype, known, unknown):
    closed = {"categories": known, "unknown": "error"}
    given = "str" if dtype == "string" else "float64"
    assert answer(pd.Series(known, dtype=given), dtype, **closed).tolist() == known
    values = pd.Series([*known, unknown], dtype=object)
    said = rf"'x' must hold one of its categories; row {len(known)} has '?{unknown}"
    with pytest.raises(ValueError, match=said):
        answer(values, dtype, **closed)
    for how in ("ignore", None):
        got = answer(values, dtype, categories=known, unknown=how)
        assert got.tolist() == [*known, unknown]


@pytest.mark.parametrize("gap", [{}, {"na_object": None}, {"na_object": NAN}])
def test_text_of_numpy_is_text(gap):
    session = session_of(column("x", "string", missing=True))
    values = [*TEXTS, *gap.values()]
    wide = np.array(values, dtype=np.dtypes.StringDType(**gap))
    want = TEXTS + [MISSING_TEXT] * len(gap)
    assert session.predict({"x": wide}).tolist() == want
    assert session.predict({"x": np.array(TEXTS[:3])}).tolist() == TEXTS[:3]


def test_a_category_may_be_missing():
    entry = {"categories": ["a"], "unknown": "error", "missing": True}
    assert answer(["a", None], "string", **entry).tolist() == ["a", MISSING_TEXT]


ODD = [column("Trip Duration (s)"), column("home.dest", "string"), column("n", "int64")]


@pytest.fixture(scope="module")
def odd():
    """A session whose columns have names that Python and ONNX have not."""
    return session_of(*ODD)


def frame_of_odd(rows=3):
    return pd.DataFrame(
        {
            "Trip Duration (s)": np.arange(rows) / 2,
            "home.dest": pd.Series(["a", "b", "c"] * rows, dtype="str").head(rows),
            "n": range(rows),
        }
    )


def same(left, right):
    assert list(left) == list(right)
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert np.array_equal(left[name], right[name])


def test_columns_go_by_name_in_any_order_and_others_are_ignored(odd):
    frame = frame_of_odd()
    want = odd.predict(frame)
    assert {name: array.tolist() for name, array in want.items()} == {
        "Trip_Duration_(s) out": [0, 0.5, 1],
        "home.dest out": ["a", "b", "c"],
        "n out": [0, 1, 2],
    }
    same(odd.predict(frame[frame.columns[::-1]]), want)
    same(odd.predict(frame.assign(tip=pd.Timestamp("2024"), y=1j)), want)
    same(odd.predict(frame.set_index(pd.Index([5, 5, 3]))), want)


def test_every_missing_column_is_named(odd):
    said = "^the frame has no column 'Trip Duration .s.', no column 'n'$"
    with pytest.raises(ValueError, match=said):
        odd.predict(frame_of_odd()[["home.dest"]])
    renamed = frame_of_odd().rename(columns={"home.dest": "home_dest"})
    with pytest.raises(ValueError, match=r"^the frame has no column 'home.dest'$"):
        odd.predict(renamed)


@pytest.mark.parametrize("frame", [None, 1, "n", [1], np.zeros((2, 3)), [{"n": 1}]])
def test_what_is_no_frame_is_refused_by_its_type(odd, frame):
    with pytest.raises(TypeError, match=r"DataFrame or a dict of columns, not <class"):
        odd.predict(frame)


def test_a_row_is_no_frame_and_a_name_has_one_column(odd):
    row = frame_of_odd().iloc[0]
    with pytest.raises(ValueError, match=r"'Trip Duration .s.' has shape \[\], not"):
        odd.predict(row)
    with pytest.raises(ValueError, match="has shape"):
        odd.predict(dict(row))
    twice = pd.concat([frame_of_odd(), frame_of_odd()[["n"]]], axis=1)
    with pytest.raises(ValueError, match=r"column 'n' has shape \[3, 2\]"):
        odd.predict(twice)


def test_a_dict_of_columns_is_a_frame(odd):
    frame = frame_of_odd()
    want = odd.predict(frame)
    lists = frame.to_dict("list")
    same(odd.predict(lists), want)
    same(odd.predict({name: tuple(values) for name, values in lists.items()}), want)
    same(odd.predict({name: np.array(lists[name]) for name in lists}), want)
    same(odd.predict({name: frame[name].array for name in lists}), want)
    apart = {name: frame[[name]].to_numpy() for name in lists}  # [rows, 1]
    same(odd.predict(apart), want)
    backwards = {name: np.array(lists[name][::-1])[::-1] for name in lists}
    same(odd.predict(backwards), want)
    lists["n"] = [0, 1]
    said = "^column 'n' has 2 rows where column 'Trip Duration .s.' has 3$"
    with pytest.raises(ValueError, match=said):
        odd.predict(lists)


class Column:
    """The interface of a column of polars."""

    def __init__(self, values):
        self.values = values

    def to_numpy(self):
        """An array, as polars makes it: integers with gaps are floats."""
        gaps = [value is None for value in self.values]
        if any(gaps) and not any(isinstance(v, str | bool) for v in self.values):
            return np.array(self.values, float)
        return np.array(self.values, object if any(gaps) else None)


class Frame:
    """The interface of a frame of polars."""

    def __init__(self, columns):
        self.inside = columns

    @property
    def columns(self):
        return list(self.inside)

    def __getitem__(self, name):
        if name not in self.inside:
            raise RuntimeError("ColumnNotFoundError")
        return Column(self.inside[name])


def test_another_library_s_frame_is_asked_in_the_same_way(odd):
    lists = frame_of_odd().to_dict("list")
    same(odd.predict(Frame(lists)), odd.predict(frame_of_odd()))
    with pytest.raises(ValueError, match=r"^the frame has no column 'n'$"):
        odd.predict(Frame({name: lists[name] for name in list(lists)[:2]}))
    session = session_of(column("x", missing=True), column("z", "string", missing=True))
    got = session.predict(Frame({"x": [1, None], "z": ["a", None]}))
    np.testing.assert_array_equal(got["x out"], [1, NAN])
    assert got["z out"].tolist() == ["a", MISSING_TEXT]


def test_a_frame_that_fails_says_so_itself(odd):
    class Broken(Frame):
        def __getitem__(self, name):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        odd.predict(Broken(frame_of_odd().to_dict("list")))


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 1000, 1])
def test_there_is_an_answer_for_each_row(odd, rows):
    answers = odd.predict(frame_of_odd(rows))
    assert {array.shape for array in answers.values()} == {(rows,)}
    one = session_of(column("n", "int64")).predict(frame_of_odd(rows))
    assert (one.dtype, one.tolist()) == ("int64", list(range(rows)))
    answers["n out"][:] = 7
    assert one.tolist() == list(range(rows))


def test_no_rows_of_no_type_get_no_answers(odd):
    none = odd.predict(pd.DataFrame(columns=[entry["name"] for entry in ODD]))
    assert [array.tolist() for array in none.values()] == [[], [], []]
    assert none["Trip_Duration_(s) out"].dtype == "float32"


def test_a_model_of_two_rows_at_a_time_takes_two_or_none():
    session = session_of(column("x"), rows=2)
    assert session.predict({"x": [1, 2]}).tolist() == [1, 2]
    assert session.predict({"x": []}).shape == (0,)
    with pytest.raises(
        rust_ext.errors.InvalidArgument, match=r"'x' has shape \[3, 1\]"
    ):
        session.predict({"x": [1, 2, 3]})


@pytest.mark.parametrize(
    "rows",
    [
        pd.Series([[1, 2], [3, 4], [5, NAN]]),
        pd.Series([np.array([1, 2]), (3, 4), [5.0, None]]),
        np.array([[1, 2], [3, 4], [5, NAN]]),
        np.asfortranarray(np.array([[1, 2], [3, 4], [5, NAN]], np.float32)),
        [[1, 2], [3, 4], [5, None]],
    ],
    ids=lambda rows: type(rows).__name__,
)
def test_an_input_that_is_a_vector_takes_a_list_in_each_row(rows):
    session = session_of(column("x", missing=True), width=2)
    got = session.predict({"x": rows})["x out"]
    np.testing.assert_array_equal(got, np.float32([[1, 2], [3, 4], [5, NAN]]))
    assert session.predict({"x": rows[:0]})["x out"].shape == (0, 2)
    strict = session_of(column("x"), width=2)
    with pytest.raises(ValueError, match=r"'x' of 2 values a row.*row 2 has no value"):
        strict.predict({"x": rows})


@pytest.mark.parametrize(
    "rows", [[1, 2], [[1], [2]], [[1, 2], [3]], [[1, 2, 3]], ["ab"]]
)
def test_a_vector_of_another_length_is_refused(rows):
    session = session_of(column("x"), width=2)
    with pytest.raises(ValueError, match=r"'x' of 2 values a row.*not .rows, width"):
        session.predict({"x": rows})
    with pytest.raises(ValueError, match="no column 'x' of 2 values a row"):
        session.predict({"y": rows})


def test_without_a_schema_the_inputs_are_the_columns():
    schema = [column("a b"), column("c", "string")]
    session = session_of(*schema, described=False)
    got = session.predict({"a_b": [1], "c": ["x"]})
    assert {name: array.tolist() for name, array in got.items()} == {
        "a_b out": [1],
        "c out": ["x"],
    }
    with pytest.raises(ValueError, match=r"'a_b' must hold.*row 0 has no value"):
        session.predict({"a_b": [None], "c": ["x"]})


def test_a_model_of_no_table_has_no_columns():
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 2, 2))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ("N", 2, 2))
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "images", [x], [y]
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    session = rust_ext.InferenceSession(model.SerializeToString())
    for _ in range(2):
        with pytest.raises(rust_ext.errors.InvalidGraph, match=r"'x' has shape"):
            session.predict({"x": [1]})


def test_threads_get_each_the_answers_to_their_own(odd):
    def wrong(seed):
        frames = [frame_of_odd(rows) for rows in (1, 9 + seed, 40)]
        wanted = [frame["n"].tolist() for frame in frames] * 100
        asked = zip(frames * 100, wanted, strict=True)
        return sum(odd.predict(f)["n out"].tolist() != want for f, want in asked)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(wrong, range(4))) == [0] * 4


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(SEED)
    numbers = rng.random((200, 3), np.float32)
    return pd.DataFrame(numbers, columns=["a", "b c", "d.e"])


def test_a_line_answers_as_scikit_learn_does(rows):
    model = LinearRegression().fit(rows, rows["a"] * 3 - rows["b c"])
    graph = export.to_onnx(model, rows).SerializeToString()
    answers = rust_ext.InferenceSession(graph).predict(rows)
    assert answers.shape == (200,)
    np.testing.assert_allclose(answers, model.predict(rows), atol=1e-5)


def test_a_classifier_answers_labels_and_probabilities(rows):
    model = LogisticRegression().fit(rows, np.where(rows["a"] > 0.5, "dear", "cheap"))
    graph = export.to_onnx(model, rows).SerializeToString()
    answers = rust_ext.InferenceSession(graph).predict(rows)
    labels, probabilities = answers.values()
    assert labels.tolist() == model.predict(rows).tolist()
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1e-6)


def test_probabilities_by_label_are_a_dict_a_row(rows):
    values = rows.to_numpy()
    model = LogisticRegression().fit(values, values[:, 0] > 0.5)
    graph = to_onnx(model, values[:1])  # with its ZipMap
    session = rust_ext.InferenceSession(graph.SerializeToString())
    labels, probabilities = session.predict({"X": values}).values()
    assert labels.tolist() == model.predict(values).tolist()
    got = [[row[0], row[1]] for row in probabilities]
    np.testing.assert_allclose(got, model.predict_proba(values), atol=1e-6)
    none = session.predict({"X": values[:0]})
    assert [len(answer) for answer in none.values()] == [0, 0]


ARROW = [  # pyarrow's type, values, what a column of this type makes of them
    ("int8", [1, 2], "float32", [1, 2]),
    ("int64", [1, None], "float32", [1, NAN]),
    ("uint64", [2**64 - 1], "uint64", [2**64 - 1]),
    ("double", [0.5, None], "float32", [0.5, NAN]),
    ("halffloat", [0.5], "float32", [0.5]),
    ("bool", [True, None], "float32", [1, NAN]),
    ("bool", [True, False], "bool", [True, False]),
    ("null", [None], "float32", [NAN]),
    ("string", ["a", None], "string", ["a", MISSING_TEXT]),
    ("large_string", ["a", None], "string", ["a", MISSING_TEXT]),
]


@pytest.mark.parametrize(("arrow", "values", "dtype", "want"), ARROW)
def test_what_arrow_keeps_is_read(arrow, values, dtype, want):
    pa = pytest.importorskip("pyarrow")
    kind = pa.type_for_alias(arrow)
    by_pandas = answer(
        pd.Series(values, dtype=pd.ArrowDtype(kind)), dtype, missing=True
    )
    session = session_of(column("x", dtype, missing=True))
    by_table = session.predict(pa.table({"x": pa.array(values, kind)}))
    for got in (by_pandas, by_table):
        assert [NAN if pd.isna(v) else v for v in got] == pytest.approx(
            want, nan_ok=True
        )


def test_decimals_dictionaries_and_times_of_arrow():
    pa = pytest.importorskip("pyarrow")
    money = pd.Series([Decimal("1.5"), None], dtype=pd.ArrowDtype(pa.decimal128(9, 2)))
    np.testing.assert_array_equal(answer(money, missing=True), [1.5, NAN])
    words = pd.arrays.ArrowExtensionArray(pa.array(["a", None]).dictionary_encode())
    got = answer(pd.Series(words), "string", missing=True)
    assert got.tolist() == ["a", MISSING_TEXT]
    day = pd.Series([pd.Timestamp("2024")], dtype=pd.ArrowDtype(pa.timestamp("us")))
    with pytest.raises(ValueError, match="column 'x' must hold"):
        answer(day)
