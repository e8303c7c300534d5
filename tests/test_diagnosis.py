"""What the refusal of an export says: the step at fault, its columns, the remedy."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from workshop.asking import onnx_answers
from workshop.conversion import convert, open_graph
from workshop.diagnosis import diagnose
from workshop.errors import WorkshopError
from workshop.export import PARITY, metadata_of, to_onnx
from workshop.trials import all_thresholds

SEED = 7

pytestmark = pytest.mark.usefixtures("no_pools")


@pytest.fixture(scope="module")
def doubles():
    """500 rows of four float64 columns, and of one of texts."""
    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame(rng.random((500, 4)), columns=list("abcd"))
    return frame.assign(zone=rng.choice(["x", "y", "z"], 500))


@pytest.fixture(scope="module")
def frame(doubles):
    """The same, of float32 numbers but for the last: whole ones."""
    whole = {"d": (doubles["d"] * 20).astype("int64")}
    return doubles.astype(dict.fromkeys("abc", "float32")).assign(**whole)


@pytest.fixture(scope="module")
def target(doubles):
    return doubles["a"] * 3 + doubles["b"] + (doubles["zone"] == "y")


def columns(step, names=("a", "d"), *, sparse=False):
    """The step for two of the columns; the zone encoded, the others passed on."""
    zones = OneHotEncoder(sparse_output=sparse)
    return ColumnTransformer(
        [("zones", zones, ["zone"]), ("front", step, list(names))],
        remainder="passthrough",
        sparse_threshold=sparse,
    )


def refusal(model, frame):
    """The message with which the export is refused."""
    with pytest.raises(WorkshopError) as error:
        to_onnx(model, frame)
    return str(error.value)


def forest():
    return RandomForestRegressor(5, random_state=SEED)


@pytest.mark.parametrize("form", ["NumPy", "pandas", "sparse"])
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()])
def test_a_scaler_before_trees_is_named_with_its_columns(scaler, form, frame, target):
    front = columns(scaler, sparse=form == "sparse")
    model = make_pipeline(front, forest())
    if form == "pandas":
        model.set_output(transform="pandas")
    said = refusal(model.fit(frame, target), frame)
    name = type(scaler).__name__
    assert f"In the step 'front' ({name}), on the columns ['a', 'd'], float32" in said
    assert "the step 'randomforestregressor' (RandomForestRegressor) turns" in said
    assert said.endswith(
        "leave the first of them out (trees need no scaler), or do its work in the "
        "DataFrame before you fit."
    )


def test_both_remedies_for_a_scaler_work(frame, target):
    passed = columns("passthrough")
    to_onnx(make_pipeline(passed, forest()).fit(frame, target), frame)
    names = ["a", "d"]
    scaled = StandardScaler().fit_transform(frame[names]).astype("float32")
    scaled = frame.assign(**dict(zip(names, scaled.T, strict=True)))
    to_onnx(make_pipeline(passed, forest()).fit(scaled, target), scaled)


def test_a_step_that_becomes_another_one_is_named_with_its_columns(frame, target):
    gaps = frame.assign(a=frame["a"].mask(frame["b"] > 0.9))
    model = make_pipeline(columns(KNNImputer(n_neighbors=3)), StandardScaler(), Ridge())
    said = refusal(model.fit(gaps, target), gaps)
    assert said.endswith(
        "It is the step 'front' (KNNImputer), on the columns ['a', 'd'], that skl2onnx "
        "converts to another one: do its work in the DataFrame before you fit."
    )


@pytest.mark.parametrize(
    "last",
    [KNeighborsRegressor(weights="distance"), LinearDiscriminantAnalysis()],
    ids=lambda last: type(last).__name__,
)
def test_a_last_step_is_named_and_not_the_scaler_in_front(last, frame, target):
    model = make_pipeline(columns(StandardScaler()), last)
    said = refusal(model.fit(frame, (target > target.mean()).astype(int)), frame)
    name = type(last).__name__
    assert said.endswith(
        f"It is the step '{name.lower()}' ({name}) that skl2onnx converts to another "
        "one: replace it, or keep the model in scikit-learn."
    )


def test_a_model_without_steps_is_named(frame, target):
    rows = frame[["a", "b"]]
    model = KNeighborsRegressor(weights="distance").fit(rows, target)
    assert "It is the step 'model' (KNeighborsRegressor)" in refusal(model, rows)


@pytest.mark.parametrize("front", [None, "passthrough"], ids=["alone", "pipeline"])
def test_doubles_before_histogram_trees_are_to_be_made_float32(front, doubles, target):
    rows = doubles[["a", "b", "c"]].assign(hour=np.arange(500) % 24)
    model = HistGradientBoostingRegressor(max_iter=20, random_state=SEED)
    if front:
        model = make_pipeline(ColumnTransformer([], remainder=front), model)
    said = refusal(model.fit(rows, target), rows)
    assert said.endswith(
        "The columns ['a', 'b', 'c'] are float64, and the graph takes float32: "
        "fit on frame.astype('float32') of them."
    )
    narrow = rows.astype(dict.fromkeys("abc", "float32"))
    graph = to_onnx(clone(model).fit(narrow, target), narrow)
    assert metadata_of(graph)[PARITY]["wrong"] == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_that_float32_skips_are_named_and_no_others(sign, frame, target):
    large = sign * (2**24 + np.arange(500))
    rows = frame[["a", "d"]].assign(id=large, limit=2**24 - 1)
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(rows, rows["id"])
    assert refusal(model, rows).endswith(
        "float32 skips whole numbers beyond 2**24: make ['id'] smaller."
    )


def test_text_in_front_is_not_compared_as_a_number(target):
    zones = pd.DataFrame({"zone": ["x", "y", np.nan, "y"] * 125}, dtype=object)
    fill = SimpleImputer(strategy="most_frequent")
    last = KNeighborsRegressor(weights="distance")
    encode = OneHotEncoder(sparse_output=False)
    model = make_pipeline(fill, encode, last).fit(zones, target)
    assert "It is the step 'kneighborsregressor'" in refusal(model, zones)


def test_a_gap_that_stays_one_is_no_difference(doubles, target):
    rows = doubles[["a", "b"]].mask(doubles[["a", "b"]] > 0.9)
    front = ColumnTransformer([], remainder="passthrough")
    model = make_pipeline(front, HistGradientBoostingRegressor(max_iter=20))
    model.fit(rows, target)
    said = diagnose(model, rows, rows[rows["a"].isna()])
    assert said.startswith("The columns ['a', 'b'] are float64")


def test_a_scaler_is_named_where_thresholds_are_doubles(frame, target):
    """The scaled value is a float32 then, and skl2onnx rounds the threshold."""
    trees = HistGradientBoostingRegressor(max_iter=20, random_state=SEED)
    model = make_pipeline(columns(StandardScaler(), ["a", "b", "c", "d"]), trees)
    model.fit(frame, target)
    there = all_thresholds(model, frame, 50, seed=SEED)
    ask = onnx_answers(open_graph(convert(model, frame)), model)
    differs = np.abs(ask(there) - model.predict(there)) > 1e-3
    assert differs.sum() > 20
    for at in np.flatnonzero(differs):
        said = diagnose(model, frame, there.iloc[[at]])
        assert said.startswith("In the step 'front' (StandardScaler)")


SHORT = "['c0', 'c1', 'c2', 'c3', 'c4', 'c5', ...]"


def many(values):
    """Nine columns of the same values."""
    return pd.DataFrame({f"c{at}": values for at in range(9)})


def test_a_long_list_of_columns_is_shortened(doubles, target):
    large = many(np.arange(500) + 2**25)
    line = LinearRegression().fit(large, target)
    assert f"make {SHORT} smaller" in diagnose(line, large, large)
    rows = many(doubles["a"])
    nearest = KNeighborsRegressor(weights="distance").fit(rows, target)
    assert f"The columns {SHORT} are float64" in diagnose(nearest, rows, rows.head(1))
    scaled = make_pipeline(columns(StandardScaler(), list(rows)), forest())
    rows = rows.assign(zone="x")
    said = refusal(scaled.fit(rows, target), rows)
    assert f"'front' (StandardScaler), on the columns {SHORT}, float32" in said
