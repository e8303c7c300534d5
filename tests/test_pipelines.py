"""What people put into a pipeline: what becomes ONNX, and what is refused, and why."""

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.feature_selection import RFE, SelectKBest, f_regression
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
)
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import FeatureUnion
from sklearn.pipeline import make_pipeline as pipe
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeRegressor

import rust_ext
from workshop import asking, conversion, export, rides
from workshop.errors import WorkshopError
from workshop.rides import FEATURES, NUMBERS, TARGET, ZONES

SEED = 7
FEW = {"n_estimators": 5, "random_state": SEED}
SHRUNK = {"solver": "eigen", "shrinkage": 0.5}
BINS = {"encode": "onehot-dense", "quantile_method": "averaged_inverted_cdf"}

pytestmark = [
    pytest.mark.usefixtures("no_pools"),
    pytest.mark.filterwarnings("ignore:Bins whose width are too small"),
    pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning"),
]


class Case(NamedTuple):
    """A pipeline and what it learns; and what its refusal says, if it is refused."""

    model: BaseEstimator
    refusal: str | None = None  # a regular expression
    target: str = "fare"
    gaps: str | None = None  # the column in which a tenth of the values is missing


def passes(model, **given):
    return Case(model, **given)


def refused(model, refusal, **given):
    return Case(model, refusal, **given)


def one_hot(**options):
    return OneHotEncoder(
        **{"handle_unknown": "ignore", "sparse_output": False} | options
    )


def ordinal():
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


def columns(numbers="passthrough", zones=None):
    """The first step: one transformer for the numbers, one for the zones."""
    zones = one_hot() if zones is None else zones
    return ColumnTransformer([("zones", zones, ZONES), ("numbers", numbers, NUMBERS)])


def boosted(kind=HistGradientBoostingRegressor, **options):
    """Histogram trees, few of them."""
    return kind(max_iter=10, early_stopping=False, random_state=SEED, **options)


def two_models():
    return [("line", Ridge()), ("trees", boosted())]


PLAIN = columns()
SCALED = columns(StandardScaler())

