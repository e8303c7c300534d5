"""What was exported answers as scikit-learn does, past every border that it crosses.

A way is a library in this process, a server behind HTTP, or a program of its own.
"""

import ctypes
import json
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np
import onnxruntime
import pandas as pd
import psutil
import pytest
from sides import outcome
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeRegressor
from test_serving import write, write_graph

import rust_ext
from workshop import export, machine
from workshop.arms import SERVED_ARMS
from workshop.asking import feeds, onnx_answers
from workshop.errors import WorkshopError
from workshop.processes import run
from workshop.serving import ask, body, local_session, serve

SEED = 7
LIBRARIES = {"onnxruntime": onnxruntime, "rust_ext": rust_ext}
WAYS = [*LIBRARIES, "rust_ext's predict", "fare-predict", *SERVED_ARMS]
ONNX_ARMS = [arm for arm in SERVED_ARMS if arm != "sklearn-fastapi"]
KNOWN = ["", " ", "a", " a", "A", "nan", "None", "null", "0", "é", "e\u0301", "日本🚲"]
KNOWN += ["a\0b", "a\nb", '"', "\\", "x" * 2000]
UNKNOWN = ["a ", "NaN", "<NA>", "É", "a\0", "a\0c", "\ufeffa", "\u2028", "x" * 1999]
UNHEARD = {  # by column: categories that it has never had, and a step of a pointer
    "Member Casual": (["z", "", "member\0"], "Member Casual"),
    "plan/~": ([7, -(2**63)], "plan~1~0"),
}


@contextmanager
def served(files, arms=SERVED_ARMS):
    """The URL of each arm that serves the model."""
    with ExitStack() as stack:
        yield {
            arm: stack.enter_context(serve(arm, files.served_by(arm))) for arm in arms
        }


def post(url, document):
    """The status of an answer, and its JSON."""
    with local_session() as session:
        answer = session.post(f"{url}/predict", json=document)
    return answer.status_code, answer.json()


