"""What a start costs: how long until a server is ready, and what memory it holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from workshop import stats
from workshop.arms import FLOOR_ARMS, label
from workshop.load import load
from workshop.progress import turns
from workshop.quantities import digits, duration
from workshop.results import Result
from workshop.served import AGAIN, LATENCY
from workshop.serving import serve, two_cores

READY = "launch to ready, {}"
TWICE = "onnx-axum"
CONNECTIONS, SECONDS = 16, 0.2  # of load before memory is read
MEASURED = {"ready_s": "launch to ready, noise", "rss_bytes": "memory, noise"}


def measure(
    arms: Mapping[str, Path], sent: Sequence[bytes], *, launches: int, seed: int
) -> pd.DataFrame:
    """Return columns arm, launch, ready_s and rss_bytes: a row a start.

    Each server starts alone. Its memory, its children's too, is read after a load by
    16 clients. One arm stands in twice, for the noise floor; the arms with no model
    are left out, since they load one that they do not run. Raises WorkshopError where
    an answer is not 200.
    """
    alone = {arm: file for arm, file in arms.items() if arm not in FLOOR_ARMS}
    alone[TWICE + AGAIN] = alone[TWICE]
    rng, (server_core, load_core) = np.random.default_rng(seed), two_cores()
    kind, found = {"connections": CONNECTIONS, "seconds": SECONDS}, []
    for launch in turns(launches, "start of each server alone"):
        for arm in map(str, rng.permutation(list(alone))):
            with serve(arm.removesuffix(AGAIN), alone[arm], cores=server_core) as url:
                load(url, sent, cores=load_core, **kind)
                found.append((arm, launch, url.ready_s, url.rss_bytes()))
    return pd.DataFrame(found, columns=["arm", "launch", "ready_s", "rss_bytes"])


def samples(started: pd.DataFrame) -> pd.DataFrame:
    """Return the seconds from launch to ready as samples, one a row of `measure`.

    started: its rows, with a column model besides.
    """
    return pd.DataFrame(
        {
            "arm": started["arm"],
            "what": started["model"].map(READY.format),
            "launch": started["launch"],
            "seconds": started["ready_s"],
        }
    ).assign(rows=1, threads=1, round=0)


def table(result: Result) -> pd.DataFrame:
    """Return a row an arm and model: its cold start, its memory, and what pays it.

    What pays it: after so many requests of one client, the answers have taken as long
    as the start. Noise: what a ratio of two starts, or of two memories, of one and the
    same arm does not exceed; no column where no arm stood in twice. Arms with no model
    have no row.
    """
    started, found = result.tables["starts"], []
    mine = started[~started["arm"].isin(FLOOR_ARMS)]
    mine = mine[~mine["arm"].str.endswith(AGAIN)]
    for (arm, model), its in mine.groupby(["arm", "model"], sort=False):
        start = stats.median_interval(_of(result, READY.format(model)), arm)
        row = {
            "arm": label(arm),
            "model": model,
            "launch to ready": "{} ({} to {})".format(*map(duration, start)),
            "memory, MiB": digits(its["rss_bytes"].median() / 2**20),
        }
        if model == "fare":
            row["paid for after requests"] = str(paid_after(result, arm))
        found.append(row | _noise(started[started["model"] == model]))
    return pd.DataFrame(found).fillna("").set_index(["arm", "model"])


def paid_after(result: Result, arm: str) -> stats.Interval:
    """Return how many requests of one client take as long as the start of an arm."""
    parts = {"its start": READY.format("fare"), "a request": LATENCY.format(1)}
    found = []
    for name, what in parts.items():
        these = _of(result, what)
        mine = these[these["arm"] == arm]
        found.append(mine.assign(arm=name, what="seconds"))
    return stats.ratio_interval(pd.concat(found), *parts)


def _noise(started: pd.DataFrame) -> dict[str, str]:
    """Return the noise floor of each thing measured, empty where no arm is twice."""
    if TWICE + AGAIN not in set(started["arm"]):
        return {}
    found = {}
    for column, name in MEASURED.items():
        kind = {"seconds": started[column], "what": column, "rows": 1, "threads": 1}
        floor = stats.noise_floor(started.assign(**kind), TWICE, TWICE + AGAIN)
        found[name] = digits(floor)
    return found


def _of(result: Result, what: str) -> pd.DataFrame:
    return result.samples[result.samples["what"] == what]
