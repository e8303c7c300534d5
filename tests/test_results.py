import json

import numpy as np
import pandas as pd
import pytest

import rust_ext
from workshop import machine, results
from workshop.check import allowed_cores
from workshop.errors import WorkshopError


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "BUILD", tmp_path / "build")
    monkeypatch.setattr(results, "REFERENCE", tmp_path / "reference")
    return tmp_path


def samples(count=3, **columns):
    seconds = np.linspace(0.001, 0.002, count)
    kinds = {"arm": "onnx-rust", "what": "call", "rows": 1, "threads": 1}
    return pd.DataFrame(
        {**kinds, "launch": 0, "round": 0, "seconds": seconds, **columns}
    )


def test_what_is_saved_is_loaded_and_says_it_was_measured_here():
    table = pd.DataFrame({"model": ["fare"], "usd": [1.5], "none": [float("nan")]})
    path = results.save("timing", samples(), 7, {"cost": table})
    found = results.load("timing")
    assert path.name == "timing.json" and path.parent == results.BUILD
    assert list(path.parent.iterdir()) == [path]
    pd.testing.assert_frame_equal(found.samples, samples())
    assert found.tables["cost"].to_dict("records") == [
        {"model": "fare", "usd": 1.5, "none": None}
    ]
    assert (found.seed, found.source) == (7, "measured here")
    assert found.versions["onnxruntime library"].startswith("libonnxruntime") or (
        "onnxruntime" in found.versions["onnxruntime library"]
    )
    assert f"{allowed_cores()} CPUs" in found.caption
    assert found.caption.endswith(f"threads 1, measured here, {found.measured_at[:10]}")


def test_the_file_has_the_schema_of_the_workshop():
    content = json.loads(results.save("timing", samples(), 7).read_text("utf-8"))
    assert set(content) == {
        *("schema", "machine", "versions", "measured_at", "seed"),
        *("samples", "histograms", "tables"),
    }
    assert content["samples"][0] == {
        **{"arm": "onnx-rust", "what": "call", "rows": 1, "threads": 1},
        **{"launch": 0, "round": 0, "seconds": 0.001},
    }


def test_without_a_measurement_the_recorded_one_stands_in(folders):
    path = results.save("timing", samples(), 7)
    (folders / "reference").mkdir()
    path.rename(folders / "reference" / "timing.json")
    found = results.load("timing")
    assert found.source == f"recorded on {found.measured_at[:10]}"
    assert found.caption.endswith(found.source)
    results.save("timing", samples(5), 8)
    assert len(results.load("timing").samples) == 5
    assert results.recorded("timing").source == found.source


def test_without_either_it_says_what_to_run():
    with pytest.raises(WorkshopError, match="run the notebook that makes it"):
        results.load("timing")


def test_a_histogram_stands_in_for_more_than_5000_samples_of_an_arm():
    rng = np.random.default_rng(0)
    seconds = rng.lognormal(-7, 0.5, 6_000)
    crowd = samples(
        6_000, arm="sklearn", seconds=seconds, launch=rng.integers(2, size=6_000)
    )
    path = results.save("serving", pd.concat([samples(), crowd]), 0)
    assert len(json.loads(path.read_text("utf-8"))["samples"]) == 3
    found = results.load("serving").samples
    assert found["arm"].value_counts().to_dict() == {"sklearn": 6_000, "onnx-rust": 3}
    mine = found[found["arm"] == "sklearn"]
    pd.testing.assert_series_equal(
        mine["launch"].value_counts(), crowd["launch"].value_counts()
    )
    for share in (0.01, 0.5, 0.99):
        wanted = np.quantile(seconds, share)
        assert mine["seconds"].quantile(share) == pytest.approx(wanted, rel=0.01)
    assert path.stat().st_size < 60_000


def test_tables_may_come_without_samples():
    results.save("cost", None, 0, {"bill": pd.DataFrame({"usd": [8.069]})})
    found = results.load("cost")
    assert found.samples.empty and "threads" not in found.caption
    assert found.tables["bill"]["usd"].tolist() == [8.069]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (samples().drop(columns="rows"), r"lack \['rows'\]"),
        (samples(seconds=[0.1, float("nan"), 0.1]), "missing, 0 or less"),
        (samples(seconds=[0.1, 0.0, 0.1]), "missing, 0 or less"),
    ],
)
def test_samples_that_cannot_be_are_refused(wrong, says):
    with pytest.raises(WorkshopError, match=says):
        results.save("timing", wrong, 0)


def test_an_infinite_number_in_a_table_is_refused_and_no_file_is_left():
    with pytest.raises(WorkshopError, match="infinite number"):
        results.save("cost", None, 0, {"t": pd.DataFrame({"usd": [np.inf]})})
    assert not any(results.BUILD.glob("*"))


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 99}', '{"schema": 1}'])
def test_a_broken_file_is_named(text):
    results.BUILD.mkdir()
    (results.BUILD / "timing.json").write_text(text, encoding="utf-8")
    with pytest.raises(WorkshopError, match=r"build/timing\.json is not a measurement"):
        results.load("timing")


def test_another_schema_is_refused():
    path = results.save("timing", samples(), 7)
    text = path.read_text("utf-8").replace('"schema": 1', '"schema": 2')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WorkshopError, match="schema 2, not 1"):
        results.load("timing")


def test_the_machine_says_what_disturbed_it_since_the_process_began(monkeypatch):
    before = {"steal_s": 100.0, "throttled": 7}
    monkeypatch.setattr(machine, "STARTED", before)
    now = {"steal_s": 101.256, "throttled": 9}
    monkeypatch.setattr(machine, "_disturbance", lambda: now)
    said = machine.describe()
    assert (said["steal_s"], said["throttled"]) == (1.26, 2)
    monkeypatch.undo()
    assert all(said >= 0 for said in machine._disturbance().values())


def test_the_machine_counts_the_cpus_of_this_process_not_the_hosts(monkeypatch):
    monkeypatch.setattr(
        machine.allowed_cores.__globals__["os"],
        "sched_getaffinity",
        lambda pid: {3},
        raising=False,
    )
    assert machine.describe()["cpus_allowed"] == 1


def test_versions_name_the_library_that_rust_loads():
    library = rust_ext.onnxruntime_library()
    said = machine.versions()["onnxruntime library"]
    assert said.split(" sha256:")[0] == library.name
    assert len(said.split(" sha256:")[1]) == 64


def test_a_package_that_is_missing_is_said_to_be(monkeypatch):
    monkeypatch.setattr(machine, "PACKAGES", ("no-such-package",))
    assert machine.versions()["no-such-package"] == "not installed"
