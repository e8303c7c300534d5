"""What each server takes: by clients, by rate, from its start, and in memory."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from workshop import models, peers, results, served, stats
from workshop.arms import FLOOR_ARMS, SERVED_ARMS, label
from workshop.load import load, open_loop, summary
from workshop.progress import turns
from workshop.quantities import digits, duration
from workshop.results import Result
from workshop.rides import FEATURES, clean, read_rides
from workshop.served import AGAIN, LATENCY, TURN
from workshop.serving import bodies, serve, two_cores

CLIENTS = (1, 4, 16, 64, 256)  # each waits for its answer: a closed loop
FULL = 16  # clients that keep any of the servers busy
SHARES = (0.4, 0.7, 0.9, 1.1)  # of the answers a second that so many get
BOUND_S = 0.05  # within which 99 in 100 answers are to come, as in notebook 07
LATE_S = 0.001  # beyond, it was the load that was late, and the rate was not tried
ENOUGH, LEAST_S = 400, 0.5  # answers, for p99 to have an upper end; and seconds
READY = "launch to ready, {}"
LARGE = "fare_large"
ONNX, AXUM = ("sklearn-fastapi", "onnx-fastapi"), ("onnx-fastapi", "onnx-axum")
LAST = {"FastAPI to axum": AXUM}
STEPS = {"scikit-learn to ONNX": ONNX, **LAST}
WHOLE, QUICK = (CLIENTS, 5, 3), ((1, FULL), 2, 1)  # clients, launches, and a few
BODIES = 2000
TWICE = "onnx-fastapi"
P99 = ["p99_s", "p99_low_s", "p99_high_s", "answers"]
FAILURES = ["refused", "timeouts", "other_failures"]

Arms = Mapping[str, Path]


def bench(*, quick: bool, seed: int) -> dict[str, pd.DataFrame]:
    """Return what to print, by heading, having written build/capacity.json."""
    clients, launches, few = QUICK if quick else WHOLE
    arms, sent = arms_of("fare"), bodies(clean(read_rides())[FEATURES], 1, BODIES, seed)
    closed = pd.concat(
        [
            served.measure(each, sent, clients=clients, launches=launches, seed=seed)
            for each in together({**arms, TWICE + AGAIN: arms[TWICE]})
        ]
    )
    sizes = {"fare": arms} if quick else {"fare": arms, LARGE: arms_of(LARGE)}
    started = pd.concat(
        [
            starts(each, sent, launches=few, seed=seed).assign(model=model)
            for model, each in sizes.items()
        ]
    )
    rates = rates_to_try(closed)
    by_rate = pd.concat(
        [
            open_loops(each, sent, rates, launches=few, seed=seed)
            for each in together(arms)
        ],
        ignore_index=True,
    )
    # Not scikit-learn: sixteen clients of the larger model wait longer than a turn.
    large = {arm: arms_of(LARGE)[arm] for arm in (*AXUM, *FLOOR_ARMS)}
    large[TWICE + AGAIN] = large[TWICE]
    larger = served.measure(large, sent, launches=launches, seed=seed)
    ready = pd.DataFrame(
        {
            "arm": started["arm"],
            "what": started["model"].map(READY.format),
            "launch": started["launch"],
            "seconds": started["ready_s"],
        }
    ).assign(rows=1, threads=1, round=0)
    samples = pd.concat([closed, ready], ignore_index=True)
    tables = {"by rate": by_rate, "starts": started, "larger model": larger}
    results.save("capacity", samples, seed, tables)
    found = results.load("capacity")
    return {
        "answers a second, by clients": by_clients(found),
        "what each step gains": served.ladder(closed, STEPS).reset_index(),
        "with the larger model": served.ladder(larger, LAST).reset_index(),
        "by rate, of all that was due": by_rate,
        f"held with p99 under {duration(BOUND_S)}": in_words(held(found)).reset_index(),
        "start and memory": start_and_memory(found).reset_index(),
    }


def arms_of(model: str) -> dict[str, Path]:
    """Return each served arm with its file of a model."""
    files = models.ensure(model)
    return {
        arm: files.served_by(arm)
        for arm in (*SERVED_ARMS, *FLOOR_ARMS, *peers.installed())
    }


def together(arms: Arms) -> list[Arms]:
    """Return the arms that run side by side: a peer alone, for it may not rest idle."""
    own = {arm: file for arm, file in arms.items() if arm not in peers.ARMS}
    return [own, *({arm: file} for arm, file in arms.items() if arm in peers.ARMS)]


def starts(
    arms: Arms, sent: Sequence[bytes], *, launches: int, seed: int
) -> pd.DataFrame:
    """Return columns arm, launch, ready_s and rss_bytes: a row a start.

    Each server starts alone. Its memory, its children's too, is read after a load by
    16 clients.
    """
    rng, (server_core, load_core) = np.random.default_rng(seed), two_cores()
    found = []
    for launch in turns(launches, "start of each server alone"):
        for arm in map(str, rng.permutation(list(arms))):
            with serve(arm, arms[arm], cores=server_core) as server:
                load(server, sent, connections=FULL, seconds=0.2, cores=load_core)
                found.append((arm, launch, server.ready_s, server.rss_bytes()))
    return pd.DataFrame(found, columns=["arm", "launch", "ready_s", "rss_bytes"])


def rates_to_try(closed: pd.DataFrame) -> dict[str, list[float]]:
    """Return requests a second for each arm, by what it answered to 16 clients."""
    full = closed[closed["what"] == TURN.format(FULL)]
    answered = 1 / full.groupby("arm")["seconds"].median()
    return {
        str(arm): [float(f"{share * per_s:.2g}") for share in SHARES]
        for arm, per_s in answered.items()
        if not str(arm).endswith(AGAIN)
    }


def open_loops(
    arms: Arms,
    sent: Sequence[bytes],
    rates: Mapping[str, Sequence[float]],
    *,
    launches: int,
    seed: int,
) -> pd.DataFrame:
    """Return what came of each rate, a row a launch: see `load.summary`.

    Each launch starts every server afresh. Requests come by a Poisson process of the
    launch's own, for so long that p99 has an interval.
    """
    rng, (server_core, load_core) = np.random.default_rng(seed), two_cores()
    found = []
    for launch in turns(launches, "launch of every server, by rates"):
        with ExitStack() as running:
            servers = served.start(arms, running, server_core)
            for arm in map(str, rng.permutation(list(arms))):
                for rate in rates[arm]:
                    seconds = max(LEAST_S, ENOUGH / rate)
                    came = open_loop(
                        servers[arm],
                        sent,
                        rate_per_s=rate,
                        seconds=seconds,
                        cores=load_core,
                        seed=seed + launch,
                    )
                    kind = {"arm": arm, "launch": launch, "rate_per_s": rate}
                    found.append(kind | summary(came, seconds))
    return pd.DataFrame(found)


def by_clients(result: Result) -> pd.DataFrame:
    """Return columns arm, clients, per_s (answers a second), and its ends low, high."""
    found = []
    for count in CLIENTS:
        samples = _of(result, TURN.format(count))
        for arm in (name for name in samples["arm"].unique() if AGAIN not in name):
            turn = stats.median_interval(samples, arm)
            per_s = 1 / turn.seconds, 1 / turn.high, 1 / turn.low
            found.append((arm, count, *per_s))
    return pd.DataFrame(found, columns=["arm", "clients", "per_s", "low", "high"])


def held(result: Result, bound_s: float = BOUND_S) -> pd.DataFrame:
    """Return the highest rate up to which an arm held its p99 under a bound.

    A row an arm, with that rate's p99 in the worst of the launches, its rank interval
    and its answers; NaN for an arm that held none of its rates. A rate is held if in
    each launch all answers came, the interval of their p99 ends below the bound, and
    the load itself was on time.
    """
    tries = result.tables["by rate"]
    fine = tries["p99_high_s"].lt(bound_s) & tries["lateness_p99_s"].lt(LATE_S)
    fine &= tries[FAILURES].sum(axis=1).eq(0)
    told, found = ["rate_per_s", *P99], {}
    for arm, mine in tries.assign(fine=fine).groupby("arm", sort=False):
        up_to = mine.groupby("rate_per_s")["fine"].all().cummin()
        best = mine[mine["rate_per_s"] == up_to[up_to].index.max()]
        worst = best.nlargest(1, "p99_s").reindex(columns=told)
        found[arm] = worst.iloc[0] if len(worst) else pd.Series(np.nan, told)
    return pd.DataFrame(found).T.rename_axis("arm")


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return rates with their p99 to read: a row an arm of `held` or of summaries."""
    rates = table.get("rate_per_s", table.get("scheduled_per_s"))
    found = {}
    for arm, row in table[P99].astype(float).iterrows():
        told = ["none that was tried", "", ""]
        if row.notna().any():
            p99 = "{} ({} to {})".format(*map(duration, row[P99[:3]]))
            told = [digits(rates[arm]), p99, f"{row['answers']:,.0f}"]
        found[label(str(arm))] = told
    columns = ["requests a second", "99 in 100 within", "answers"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


def start_and_memory(result: Result) -> pd.DataFrame:
    """Return a row an arm and model: its cold start, its memory, and what pays it.

    What pays it: after so many requests of one client, the answers have taken as long
    as the start.
    """
    started, found = result.tables["starts"], []
    for (arm, model), mine in started.groupby(["arm", "model"], sort=False):
        ready = _of(result, READY.format(model))
        start = stats.median_interval(ready, arm)
        times = map(duration, start)
        row = {
            "arm": label(arm),
            "model": model,
            "launch to ready": "{} ({} to {})".format(*times),
            "memory, MiB": digits(mine["rss_bytes"].median() / 2**20),
        }
        if model == "fare":
            row["paid for after requests"] = str(paid_after(result, arm))
        found.append(row)
    return pd.DataFrame(found).fillna("").set_index(["arm", "model"])


def paid_after(result: Result, arm: str) -> stats.Interval:
    """Return how many requests of one client take as long as the start of an arm."""
    parts = {"its start": READY.format("fare"), "a request": LATENCY.format(1)}
    found = []
    for name, what in parts.items():
        samples = _of(result, what)
        mine = samples[samples["arm"] == arm]
        found.append(mine.assign(arm=name, what="seconds"))
    return stats.ratio_interval(pd.concat(found), *parts)


def _of(result: Result, what: str) -> pd.DataFrame:
    return result.samples[result.samples["what"] == what]