PIPELINES = {
    # Lines, and other models without trees.
    "LinearRegression": passes(pipe(PLAIN, LinearRegression())),
    "Ridge": passes(pipe(SCALED, Ridge())),
    "Lasso": passes(pipe(columns(MinMaxScaler()), Lasso(alpha=0.01))),
    "ElasticNet": passes(pipe(columns(RobustScaler()), ElasticNet(alpha=0.01))),
    "HuberRegressor": passes(
        pipe(columns(MaxAbsScaler()), HuberRegressor(max_iter=500))
    ),
    "PoissonRegressor": passes(pipe(SCALED, PoissonRegressor())),
    "LogisticRegression": passes(pipe(SCALED, LogisticRegression()), target="dear"),
    "LogisticRegression, four classes": passes(
        pipe(SCALED, LogisticRegression(max_iter=500)), target="band"
    ),
    "GaussianNB": passes(pipe(PLAIN, GaussianNB()), target="dear"),
    "LinearDiscriminantAnalysis": refused(
        pipe(SCALED, LinearDiscriminantAnalysis()),
        "LinearDiscriminantAnalysis.* converts to another one",
        target="dear",
    ),
    "SVR": passes(pipe(SCALED, SVR())),
    "SVC": passes(pipe(SCALED, SVC()), target="dear"),
    "CalibratedClassifierCV": passes(
        pipe(SCALED, CalibratedClassifierCV(LinearSVC(), cv=2)), target="dear"
    ),
    "LinearSVC": passes(pipe(SCALED, LinearSVC()), target="dear"),
    "QuadraticDiscriminantAnalysis": refused(
        pipe(SCALED, QuadraticDiscriminantAnalysis(**SHRUNK)),
        "QuadraticDiscriminantAnalysis.* converts to another one",
        target="dear",
    ),
    "KNeighborsRegressor, by distance": refused(
        pipe(SCALED, KNeighborsRegressor(weights="distance")),
        "KNeighborsRegressor.* converts to another one",
    ),
    # The numbers in another form.
    "PolynomialFeatures": passes(pipe(columns(PolynomialFeatures()), Ridge())),
    "PolynomialFeatures, cubic, scaled": passes(
        pipe(columns(pipe(PolynomialFeatures(3), StandardScaler())), Ridge())
    ),
    "KBinsDiscretizer": passes(pipe(columns(KBinsDiscretizer(**BINS)), Ridge())),
    "QuantileTransformer": passes(
        pipe(columns(QuantileTransformer(n_quantiles=9)), Ridge())
    ),
    "PowerTransformer": passes(pipe(columns(PowerTransformer()), Ridge())),
    "SplineTransformer": refused(
        pipe(columns(SplineTransformer()), Ridge()),
        r"cannot convert the step 'numbers' \(SplineTransformer\)",
    ),
    "FunctionTransformer": refused(
        pipe(columns(FunctionTransformer(np.log1p)), Ridge()),
        r"cannot convert the step 'numbers' \(FunctionTransformer\)",
    ),
    # The zones as numbers.
    "OneHotEncoder, unknown is an error": passes(
        pipe(columns(zones=one_hot(handle_unknown="error")), Ridge())
    ),
    "OneHotEncoder, first one dropped": passes(
        pipe(columns(zones=one_hot(handle_unknown="error", drop="first")), Ridge())
    ),
    "OneHotEncoder, sparse": passes(
        pipe(columns(zones=one_hot(sparse_output=True)), Ridge())
    ),
    "OneHotEncoder, five at most": passes(
        pipe(columns(zones=one_hot(max_categories=5)), Ridge())
    ),
    "OneHotEncoder, unknown is rare": refused(
        pipe(columns(zones=one_hot(handle_unknown="infrequent_if_exist")), Ridge()),
        r"'zones' \(OneHotEncoder\).* takes an unknown category for a rare one",
    ),
    "OrdinalEncoder": passes(pipe(columns(zones=ordinal()), boosted())),
    "OrdinalEncoder, unknown is an error": refused(
        pipe(columns(zones=OrdinalEncoder()), boosted()),
        r"'zones' \(OrdinalEncoder\).* refuses an unknown category",
    ),
    "TargetEncoder": passes(pipe(columns(zones=TargetEncoder(cv=KFold(3))), Ridge())),
    "TargetEncoder before trees": passes(
        pipe(columns(zones=TargetEncoder(cv=KFold(3))), boosted())
    ),
    # Trees.
    "DecisionTree": passes(pipe(PLAIN, DecisionTreeRegressor(max_depth=6))),
    "RandomForest": passes(pipe(PLAIN, RandomForestRegressor(**FEW))),
    "RandomForest, classes": passes(
        pipe(PLAIN, RandomForestClassifier(**FEW)), target="dear"
    ),
    "GradientBoosting": passes(pipe(PLAIN, GradientBoostingRegressor(**FEW))),
    "HistGradientBoosting": passes(pipe(PLAIN, boosted())),
    "HistGradientBoosting, quantile": passes(
        pipe(PLAIN, boosted(loss="quantile", quantile=0.9))
    ),
    "HistGradientBoosting, four classes": passes(
        pipe(PLAIN, boosted(HistGradientBoostingClassifier)), target="band"
    ),
    "HistGradientBoosting, Poisson": refused(
        pipe(PLAIN, boosted(loss="poisson")),
        "HistGradientBoostingRegressor.* exponential of its loss is left out",
    ),
    "HistGradientBoosting, categories": refused(
        pipe(columns(zones=ordinal()), boosted(categorical_features=[0, 1])),
        "HistGradientBoostingRegressor.* splits by category",
    ),
    "RandomForest, scaled": refused(
        pipe(columns(MinMaxScaler()), RandomForestRegressor(**FEW)),
        r"'numbers' \(MinMaxScaler\).*trees need no scaler",
    ),
    "HistGradientBoosting, scaled": refused(
        pipe(SCALED, boosted()),
        r"'numbers' \(StandardScaler\).*trees need no scaler",
    ),
    "HistGradientBoosting, calibrated": passes(
        pipe(PLAIN, CalibratedClassifierCV(boosted(HistGradientBoostingClassifier))),
        target="dear",
    ),
    # Several models, or several answers.
    "BaggingRegressor": passes(pipe(PLAIN, BaggingRegressor(boosted(), 3))),
    "VotingRegressor": passes(pipe(PLAIN, VotingRegressor(two_models()))),
    "StackingRegressor, a line on top": passes(
        pipe(PLAIN, StackingRegressor(two_models(), Ridge(), cv=2))
    ),
    "StackingRegressor, trees on top": refused(
        pipe(PLAIN, StackingRegressor(two_models(), boosted(), cv=2)),
        "StackingRegressor.* converts to another one",
    ),
    "StackingRegressor, Poisson on top": refused(
        pipe(PLAIN, StackingRegressor(two_models(), boosted(loss="poisson"), cv=2)),
        r"'final_estimator' \(HistGradientBoostingRegressor\).* exponential",
    ),
    "GridSearchCV": passes(
        GridSearchCV(pipe(PLAIN, Ridge()), {"ridge__alpha": [0.1, 10]}, cv=2)
    ),
    "MultiOutputRegressor": passes(
        pipe(PLAIN, MultiOutputRegressor(boosted())), target="fare and minutes"
    ),
    "MultiOutputClassifier": refused(
        pipe(PLAIN, MultiOutputClassifier(GaussianNB())),
        "several labels",
        target="dear and long",
    ),
    "TransformedTargetRegressor": refused(
        pipe(PLAIN, TransformedTargetRegressor(Ridge(), transformer=StandardScaler())),
        r"cannot convert .* \(TransformedTargetRegressor\)",
    ),
    "a step that does nothing": passes(pipe(PLAIN, "passthrough", Ridge())),
    # Fewer columns.
    "SelectKBest": passes(pipe(SCALED, SelectKBest(f_regression, k=5), Ridge())),
    "RFE": passes(pipe(PLAIN, RFE(Ridge(), n_features_to_select=5), Ridge())),
    "PCA": passes(pipe(SCALED, PCA(5), Ridge())),
    # Values that are missing.
    "a distance is missing, SimpleImputer": passes(
        pipe(columns(SimpleImputer()), Ridge()), gaps="distance_miles"
    ),
    "a distance is missing, HistGradientBoosting": passes(
        pipe(PLAIN, boosted()), gaps="distance_miles"
    ),
    "a distance is missing, RandomForest": refused(
        pipe(PLAIN, RandomForestRegressor(**FEW)),
        r"RandomForestRegressor\), on the columns \['distance_miles'\], the branch",
        gaps="distance_miles",
    ),
    "a distance is missing, two forests": refused(
        pipe(PLAIN, MultiOutputRegressor(RandomForestRegressor(**FEW))),
        r"RandomForestRegressor\), on the columns \['distance_miles'\], the branch",
        target="fare and minutes",
        gaps="distance_miles",
    ),
    "a distance is missing, add_indicator": refused(
        pipe(columns(SimpleImputer(add_indicator=True)), Ridge()),
        r"'numbers' \(SimpleImputer\).* say where a value was missing are left out",
        gaps="distance_miles",
    ),
    "a distance is missing, KNNImputer": refused(
        pipe(columns(KNNImputer()), Ridge()),
        r"'numbers' \(KNNImputer\).* converts to another one",
        gaps="distance_miles",
    ),
    "a zone is missing, OneHotEncoder": passes(
        pipe(PLAIN, Ridge()), gaps="pickup_zone"
    ),
    "a zone is missing, SimpleImputer": passes(
        pipe(
            columns(zones=pipe(SimpleImputer(strategy="most_frequent"), one_hot())),
            Ridge(),
        ),
        gaps="pickup_zone",
    ),
    "a zone is missing, OrdinalEncoder": refused(
        pipe(columns(zones=ordinal()), boosted()),
        r"'zones' \(OrdinalEncoder\).* stands for missing text is left out",
        gaps="pickup_zone",
    ),
}
TARGETS = {
    "fare": lambda rides: rides[TARGET],
    "dear": lambda rides: np.where(rides[TARGET] > 10, "dear", "cheap"),
    "band": lambda rides: np.digitize(rides[TARGET], [6, 9, 14]),
    "fare and minutes": lambda rides: rides[[TARGET, "duration_min"]],
    "dear and long": lambda rides: rides[[TARGET, "duration_min"]] > 10,
}


