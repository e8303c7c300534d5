import json

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from workshop import asking, conversion, export, models
from workshop.errors import WorkshopError
from workshop.files import write_whole
from workshop.rides import FEATURES, clean, read_rides, split_by_time

SEED = 7

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def numbers():
    """600 rows of six float32 columns."""
    values = np.random.default_rng(SEED).random((600, 6), dtype=np.float32)
    return pd.DataFrame(np.array(values), columns=list("abcdef"))


@pytest.fixture(scope="module")
def gaps(numbers):
    """The same rows with 15 % of the values missing."""
    holes = np.random.default_rng(SEED).random(numbers.shape) < 0.15
    values = np.where(holes, np.float32("nan"), numbers.to_numpy())
    return pd.DataFrame(values, columns=numbers.columns)


@pytest.fixture(scope="module")
def letters():
    return pd.DataFrame({"c": ["a", "b", "c"] * 20})


@pytest.fixture(scope="module")
def target(letters):
    return np.arange(len(letters)) % 3.0


def behind(step, estimator=None):
    """The encoder of column c, and an estimator behind it."""
    return make_pipeline(
        make_column_transformer((step, ["c"])), estimator or LinearRegression()
    )


def answers(graph, frame):
    """The outputs of a graph, asked with the frame's own column names."""
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    return session.run(None, asking.feeds(frame, session))


def test_the_fare_model_has_one_named_input_a_column():
    graph = onnx.load(models.ensure("fare_small").onnx)
    session = onnxruntime.InferenceSession(models.ensure("fare_small").onnx)
    found = [(i.name, i.type, i.shape) for i in session.get_inputs()]
    types = ["tensor(float)"] + 2 * ["tensor(string)"] + 3 * ["tensor(int64)"]
    assert found == [(n, t, [None, 1]) for n, t in zip(FEATURES, types, strict=True)]
    for opset in graph.opset_import:
        assert opset.version <= conversion.TARGET_OPSET[opset.domain]


def test_the_schema_of_the_fare_model():
    schema = export.schema_of(onnx.load(models.ensure("fare_small").onnx))
    keys = ["name", "input", "dtype", "unit", "missing", "categories", "unknown"]
    assert [list(column) for column in schema] == [keys] * 6
    distance, pickup, _, hour, *_ = schema
    assert distance | {"unit": "mile", "missing": True, "unknown": None} == distance
    assert (len(pickup["categories"]), pickup["unknown"]) == (24, "ignore")
    assert (hour["dtype"], hour["missing"], hour["categories"]) == (
        "int64",
        False,
        None,
    )


def test_original_names_stay_in_the_schema():
    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame(
        {
            "Trip Duration (s)": rng.random(200) * 1000,
            "Member Casual": rng.choice(["member", "casual"], 200),
            "home.dest": rng.choice(["a", "é日"], 200),
            "a b": rng.random(200),
            "a_b": rng.random(200),
        }
    )
    encoder = OneHotEncoder(sparse_output=False)
    columns = make_column_transformer(
        (encoder, ["Member Casual", "home.dest"]), remainder="passthrough"
    )
    y = frame["Trip Duration (s)"] / 100 + frame["a_b"] * 3 - frame["a b"]
    model = make_pipeline(columns, LinearRegression()).fit(frame, y)
    graph = export.to_onnx(model, frame[frame.columns[::-1]])
    schema = export.schema_of(graph)
    assert [column["name"] for column in schema] == list(frame)
    assert [c["input"] for c in schema] == [i.name for i in graph.graph.input]
    assert all(column["input"].isidentifier() for column in schema)
    fares = answers(graph, frame.sample(frac=1, axis=1, random_state=SEED))[0]
    assert fares.ravel() == pytest.approx(model.predict(frame), rel=1e-5)


@pytest.mark.parametrize(
    "forest",
    [
        RandomForestClassifier(10, random_state=SEED),
        DecisionTreeClassifier(random_state=SEED),
        ExtraTreesClassifier(10, random_state=SEED),
    ],
    ids=lambda forest: type(forest).__name__,
)
def test_a_forest_that_learned_from_gaps_is_refused(forest, numbers, gaps):
    y = (numbers["a"] + numbers["b"] > 1) ^ gaps["a"].isna()
    model = clone(forest).fit(gaps, y)
    with pytest.raises(WorkshopError, match=r"branch .* for missing numbers is lost"):
        export.to_onnx(model, gaps)
    filled = export.to_onnx(model, numbers)
    assert [column["missing"] for column in export.schema_of(filled)] == [False] * 6


def test_histogram_boosting_may_learn_from_gaps(numbers, gaps):
    model = HistGradientBoostingClassifier(max_iter=20, random_state=SEED)
    model.fit(gaps, numbers["a"] + numbers["b"] > 1)
    graph = export.to_onnx(model, gaps)
    assert all(column["missing"] for column in export.schema_of(graph))
    scores = model.predict_proba(gaps)
    assert answers(graph, gaps)[1] == pytest.approx(scores, abs=1e-5)


