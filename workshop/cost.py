"""What a month on Cloud Run costs: pure functions, prices passed in, USD out.

Every figure and rule of billing comes in with `prices`, whose `source` and `read` say
from where and when: https://cloud.google.com/run/pricing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from workshop.errors import WorkshopError
from workshop.month import FLAT, Month
from workshop.prices import CloudRun, Rates, Usage
from workshop.quantities import check
from workshop.workload import Workload, busy_share, instances, starts

MILLION = 1_000_000
ROUNDINGS = ("none", "request", "busy interval")


@dataclass(frozen=True)
class Rules:
    """What a bill counts; by default what the provider's price page says of it.

    rounding: up to the billing step, of nothing ("none"), of each "request", or of
    each "busy interval"; overlap: requests at the same time share an instance;
    min_instances: kept warm, whether there are requests or not.
    """

    tier: int = 2
    request_fee: bool = True
    free_tier: bool = True
    overlap: bool = True
    rounding: str = "request"
    min_instances: int = 0

    def __post_init__(self) -> None:
        """Refuse an unknown rounding, and fewer than no instances."""
        check(min_instances=self.min_instances)
        if self.rounding not in ROUNDINGS:
            raise WorkshopError(
                f"No rounding {self.rounding!r}: choose one of {ROUNDINGS}."
            )


POST_RULES = Rules(
    tier=2, request_fee=False, free_tier=False, overlap=False, rounding="none"
)


@dataclass(frozen=True)
class Bill:
    """A month's bill by component, in USD; `free_usd` is a discount, 0 or less."""

    cpu_usd: float
    memory_usd: float
    request_fee_usd: float
    idle_usd: float = 0
    free_usd: float = 0

    @property
    def total_usd(self) -> float:
        """What is to be paid."""
        paid = self.cpu_usd + self.memory_usd + self.request_fee_usd
        return paid + self.idle_usd + self.free_usd


def charge(used: Usage, rates: Rates, discount: Bill | None = None) -> Bill:
    """Return the bill of a usage: usage x rate, component by component.

    A discount takes no component below zero.
    """
    full = Bill(
        used.vcpu_s * rates.usd_per_vcpu_s,
        used.gib_s * rates.usd_per_gib_s,
        used.requests * rates.usd_per_million_requests / MILLION,
    )
    if discount is None:
        return full
    parts = ("cpu_usd", "memory_usd", "request_fee_usd")
    off_usd = sum(min(getattr(full, part), getattr(discount, part)) for part in parts)
    return replace(full, free_usd=-off_usd)


def usage(work: Workload, prices: CloudRun, rules: Rules, month: Month = FLAT) -> Usage:
    """Return what request-based billing counts in a month as active.

    One at a time: rate x held_s of the time. With overlap: the busy share of M/G/inf.
    Each start adds start_s. `rounding` says what of it is rounded up to a step.
    """
    shares, busy = _busy(work, prices, rules, month)
    billed_s = float((busy * shares).sum() * month.slot_s)
    if work.start_s:
        start_s = work.start_s
        if rules.rounding != "none":
            start_s = round_up(start_s, prices.billing_step_s)
        kept = {"min_instances": rules.min_instances, "overlap": rules.overlap}
        billed_s += starts(work, prices, month, **kept) * start_s
    return Usage(billed_s * work.vcpu, billed_s * work.gib, work.requests)


def idle_usage(
    work: Workload, prices: CloudRun, rules: Rules, month: Month = FLAT
) -> Usage:
    """Return what minimum instances count as idle: min_instances x month - active."""
    shares, busy = _busy(work, prices, rules, month)
    active = np.minimum(rules.min_instances, shares) * np.minimum(1, busy)
    idle_s = float((rules.min_instances - active).sum() * month.slot_s)
    return Usage(idle_s * work.vcpu, idle_s * work.gib)


def bill(
    work: Workload | Sequence[Workload],
    prices: CloudRun,
    rules: Rules,
    month: Month = FLAT,
) -> Bill:
    """Return Cloud Run's bill for a month, billed by requests.

    Several workloads are one billing account: they share one free tier, a discount at
    the prices of tier 1 on what is active, as the provider grants it.
    """
    services = [work] if isinstance(work, Workload) else work
    tier = prices.tier(rules.tier)
    rates = tier.request_based
    if not rules.request_fee:
        rates = replace(rates, usd_per_million_requests=0)
    worth = charge(prices.free_request_based, prices.tier(1).request_based)
    active, idle = Usage(0, 0), Usage(0, 0)
    for each in services:
        active += usage(each, prices, rules, month)
        idle += idle_usage(each, prices, rules, month)
    idle_usd = charge(idle, tier.idle_minimum).total_usd
    full = charge(active, rates, worth if rules.free_tier else None)
    return replace(full, idle_usd=idle_usd)


def instance_bill(
    work: Workload, prices: CloudRun, rules: Rules, month: Month = FLAT
) -> Bill:
    """Return Cloud Run's bill for a month, billed by instances, without request fee.

    An instance is billed from its start until it was idle for 15 minutes, so as in
    M/G/inf with that much longer a hold; min_instances=1 is always on.
    """
    prices.check_size(work.vcpu, work.gib, overlap=rules.overlap)
    count = instances(work, prices, month, overlap=rules.overlap)
    lives_s = work.start_s + work.held_s + prices.idle_minutes * 60
    alive = busy_share(month.per_s(work.requests) / count, lives_s)
    billed_s = float(np.maximum(rules.min_instances, count * alive).sum())
    billed_s *= month.slot_s
    used = Usage(billed_s * work.vcpu, billed_s * work.gib)
    worth = charge(prices.free_instance_based, prices.tier(1).instance_based)
    rates = prices.tier(rules.tier).instance_based
    return charge(used, rates, worth if rules.free_tier else None)


def round_up(seconds: np.ndarray | float, step_s: float) -> np.ndarray | float:
    """Return whole steps; a millionth over one, as floats have it, is none."""
    return np.ceil(np.round(seconds / step_s, 6)) * step_s


def _busy(
    work: Workload, prices: CloudRun, rules: Rules, month: Month
) -> tuple[np.ndarray, np.ndarray]:
    """Return each slot's instances, and the share of the time each is active."""
    prices.check_size(work.vcpu, work.gib, overlap=rules.overlap)
    shares = instances(work, prices, month, overlap=rules.overlap)
    per_s = month.per_s(work.requests) / shares
    held_s, step_s = work.held_s, prices.billing_step_s
    if rules.rounding == "request" or (rules.rounding != "none" and not rules.overlap):
        held_s = round_up(held_s, step_s)
    if not rules.overlap:
        return shares, per_s * held_s
    if rules.rounding == "busy interval":
        return shares, _rounded_up(per_s, held_s, step_s)
    return shares, busy_share(per_s, held_s)


def _rounded_up(per_s: np.ndarray, held_s: float, step_s: float) -> np.ndarray:
    """Return the share of the time billed if each busy interval is rounded up.

    One that holds a single request is rounded exactly; a longer one ends anywhere in
    a step, half a step on average. No instance is billed for more than all the time.
    """
    lone = np.exp(-per_s * held_s)  # the share of arrivals that find it idle,
    intervals = per_s * lone  # and of intervals that end before another arrival
    whole_s = round_up(held_s, step_s)
    crowded = (1 - lone) - intervals * lone * held_s
    crowded += intervals * (1 - lone) * step_s / 2
    at_least = intervals * (1 - lone) * whole_s
    return np.minimum(1, intervals * lone * whole_s + np.maximum(crowded, at_least))
