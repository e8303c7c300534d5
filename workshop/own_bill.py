"""Your own service: latencies as pasted, and a bill that was paid, reconciled."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from workshop.cost import ROUNDINGS, Rules, bill
from workshop.errors import WorkshopError
from workshop.month import FLAT, Month
from workshop.prices import CloudRun
from workshop.quantities import UNITS, check, check_positive
from workshop.workload import Workload

NUMBER = re.compile(r"[^\s,;]+")
FEWEST = 10
NEAR = 0.01  # of what was paid: a reading that jumps past it has no such latency
MOST_HELD_S = 3600  # the longest request that Cloud Run lets run


def latencies(text: str, unit: str = "ms") -> pd.DataFrame:
    """Return pasted latencies as samples for `stats.median_interval`, in seconds.

    text: numbers between spaces, commas, semicolons or lines; unit: s, ms or µs. Raises
    WorkshopError for what is no time, and for fewer than 10.
    """
    if unit not in UNITS:
        raise WorkshopError(f"No unit {unit!r}: choose one of {[*UNITS]}.")
    seconds = []
    for word in NUMBER.findall(text):
        try:
            value = float(word)
        except ValueError:
            raise WorkshopError(
                f"{word!r} is no number: paste times alone, such as 12.1 11.9, and "
                "give their unit apart."
            ) from None
        check_positive(latency=value)
        seconds.append(value / UNITS[unit])
    if len(seconds) < FEWEST:
        raise WorkshopError(
            f"{len(seconds)} latencies are too few for an interval: paste {FEWEST} or "
            "more."
        )
    same = {"arm": "yours", "what": "latency", "rows": 1, "threads": 1, "round": 0}
    each = range(len(seconds))  # a launch of its own: nothing is known of theirs
    return pd.DataFrame({"seconds": seconds, "launch": each}).assign(**same)


def reconcile(
    paid_usd: float,
    work: Workload,
    prices: CloudRun,
    rules: Rules,
    month: Month = FLAT,
) -> pd.DataFrame:
    """Return what each reading of the rounding makes of a bill that was paid.

    A row a reading: what the model says, the rest that it leaves unexplained, and the
    latency at which it would say what was paid (NaN where no latency does).
    """
    check(paid_usd=paid_usd)
    rows = {}
    for rounding in ROUNDINGS:
        read = replace(rules, rounding=rounding)
        said_usd = bill(work, prices, read, month).total_usd
        held_s = _held_s(paid_usd, work, prices, read, month)
        rows[rounding] = [said_usd, paid_usd - said_usd, 1e3 * held_s]
    columns = ["model, USD", "unexplained, USD", "ms a request for what was paid"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _held_s(
    paid_usd: float, work: Workload, prices: CloudRun, rules: Rules, month: Month
) -> float:
    """Return the latency at which the bill is what was paid, by halving."""

    def usd(held_s: float) -> float:
        return bill(
            replace(work, held_s=held_s, answer_s=work.busy_s), prices, rules, month
        ).total_usd

    low, high = 0.0, float(MOST_HELD_S)
    if not usd(low) <= paid_usd <= usd(high):
        return np.nan
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if usd(middle) >= paid_usd else (middle, high)
    return high if usd(high) <= (1 + NEAR) * paid_usd else np.nan
