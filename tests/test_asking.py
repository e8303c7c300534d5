import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC

from workshop import models
from workshop.asking import feeds, onnx_answers, sklearn_answers
from workshop.conversion import convert, open_graph
from workshop.gaps import MISSING_TEXT
from workshop.rides import FEATURES

SEED = 7


@pytest.fixture(scope="module")
def session():
    return onnxruntime.InferenceSession(models.ensure("fare_small").onnx)


@pytest.fixture(scope="module")
def numbers():
    values = np.random.default_rng(SEED).random((60, 2), dtype=np.float32)
    return pd.DataFrame(np.array(values), columns=["a", "b"])


def test_feeds_go_by_name_whatever_the_order_of_the_columns(session, rides):
    straight = feeds(rides.head(5), session)
    shuffled = feeds(rides.head(5)[FEATURES[::-1]].assign(tip=1), session)
    assert list(straight) == FEATURES
    for name, array in straight.items():
        assert array.shape == (5, 1)
        assert array.dtype == shuffled[name].dtype
        assert (array == shuffled[name]).all()
    dtypes = [str(array.dtype) for array in straight.values()]
    assert dtypes == ["float32", "object", "object", "int64", "int64", "int64"]


def test_missing_text_is_no_text(session, rides):
    zones = pd.Series(["nan", None, "None", np.nan, ""], dtype=object)
    asked = rides.head(5).assign(pickup_zone=zones.to_numpy())
    fed = feeds(asked, session)["pickup_zone"].ravel().tolist()
    assert fed == ["nan", MISSING_TEXT, "None", MISSING_TEXT, ""]


@pytest.mark.parametrize("value", [1.5, np.nan, np.inf])
def test_what_is_no_whole_number_is_not_made_one(value, session, rides):
    asked = rides.head(2).assign(hour=[1.0, value])
    with pytest.raises(ValueError, match="'hour' must be whole numbers"):
        feeds(asked, session)


def test_what_the_engine_refuses_is_a_value_error(numbers):
    model = LinearRegression().fit(numbers, numbers["a"])
    ask = onnx_answers(open_graph(convert(model, numbers)), model)
    with pytest.raises(KeyError, match="b"):
        ask(numbers[["a"]])
    broken = onnx_answers(
        open_graph(convert(model, numbers)), feed=lambda rows, _: {"a": rows.to_numpy()}
    )
    with pytest.raises(ValueError, match="missing from input feed"):
        broken(numbers)


@pytest.mark.parametrize("labels", [["no", "yes"], [0, 1], [False, True]])
def test_a_classifier_answers_places_and_probabilities(labels, numbers):
    target = np.where(numbers["a"] > 0.5, labels[1], labels[0])
    model = LogisticRegression().fit(numbers, target)
    by_sklearn = sklearn_answers(model)(numbers)
    by_onnx = onnx_answers(open_graph(convert(model, numbers)), model)(numbers)
    places = [labels.index(label) for label in model.predict(numbers).tolist()]
    assert by_sklearn[:, 0].tolist() == by_onnx[:, 0].tolist() == places
    assert by_sklearn.data[:, 1:] == pytest.approx(model.predict_proba(numbers))
    assert by_onnx == pytest.approx(by_sklearn.data, abs=1e-6)


def test_a_tie_has_no_label():
    rows = pd.DataFrame({"a": np.float32([-1, 0, 1])})
    sure = LogisticRegression().fit(rows, [0, 0, 1])
    sure.intercept_[:] = 0
    answers = sklearn_answers(sure)(rows)
    assert answers.mask.tolist() == [[False] * 3, [True, False, False], [False] * 3]
    border = SVC(kernel="linear").fit(rows.iloc[[0, 2]], [0, 1])
    assert sklearn_answers(border)(rows).mask.tolist() == [False, True, False]
    centres = KMeans(2, random_state=SEED, n_init=1).fit(rows.iloc[[0, 2]])
    assert sklearn_answers(centres)(rows).mask.tolist() == [False, True, False]


def test_no_rows_get_no_answers(numbers):
    model = LinearRegression().fit(numbers, numbers["a"])
    none = numbers.head(0)
    assert not sklearn_answers(model)(none).size
    assert not onnx_answers(open_graph(convert(model, numbers)), model)(none).size
