"""Loads a server with fare-load, in a closed or an open loop; keeps the times."""

import json
import subprocess
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pandas as pd

from workshop.errors import WorkshopError
from workshop.servers.rust import binary
from workshop.serving import pin
from workshop.stats import quantile_interval

WARM_UP_S = 0.1
GRACE_S = 30
REFUSALS = {"429", "503"}  # answered at once, without a prediction


@dataclass(frozen=True)
class LoadResult:
    """What a server answered in the measured seconds, every answer a 200."""

    url: str
    connections: int
    seconds: float
    requests: int
    rate_per_s: float
    histogram: tuple[tuple[float, int], ...]  # (up to so many seconds, answers)

    def quantile_s(self, q: float) -> float:
        """Return the time within which a share q of the answers came, to 1%."""
        if not 0 <= q <= 1:
            raise WorkshopError(f"A quantile lies between 0 and 1, and {q} does not.")
        wanted = q * self.requests
        counts = accumulate(count for _, count in self.histogram)
        times = (seconds for seconds, _ in self.histogram)
        return next(
            time for time, count in zip(times, counts, strict=True) if count >= wanted
        )


def load(
    url: str,
    bodies: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    cores: Collection[int] | None = None,
) -> LoadResult:
    """Return what a server did while each connection asked again once answered.

    The bodies are sent in turn. `cores` pins the load where the system can (Linux); it
    then polls for answers instead of sleeping, since a sleeping client is woken on the
    server's time. Raises WorkshopError where any answer was not a 200.
    """
    options = {"connections": connections, "seconds": seconds}
    with tempfile.TemporaryDirectory() as folder:
        return result(_run(url, bodies, options, cores, Path(folder)))


def open_loop(
    url: str,
    bodies: Sequence[bytes],
    *,
    rate_per_s: float,
    seconds: float,
    cores: Collection[int] | None = None,
    **options: object,
) -> pd.DataFrame:
    """Return every request due in the measured seconds, whatever became of it.

    Requests are due by a Poisson process and sent in turn, also while the server owes
    answers. `options` are fare-load's: arrivals="constant", seed=1, timeout_s=30 (10
    else), connections=256 (64 else; who finds all of them busy waits). `cores` is as in
    load(). One row a request, in the order of the schedule:

    scheduled_s  when it was due, from the start of the measured seconds
    waited_s     from then until it was sent
    latency_s    from when it was due until its answer; NaN where none came
    queued       whether every connection was busy when it was due
    outcome      category: the answer's status ("200"), or "timeout", "connect",
                 "write", "read", "closed", "not_http" where none came

    Raises WorkshopError where fare-load does not run.
    """
    options = {"connections": 64} | options | {"rate": rate_per_s}
    return _requests(url, bodies, options | {"seconds": seconds}, cores)


def closed_loop(
    url: str,
    bodies: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    cores: Collection[int] | None = None,
) -> pd.DataFrame:
    """Return every request of a load() in the columns of an open_loop().

    Each is due when its connection has its last answer, so it never waits to be sent:
    what a stall costs those who would have come meanwhile is not in it.
    """
    options = {"connections": connections, "seconds": seconds}
    return _requests(url, bodies, options, cores)


def summary(requests: pd.DataFrame, seconds: float) -> dict[str, float]:
    """Return the one line of a table that an open loop of so many seconds makes.

    Rates are per second; answered are answers with status 200 that came meanwhile, and
    only these have latencies. p99 comes with its 95% rank interval, NaN where there are
    too few answers for one. Lateness is the generator's own: how late it sent what
    found a connection free, NaN where nothing did.
    """
    ok = requests[requests["outcome"] == "200"]
    outcomes = requests["outcome"].astype(str)
    p50, p99 = (quantile_interval(ok["latency_s"], q) for q in (0.5, 0.99))
    return {
        "scheduled_per_s": len(requests) / seconds,
        "answered_per_s": (ok["scheduled_s"] + ok["latency_s"] < seconds).sum()
        / seconds,
        "refused": int(outcomes.isin(REFUSALS).sum()),
        "timeouts": int((outcomes == "timeout").sum()),
        "other_failures": int((~outcomes.isin({"200", "timeout", *REFUSALS})).sum()),
        "answers": len(ok),
        "p50_s": p50.seconds,
        "p99_s": p99.seconds,
        "p99_low_s": p99.low,
        "p99_high_s": p99.high,
        "lateness_p99_s": requests.loc[~requests["queued"], "waited_s"].quantile(0.99),
    }


def _requests(
    url: str,
    bodies: Sequence[bytes],
    options: Mapping[str, object],
    cores: Collection[int] | None,
) -> pd.DataFrame:
    """Return fare-load's raw times; raises WorkshopError where it does not run."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "raw.csv")
        _run(url, bodies, {**options, "raw": raw}, cores, Path(folder))
        requests = pd.read_csv(raw, dtype={"outcome": str})
        return requests.astype({"outcome": "category"})


def _run(
    url: str,
    bodies: Sequence[bytes],
    options: Mapping[str, object],
    cores: Collection[int] | None,
    folder: Path,
) -> dict:
    """Return fare-load's report; raises WorkshopError where it does not run."""
    lines = folder / "bodies.jsonl"
    lines.write_bytes(b"\n".join(bodies))
    options = {
        "url": f"{url}/predict",
        "bodies": lines,
        "warmup_s": WARM_UP_S,
    } | options
    flags = [
        part
        for name, value in options.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]
    longest_s = WARM_UP_S + options["seconds"] + options.get("timeout_s", 0) + GRACE_S
    process = subprocess.Popen(
        [binary("fare-load"), *flags, *(["--busy-poll"] if cores else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        pin(process.pid, cores)
        try:
            out, err = process.communicate(timeout=longest_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise WorkshopError(
                f"The load on {url} did not end. Is the server still running?"
            ) from None
    if process.returncode:
        raise WorkshopError(f"The load did not run: {err.decode().strip()}")
    return json.loads(out)


def result(report: dict) -> LoadResult:
    """Return a closed loop; raises WorkshopError where an answer was not a 200."""
    wrong = {status: n for status, n in report["statuses"].items() if status != "200"}
    failed = {**wrong, **report["errors"]}
    if failed or not report["requests"]:
        counts = ", ".join(f"{n} x {what}" for what, n in failed.items()) or "nothing"
        raise WorkshopError(
            f"Only 200s are timed, and {report['url']} gave {counts} beside "
            f"{report['requests']} of them. Ask it once with ask() to see why."
        )
    return LoadResult(
        url=report["url"],
        connections=report["connections"],
        seconds=report["seconds"],
        requests=report["requests"],
        rate_per_s=report["rate_per_s"],
        histogram=tuple((upper, count) for upper, count in report["histogram"]),
    )
