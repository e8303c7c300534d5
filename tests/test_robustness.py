"""What fare-server stands: too much, idle and slow clients, broken files, a kill.

At full size, for minutes and on a machine of its own:
python -m pytest -m heavy -s tests/test_robustness.py
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from socket import create_connection, create_server
from threading import Event, Thread, Timer
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import psutil
import pytest
import requests

from workshop import models
from workshop.errors import WorkshopError
from workshop.load import load, open_loop, summary
from workshop.paths import RUST
from workshop.serving import (
    ask,
    bodies,
    command,
    serve,
    stop,
    two_cores,
    wait_for_url,
)

# A millisecond a row, which no other request should wait for.
SLOW = RUST / "server/tests/models/slow.onnx"
TWENTY_ROWS = b'{"columns": {"x": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}}'


def heavy(*values):
    return pytest.param(*values, marks=pytest.mark.heavy)


def twenty_rows(_):
    return SLOW, [TWENTY_ROWS]


def large_model_long_bodies(rides):
    """20 ms or so for a thousand rows, in bodies of 130 kB."""
    return models.ensure("fare_large").onnx, bodies(rides, 1000, 20, seed=0)


@pytest.mark.parametrize("kind", [twenty_rows, large_model_long_bodies])
def test_what_is_too_much_is_refused_at_once(kind, rides):
    model, made = kind(rides)
    with serve("onnx-axum", model, "--max-inflight", "4") as url:
        usual = load(url, made, connections=1, seconds=1)
        done = open_loop(url, made, rate_per_s=3 * usual.rate_per_s, seconds=2)
    latency_s = done.groupby(done["outcome"].astype(str))["latency_s"]
    assert set(latency_s.groups) == {"200", "429"}
    # A request that is taken waits for three others at most, then for itself.
    assert latency_s.quantile(0.99)["200"] < 3 * 4 * usual.quantile_s(0.99)
    assert latency_s.quantile(0.9)["429"] < 0.05
    told = summary(done, 2)
    assert told["answered_per_s"] > usual.rate_per_s / 3
    assert told["refused"] > told["answers"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has such threads")
def test_a_long_request_has_a_thread_that_yields_to_short_ones(rides):
    model, (body,) = twenty_rows(rides)
    with serve("onnx-axum", model) as url:

        def of_threads():
            ids = [thread.id for thread in psutil.Process(url.pid).threads()]
            return {os.getpriority(os.PRIO_PROCESS, each) for each in ids}

        usual = os.getpriority(os.PRIO_PROCESS, 0)
        assert of_threads() == {usual}
        kind = {"Content-Type": "application/json"}
        assert requests.post(f"{url}/predict", body, headers=kind).status_code == 200
        assert of_threads() == {usual, 19}


@contextmanager
def clients(url, idle, slow):
    """Connections that send nothing, or a byte of a head or body now and then."""
    head = b"POST /predict HTTP/1.1\r\nContent-Type: application/json\r\n"
    whole = head + b"Content-Length: 1000\r\n\r\n" + b" " * 1000
    address = (urlsplit(url).hostname, urlsplit(url).port)
    with ExitStack() as open_ones:

        def connect():
            return open_ones.enter_context(create_connection(address))

        silent = [connect() for _ in range(idle)]
        sending = [connect() for _ in range(slow)]
        for number, each in enumerate(sending):
            each.sendall(whole[: 10 if number % 2 else len(whole) - 1000])
        done = Event()

        def trickle():
            while not done.wait(0.1):
                for each in sending:
                    each.sendall(b"x")

        trickling = Thread(target=trickle)
        trickling.start()
        try:
            yield silent + sending
        finally:
            done.set()
            trickling.join()


@pytest.mark.parametrize(("idle", "slow"), [(100, 20), heavy(1000, 200)])
def test_idle_and_slow_clients_delay_nobody(idle, slow, rides):
    with (
        serve("onnx-axum", models.ensure("fare").onnx) as url,
        clients(url, idle, slow) as connected,
    ):
        assert len(connected) == idle + slow
        times_s = []
        for row in range(50):
            start = time.perf_counter()
            ask(url, rides[row : row + 1])  # on a connection of its own
            times_s.append(time.perf_counter() - start)
        print(f"\n{idle} idle, {slow} slow: {np.quantile(times_s, [0, 0.5, 0.9, 1])} s")
        assert np.quantile(times_s, 0.9) < 0.1


@pytest.mark.parametrize(
    "content",
    [
        lambda model: b"",
        lambda model: model[:-10],
        lambda model: model[: len(model) // 2],
        lambda model: b"<!DOCTYPE html><title>404 Not Found</title>",
        lambda model: b"version https://git-lfs.github.com/spec/v1\nsize 1234\n",
    ],
)
def test_a_broken_model_is_named_and_not_served(content, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(content(models.ensure("fare_small").onnx.read_bytes()))
    with (
        pytest.raises(WorkshopError, match=r"did not start: .*broken\.onnx"),
        serve("onnx-axum", broken),
    ):
        pass


@contextmanager
def started(model, port):
    line, environment = command("onnx-axum")
    line += ["--model", model, "--host", "127.0.0.1", "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        process = subprocess.Popen(line, env=environment, **pipes)
        try:
            yield process, wait_for_url(process, "onnx-axum", log)
        finally:
            stop(process)


def test_a_server_killed_under_load_is_back_with_its_next_start(rides):
    model, made = models.ensure("fare").onnx, bodies(rides, 1, 100, seed=0)
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ExitStack() as second, started(model, port) as (first, url):

        def kill_and_start():
            first.kill()
            first.wait()
            second.enter_context(started(model, port))

        Timer(1, kill_and_start).start()
        done = open_loop(url, made, rate_per_s=200, seconds=3, arrivals="constant")
    answered = done["outcome"] == "200"
    assert done.loc[done["scheduled_s"] < 0.5, "outcome"].eq("200").all()
    assert done.loc[done["scheduled_s"] > 2, "outcome"].eq("200").all()
    failed = done[~answered]
    assert set(failed["outcome"]) <= {"connect", "closed", "read", "write"}
    assert len(failed) > 0
    print(f"\nfailed for {np.ptp(failed['scheduled_s']):.3f} s")


@pytest.mark.parametrize("seconds", [2, heavy(1800)])
def test_memory_is_flat_at_70_percent(seconds, rides):
    made = bodies(rides, 1, 1000, seed=0)
    cores, load_cores = two_cores()
    part_s = min(10, seconds / 4)
    lines = []
    with serve("onnx-axum", models.ensure("fare").onnx, cores=cores) as url:
        most = load(url, made, connections=16, seconds=1, cores=load_cores).rate_per_s
        for seed in range(round(seconds / part_s)):
            schedule = {"rate_per_s": 0.7 * most, "seconds": part_s, "seed": seed}
            done = open_loop(url, made, **schedule, cores=load_cores)
            lines.append(summary(done, part_s) | {"rss_mb": url.rss_bytes() / 1e6})
            print(lines[-1], file=sys.stderr)
    told = pd.DataFrame(lines)
    assert told[["refused", "timeouts", "other_failures"]].to_numpy().sum() == 0
    assert told["rss_mb"].iloc[-1] < told["rss_mb"][: len(told) // 4 + 1].max() + 2
