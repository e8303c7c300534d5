import joblib
import numpy as np
import pandas as pd
import pytest
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    BaggingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from workshop import conversion
from workshop.asking import onnx_answers, sklearn_answers
from workshop.faithful import HISTOGRAM_TREES, faithful, float32_below
from workshop.gaps import MISSING_TEXT
from workshop.parity import compare
from workshop.steps import steps

SEED = 7
LARGEST, SMALLEST = 3.4028234663852886e38, 1.401298464324817e-45  # of float32, above 0

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:Field onnx.*got a boolean"),
]


def trees(kind=HistGradientBoostingRegressor, **options):
    return kind(max_iter=5, early_stopping=False, random_state=SEED, **options)


@pytest.fixture(scope="module")
def neighbours():
    """200 rows of two columns: each value is one of two neighbours among float32.

    The nearest float32 to the mean of the two, which is even, is the upper one.
    """
    upper = np.random.default_rng(SEED).integers(0, 2, (200, 2))
    lowest = np.nextafter(np.float32([1, 2]), np.float32(4))
    values = np.where(upper, np.nextafter(lowest, np.float32(4)), lowest)
    return pd.DataFrame(values, columns=list("ab"))


@pytest.fixture(scope="module")
def texts():
    """A column in which every fourth text is missing, and a number for each row."""
    column = pd.Series(["a", "b", "nan", None] * 20, dtype="str")
    return pd.DataFrame({"c": column}), np.tile([1.0, 5.0, 10.0, 20.0], 20)


def graph_of(model, frame):
    """How the graph of workshop.conversion answers."""
    return onnx_answers(conversion.open_graph(conversion.convert(model, frame)), model)


def thresholds(model):
    """All thresholds of the histogram trees inside a model."""
    ensembles = [step.estimator for step in steps(model)]
    found = [
        tree.nodes["num_threshold"][tree.nodes["is_leaf"] == 0]
        for each in ensembles
        if isinstance(each, HISTOGRAM_TREES)
        for tree in np.ravel(each._predictors)
    ]
    return np.concatenate(found)


def are_float32(values):
    return values.astype(np.float32) == values


def test_no_float32_lies_between_a_double_and_the_one_below():
    rng = np.random.default_rng(SEED)
    doubles = rng.normal(size=10_000) * 10.0 ** rng.integers(-44, 38, 10_000)
    below = float32_below(doubles)
    assert below.dtype == "float64" and are_float32(below).all()
    assert (below <= doubles).all()
    assert (np.nextafter(below.astype(np.float32), np.float32(np.inf)) > doubles).all()


@pytest.mark.parametrize(
    ("double", "below"),
    [
        (0.1, 0.09999999403953552),
        (-0.1, -0.10000000149011612),
        (0.0, 0.0),
        (2**24 + 1, 2**24),
        (-(2**24) - 1, -(2**24) - 2),
        (1e-50, 0.0),
        (-1e-50, -SMALLEST),
        (SMALLEST, SMALLEST),
        (SMALLEST * 1.9, SMALLEST),
        (LARGEST, LARGEST),
        (1e39, LARGEST),
        (-1e39, -np.inf),
        (np.inf, np.inf),
        (-np.inf, -np.inf),
    ],
)
def test_the_float32_below_at_the_ends(double, below):
    assert float32_below(np.array([double])).tolist() == [below]


def test_what_is_a_float32_stays():
    values = np.random.default_rng(SEED).normal(size=1000).astype(np.float32)
    assert (float32_below(values.astype(float)) == values).all()


def test_skl2onnx_makes_two_neighbours_one(neighbours):
    rows = neighbours[["a"]]
    target = np.where(rows["a"] > rows["a"].min(), 7, 3)
    model = trees(learning_rate=1).fit(rows, target)
    raw = convert_sklearn(model, initial_types=[("a", FloatTensorType([None, 1]))])
    by_skl2onnx = onnx_answers(conversion.open_graph(raw), model)
    assert set(by_skl2onnx(rows).round(3)) == {3}
    assert set(graph_of(model, rows)(rows).round(3)) == {3, 7}


INSIDE = {
    "alone": trees(),
    "quantile": trees(loss="quantile", quantile=0.9),
    "classes": trees(HistGradientBoostingClassifier),
    "pipeline": make_pipeline(
        make_column_transformer(("passthrough", list("ab"))), trees()
    ),
    "bag": BaggingRegressor(trees(), 2, random_state=SEED),
    "vote": VotingRegressor([("line", Ridge()), ("trees", trees())]),
    "stack": StackingRegressor([("line", Ridge()), ("trees", trees())], Ridge(), cv=2),
    "two targets": MultiOutputRegressor(trees()),
    "calibrated": CalibratedClassifierCV(trees(HistGradientBoostingClassifier), cv=2),
}


