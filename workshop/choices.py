"""What the post's bill leaves unsaid: its choices, switched one alone or in turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from workshop.claims import Claims
from workshop.cost import POST_RULES, Rules, bill
from workshop.month import FLAT, Month, flat
from workshop.prices import CloudRun
from workshop.quantities import time_saved_percent
from workshop.workload import Workload

SAVED = "saved, %"
POST_QUOTES = 150  # a user a month: 15 million requests over 100,000 users
QUOTES = 10  # an assumption, to set against it
FEWER = f"{QUOTES} quotes a user, not {POST_QUOTES}"
STARTS = {"sklearn-fastapi": "sklearn", "onnx-axum": "onnx-rust"}


@dataclass(frozen=True)
class Case:
    """All that a bill depends on; start_s: how long a start takes, if it is billed."""

    work: Workload
    rules: Rules = POST_RULES
    month: Month = FLAT
    start_s: float = 0

    def usd(self, prices: CloudRun) -> float:
        """Return its bill."""
        return bill(self.work, prices, self.rules, self.month).total_usd


Change = Callable[[Case], Case]


def post_cases(claims: Claims) -> dict[str, Case]:
    """Return the post's two arms; a start takes what it says of a whole process."""
    whole = claims.whole_process["median_s"]
    requests = claims.value("requests")
    return {
        arm: Case(
            Workload(requests, claims.value(f"served-{arm}")), start_s=whole[process]
        )
        for arm, process in STARTS.items()
    }


def alone(month: Month) -> dict[str, Change]:
    """Return the choices to be switched on one by one, each on the post's own bill.

    month: one with the shape of real traffic.
    """
    return {
        "as the post": _rules(),
        "request fee": _rules(request_fee=True),
        "request fee and free tier": _rules(request_fee=True, free_tier=True),
        "tier 1 region": _rules(tier=1),
        "requests overlap": _rules(overlap=True),
        "100 ms: each request": _rules(rounding="request"),
        "100 ms: the same, overlaps merged": _rules(rounding="request", overlap=True),
        "100 ms: each busy interval": _rules(rounding="busy interval", overlap=True),
        "start-up time": _starts,
        "one idle instance kept": _rules(min_instances=1),
        "0.5 GiB of memory": lambda case: replace(
            case, work=replace(case.work, gib=0.5)
        ),
        "31 days": lambda case: replace(case, month=flat(31)),
        "a month with rush hours": lambda case: replace(case, month=month),
        FEWER: _fewer,
    }


def in_turn(month: Month) -> dict[str, Change]:
    """Return the choices in an order in which each is added to those before it.

    Of the three readings of rounding, the page's own words: up, overlaps merged.
    """
    each = alone(month)
    names = {
        "as the post": "as the post",
        "+ request fee": "request fee",
        "+ requests overlap": "requests overlap",
        "+ 100 ms rounding": "100 ms: the same, overlaps merged",
        "+ rush hours, 31 days": "a month with rush hours",
        "+ start-up time": "start-up time",
        "+ one idle instance": "one idle instance kept",
        "0.5 GiB of memory": "0.5 GiB of memory",
        "tier 1 region": "tier 1 region",
        FEWER: FEWER,
    }
    order = {name: each[choice] for name, choice in names.items()}
    return {**order, "free tier": _rules(free_tier=True)}


def bills(
    cases: Mapping[str, Case],
    prices: CloudRun,
    changes: Mapping[str, Change],
    *,
    adding: bool = False,
) -> pd.DataFrame:
    """Return a row a choice: each case's bill in USD, and what the last saves, in %.

    adding: each on top of those before it, else each on the cases as they are.
    """
    rows = {}
    for name, change in changes.items():
        changed = {arm: change(case) for arm, case in cases.items()}
        if adding:
            cases = changed
        rows[name] = {arm: case.usd(prices) for arm, case in changed.items()}
    table = pd.DataFrame.from_dict(rows, orient="index")
    first, *_, last = table.columns
    table[SAVED] = [
        time_saved_percent(*ends) if min(ends) > 0 else 0.0
        for ends in table[[first, last]].itertuples(index=False)
    ]
    return table


def _rules(**changed: object) -> Change:
    return lambda case: replace(case, rules=replace(case.rules, **changed))


def _starts(case: Case) -> Case:
    return replace(case, work=replace(case.work, start_s=case.start_s))


def _fewer(case: Case) -> Case:
    requests = case.work.requests * QUOTES / POST_QUOTES
    return replace(case, work=replace(case.work, requests=requests))
