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
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, TargetEncoder

from workshop.gaps import MISSING_TEXT
from workshop.steps import seen_by_last, steps

HISTOGRAM_TREES = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
NO_STEP = ("passthrough", None)  # what a pipeline takes for a step that does nothing
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
        if isinstance(step.estimator, Pipeline):
            step.estimator.steps = [
                (name, FunctionTransformer() if each in NO_STEP else each)
                for name, each in step.estimator.steps
            ]
        elif isinstance(step.estimator, HISTOGRAM_TREES):
            width = step.estimator.n_features_in_
            known = exact if len(exact) == width else np.full(width, exact.all())
            for tree in np.ravel(step.estimator._predictors):
                value, at = tree.nodes["num_threshold"], tree.nodes["feature_idx"]
                value[:] = np.where(known[at], float32_below(value), value)
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


def _are_float32(values: np.ndarray) -> np.ndarray:
    """Whether float32 holds all numbers of each column [columns]; text is none."""
    if values.dtype.kind not in "biuf":
        return np.zeros(values.shape[1], dtype=bool)
    with np.errstate(over="ignore"):
        same = values.astype(np.float32) == values
    return (same | pd.isna(values)).all(axis=0)
