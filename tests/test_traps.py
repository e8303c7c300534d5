"""Each trap is refused by name, and is still a trap: skl2onnx gets it wrong."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as ort
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from workshop import export, models, parity, traps
from workshop.errors import WorkshopError

SEED = 7
REFUSED = (ValueError, ort.Fail, ort.InvalidArgument, ort.RuntimeException)

pytestmark = pytest.mark.filterwarnings("ignore:Skipping features without any observed")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with models.steady_threads():
        yield


def trees(**options):
    return HistGradientBoostingRegressor(
        max_iter=20, early_stopping=False, random_state=SEED, **options
    )


def frame(gaps=False):
    rng = np.random.default_rng(SEED)
    table = pd.DataFrame(
        {
            "a": rng.random(400, dtype=np.float32),
            "b": rng.random(400, dtype=np.float32) + 1,
            "c": rng.choice(["x", "y", "z"], 400),
        }
    )
    return table.assign(a=table["a"].mask(table["b"] > 1.8)) if gaps else table


def ordinal(**options):
    return OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, **options
    )


def numbers(step, model):
    return make_pipeline(make_column_transformer((step, ["a", "b"])), model)


def texts(step, model):
    columns = make_column_transformer((step, ["c"]), remainder="passthrough")
    return make_pipeline(columns, model)


WRONG = {  # the trap: a model, whether its rows have gaps, a value of c that is tried
    "categorical_features": (
        texts(ordinal(), trees(categorical_features=[0])),
        False,
        "x",
    ),
    "loss with a logarithm": (texts(ordinal(), trees(loss="poisson")), False, "x"),
    "indicator of gaps": (
        numbers(SimpleImputer(add_indicator=True), LinearRegression()),
        True,
        "x",
    ),
    "unknown category with a number": (
        texts(OrdinalEncoder(), LinearRegression()),
        False,
        "no such category",
    ),
    "rare categories": (
        texts(
            OneHotEncoder(handle_unknown="infrequent_if_exist", sparse_output=False),
            LinearRegression(),
        ),
        False,
        "no such category",
    ),
    "column dropped at fit": (numbers(SimpleImputer(), LinearRegression()), None, "x"),
    "gaps before trees": (
        numbers("passthrough", RandomForestRegressor(10, random_state=SEED)),
        True,
        "x",
    ),
}


def fitted(name):
    model, gaps, value = WRONG[name]
    rows = frame(gaps is True)
    target = frame()["a"] * 3 + frame()["b"] + (frame()["c"] == "y")
    if gaps is None:
        rows["a"] = np.float32("nan")
    return (
        model.fit(rows[model[0].transformers[0][2] + MORE[name]], target),
        rows,
        value,
    )


MORE = {
    name: ["a", "b"] if model[0].transformers[0][2] == ["c"] else []
    for name, (model, *_) in WRONG.items()
}


@pytest.mark.parametrize("name", WRONG)
def test_a_trap_is_refused_with_its_step_and_a_remedy(name):
    model, rows, _ = fitted(name)
    with pytest.raises(WorkshopError, match=r"not written: in the step '.*\. \w+") as e:
        export.to_onnx(model, rows)
    step = model[-1] if name in ("categorical_features", "gaps before trees") else None
    assert step is None or type(step).__name__ in str(e.value)


def outcome(ask, rows):
    try:
        return np.asarray(ask(rows), float).ravel()
    except REFUSED:
        return None


@pytest.mark.parametrize("name", WRONG)
def test_a_trap_is_still_one(name, monkeypatch):
    """If this fails, skl2onnx has learned it: take the trap out of the table."""
    model, rows, value = fitted(name)
    monkeypatch.setattr(traps, "TRAPS", ())
    monkeypatch.setattr(export, "refuse_traps", lambda *given: None)
    monkeypatch.setattr(export, "wrong_rows", lambda *given: np.zeros(1, bool))
    monkeypatch.setattr(export, "probe", lambda schema, *given: schema)
    try:
        graph = export.to_onnx(model, rows)
    except WorkshopError:
        return  # it does not convert at all
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    tried = rows.assign(c=value)
    want = outcome(parity.sklearn_answers(model), tried)
    got = outcome(parity.onnx_answers(session), tried)
    if want is None or got is None:
        assert (want is None) != (got is None)
    else:
        assert not np.allclose(want, got, atol=1e-3)


def test_every_trap_of_the_table_is_tried():
    assert {trap.name for trap in traps.TRAPS} | {"gaps before trees"} == set(WRONG)
