"""A copy of a fitted model that skl2onnx writes down as it is, where it would not."""

from copy import deepcopy

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from workshop.gaps import MISSING_TEXT
from workshop.steps import seen_by_last, steps

HISTOGRAM_TREES = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
BY_POSITION = (OneHotEncoder, TargetEncoder)  # a category counts by its place alone


def faithful(model: BaseEstimator, rows: pd.DataFrame | np.ndarray) -> BaseEstimator:
    """The same model in a form that survives its conversion.

    Thresholds of histogram trees are rounded down to float32 where only float32 numbers
    reach them from these rows: one is below a double exactly if it is below the largest
    float32 that is not above that double. The nearest one, which skl2onnx takes, may
    lie on the other side. Text that is missing becomes MISSING_TEXT, as a graph gets
    it: skl2onnx would make it the text 'nan', which a row may hold, too.
    """
    copy = deepcopy(model)
    exact = _are_float32(seen_by_last(model, rows))
    for step in steps(copy):
        if isinstance(step.estimator, HISTOGRAM_TREES) and exact:
            for tree in np.ravel(step.estimator._predictors):
                tree.nodes["num_threshold"] = float32_below(tree.nodes["num_threshold"])
        elif isinstance(step.estimator, BY_POSITION):
            known = step.estimator.categories_
            step.estimator.categories_ = [_without_gaps(each) for each in known]
        elif isinstance(step.estimator, SimpleImputer) and _fills_text(step.estimator):
            step.estimator.missing_values = MISSING_TEXT
    return copy


def float32_below(values: np.ndarray) -> np.ndarray:
    """For each double [n], the largest float32 that is not above it, as a double."""
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    return np.where(near > values, below, near).astype(np.float64)


def _without_gaps(categories: np.ndarray) -> np.ndarray:
    if categories.dtype.kind in "OUT":
        return np.where(pd.isna(categories), MISSING_TEXT, categories.astype(object))
    return categories


def _fills_text(imputer: SimpleImputer) -> bool:
    text = any(isinstance(value, str) for value in imputer.statistics_)
    return text and pd.isna(imputer.missing_values)


def _are_float32(values: np.ndarray) -> bool:
    """Whether float32 holds each of the numbers [rows, columns]; text is none."""
    if values.dtype.kind not in "biuf":
        return False
    return np.array_equal(values.astype(np.float32), values, equal_nan=True)
