"""Starts a server for as long as a ``with`` block, and asks it for predictions."""

import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pandas as pd
import psutil
import requests

from workshop import peers
from workshop.arms import FLOOR_ARMS, SERVED_ARMS
from workshop.errors import WorkshopError
from workshop.plain import plain
from workshop.servers import rust

START_S = 60  # scikit-learn's imports take ten on a slow laptop
STOP_S = 10
ANSWER_S = 60


class Served(str):
    """The URL of a server that runs, with what is known of its process."""

    pid: int
    ready_s: float  # from the start of the process to its being ready

    def rss_bytes(self) -> int:
        """Return the memory that the server and its children hold now."""
        server = psutil.Process(self.pid)
        family = [server, *server.children(recursive=True)]
        return sum(process.memory_info().rss for process in family)


@contextmanager
def serve(
    arm: str, model: Path, *options: str, cores: Collection[int] | None = None
) -> Iterator[Served]:
    """Yield the URL of an arm that is ready; the server stops with the block.

    `options` go to the server as they are; `cores` pins it where the system can
    (Linux). Raises WorkshopError with the server's own words where it fails.
    """
    line, environment = command(arm)
    line += ["--model", str(model), "--host", "127.0.0.1", "--port", "0"]
    line += ["--exit-on-stdin-close", *options]
    with tempfile.TemporaryFile() as log:
        start = time.perf_counter()
        process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
        )
        try:
            pin(process.pid, cores)
            url = Served(wait_for_url(process, arm, log))
            wait_until_ready(url, arm)
            url.ready_s = time.perf_counter() - start
            url.pid = process.pid
            yield url
        finally:
            stop(process)


@contextmanager
def frozen(server: Served, *, after_s: float, for_s: float) -> Iterator[None]:
    """Stop a server's process for a while, from so many seconds into the block on.

    The block ends when the server goes on, if it has not taken longer.
    """

    def freeze() -> None:
        process = psutil.Process(server.pid)
        time.sleep(after_s)
        process.suspend()
        time.sleep(for_s)
        process.resume()

    freezer = threading.Thread(target=freeze)
    freezer.start()
    try:
        yield
    finally:
        freezer.join()


def command(arm: str) -> tuple[list[str], dict[str, str]]:
    """Return how an arm is started, and its environment: axum's without a Python."""
    if arm in rust.AXUM_ARMS:
        return rust.command(arm), rust.environment()
    if arm in SERVED_ARMS + FLOOR_ARMS:
        return [sys.executable, "-m", "workshop", "serve", arm], dict(os.environ)
    if arm in peers.ARMS:
        return peers.command(arm), dict(os.environ)
    known = ", ".join((*SERVED_ARMS, *FLOOR_ARMS, *peers.ARMS))
    raise WorkshopError(f"There is no served arm {arm!r}. Choose one of: {known}.")


def pin(pid: int, cores: Collection[int] | None) -> None:
    """Keep a process to these cores where the system can; None leaves it free."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        return
    try:
        os.sched_setaffinity(pid, cores)
    except OSError as error:
        raise WorkshopError(
            f"The cores {sorted(cores)} cannot be had: {error}. This process may use "
            f"{sorted(os.sched_getaffinity(0))}."
        ) from None


def two_cores() -> tuple[set[int] | None, set[int] | None]:
    """Return a core for a server and another for its load; Nones if none can be had."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    first, *others = sorted(os.sched_getaffinity(0))
    return ({others[0]}, {first}) if others else (None, None)


def wait_for_url(process: subprocess.Popen, arm: str, log: IO[bytes]) -> str:
    """Return the URL that a server prints; raises WorkshopError with its last words."""
    lines: queue.Queue[bytes] = queue.Queue()
    read = threading.Thread(
        target=lambda: lines.put(process.stdout.readline()), daemon=True
    )
    read.start()
    try:
        line = lines.get(timeout=START_S).decode()
    except queue.Empty:
        raise WorkshopError(
            f"{arm} did not start within {START_S} s. Close other programs, or serve "
            "a smaller model."
        ) from None
    said, _, url = line.strip().partition("listening on ")
    if said or not url:
        process.wait(STOP_S)
        log.seek(0)
        words = log.read().decode(errors="replace").strip() or "it said nothing"
        raise WorkshopError(f"{arm} did not start: {words}")
    return url


def wait_until_ready(url: str, arm: str) -> None:
    """Return once the server at a URL is ready; raises WorkshopError if it is not."""
    deadline = time.monotonic() + START_S
    with local_session() as session:
        while not _is_ready(session, f"{url}/health/ready"):
            if time.monotonic() > deadline:
                raise WorkshopError(
                    f"{arm} listens at {url}, but its model has answered no row. "
                    "Serve it with python -m workshop serve to see its log."
                )
            time.sleep(0.002)


def _is_ready(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=START_S).ok
    except requests.ConnectionError:  # a peer says its address before it listens
        return False


def local_session() -> requests.Session:
    """Return a session that goes straight to this machine, whatever proxy is set."""
    session = requests.Session()
    session.trust_env = False
    return session


def stop(process: subprocess.Popen) -> None:
    """Ask a server to stop; kill it where it does not."""
    process.terminate()
    process.stdin.close()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def bodies(frame: pd.DataFrame, rows_per_body: int, n: int, seed: int) -> list[bytes]:
    """Return n request bodies of rows drawn from the frame with replacement."""
    rows = np.random.default_rng(seed).integers(0, len(frame), (n, rows_per_body))
    return [body(frame.iloc[chosen]) for chosen in rows]


def body(frame: pd.DataFrame) -> bytes:
    """Return the request body that asks for every row of a frame; gaps are null."""
    columns = [column.to_numpy() for _, column in plain(frame).items()]
    rows = [dict(zip(frame, row, strict=True)) for row in zip(*columns, strict=True)]
    return orjson.dumps({"instances": rows}, option=orjson.OPT_SERIALIZE_NUMPY)


def ask(url: str, frame: pd.DataFrame) -> list[Any]:
    """Return a server's predictions for the rows of a frame, in their order.

    Raises WorkshopError with the server's reason where it refuses them.
    """
    json_type = {"Content-Type": "application/json"}
    try:
        with local_session() as session:
            answer = session.post(
                f"{url}/predict", body(frame), headers=json_type, timeout=ANSWER_S
            )
    except requests.ConnectionError:
        raise WorkshopError(
            f"No server answers at {url}. Ask it inside the `with serve(...)` block: "
            "it stops with the block."
        ) from None
    if answer.ok:
        return answer.json()["predictions"]
    problem = answer.json()
    where = "".join(f" at {error['pointer']}" for error in problem["errors"][:1])
    raise WorkshopError(
        f"The server answered {answer.status_code}{where}: {problem['detail']}."
    )
