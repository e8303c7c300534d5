"""What each server takes: by clients, by rate, from its start, and in memory."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from workshop import models, peers, results, served
from workshop.arms import FLOOR_ARMS, SERVED_ARMS, label
from workshop.bench import starts
from workshop.load import open_loop, summary
from workshop.progress import turns
from workshop.quantities import digits, duration
from workshop.results import Result
from workshop.rides import FEATURES, clean, read_rides
from workshop.served import AGAIN, TURN
from workshop.serving import bodies, two_cores

CLIENTS = (1, 4, 16, 64, 256)  # each waits for its answer: a closed loop
FULL = 16  # clients that keep any of the servers busy
SHARES = (0.4, 0.7, 0.9, 1.1)  # of the answers a second that so many get
BOUND_S = 0.05  # within which 99 in 100 answers are to come, as in notebook 07
LATE_S = 0.001  # beyond, the load was late: a rate that is not held may yet be
KEPT_UP = 0.98  # of what was due, answered meanwhile: else a queue was left standing
# Requests, on average, and seconds. p99 has an upper end from 368 answers on, and of a
# Poisson process that is due 500 nearly every run has so many.
ENOUGH, LEAST_S = 500, 0.5
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
            starts.measure(each, sent, launches=few, seed=seed).assign(model=model)
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
    ready = starts.samples(started)
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
        "start and memory": starts.table(found).reset_index(),
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


def rates_to_try(closed: pd.DataFrame) -> dict[str, list[float]]:
    """Return requests a second for each arm, by what it answered to 16 clients.

    That is the median of the launches, as `by_clients` tells it.
    """
    full = _per_s(closed)["per_s"].xs(FULL, level="clients")
    return {
        str(arm): [float(f"{share * per_s:.2g}") for share in SHARES]
        for arm, per_s in full.items()
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
    """Return columns arm, clients, per_s (answers a second), and its ends low, high.

    per_s is the median of the launches, which one disturbed launch moves least, here
    as in `rates_to_try`; low and high are the lowest and the highest launch.
    """
    return _per_s(result.samples).reset_index()


def held(result: Result, bound_s: float = BOUND_S) -> pd.DataFrame:
    """Return the highest rate up to which an arm held its p99 under a bound.

    A row an arm, with that rate's p99 in the worst of the launches, its rank interval
    and its answers; NaN for an arm that held none of its rates. A rate is held if in
    each launch nothing failed, 98% of what was due had an answer before the schedule
    ended, and the interval of the answers' p99 ends below the bound; a wait counts from
    the schedule, so a load that was late makes it longer. at_least: whether nothing
    says that it holds no more: at the next rate it was only launches with a late load
    that failed, or there was no next rate.
    """
    tries = result.tables["by rate"]
    late = tries["lateness_p99_s"].astype(float).ge(LATE_S)  # NaN: none could be late
    kept_up = tries["answered_per_s"].ge(KEPT_UP * tries["scheduled_per_s"])
    fine = kept_up & tries["p99_high_s"].astype(float).lt(bound_s)
    fine &= tries[FAILURES].sum(axis=1).eq(0)
    told, found, at_least = ["rate_per_s", *P99], {}, {}
    tries = tries.assign(fine=fine, unsure=fine | late)
    for arm, mine in tries.groupby("arm", sort=False):
        by_rate = mine.groupby("rate_per_s").agg({"fine": "all", "unsure": "all"})
        up_to = by_rate["fine"].cummin()
        best = mine[mine["rate_per_s"] == up_to[up_to].index.max()]
        worst = best.nlargest(1, "p99_s").reindex(columns=told)
        found[arm] = worst.iloc[0] if len(worst) else pd.Series(np.nan, told)
        at_least[arm] = bool(by_rate["unsure"][~up_to].head(1).all())  # of none: true
    table = pd.DataFrame(found).T.rename_axis("arm")
    return table.assign(at_least=pd.Series(at_least))


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return rates with their p99 to read: a row an arm of `held` or of summaries."""
    rates = table.get("rate_per_s", table.get("scheduled_per_s"))
    at_least = table.get("at_least", pd.Series(False, table.index))
    found = {}
    for arm, row in table[P99].astype(float).iterrows():
        none = (
            "not known: the load was late" if at_least[arm] else "none that was tried"
        )
        told = [none, "", ""]
        if row.notna().any():
            rate = f"{'at least ' if at_least[arm] else ''}{digits(rates[arm])}"
            p99 = "{} ({} to {})".format(*map(duration, row[P99[:3]]))
            told = [rate, p99, f"{row['answers']:,.0f}"]
        found[label(str(arm))] = told
    columns = ["requests a second", "99 in 100 within", "answers"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


def _per_s(samples: pd.DataFrame) -> pd.DataFrame:
    """Return per_s, low and high by arm and clients: the median launch, and the ends.

    samples: a launch's seconds an answer; an arm's second run is left out.
    """
    clients = {TURN.format(count): count for count in CLIENTS}
    mine = samples[samples["what"].isin(clients) & ~samples["arm"].str.endswith(AGAIN)]
    by = [mine["arm"], mine["what"].map(clients).rename("clients")]
    return (1 / mine["seconds"]).groupby(by).agg(per_s="median", low="min", high="max")