def test_a_forest_keeps_labels_and_probabilities(numbers):
    forest = RandomForestClassifier(20, max_depth=8, random_state=SEED)
    forest.fit(numbers, np.where(numbers["a"] > 0.5, "long", "short"))
    labels, scores = answers(export.to_onnx(forest, numbers), numbers)
    assert labels.tolist() == forest.predict(numbers).tolist()
    assert scores == pytest.approx(forest.predict_proba(numbers), abs=1e-6)


@pytest.mark.parametrize(
    ("encoder", "unknown"),
    [
        (OneHotEncoder(sparse_output=False), "error"),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), "ignore"),
        (
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            "ignore",
        ),
    ],
    ids=["one-hot", "one-hot ignore", "ordinal with a value"],
)
def test_the_schema_says_what_an_unknown_category_gets(
    encoder, unknown, letters, target
):
    model = behind(encoder).fit(letters, target)
    (column,) = export.schema_of(export.to_onnx(model, letters))
    assert (column["categories"], column["unknown"]) == (["a", "b", "c"], unknown)


def test_whole_numbers_can_be_categories(letters, target):
    frame = pd.DataFrame({"c": [10, 20, 30] * 20})
    model = behind(OneHotEncoder(sparse_output=False)).fit(frame, target)
    (column,) = export.schema_of(export.to_onnx(model, frame))
    assert (column["categories"], column["unknown"]) == ([10, 20, 30], "error")


def test_whole_numbers_behind_another_step_stay_whole(target):
    frame = pd.DataFrame({"c": [0, 1, 0] * 20})
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = behind(make_pipeline(MaxAbsScaler(), encoder)).fit(frame, target)
    (column,) = export.schema_of(export.to_onnx(model, frame))
    assert (column["dtype"], column["categories"]) == ("int64", [0, 1])
    assert {type(each) for each in column["categories"]} == {int}


def test_the_first_encoder_of_a_column_knows_its_categories(letters, target):
    number = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = behind(make_pipeline(number, one_hot)).fit(letters, target)
    (column,) = export.schema_of(export.to_onnx(model, letters))
    assert (column["categories"], column["unknown"]) == (["a", "b", "c"], "ignore")


def test_categories_are_found_behind_an_imputer(letters, target):
    fill = SimpleImputer(strategy="most_frequent", missing_values="")
    step = make_pipeline(fill, OneHotEncoder(sparse_output=False))
    frame = letters.astype(object)
    frame.loc[0, "c"] = ""
    model = behind(step).fit(frame, target)
    graph = export.to_onnx(model, frame)
    (column,) = export.schema_of(graph)
    assert (column["categories"], column["unknown"]) == (["a", "b", "c", ""], "error")
    asked = pd.DataFrame({"c": ["", "b"]}, dtype=object)
    assert answers(graph, asked)[0].ravel() == pytest.approx(model.predict(asked))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            make_pipeline(
                FunctionTransformer(pd.DataFrame.copy),
                OneHotEncoder(sparse_output=False),
            ),
            r"step 'pipeline' \(Pipeline\), on the columns \['c'\]",
        ),
        (
            OneHotEncoder(min_frequency=25, handle_unknown="infrequent_if_exist"),
            r"step 'onehotencoder' .* on the columns \['c'\]",
        ),
    ],
    ids=["function", "rare categories"],
)
def test_a_step_without_a_converter_is_named_with_its_column(
    step, said, letters, target
):
    frame = pd.DataFrame({"c": ["a"] * 30 + ["b"] * 28 + ["c", "d"]})
    model = behind(step).fit(frame, target)
    with pytest.raises(WorkshopError, match=said) as error:
        export.to_onnx(model, frame)
    assert "before you fit" in str(error.value)


def test_a_step_outside_the_columns_is_reported_too(numbers):
    model = make_pipeline(FunctionTransformer(np.log1p), LinearRegression())
    with pytest.raises(WorkshopError, match="FunctionTransformer"):
        export.to_onnx(model.fit(numbers, numbers["a"]), numbers)


@pytest.mark.parametrize("dtype", ["str", "object", "string"])
@pytest.mark.parametrize("gap", [None, np.nan, pd.NA], ids=str)
def test_missing_text_has_a_category_of_its_own(gap, dtype, target):
    frame = pd.DataFrame({"c": pd.Series(["a", "b", None] * 20, dtype="str")})
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = behind(encoder).fit(frame, target)
    graph = export.to_onnx(model, frame)
    (column,) = export.schema_of(graph)
    assert column | {"missing": True, "categories": ["a", "b"]} == column
    texts = ["a", gap, "", "nan", "None", "<NA>"]
    asked = pd.DataFrame({"c": pd.Series(texts, dtype=dtype)})
    as_fitted = pd.DataFrame(
        {"c": pd.Series([texts[0], None, *texts[2:]], dtype="str")}
    )
    want = model.predict(as_fitted)
    assert answers(graph, asked)[0].ravel() == pytest.approx(want, abs=1e-5)
    assert abs(want[1] - want[3]) > 0.1