def quiet():
    """Options of a session that logs no refusal."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return options


def program(files, folder):
    """A function from rows to the predictions of fare-predict."""
    path = folder / "body.json"
    command = [rust_ext.binary("fare-predict"), files.onnx, path]
    command += ["--ort-library", rust_ext.onnxruntime_library()]

    def predict(rows):
        path.write_bytes(body(rows))
        return json.loads(run([*map(str, command)]).stdout)["predictions"]

    return predict


@pytest.fixture(scope="module")
def frame():
    """Rides whose columns have names that ONNX rewrites, two of them to the same."""
    rng = np.random.default_rng(SEED)

    def text(*values):
        return pd.Series(rng.choice(np.array(values, object), 500), dtype="str")

    return pd.DataFrame(
        {
            "Trip Duration (s)": rng.integers(0, 4000, 500) / 4,
            "Started (s)": rng.integers(0, 604_800, 500),
            "Member Casual": text("member", "casual"),
            "plan/~": rng.choice([10, -20, 2**40], 500),
            "home.dest": text(*KNOWN, None),
            "home_dest": text("east", "west", "west", None),
            "class": text("s", "m"),
            "electric": rng.random(500) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def model(frame):
    """A fare from all of the columns: each category of each of them has its price."""
    ignoring = partial(OneHotEncoder, handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["Member Casual", "plan/~"]),
        (ignoring(), ["home.dest"]),
        (
            make_pipeline(SimpleImputer(strategy="most_frequent"), ignoring()),
            ["home_dest"],
        ),
        (
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            ["class"],
        ),
        remainder="passthrough",
    )
    fares = frame["Trip Duration (s)"] / 100 + frame["Started (s)"] / 100_000
    for name in frame.columns[2:]:
        fares += pd.factorize(frame[name], use_na_sentinel=False)[0]
    return make_pipeline(columns, LinearRegression()).fit(frame, fares)


@pytest.fixture(scope="module")
def files(model, frame, tmp_path_factory):
    return write(tmp_path_factory.mktemp("fare"), model, export.to_onnx(model, frame))


@pytest.fixture(scope="module")
def urls(files):
    with served(files) as urls:
        yield urls


@pytest.fixture(scope="module")
def ways(files, urls, tmp_path_factory):
    """By name, a function from rows to predictions."""
    in_process = {
        name: onnx_answers(library.InferenceSession(files.onnx))
        for name, library in LIBRARIES.items()
    }
    there = {
        "rust_ext's predict": rust_ext.InferenceSession(files.onnx).predict,
        "fare-predict": program(files, tmp_path_factory.mktemp("body")),
    }
    return in_process | there | {arm: partial(ask, url) for arm, url in urls.items()}


def with_text(rows, **columns):
    """The rows with one column of other text, one row for each value."""
    ((name, values),) = columns.items()
    rows = pd.concat([rows.head(1)] * len(values), ignore_index=True)
    return rows.assign(**{name: pd.Series(values, dtype="str")})


def same(got, want):
    np.testing.assert_allclose(got, np.asarray(want, float), rtol=0, atol=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_rows_go_by_the_names_that_the_model_was_fitted_with(way, ways, model, frame):
    rows = frame.sample(50, random_state=SEED)
    same(ways[way](rows), model.predict(rows))


@pytest.mark.parametrize("arm", SERVED_ARMS)
def test_a_name_that_onnx_made_is_not_in_the_model(arm, urls, frame):
    row = json.loads(body(frame.head(1)))["instances"][0]
    row["Trip_Duration__s_"] = row.pop("Trip Duration (s)")
    lists = {name: [value] for name, value in row.items()}
    for where, document in [
        ("/instances/0", {"instances": [row]}),
        ("/columns", {"columns": lists}),
    ]:
        status, problem = post(urls[arm], document)
        assert status == 422
        assert [(error["pointer"], error["detail"]) for error in problem["errors"]] == [
            (where, "column 'Trip Duration (s)' is missing"),
            (
                f"{where}/Trip_Duration__s_",
                "column 'Trip_Duration__s_' is not in the model",
            ),
        ]


@pytest.mark.parametrize("name", UNHEARD)
@pytest.mark.parametrize("arm", SERVED_ARMS)
def test_a_batch_is_refused_for_an_unknown_category(arm, name, urls, frame):
    rows = json.loads(body(frame.head(2)))["instances"]
    assert post(urls[arm], {"instances": rows})[0] == 200
    values, step = UNHEARD[name]
    for value in values:
        rows[1][name] = value
        lists = {name: [row[name] for row in rows] for name in frame}
        detail = f"'{name}' has no category '{value}'"
        for where, document in [
            (f"/instances/1/{step}", {"instances": rows}),
            (f"/columns/{step}/1", {"columns": lists}),
        ]:
            status, problem = post(urls[arm], document)
            assert (status, problem["detail"]) == (422, detail)
            assert problem["errors"] == [{"pointer": where, "detail": detail}]


@pytest.mark.parametrize("name", UNHEARD)
@pytest.mark.parametrize("library", LIBRARIES)
def test_an_engine_fails_for_an_unknown_category(library, name, files, model, frame):
    session = LIBRARIES[library].InferenceSession(files.onnx, quiet())
    for value in UNHEARD[name][0]:
        rows = frame.head(2).assign(**{name: [frame[name].iloc[0], value]})
        with pytest.raises(ValueError, match="unknown categories"):
            model.predict(rows)
        assert outcome(session.run, None, feeds(rows, session)) == "Fail"
        with pytest.raises(ValueError, match="Unknown Category"):
            onnx_answers(session)(rows)


@pytest.mark.parametrize("name", UNHEARD)
def test_predict_names_an_unknown_category(name, ways, frame):
    for value in UNHEARD[name][0]:
        rows = frame.head(2).assign(**{name: [frame[name].iloc[0], value]})
        with pytest.raises(ValueError) as refusal:
            ways["rust_ext's predict"](rows)
        shown = f"'{value}'" if isinstance(value, str) else value
        said = f"column '{name}' must hold one of its categories; row 1 has {shown}"
        assert str(refusal.value) == said


def test_the_program_names_an_unknown_category(ways, frame):
    with pytest.raises(
        WorkshopError, match=r"has no category 'z' at '/instances/0/Member Casual'"
    ):
        ways["fare-predict"](with_text(frame, **{"Member Casual": ["z"]}))


@pytest.mark.parametrize("way", WAYS)
def test_text_of_every_kind_is_the_category_that_it_is(way, ways, model, frame):
    rows = with_text(frame, **{"home.dest": [*KNOWN, *UNKNOWN]})
    want = model.predict(rows)
    assert len(set(want.round(3))) == len(KNOWN) + 1
    same(ways[way](rows), want)


@pytest.mark.parametrize("way", WAYS)
def test_an_unknown_category_may_have_a_number(way, ways, model, frame):
    rows = with_text(frame, **{"class": ["s", "m", "z", ""]})
    same(ways[way](rows), model.predict(rows))


@pytest.mark.parametrize("column", ["home.dest", "home_dest"])
@pytest.mark.parametrize("way", WAYS)
def test_missing_text_is_what_it_was_when_the_model_was_fitted(
    way, column, ways, model, frame
):
    rows = with_text(frame, **{column: [None, None, None, "", "nan", "None", "west"]})
    gaps = pd.Series([None, np.nan, pd.NA, "", "nan", "None", "west"], dtype=object)
    want = model.predict(rows)
    assert abs(want[0] - want[3:6]).min() > 0.1
    same(ways[way](rows.assign(**{column: gaps})), want)


@pytest.mark.parametrize("column", ["home.dest", "home_dest"])
@pytest.mark.parametrize("way", WAYS)
def test_missing_text_is_the_same_without_other_rows(way, column, ways, model, frame):
    rows = with_text(frame, **{column: [None]})
    same(ways[way](rows), model.predict(rows))


@pytest.mark.parametrize("way", WAYS)
def test_the_types_of_pandas_change_no_answer(way, ways, model, frame):
    rows = frame.head(20)
    assert rows["home.dest"].hasnans and rows["home_dest"].hasnans
    asked = rows.astype(
        {
            "Trip Duration (s)": "Float64",
            "Started (s)": "Int64",
            "plan/~": object,
            "home.dest": "string",
            "home_dest": "category",
            "class": object,
            "electric": "boolean",
        }
    )
    same(ways[way](asked), model.predict(rows))


@pytest.mark.parametrize("arm", SERVED_ARMS)
def test_the_order_of_keys_and_columns_changes_no_answer(arm, urls, frame):
    rows = json.loads(body(frame.head(20)))["instances"]
    want = post(urls[arm], {"instances": rows})
    rng = np.random.default_rng(SEED)

    def shuffled(names):
        return rng.permutation(list(names)).tolist()

    mixed = [{name: row[name] for name in shuffled(row)} for row in rows]
    assert len({tuple(row) for row in mixed}) == len(rows)
    lists = {name: [row[name] for row in rows] for name in shuffled(frame)}
    assert post(urls[arm], {"instances": mixed}) == want
    assert post(urls[arm], {"columns": lists}) == want
    assert want[0] == 200


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_frame_goes_by_name_where_scikit_learn_goes_by_position(library):
    rows = pd.DataFrame(np.eye(3), columns=list("abc"))
    model = LinearRegression().fit(rows, [1.0, 10.0, 100.0])
    reordered = rows[["c", "a", "b"]]
    with pytest.raises(ValueError, match="should match those that were passed"):
        model.predict(reordered)
    graph = export.to_onnx(model, reordered)
    session = LIBRARIES[library].InferenceSession(graph.SerializeToString())
    same(onnx_answers(session)(reordered), model.predict(rows))


@pytest.mark.parametrize("way", WAYS)
def test_the_order_of_a_frame_changes_no_answer(way, ways, model, frame):
    rows = frame.head(20)
    same(ways[way](rows[rows.columns[::-1]]), model.predict(rows))


@pytest.mark.parametrize(
    "estimator",
    [LinearRegression(), HistGradientBoostingRegressor(max_iter=5)],
    ids=["line", "trees"],
)
def test_seconds_since_1970_are_refused_by_name(estimator):
    seconds = np.random.default_rng(SEED).integers(0, 604_800, 500)
    rides = pd.DataFrame({"started_s": 1_700_000_000 + seconds})
    with pytest.raises(WorkshopError, match=r"2\*\*24: make \['started_s'\] smaller"):
        export.to_onnx(estimator.fit(rides, seconds / 1000), rides)


@pytest.fixture(scope="module")
def two():
    """A forest with two targets, fitted on doubles, and its rows."""
    rows = pd.DataFrame(np.random.default_rng(SEED).random((60, 3)), columns=[*"abc"])
    forest = RandomForestRegressor(5, random_state=SEED).fit(rows, rows[["a", "c"]] * 9)
    return forest, rows


@pytest.fixture(scope="module")
def two_files(two, tmp_path_factory):
    return write(tmp_path_factory.mktemp("two"), two[0], export.to_onnx(*two))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_forest_of_doubles_opens_in_each_engine(library, two, two_files):
    forest, rows = two
    assert set(rows.dtypes) == {np.dtype("float64")}
    session = LIBRARIES[library].InferenceSession(two_files.onnx)
    assert {port.type for port in session.get_inputs()} == {"tensor(float)"}
    assert {port.type for port in session.get_outputs()} == {"tensor(float)"}
    same(onnx_answers(session)(rows), forest.predict(rows))


@pytest.fixture(scope="module")
def two_urls(two_files):
    with served(two_files, ONNX_ARMS) as urls:
        yield urls


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("arm", ONNX_ARMS)
def test_two_targets_are_two_numbers_a_row(arm, count, two, two_urls):
    forest, rows = two
    answers = ask(two_urls[arm], rows.head(count))
    assert [list(row) for row in answers] == [["variable"]] * count
    values = np.array([row["variable"] for row in answers])
    assert values.shape == (count, 2)
    same(values, forest.predict(rows.head(count)))


@pytest.fixture(scope="module")
def forest(tmp_path_factory):
    """A classifier of 20 trees on ten features, its rows, and its files."""
    rows = np.random.default_rng(SEED).random((500, 10), np.float32)
    forest = RandomForestClassifier(20, max_depth=8, random_state=SEED)
    forest.fit(rows, rows[:, 0] + rows[:, 1] > rows[:, 2] * 2)
    graph = export.array_to_onnx(forest, rows)
    return forest, rows, write(tmp_path_factory.mktemp("forest"), forest, graph)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_forest_votes_alike_in_each_engine(library, forest):
    model, rows, files = forest
    session = LIBRARIES[library].InferenceSession(files.onnx)
    labels, probabilities = session.run(None, {"X": rows})
    assert (labels == model.predict(rows)).all()
    assert np.abs(probabilities - model.predict_proba(rows)).max() <= 1e-6


def test_a_forest_votes_alike_behind_axum(forest):
    model, rows, files = forest
    with serve("onnx-axum", files.onnx) as url:
        status, answer = post(url, {"columns": {"X": rows.tolist()}})
    assert status == 200
    votes = answer["predictions"]
    assert [vote["label"] for vote in votes] == model.predict(rows).tolist()
    probabilities = np.array([vote["probabilities"] for vote in votes])
    assert np.abs(probabilities - model.predict_proba(rows)).max() <= 1e-6


def version_of(library):
    """The release that ONNX Runtime's library says it is."""

    class Base(ctypes.Structure):
        _fields_ = (
            ("GetApi", ctypes.c_void_p),
            ("GetVersionString", ctypes.CFUNCTYPE(ctypes.c_char_p)),
        )

    entry = ctypes.CDLL(str(library)).OrtGetApiBase
    entry.restype = ctypes.POINTER(Base)
    return entry().contents.GetVersionString().decode()


