"""Servers loaded in turns, and started afresh for each launch."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from workshop.load import load
from workshop.progress import turns
from workshop.serving import Served, serve, two_cores

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
    WorkshopError where an answer is not 200.
    """
    rng = np.random.default_rng(seed)
    server_core, load_core = two_cores()
    samples = []
    for launch in turns(launches, "launch of every server"):
        with ExitStack() as running:
            servers = start(models, running, server_core)
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
    for server in servers.values():
        for thread in psutil.Process(server.pid).threads() if cores else []:
            os.sched_setaffinity(thread.id, cores)
    return servers