def test_missing_text_is_not_promised_where_none_was_missing(letters, target):
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = behind(encoder).fit(letters, target)
    (column,) = export.schema_of(export.to_onnx(model, letters))
    assert column["missing"] is False
    gaps = letters.mask(letters["c"] == "b")
    (column,) = export.schema_of(export.to_onnx(model, gaps))
    assert column["missing"] is True


@pytest.mark.parametrize(
    "fill",
    [
        SimpleImputer(strategy="most_frequent"),
        SimpleImputer(strategy="constant", fill_value="none"),
    ],
    ids=["most frequent", "constant"],
)
def test_missing_text_can_be_filled_by_a_step(fill, target):
    frame = pd.DataFrame({"c": ["a", "b", "b", np.nan, "c"] * 12}, dtype=object)
    step = make_pipeline(fill, OneHotEncoder(handle_unknown="ignore"))
    model = behind(step, Ridge()).fit(frame, target)
    graph = export.to_onnx(model, frame)
    assert export.schema_of(graph)[0]["missing"] is True
    asked = pd.DataFrame({"c": ["a", np.nan, "nan", ""]}, dtype=object)
    want = model.predict(asked)
    assert answers(graph, asked)[0].ravel() == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2015-01-01", periods=60),
        pd.array(range(60), dtype="Int64"),
        pd.Categorical(["a", "b", "c"] * 20),
        np.arange(60, dtype="uint64"),
        [{}] * 60,
    ],
    ids=["times", "Int64", "category", "uint64", "objects"],
)
def test_a_column_without_an_onnx_type_is_named(values):
    frame = pd.DataFrame({"d": values})
    model = LinearRegression().fit(pd.DataFrame({"d": np.arange(60)}), np.arange(60))
    with pytest.raises(WorkshopError, match=r"Column 'd' holds .*before you fit"):
        export.to_onnx(model, frame)


def test_small_types_and_booleans_are_widened():
    frame = pd.DataFrame(
        {
            "byte": np.arange(60, dtype="uint8"),
            "short": np.arange(60, dtype="int16") % 7,
            "half": np.linspace(0, 1, 60, dtype="float16"),
            "flag": np.arange(60) % 2 == 0,
        }
    )
    model = LinearRegression().fit(frame, np.arange(60.0))
    graph = export.to_onnx(model, frame)
    dtypes = [column["dtype"] for column in export.schema_of(graph)]
    assert dtypes == ["int64", "int64", "float32", "bool"]


@pytest.mark.parametrize("steps", [(), (StandardScaler(),)], ids=["plain", "scaled"])
def test_numbers_that_float32_cannot_hold_are_refused_by_name(steps):
    frame = pd.DataFrame({"id": np.arange(2**24, 2**24 + 4)})
    model = make_pipeline(*steps, LinearRegression()).fit(frame, [0, 1, 2, 3])
    with pytest.raises(WorkshopError, match=r"2\*\*24: make \['id'\] smaller"):
        export.to_onnx(model, frame)


def test_doubles_are_narrowed_and_the_file_loads(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(SEED).random((500, 3)), columns=[*"abc"])
    model = RandomForestRegressor(10, random_state=SEED).fit(frame, frame["a"] * 3)
    path = export.save(export.to_onnx(model, frame), tmp_path / "new" / "forest.onnx")
    session = onnxruntime.InferenceSession(path)
    assert {i.type for i in session.get_inputs()} == {"tensor(float)"}
    fares = session.run(None, asking.feeds(frame, session))[0].ravel()
    assert fares == pytest.approx(model.predict(frame), abs=1e-4)


def test_two_targets_keep_both_values(numbers):
    y = numbers[["a", "b"]] * 3
    model = RandomForestRegressor(5, random_state=SEED).fit(numbers, y)
    (fares,) = answers(export.to_onnx(model, numbers), numbers.head(2))
    assert fares == pytest.approx(model.predict(numbers.head(2)), abs=1e-5)


