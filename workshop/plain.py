"""Turns the many types of pandas into the few that scikit-learn and ONNX know."""

import numpy as np
import pandas as pd

from workshop.errors import WorkshopError

NUMBERS = {"integer", "boolean", "floating", "mixed-integer-float", "decimal", "empty"}
WRAPPED = {"categorical", "unknown-array"}  # arrays around values of another type


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame in NumPy's numbers and pandas' `str`; whatever was missing is NaN.

    A type may come from NumPy, pandas or pyarrow, or be found in an object column:

    ===============================  ================================================
    in the frame                     in the answer
    ===============================  ================================================
    NumPy number or bool             itself
    integer, float, bool             the NumPy type of its width; of objects int64,
                                     float64, bool
    integer or bool with gaps        float64 (True is 1.0; beyond 2**53 it rounds)
    float with gaps                  the same float
    decimal; whole numbers among     float64
    floats; no value at all
    text, of any storage             str
    category, dictionary             its values, by these rules; their order is lost
    sparse                           its values, dense
    ===============================  ================================================

    Raises WorkshopError for anything else: text among numbers, times, dates, lists,
    bytes, complex numbers, whole numbers beyond 64 bits, and two columns of one name.
    """
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise WorkshopError(
            f"Two columns are named {twice!r}, so neither can be asked for. Rename one."
        )
    columns = {name: _plain_column(frame[name]) for name in frame}
    return pd.DataFrame(columns, index=frame.index, columns=frame.columns)


def _plain_column(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in WRAPPED:
        values = np.asarray(column)
        return _plain_column(pd.Series(values, column.index, name=column.name))
    if kind == "string":
        return column.astype("str")
    if kind in NUMBERS:
        try:
            return pd.Series(_numbers(column, kind), column.index)
        except OverflowError:
            pass  # refused below
    raise _refusal(column)


def _numbers(column: pd.Series, kind: str) -> np.ndarray:
    values = np.asarray(column)
    if values.dtype != object:
        return values
    if kind in ("integer", "boolean") and not column.hasnans:
        return values.astype("int64" if kind == "integer" else "bool")
    return column.to_numpy("float64", na_value=np.nan)


def _refusal(column: pd.Series) -> WorkshopError:
    kinds = sorted({type(value).__name__ for value in column.dropna()})
    return WorkshopError(
        f"Column {column.name!r} ({column.dtype}) holds {' and '.join(kinds)} values: "
        "neither numbers that NumPy has nor text throughout. Make it one of them, "
        f"for example with frame[{column.name!r}].astype('str'), or .dt.hour of a "
        "time; or leave it out."
    )
