"""Every type that pandas can hold, as scikit-learn sees it after `plain`."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from workshop.errors import WorkshopError
from workshop.plain import plain

NAN = float("nan")
TEXT = ["a", "b", None]
MISSING = [None, NAN, pd.NA]
WIDE = np.array(["a", "b"], dtype=np.dtypes.StringDType())
DAY = pd.Timestamp("2024-11-03 01:30")


def column(values, dtype=None):
    return plain(pd.DataFrame({"x": pd.Series(values, dtype=dtype)}))["x"]


def same(got, values, dtype):
    pd.testing.assert_series_equal(got, pd.Series(values, dtype=dtype, name="x"))


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2], "int8", "int8"),
        ([1, 2], "uint64", "uint64"),
        ([1.5, NAN], "float32", "float32"),
        ([True, False], "bool", "bool"),
        ([1, 2], "Int64", "int64"),
        ([1, 2], "Int8", "int8"),
        ([2**64 - 1], "UInt64", "uint64"),
        ([1, None], "Int64", "float64"),
        ([1, None], "Int8", "float64"),
        ([None, None], "Int64", "float64"),
        ([1.5, None], "Float32", "float32"),
        ([1.5, None], "Float64", "float64"),
        ([True, False], "boolean", "bool"),
        ([True, None], "boolean", "float64"),
        ([1, 2], object, "int64"),
        ([1, *MISSING], object, "float64"),
        ([1, 2.5, *MISSING], object, "float64"),
        ([True, False], object, "bool"),
        ([True, *MISSING], object, "float64"),
        (MISSING, object, "float64"),
        ([], object, "float64"),
        ([Decimal("1.5"), Decimal("NaN"), *MISSING], object, "float64"),
        ([1, 0, 0], pd.SparseDtype("int64", 0), "int64"),
        ([1, 2, None], "category", "float64"),
        ([2, 1], pd.CategoricalDtype([2, 1], ordered=True), "int64"),
    ],
)
def test_numbers_become_numbers_of_numpy(values, dtype, expected):
    got = column(values, dtype)
    plainest = [NAN if pd.isna(value) else value for value in values]
    same(got, np.array(plainest, dtype=expected), expected)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (TEXT, "str"),
        (TEXT, "string"),
        (TEXT, "string[python]"),
        (TEXT, "category"),
        (TEXT, pd.CategoricalDtype(["b", "a"], ordered=True)),
        (["a", "b", *MISSING], object),
        (WIDE, None),
        ([None, None], "string"),
    ],
)
def test_text_becomes_str_with_nan(values, dtype):
    got = column(values, dtype)
    assert got.dtype == "str"
    assert all(type(value) is float for value in got[got.isna()])
    same(got, [None if pd.isna(value) else value for value in values], "str")


def test_an_encoder_sees_text_and_nan():
    seen = OneHotEncoder().fit(plain(pd.DataFrame({"x": pd.array(TEXT, "string")})))
    categories = seen.categories_[0].tolist()
    assert categories[:2] == ["a", "b"]
    assert type(categories[2]) is float and np.isnan(categories[2])


def test_whole_numbers_with_a_gap_have_the_mean_of_the_others():
    assert column([1, 2, None], "Int64").mean() == 1.5


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, "a", None], "int and str"),
        ([True, 1], "bool and int"),
        ([Decimal("1.5"), 1.5], "Decimal and float"),
        ([[1], [2]], "list"),
        ([b"a"], "bytes"),
        ([1j], "complex"),
        ([2**70], "int"),
        ([datetime.date(2024, 2, 13)], "date"),
        (pd.period_range("2024", "2025", freq="Y"), "Period"),
        ([DAY, None], "Timestamp"),
        ([DAY.tz_localize("UTC")], "Timestamp"),
        (np.array([DAY, None], dtype=object), "Timestamp"),
        ([DAY, DAY.tz_localize("UTC")], "Timestamp"),
        ([DAY - DAY], "Timedelta"),
    ],
)
def test_what_is_neither_is_refused_by_name_type_and_remedy(values, said):
    with pytest.raises(
        WorkshopError, match=rf"'x' \(.*holds {said} .*astype\('str'\).*hour"
    ):
        column(values)


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(WorkshopError, match="Two columns are named 'x'"):
        plain(pd.DataFrame([[1, 2]], columns=["x", "x"]))


def test_the_frame_keeps_its_shape_and_is_left_alone():
    frame = pd.DataFrame({"x": pd.array([1, None], "Int64"), 7: [1, 2]}, index=[5, 3])
    before = frame.copy()
    got = plain(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert (got.index.tolist(), got.columns.tolist()) == ([5, 3], ["x", 7])
    assert plain(frame[[]]).shape == (2, 0)


ARROW = [  # pyarrow's type, values, the plain type
    ("int64", [1, 2], "int64"),
    ("int64", [1, None], "float64"),
    ("uint64", [2**64 - 1], "uint64"),
    ("float", [1.5, None], "float32"),
    ("double", [1.5, None], "float64"),
    ("bool", [True, False], "bool"),
    ("bool", [True, None], "float64"),
    ("null", [None], "float64"),
    ("string", TEXT, "str"),
    ("large_string", TEXT, "str"),
]


@pytest.mark.parametrize(("arrow", "values", "expected"), ARROW)
def test_types_of_pyarrow_become_the_same(arrow, values, expected):
    pa = pytest.importorskip("pyarrow")
    got = column(values, pd.ArrowDtype(pa.type_for_alias(arrow)))
    plainest = [NAN if pd.isna(value) else value for value in values]
    same(got, plainest, expected)


def test_decimals_and_dictionaries_of_pyarrow_are_plain_too():
    pa = pytest.importorskip("pyarrow")
    money = column([Decimal("1.50"), None], pd.ArrowDtype(pa.decimal128(9, 2)))
    same(money, [1.5, NAN], "float64")
    words = pa.array(TEXT).dictionary_encode()
    same(column(pd.arrays.ArrowExtensionArray(words)), TEXT, "str")


def test_lists_and_times_of_pyarrow_are_refused():
    pa = pytest.importorskip("pyarrow")
    for value, kind in ([1], pa.list_(pa.int64())), (DAY, pa.timestamp("us")):
        with pytest.raises(WorkshopError, match="'x'"):
            column([value], pd.ArrowDtype(kind))


@pytest.mark.parametrize("storage", ["string[pyarrow]", "str"])
def test_text_that_arrow_stores_becomes_str(storage):
    pytest.importorskip("pyarrow")
    same(column(TEXT, storage), TEXT, "str")
