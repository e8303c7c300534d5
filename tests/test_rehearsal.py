import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from workshop.errors import WorkshopError
from workshop.export import rehearse

SEED = 7

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def frame():
    """5,000 rows of two float32 columns, where a grows; the index is no range."""
    b = np.random.default_rng(SEED).random(5000, dtype=np.float32)
    rows = pd.DataFrame({"a": np.linspace(0, 1, 5000, dtype=np.float32), "b": b})
    return rows.set_index(np.arange(5000) * 3 + 17)


class Witness(LinearRegression):
    """A line without a converter, which keeps what it was fitted on."""

    seen: tuple | None = None

    def fit(self, rows, target):
        type(self).seen = rows, target
        return super().fit(rows, target)


@pytest.fixture
def witness(monkeypatch):
    """A Witness, none of which has seen anything yet."""
    monkeypatch.setattr(Witness, "seen", None)
    return Witness()


def test_a_step_without_a_converter_fails_before_a_long_fit(frame, witness):
    with pytest.raises(WorkshopError, match=r"cannot convert .*\(Witness\)"):
        rehearse(witness, frame, frame["a"])
    rows, target = Witness.seen
    assert len(rows) == len(target) == 1000


@pytest.mark.parametrize("rows", [4999, 5001])
def test_a_target_of_another_length_is_refused(frame, witness, rows):
    with pytest.raises(WorkshopError, match=f"5000 rows and the target {rows}"):
        rehearse(witness, frame, np.zeros(rows))
    assert Witness.seen is None


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            make_pipeline(FunctionTransformer(np.log1p), LinearRegression()),
            r"cannot convert .*\(FunctionTransformer\)",
        ),
        (HistGradientBoostingRegressor(loss="poisson"), "exponential .* is left out"),
        (KNeighborsRegressor(weights="distance"), "differ on"),
    ],
    ids=["no converter", "a trap", "another answer"],
)
def test_what_an_export_refuses_is_refused_before_it(model, said, frame):
    with pytest.raises(WorkshopError, match=said):
        rehearse(model, frame, frame["a"] + 1)
    with pytest.raises(NotFittedError):
        check_is_fitted(model)


def test_the_model_stays_unfitted(frame):
    model = LinearRegression()
    rehearse(model, frame, frame["a"])
    with pytest.raises(NotFittedError):
        check_is_fitted(model)


def test_a_fitted_model_stays_as_it_was_fitted(frame):
    model = LinearRegression().fit(frame, frame["a"])
    rehearse(model, frame, -frame["a"])
    assert model.coef_ == pytest.approx([1, 0], abs=1e-6)


def witnessed(frame, target):
    """The rows and the target of the short fit."""
    with pytest.raises(WorkshopError, match="Witness"):
        rehearse(Witness(), frame, target)
    return Witness.seen


@pytest.mark.parametrize(
    "kind", [pd.Series, np.array, list, pd.DataFrame], ids=lambda kind: kind.__name__
)
def test_a_target_stays_with_its_rows(kind, frame, witness):
    rows, target = witnessed(frame, kind(frame["a"]))
    assert np.ravel(target).tolist() == rows["a"].tolist()
    rehearse(LinearRegression(), frame, kind(frame["a"]))


def test_two_targets_stay_with_their_rows(frame, witness):
    rows, target = witnessed(frame, frame[["b", "a"]])
    assert np.array_equal(target, rows[["b", "a"]])
    rehearse(LinearRegression(), frame, frame[["b", "a"]])


@pytest.mark.parametrize("n", [1, 30, 999])
def test_a_short_frame_is_taken_whole(n, frame, witness):
    rows, _ = witnessed(frame.head(n), frame["a"].head(n))
    assert sorted(rows.index) == sorted(frame.index[:n])


def test_rows_are_drawn_from_all_over_the_frame_and_once(frame, witness):
    rows, _ = witnessed(frame, frame["a"])
    assert rows.index.is_unique
    drawn, _ = np.histogram(rows["a"], bins=10, range=(0, 1))
    assert drawn.min() > 60


def test_a_target_in_order_shows_both_its_classes(frame):
    late = np.where(frame["a"] > 0.8, "late", "early")
    rehearse(LogisticRegression(), frame, late)
    with pytest.raises(ValueError, match="2 classes"):
        LogisticRegression().fit(frame.head(1000), late[:1000])


def test_the_same_rows_are_drawn_each_time(frame, witness):
    first, again = (witnessed(frame, frame["a"])[0] for _ in range(2))
    assert first.equals(again)