@pytest.fixture(scope="module")
def split():
    """Some of the rides of 2015: 600 to learn from, 600 later ones."""
    split = rides.split_by_time(rides.clean(rides.read_rides()))
    return rides.Split(*(part.sample(600, random_state=SEED) for part in split))


def fitted(case, split):
    """The model, 300 rides as a proof for its export, and 300 others."""
    train, test = (with_gaps(part, case.gaps) for part in split)
    model = clone(case.model).fit(train[FEATURES], TARGETS[case.target](train))
    return model, test[FEATURES].head(300), test[FEATURES].tail(300)


def with_gaps(rides, name):
    gaps = np.random.default_rng(SEED).random(len(rides)) < 0.1
    return rides.assign(**{name: rides[name].mask(gaps)}) if name else rides


def cases(*, refused):
    return [name for name, case in PIPELINES.items() if bool(case.refusal) == refused]


@pytest.mark.parametrize("name", cases(refused=False))
def test_it_becomes_a_graph_that_answers_as_it_does(name, split):
    model, proof, others = fitted(PIPELINES[name], split)
    graph = export.to_onnx(model, proof)
    parity = export.metadata_of(graph)[export.PARITY]
    assert parity["wrong"] == 0 and parity["rows"] > len(proof)
    schema = {column["name"]: column for column in export.schema_of(graph)}
    assert list(schema) == FEATURES
    assert schema.get(PIPELINES[name].gaps, {"missing": True})["missing"]
    session = conversion.open_graph(graph)
    answer, *scores = session.run(None, asking.feeds(others, session))
    if is_classifier(model):
        assert answer.tolist() == model.predict(others).tolist()
    else:
        want = model.predict(others).reshape(len(others), -1)
        assert answer.reshape(want.shape) == pytest.approx(want, rel=1e-4)
    if hasattr(model, "predict_proba"):
        assert scores[0] == pytest.approx(model.predict_proba(others), abs=1e-5)
    predict = rust_ext.InferenceSession(graph.SerializeToString()).predict
    for rows in (others, others.head(0)):
        answers = predict(rows)
        answers = [*answers.values()] if isinstance(answers, dict) else [answers]
        for got, whole in zip(answers, [answer, *scores], strict=True):
            want = whole[: len(rows)].reshape(len(rows), *got.shape[1:])
            assert (got.dtype, got.shape) == (want.dtype, want.shape)
            if got.dtype.kind == "f":
                assert got == pytest.approx(want, rel=1e-4, abs=1e-6)
            else:
                assert (got == want).all()


@pytest.mark.parametrize("name", cases(refused=True))
def test_it_is_refused_by_name_and_reason(name, split):
    model, proof, _ = fitted(PIPELINES[name], split)
    with pytest.raises(WorkshopError, match=PIPELINES[name].refusal):
        export.to_onnx(model, proof)


@pytest.mark.parametrize(
    "first",
    [
        PCA(2),
        PolynomialFeatures(),
        QuantileTransformer(n_quantiles=9),
        SelectKBest(f_regression, k=2),
        FeatureUnion([("scaled", StandardScaler()), ("turned", PCA(2))]),
        pipe(StandardScaler(), PCA(2)),
    ],
    ids=lambda step: type(step).__name__,
)
def test_any_step_may_be_the_first(first, split):
    train, test = (part[NUMBERS] for part in split)
    model = pipe(first, Ridge()).fit(train, TARGETS["fare"](split.train))
    session = conversion.open_graph(export.to_onnx(model, test.head(300)))
    (fares,) = session.run(None, asking.feeds(test.tail(300), session))
    assert fares.ravel() == pytest.approx(model.predict(test.tail(300)), rel=1e-4)
