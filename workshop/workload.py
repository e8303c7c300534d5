"""What a month asks of the instances: how many, how often they start, how busy."""

from dataclasses import dataclass
from math import ceil, log

import numpy as np

from workshop.errors import WorkshopError
from workshop.month import FLAT, Month
from workshop.prices import CloudRun
from workshop.quantities import check, check_positive, duration


@dataclass(frozen=True)
class Workload:
    """A month's requests, what each takes, and the instances that answer them.

    held_s: how long a request holds its instance (a latency); answer_s: what an answer
    costs one vCPU (one over the throughput), held_s where it is not said; start_s: how
    long an instance takes to start.
    """

    requests: float
    held_s: float
    answer_s: float | None = None
    vcpu: float = 1
    gib: float = 1
    start_s: float = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be billed."""
        check(requests=self.requests, held_s=self.held_s, start_s=self.start_s)
        check(answer_s=self.busy_s)
        check_positive(vcpu=self.vcpu, gib=self.gib)

    @property
    def busy_s(self) -> float:
        """The vCPU's seconds an answer."""
        return self.held_s if self.answer_s is None else self.answer_s


def instances(
    work: Workload, prices: CloudRun, month: Month = FLAT, *, overlap: bool = True
) -> np.ndarray:
    """Return how many instances each slot of the month needs, one at least: (slots,).

    The autoscaler holds them at 60% of their vCPUs and of their concurrency:
    ceil(rate x max(answer_s / vcpu, held_s / concurrency) / 0.6). Without overlap the
    concurrency is 1.
    """
    most = prices.default_concurrency_per_vcpu * work.vcpu
    concurrency = min(most, prices.max_concurrency) if overlap else 1
    share = max(work.busy_s / work.vcpu, work.held_s / concurrency)
    needed = month.per_s(work.requests) * share / prices.autoscaler_target
    return np.maximum(1, np.ceil(np.round(needed, 9)))


def starts(
    work: Workload,
    prices: CloudRun,
    month: Month = FLAT,
    *,
    min_instances: int = 0,
    overlap: bool = True,
) -> float:
    """Return how many instances start in a month, by Poisson arrivals.

    A request starts one if none came for as long as an idle instance lives, rate x
    exp(-rate x idle), unless one is kept warm; and each that an hour needs beyond the
    hour before starts once.
    """
    kept = np.maximum(min_instances, instances(work, prices, month, overlap=overlap))
    more = np.maximum(0, np.diff(kept, prepend=kept[-1])).sum()
    if min_instances:
        return float(more)
    per_s = month.per_s(work.requests)
    alone = np.exp(-per_s * prices.idle_minutes * 60)
    return float((per_s * alone).sum() * month.slot_s + more)


def cold_share(requests: float, prices: CloudRun, month: Month = FLAT) -> float:
    """Return the share of requests that find no instance: exp(-rate x idle), meaned."""
    check_positive(requests=requests)
    return starts(Workload(requests, 0), prices, month) / requests


def busy_share(per_s: np.ndarray, held_s: float) -> np.ndarray:
    """Return the share of the time in which one request at least is held.

    M/G/inf, Poisson arrivals: 1 - exp(-rate x mean hold), whatever the holds' spread
    (Takács, Introduction to the Theory of Queues, 1962, chapter 3).
    """
    return -np.expm1(-per_s * held_s)


def capacity_per_s(answer_s: float, p99_s: float, *, most: float = 0.6) -> float:
    """Return the requests a second that one vCPU answers with p99 within p99_s.

    M/M/1: the time in the system is exponential with rate 1 / answer_s - arrivals, so
    its p99 is ln(100) over that: 1 / answer_s - ln(100) / p99_s, and at most 60% of the
    time (Kleinrock, Queueing Systems I, 1975, section 3.2). Answers that differ less
    than exponential ones wait less. Raises WorkshopError where no rate keeps the bound.
    """
    check_positive(answer_s=answer_s, p99_s=p99_s)
    least_s = log(100) * answer_s
    if p99_s <= least_s:
        raise WorkshopError(
            f"No rate keeps p99 within {duration(p99_s)} if an answer takes "
            f"{duration(answer_s)}: even alone 1 in 100 takes {duration(least_s)}. "
            "Allow more time, or answer faster."
        )
    return min(1 / answer_s - log(100) / p99_s, most / answer_s)


def at_peak(work: Workload, month: Month, p99_s: float) -> int:
    """Return how many instances the busiest slot needs to keep p99 within p99_s.

    Its requests a second over what an instance answers so: vCPUs x `capacity_per_s`.
    The autoscaler, and so the bill, goes by load: see `instances`.
    """
    each = work.vcpu * capacity_per_s(work.busy_s, p99_s)
    return ceil(month.per_s(work.requests).max() / each)