def test_a_scaled_distance_is_refused_on_real_rides():
    rides = split_by_time(clean(read_rides()))
    trees = HistGradientBoostingRegressor(max_iter=20, random_state=SEED)
    model = models.scaled_pipeline(trees, ["distance_miles"])
    model.fit(rides.train[FEATURES], rides.train["fare_usd"])
    with pytest.raises(WorkshopError, match=r"differ on .* of 10190 rows.* scaler"):
        export.to_onnx(model, rides.test[FEATURES])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LinearRegression(), "not fitted"),
        (LinearRegression().fit([[1.0]], [1.0]), "feature_names_in_"),
        (LinearRegression().fit(pd.DataFrame({"z": [1.0]}), [1.0]), "'z'"),
    ],
    ids=["not fitted", "fitted on an array", "other columns"],
)
def test_a_model_and_a_frame_that_do_not_match(model, said, numbers):
    with pytest.raises(WorkshopError, match=said):
        export.to_onnx(model, numbers)


def test_an_export_needs_rows_as_its_proof(numbers):
    model = LinearRegression().fit(numbers, numbers["a"])
    with pytest.raises(WorkshopError, match="no rows"):
        export.to_onnx(model, numbers.head(0))


def test_an_array_model_is_proved_too():
    rows = np.random.default_rng(SEED).random((200, 4)) + 2**26
    model = LogisticRegression(C=1e9, max_iter=5000)
    model = make_pipeline(StandardScaler(), model).fit(rows, rows[:, 0] > 2**26 + 0.5)
    with pytest.raises(WorkshopError, match="differ"):
        export.array_to_onnx(model, rows)


def test_saving_replaces_the_whole_file_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")

    def busy(self, target):
        raise OSError("in use")

    with monkeypatch.context() as patched:
        patched.setattr(type(path), "replace", busy)
        with pytest.raises(OSError, match="in use"):
            write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert write_whole(path, b"new").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_schema_is_strict_json():
    graph = onnx.load(models.ensure("fare_small").onnx)
    (text,) = (p.value for p in graph.metadata_props if p.key == "fare.schema")

    def refuse(token):
        raise AssertionError(token)

    assert len(json.loads(text, parse_constant=refuse)) == 6


def test_two_columns_of_one_name_are_refused(numbers):
    frame = pd.concat([numbers[["a"]], numbers[["a"]]], axis=1)
    model = LinearRegression().fit(numbers[["a"]], numbers["a"])
    with pytest.raises(WorkshopError, match=r"More than one column is called \['a'\]"):
        export.to_onnx(model, frame)


def test_a_graph_that_onnx_runtime_cannot_open_is_not_written(
    letters, target, monkeypatch
):
    def unknown_operator(*given, **options):
        return onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["" : 16]>'
            "odd (string[N,1] c) => (float[N,1] y) { y = NoSuchOperator(c) }"
        )

    model = behind(OneHotEncoder(sparse_output=False)).fit(letters, target)
    monkeypatch.setattr(conversion, "convert_sklearn", unknown_operator)
    with pytest.raises(WorkshopError, match=r"not written: .*NoSuchOperator"):
        export.to_onnx(model, letters)


def test_no_rows_are_answered_by_a_graph_that_joins_columns(numbers):
    """ONNX Runtime ends the process where FeatureVectorizer gets no rows."""
    model = make_pipeline(StandardScaler(), LinearRegression())
    graph = export.to_onnx(model.fit(numbers, numbers["a"]), numbers)
    assert "FeatureVectorizer" not in {node.op_type for node in graph.graph.node}
    assert answers(graph, numbers.head(0))[0].size == 0


@pytest.mark.parametrize(
    ("model", "outputs"),
    [
        (SVC(), ["label"]),
        (LinearSVC(), ["label"]),
        (make_pipeline(StandardScaler(), LinearSVC()), ["label"]),
        (RidgeClassifier(), ["label"]),
        (SGDClassifier(random_state=SEED), ["label"]),
        (KMeans(2, random_state=SEED, n_init=1), ["label"]),
        (IsolationForest(n_estimators=5, random_state=SEED), ["label"]),
        (LogisticRegression(), ["label", "probabilities"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_graph_answers_what_was_proved_and_no_more(model, outputs, numbers):
    model = clone(model).fit(numbers, numbers["a"] > 0.5)
    graph = export.to_onnx(model, numbers)
    assert [output.name for output in graph.graph.output] == outputs
    labels, *_ = answers(graph, numbers)
    assert isinstance(labels, np.ndarray)


def test_small_whole_numbers_can_be_categories_too(target):
    frame = pd.DataFrame({"c": np.arange(60, dtype="uint8") % 3})
    model = behind(OneHotEncoder(sparse_output=False)).fit(frame, target)
    (column,) = export.schema_of(export.to_onnx(model, frame))
    assert (column["categories"], column["unknown"]) == ([0, 1, 2], "error")


def test_an_encoder_of_truth_values_is_refused_by_name(target):
    frame = pd.DataFrame({"c": np.arange(60) % 2 == 0})
    model = behind(OneHotEncoder(sparse_output=False)).fit(frame, target)
    with pytest.raises(WorkshopError, match=r"step 'onehotencoder' .* columns \['c'\]"):
        export.to_onnx(model, frame)
