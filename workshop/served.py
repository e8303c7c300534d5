"""Servers loaded in turns, and started afresh for each launch."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from workshop import stats
from workshop.load import load
from workshop.progress import turns
from workshop.quantities import digits
from workshop.serving import Served, serve, two_cores
from workshop.timing import need_release_build

CLIENTS = (1, 16)  # each asks again once it is answered: a closed loop
SECONDS = 0.2  # of load, by each number of clients
AGAIN = " again"
LATENCY = "median latency, {} clients"  # what a client waits
TURN = "time an answer, {} clients"  # one over the rate: what an answer costs


def measure(
    models: Mapping[str, Path],
    bodies: Sequence[bytes],
    *,
    clients: Sequence[int] = CLIENTS,
    launches: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """Return two samples a launch, arm and number of clients, in seconds.

    models: the arms to load, each with its model file; "ARM again" is the same arm
    once more, for the noise floor. Each launch starts every server afresh and loads
    them in an order of its own, by so many clients that go through all the bodies.
    Where there are two cores, servers have one and the load the other. Raises
    WorkshopError where an answer is not 200, or rust_ext is a debug build.
    """
    rng = np.random.default_rng(seed)
    server_core, load_core = two_cores()
    samples = []
    for launch in turns(launches, "launch of every server"):
        with ExitStack() as running:
            servers = start(models, running, server_core)
            need_release_build()
            for count in clients:
                for arm in map(str, rng.permutation(list(models))):
                    done = load(
                        servers[arm],
                        bodies,
                        connections=count,
                        seconds=SECONDS,
                        cores=load_core,
                    )
                    times = {LATENCY: done.quantile_s(0.5), TURN: 1 / done.rate_per_s}
                    samples += [
                        (arm, what.format(count), launch, s)
                        for what, s in times.items()
                    ]
    columns = ["arm", "what", "launch", "seconds"]
    return pd.DataFrame(samples, columns=columns).assign(rows=1, threads=1, round=0)


def ladder(samples: pd.DataFrame, steps: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Return what each step gains, beside the same change of framework with no model.

    samples: of measure(), which hold the no-op arms and one arm twice. steps: the
    slower arm and the faster one, by name. Columns for 1 client and for 16: a ratio
    with its 95% interval, that of the no-op arms (nothing within one framework), and
    the noise floor.
    """
    found = {}
    for name, pair in steps.items():
        floors = [f"noop-{arm.rpartition('-')[2]}" for arm in pair]
        found[name] = {}
        for count, what in zip(CLIENTS, (LATENCY, TURN), strict=True):
            these = samples[samples["what"] == what.format(count)]
            again = next(arm for arm in these["arm"] if arm.endswith(AGAIN))
            noise = stats.noise_floor(these, again.removesuffix(AGAIN), again)
            alike = floors[0] == floors[1]
            none = "" if alike else str(stats.ratio_interval(these, *floors))
            clients = f"{count} client{'s' if count > 1 else ''}"
            found[name] |= {
                clients: str(stats.ratio_interval(these, *pair)),
                f"{clients}, no model": none,
                f"{clients}, noise": digits(noise),
            }
    return pd.DataFrame(found).T


def start(
    models: Mapping[str, Path], running: ExitStack, cores: set[int] | None
) -> dict[str, Served]:
    """Start all arms at once, then keep each to its cores; they end with `running`."""
    with ThreadPoolExecutor(len(models)) as pool:
        starts = pool.map(
            lambda arm: running.enter_context(
                serve(arm.removesuffix(AGAIN), models[arm])
            ),
            models,
        )
        servers = dict(zip(models, starts, strict=True))
    for server in servers.values() if cores else []:
        process = psutil.Process(server.pid)
        for each in (process, *process.children(recursive=True)):
            for thread in each.threads():
                os.sched_setaffinity(thread.id, cores)
    return servers
