"""Loads a server with fare-load, and keeps the times of its answers."""

import json
import subprocess
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from workshop.errors import WorkshopError
from workshop.servers.rust import binary
from workshop.serving import pin

WARM_UP_S = 0.1
GRACE_S = 30


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
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "bodies.jsonl")
        lines.write_bytes(b"\n".join(bodies))
        options = {
            "--url": f"{url}/predict",
            "--bodies": lines,
            "--connections": connections,
            "--seconds": seconds,
            "--warmup-s": WARM_UP_S,
        }
        process = subprocess.Popen(
            [binary("fare-load"), *(str(x) for pair in options.items() for x in pair)]
            + (["--busy-poll"] if cores else []),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process:
            pin(process.pid, cores)
            try:
                out, err = process.communicate(timeout=WARM_UP_S + seconds + GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise WorkshopError(
                    f"The load on {url} did not end. Is the server still running?"
                ) from None
    if process.returncode:
        raise WorkshopError(f"The load did not run: {err.decode().strip()}")
    return result(json.loads(out))


def result(report: dict) -> LoadResult:
    """Return fare-load's report; raises WorkshopError where an answer was not a 200."""
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