def fitted(name, rows):
    target = (4 * (rows["a"] > rows["a"].min()) + (rows["b"] > rows["b"].min())) * 1.0
    if name in ("classes", "calibrated"):
        target = target.astype(int)
    elif name == "two targets":
        target = pd.DataFrame({"one": target, "two": -target})
    return INSIDE[name].fit(rows, target)


@pytest.mark.parametrize("name", INSIDE)
def test_trees_are_exact_wherever_they_are(name, neighbours, monkeypatch):
    model = fitted(name, neighbours)
    ask = sklearn_answers(model)
    assert compare(ask, graph_of(model, neighbours), neighbours).beyond == 0
    with monkeypatch.context() as without:
        without.setattr(conversion, "faithful", lambda model, rows: model)
        assert compare(ask, graph_of(model, neighbours), neighbours).wrong > 50


@pytest.mark.parametrize("name", INSIDE)
def test_only_thresholds_are_rounded_and_down(name, neighbours):
    model = fitted(name, neighbours)
    before, after = thresholds(model), thresholds(faithful(model, neighbours))
    assert not are_float32(before).any()
    assert after.tolist() == float32_below(before).tolist()


def test_gaps_and_arrays_are_no_obstacle(neighbours):
    gaps = neighbours.mask(np.random.default_rng(SEED).random((200, 2)) < 0.1)
    for rows in (gaps, gaps.to_numpy()):
        model = trees().fit(rows, neighbours["a"])
        assert are_float32(thresholds(faithful(model, rows))).all()


@pytest.mark.parametrize("in_front", [[StandardScaler()], []], ids=["scaled", "as is"])
def test_thresholds_stay_where_doubles_reach_them(in_front, neighbours):
    doubles = neighbours.astype("float64") / 3
    model = make_pipeline(*in_front, trees()).fit(doubles, neighbours["a"])
    before, after = thresholds(model), thresholds(faithful(model, doubles))
    assert before.tolist() == after.tolist()


def test_each_column_is_looked_at_by_itself(neighbours):
    """Only the thresholds of the column that holds doubles stay."""
    rows = neighbours.assign(a=neighbours["a"].astype(float) / 3)
    model = trees().fit(rows, neighbours["a"] + neighbours["b"])
    before, after = thresholds(model), thresholds(faithful(model, rows))
    of_b = before > 1
    assert of_b.any() and not of_b.all()
    assert after.tolist() == np.where(of_b, float32_below(before), before).tolist()


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        TargetEncoder(cv=KFold(4), target_type="continuous"),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_missing_text_is_a_category_and_nan_another(encoder, texts):
    frame, target = texts
    model = make_pipeline(make_column_transformer((encoder, ["c"])), Ridge())
    model.fit(frame, target)
    copy = faithful(model, frame)
    (known,) = copy[0].transformers_[0][1].categories_
    assert known.tolist() == ["a", "b", "nan", MISSING_TEXT]
    asked = pd.DataFrame({"c": pd.Series(["nan", None, "new", "a"], dtype="str")})
    want = model.predict(asked)
    assert graph_of(model, frame)(asked) == pytest.approx(want, abs=1e-4)
    assert abs(want[0] - want[1]) > 1


def test_missing_numbers_stay_a_category():
    frame = pd.DataFrame({"n": [1.0, 2.0, np.nan] * 20})
    encoder = OneHotEncoder(handle_unknown="ignore").fit(frame)
    (known,) = faithful(encoder, frame).categories_
    assert known[:2].tolist() == [1, 2] and np.isnan(known[2])


@pytest.mark.parametrize(
    ("options", "filled"),
    [
        ({"strategy": "most_frequent"}, "a"),
        ({"strategy": "constant", "fill_value": "none"}, "none"),
    ],
    ids=lambda value: value["strategy"] if isinstance(value, dict) else value,
)
def test_an_imputer_fills_what_a_graph_gets_for_missing_text(options, filled, texts):
    frame = texts[0].astype(object)
    frame.loc[1, "c"] = "a"
    imputer = SimpleImputer(**options).fit(frame)
    asked = pd.DataFrame({"c": [MISSING_TEXT, "nan", "b"]}, dtype=object)
    made = faithful(imputer, frame).transform(asked)
    assert made.ravel().tolist() == [filled, "nan", "b"]


def test_an_imputer_of_numbers_stays_as_it_is(neighbours):
    gaps = neighbours.mask(neighbours > 2)
    imputer = SimpleImputer().fit(gaps)
    assert np.isnan(faithful(imputer, gaps).missing_values)


def test_the_model_itself_is_never_changed(neighbours, texts):
    frame = neighbours.head(80).assign(c=texts[0]["c"].astype(object))
    fill = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (fill, ["c"]), (encode, ["c"]), ("passthrough", list("ab")), sparse_threshold=0
    )
    model = make_pipeline(columns, trees(min_samples_leaf=5)).fit(frame, texts[1])
    before = joblib.hash(model)
    copy = faithful(model, frame)
    conversion.convert(model, frame)
    assert joblib.hash(model) == before != joblib.hash(copy)