def test_rust_loads_the_release_that_python_has():
    library = rust_ext.onnxruntime_library()
    assert version_of(library) == onnxruntime.__version__
    said = machine.versions()
    assert said["onnxruntime"] == onnxruntime.__version__
    assert said["onnxruntime library"].startswith(library.name)


@pytest.mark.skipif(not psutil.LINUX, reason="Linux tells what a process has loaded")
@pytest.mark.parametrize("arm", ["rust-fastapi", "onnx-axum"])
def test_a_server_has_loaded_that_library_and_no_other(arm, urls):
    mapped = {each.path for each in psutil.Process(urls[arm].pid).memory_maps()}
    found = {path for path in mapped if "libonnxruntime.so" in path}
    assert found == {str(rust_ext.onnxruntime_library().resolve())}


@pytest.mark.parametrize("arm", ONNX_ARMS)
def test_a_graph_of_four_rows_takes_four(arm, tmp_path):
    files = write_graph(tmp_path, [4], "Neg", "x")
    with serve(arm, files.onnx) as url:
        answers = [post(url, {"columns": {"x": [1.0] * rows}}) for rows in (4, 1, 3, 0)]
    assert answers[0] == (200, {"predictions": [-1.0] * 4})
    for rows, (status, problem) in zip((1, 3), answers[1:3], strict=True):
        assert status == 422
        assert problem["detail"] == f"the model takes 4 rows at a time, not {rows}"
    assert answers[3] == (200, {"predictions": []})


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_engine_refuses_rows_that_a_graph_has_no_place_for(library, tmp_path):
    for shape, wrong in ([1, 4], (3, 4)), ([4], (3,)), ([4], (1, 4)):
        files = write_graph(tmp_path, shape, "Neg", "x")
        session = LIBRARIES[library].InferenceSession(files.onnx)
        ones = np.ones(shape, np.float32)
        assert (session.run(None, {"x": ones})[0] == -ones).all()
        refused = outcome(session.run, None, {"x": np.ones(wrong, np.float32)})
        assert refused == "InvalidArgument"


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A tree of four features whose graph does not say how many it takes."""
    rows = np.random.default_rng(SEED).random((200, 4), np.float32)
    tree = DecisionTreeRegressor(max_depth=6).fit(rows, rows[:, 3])
    inputs = [("X", FloatTensorType([None, None]))]
    graph = convert_sklearn(tree, initial_types=inputs, target_opset=18)
    return export.save(graph, tmp_path_factory.mktemp("wide") / "m.onnx"), tree, rows


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_engine_takes_any_width_that_a_tree_can_read(library, wide):
    path, tree, rows = wide
    session = LIBRARIES[library].InferenceSession(path, quiet())
    five = np.column_stack([rows, rows[:, 0]])
    for fed in (rows, five):
        same(session.run(None, {"X": fed})[0].ravel(), tree.predict(rows))
    assert outcome(session.run, None, {"X": rows[:, :3].copy()}) == "Fail"
