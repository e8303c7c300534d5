import joblib
import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score

from workshop import export, models
from workshop.errors import WorkshopError
from workshop.files import write_whole
from workshop.rides import (
    AFTER_RIDE,
    FEATURES,
    TARGET,
    clean,
    read_rides,
    split_by_time,
)


@pytest.fixture(scope="module")
def split():
    return split_by_time(clean(read_rides()))


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "BUILD", tmp_path)
    return tmp_path


@pytest.fixture
def fits(monkeypatch):
    """Counts the models that are fitted, and makes each of them small."""
    names = []

    def small(name):
        names.append(name)
        return original("fare_small").set_params(model__max_iter=2)

    original = models.fare_model
    monkeypatch.setattr(models, "fare_model", small)
    return names


def made(monkeypatch):
    """The names of the files that were written since, in order."""
    written = []

    def spy(path, data):
        written.append(path.name)
        return write_whole(path, data)

    for module in (export, models):
        monkeypatch.setattr(module, "write_whole", spy)
    return written


def test_ensure_makes_both_files_once(build, fits, monkeypatch):
    written = made(monkeypatch)
    files = models.ensure("fare")
    assert files == (build / "fare.joblib", build / "fare.onnx")
    assert written == ["fare.joblib", "fare.onnx"]
    assert models.ensure("fare") == files
    assert len(written) == 2
    models.ensure("fare", force=True)
    assert len(written) == 4
    assert sorted(p.name for p in build.iterdir()) == ["fare.joblib", "fare.onnx"]


@pytest.mark.parametrize("kind", ["joblib", "onnx"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-10]),
        lambda path: path.write_bytes(b"<html>404</html>"),
    ],
    ids=["missing", "empty", "truncated", "a web page"],
)
def test_a_damaged_pair_is_made_again(build, fits, kind, spoil):
    path = getattr(models.ensure("fare"), kind)
    whole = path.read_bytes()
    spoil(path)
    models.ensure("fare")
    assert path.read_bytes() == whole


def test_a_model_of_another_kind_is_made_again(build, fits, monkeypatch):
    models.ensure("fare")
    monkeypatch.setattr(models, "SEED", 7)
    written = made(monkeypatch)
    changed = models.fare_model("fare").set_params(model__max_iter=3)
    monkeypatch.setattr(models, "fare_model", lambda name: changed)
    models.ensure("fare")
    assert written == ["fare.joblib", "fare.onnx"]


@pytest.mark.parametrize(
    "change",
    [
        (models.skl2onnx, "__version__", "9.9"),
        (models.faithful, "__file__", __file__),
        (models.conversion, "__file__", __file__),
    ],
)
def test_files_of_another_exporter_are_made_again(build, fits, monkeypatch, change):
    models.ensure("fare")
    written = made(monkeypatch)
    monkeypatch.setattr(*change)
    models.ensure("fare")
    assert written == ["fare.joblib", "fare.onnx"]


def test_an_export_that_fails_writes_nothing(build, fits, monkeypatch):
    def refuse(*args, **options):
        raise WorkshopError("no")

    monkeypatch.setattr(export, "to_onnx", refuse)
    with pytest.raises(WorkshopError, match="no"):
        models.ensure("fare")
    assert list(build.iterdir()) == []


def test_an_unknown_model_is_named_with_the_known_ones():
    with pytest.raises(WorkshopError, match=r"'fares'.*fare, fare_small"):
        models.ensure("fares")


def test_small_and_large_differ_from_the_fare_model_in_size_alone():
    sizes = {"fare_small": 20, "fare": 200, "fare_large": 1000}
    settings = [models.fare_model(name)["model"].get_params() for name in sizes]
    assert [each.pop("max_iter") for each in settings] == list(sizes.values())
    assert settings[0] == settings[1] == settings[2]


def test_the_models_need_no_column_that_is_known_after_the_ride():
    pipeline = models.load("fare_small")
    assert pipeline.feature_names_in_.tolist() == FEATURES


def test_no_model_keeps_more_threads_than_its_caller_gives_it():
    assert models.fare_model("forest")["model"].n_jobs is None


def test_both_files_of_a_model_hold_one_schema():
    files = models.ensure("fare_small")
    graph = onnx.load(files.onnx)
    kept = joblib.load(files.joblib)
    assert sorted(kept) == ["model", "schema"]
    assert kept["schema"] == export.schema_of(graph)
    assert kept["schema"][0]["unit"] == "mile"


def test_a_model_beats_the_baselines_before_the_ride(split):
    errors = {}
    for name, baseline in models.baselines().items():
        baseline.fit(split.train[FEATURES], split.train[TARGET])
        fares = baseline.predict(split.test[FEATURES])
        errors[name] = mean_absolute_error(split.test[TARGET], fares)
    fares = models.load("fare_small").predict(split.test[FEATURES])
    errors["fare_small"] = mean_absolute_error(split.test[TARGET], fares)
    assert errors["median"] > errors["tariff"] > 2
    assert 1 < errors["fare_small"] < 1.3


def test_after_the_ride_a_line_wins(split):
    line = LinearRegression().fit(split.train[AFTER_RIDE], split.train[TARGET])
    after = r2_score(split.test[TARGET], line.predict(split.test[AFTER_RIDE]))
    before = models.load("fare_small").score(split.test[FEATURES], split.test[TARGET])
    assert after > 0.98
    assert 0.83 < before < 0.9


def test_the_tariff_is_2_50_and_2_50_a_mile(split):
    rides = split.test[FEATURES].head(3).assign(distance_miles=[0, 1, 4])
    assert models.Tariff().predict(rides).tolist() == [2.5, 5.0, 12.5]


def test_iris_is_the_posts_model_with_one_input_of_width_4(build):
    files = models.ensure_iris()
    session = onnxruntime.InferenceSession(files.onnx)
    (rows,) = session.get_inputs()
    assert (rows.type, rows.shape[1]) == ("tensor(float)", 4)
    label, scores = session.run(None, {"X": np.float32([[5.1, 3.5, 1.4, 0.2]])})
    assert (label.tolist(), scores.shape) == ([0], (1, 3))
    assert export.schema_of(onnx.load(files.onnx)) == []
    assert joblib.load(files.joblib)["schema"] == []
    before = files.onnx.stat().st_mtime_ns
    assert models.ensure_iris().onnx.stat().st_mtime_ns == before
