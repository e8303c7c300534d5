import gzip
import hashlib
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from workshop import recipe
from workshop.errors import WorkshopError


def ride(minute, x, y, end=59):
    return {
        "tpep_pickup_datetime": f"2015-01-01 00:{minute:02}:00",
        "tpep_dropoff_datetime": f"2015-01-01 00:{end:02}:00",
        "pickup_x": x,
        "pickup_y": y,
        "dropoff_x": x,
        "dropoff_y": y,
    }


@pytest.fixture
def sample():
    """A lattice of 24 x 24 places along Manhattan's avenues, latest ride first."""
    sine, cosine = 0.48480962, 0.87461971
    places = [(u, v) for u in range(24) for v in range(24)]
    return pd.DataFrame(
        ride(59 - u, u * sine + v * cosine, u * cosine - v * sine) for u, v in places
    )


@pytest.fixture
def wheel(tmp_path, sample, monkeypatch):
    """A small wheel in place of the real one, and its checksums."""
    path = tmp_path / recipe.WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(recipe.SAMPLE, sample.to_csv())
    monkeypatch.setattr(recipe, "BUILD", tmp_path / "build")
    expect(monkeypatch, "WHEEL_SHA256", path.read_bytes())
    expect(monkeypatch, "SAMPLE_SHA256", sample.to_csv().encode())
    folder = tmp_path / "build" / "downloads"
    folder.mkdir(parents=True)
    return path.rename(folder / recipe.WHEEL)


def expect(monkeypatch, name, data):
    monkeypatch.setattr(recipe, name, hashlib.sha256(data).hexdigest())


def test_zones_follow_the_avenues(sample):
    zones = recipe.with_zones(sample)["pickup_zone"]
    assert zones.value_counts().to_dict() == dict.fromkeys(zones.unique(), 24)
    assert len(zones.unique()) == 24
    corners = zones[[0, 23, 23 * 24, 24 * 24 - 1]].tolist()
    assert corners == ["1-west", "1-east", "8-west", "8-east"]


def test_coordinates_are_gone_and_rides_are_in_order(sample):
    made = recipe.with_zones(sample)
    assert not [c for c in made if c.endswith(("_x", "_y"))]
    assert made["tpep_pickup_datetime"].is_monotonic_increasing


def test_what_was_written_passes_the_check(wheel, tmp_path):
    path = tmp_path / "rides.csv.gz"
    assert recipe.write(path) == "wrote rides.csv.gz: 576 rides"
    assert path.read_bytes()[4:8] == b"\0\0\0\0", "the time of writing is in the file"
    assert "is what the recipe makes" in recipe.check(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: gzip.compress(gzip.decompress(data).replace(b"8-", b"7-", 1)),
        lambda data: data[:-9],
        lambda data: b"not gzip",
    ],
    ids=["another table", "truncated", "not gzip"],
)
def test_the_check_refuses_another_table(wheel, tmp_path, spoil):
    path = tmp_path / "rides.csv.gz"
    recipe.write(path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(WorkshopError, match="not what the recipe makes"):
        recipe.check(path)


def test_the_check_ignores_how_it_was_compressed(wheel, tmp_path):
    path = tmp_path / "rides.csv.gz"
    recipe.write(path)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1, mtime=9))
    assert "is what the recipe makes" in recipe.check(path)


def test_a_wheel_with_another_checksum_is_not_opened(wheel, monkeypatch):
    expect(monkeypatch, "WHEEL_SHA256", b"another")
    with pytest.raises(WorkshopError, match="sha256 differs"):
        recipe.read_sample(wheel)


def test_a_table_with_another_checksum_is_not_read(wheel, monkeypatch):
    expect(monkeypatch, "SAMPLE_SHA256", b"another")
    with pytest.raises(WorkshopError, match="unknown sha256"):
        recipe.read_sample(wheel)


def test_pip_is_asked_for_the_pinned_wheel_by_its_hash(tmp_path, monkeypatch):
    asked = {}

    def refuse(command, **options):
        asked["command"] = command
        asked["wanted"] = Path(command[-1]).read_text()
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no route\n")

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(WorkshopError, match="no route"):
        recipe.download_wheel(tmp_path)
    assert {"--no-deps", "--require-hashes", ":all:"} <= set(asked["command"])
    assert asked["wanted"] == (
        f"datashader==0.19.1 --hash=sha256:{recipe.WHEEL_SHA256}\n"
    )


def test_the_shipped_rides_are_what_the_recipe_makes():
    kept = recipe.BUILD / "downloads" / recipe.WHEEL
    if not kept.exists():
        pytest.skip("needs the wheel: python -m workshop rides --check fetches it")
    assert "is what the recipe makes" in recipe.check()
