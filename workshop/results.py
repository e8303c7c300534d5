"""Measurements on disk: one schema, made here or recorded, and which of the two."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from workshop import machine
from workshop.errors import WorkshopError
from workshop.files import write_whole
from workshop.paths import BUILD, REFERENCE

SCHEMA = 1
KEYS = ["arm", "what", "rows", "threads", "launch", "round"]
COLUMNS = [*KEYS, "seconds"]
MOST_SAMPLES = 5_000  # an arm; beyond, a histogram stands in
HERE = "measured here"
BUCKET = 1.01  # a bucket's upper end over its lower


@dataclass(frozen=True)
class Result:
    """What one step measured: samples in seconds, and tables of its own."""

    name: str
    source: str
    samples: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    machine: dict
    versions: dict[str, str]
    measured_at: str
    seed: int

    @property
    def caption(self) -> str:
        """One line for under a figure: machine, threads, date."""
        threads = "/".join(str(each) for each in sorted(set(self.samples["threads"])))
        said = f", threads {threads}" if threads else ""
        here = f", {self.measured_at[:10]}" if self.source == HERE else ""
        cpus = f"{self.machine['cpus_allowed']} CPUs ({self.machine['cpu']})"
        return f"{cpus}{said}, {self.source}{here}"


def save(
    name: str,
    samples: pd.DataFrame | None,
    seed: int,
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> Path:
    """Write build/NAME.json in one step and return its path.

    samples: columns arm, what, rows, threads, launch, round, seconds. An arm with
    more than 5,000 of one kind is written as a histogram with buckets of 1%.
    """
    samples = _checked(pd.DataFrame(columns=COLUMNS) if samples is None else samples)
    few, histograms = _split(samples)
    content = {
        "schema": SCHEMA,
        "machine": machine.describe(),
        "versions": machine.versions(),
        "measured_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "seed": seed,
        "samples": few.to_dict("records"),
        "histograms": histograms,
        "tables": {key: _records(table) for key, table in (tables or {}).items()},
    }
    return write_whole(BUILD / f"{name}.json", _json(content).encode())


def load(name: str) -> Result:
    """Return what was measured here, else what was recorded; `source` says which."""
    here = BUILD / f"{name}.json"
    return _read(here, name) if here.exists() else recorded(name)


def recorded(name: str) -> Result:
    """Return what was recorded in data/reference/, whatever was measured here."""
    path = REFERENCE / f"{name}.json"
    if not path.exists():
        raise WorkshopError(
            f"There is no measurement {name!r}, neither in build/ nor in "
            "data/reference/: run the notebook that makes it first."
        )
    return _read(path, name)


def _read(path: Path, name: str) -> Result:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}, not {SCHEMA}")
        few = pd.DataFrame(content["samples"], columns=COLUMNS)
        many = [_samples(histogram) for histogram in content["histograms"]]
        samples = pd.concat([few, *many], ignore_index=True) if many else few
        date = content["measured_at"][:10]
        return Result(
            name=name,
            source=HERE if path.parent == BUILD else f"recorded on {date}",
            samples=samples,
            tables={k: pd.DataFrame(rows) for k, rows in content["tables"].items()},
            machine=content["machine"],
            versions=content["versions"],
            measured_at=content["measured_at"],
            seed=content["seed"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise WorkshopError(
            f"{path.parent.name}/{path.name} is not a measurement of this workshop "
            f"({error}): delete it and run the notebook that makes it."
        ) from error


def _checked(samples: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in COLUMNS if column not in samples]
    if missing:
        raise WorkshopError(f"The samples lack {missing}: give them {COLUMNS}.")
    seconds = samples["seconds"].astype(float)
    if not (seconds > 0).all():
        raise WorkshopError(
            "The samples hold times that are missing, 0 or less: measure them again."
        )
    return samples[COLUMNS]


def _split(samples: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """Return the samples to write as they are, and histograms of the many."""
    crowd = samples.groupby(["arm", "what", "rows", "threads"])["seconds"]
    many = crowd.transform("size") > MOST_SAMPLES
    histograms = [
        group[KEYS].iloc[:1].to_dict("records")[0] | {"buckets": _buckets(group)}
        for _, group in samples[many].groupby(KEYS)
    ]
    return samples[~many], histograms


def _buckets(samples: pd.DataFrame) -> list[list]:
    """Return [seconds at the bucket's middle, count] for each bucket in use."""
    numbers = np.floor(np.log(samples["seconds"]) / math.log(BUCKET))
    counts = numbers.value_counts().sort_index()
    return [[BUCKET ** (number + 0.5), int(n)] for number, n in counts.items()]


def _samples(histogram: dict) -> pd.DataFrame:
    """Return a histogram's samples, each at the middle of its bucket."""
    seconds = [middle for middle, count in histogram["buckets"] for _ in range(count)]
    keys = {key: histogram[key] for key in KEYS}
    return pd.DataFrame({**keys, "seconds": seconds})


def _records(table: pd.DataFrame) -> list[dict]:
    """Return the rows with None where a value is missing."""
    table = pd.DataFrame(table)
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _json(content: dict) -> str:
    """Return JSON that has one sample a line."""
    samples = content["samples"]
    lines = ",\n".join(json.dumps(sample) for sample in samples)
    try:
        text = json.dumps(content | {"samples": []}, indent=1, allow_nan=False)
    except ValueError as error:
        raise WorkshopError(
            f"A table holds an infinite number ({error}): leave it empty instead."
        ) from error
    return text.replace('"samples": []', f'"samples": [\n{lines}\n]', 1) + "\n"
