"""The other ways to run it: one small rule each, beside Cloud Run's two."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from workshop.cost import MILLION, Rules, bill, charge, instance_bill, round_up
from workshop.month import FLAT, Month
from workshop.prices import Azure, Fargate, Lambda, Prices, Usage
from workshop.workload import Workload, busy_share, instances

MB_PER_GB = 1024


def lambda_usd(
    work: Workload,
    prices: Lambda,
    *,
    architecture: str = "x86",
    free_tier: bool = False,
    starts: float = 0,
) -> float:
    """Return AWS Lambda's bill: requests x held_s, each to 1 ms up, x GB x rate + fee.

    `gib` is its GB, and the CPU comes with it: a vCPU at 1,769 MB. A request has its
    environment to itself. Each of `starts` is billed start_s, since 2025-08-01; how
    long an idle environment lives is not said. https://aws.amazon.com/lambda/pricing
    """
    seconds = work.requests * round_up(work.held_s, prices.billing_step_s)
    seconds += starts * round_up(work.start_s, prices.billing_step_s)
    gb_s, requests = seconds * work.gib, work.requests
    if free_tier:
        gb_s = max(0, gb_s - prices.free_gb_s)
        requests = max(0, requests - prices.free_requests)
    fee_usd = requests / MILLION * prices.usd_per_million_requests
    return gb_s * prices.rate(architecture) + fee_usd


def with_memory(work: Workload, mb: float, prices: Lambda) -> Workload:
    """Return the workload on Lambda with so much memory, and the CPU that goes with it.

    Below 1,769 MB it has less than a vCPU, and what computes takes that much longer
    (an assumption: all of held_s is computing); above, one thread gains nothing.
    """
    slower = max(1.0, prices.mb_per_vcpu / mb)
    return replace(work, held_s=work.held_s * slower, gib=mb / MB_PER_GB)


def fargate_task_usd(seconds: float, work: Workload, prices: Fargate) -> float:
    """Return the bill of one Fargate task (x86): max(seconds, 60) x (vCPU, GB) rates.

    https://aws.amazon.com/fargate/pricing
    """
    hours = max(seconds, prices.minimum_s) / 3600
    cpu_usd = work.vcpu * prices.x86_usd_per_vcpu_h
    return hours * (cpu_usd + work.gib * prices.x86_usd_per_gb_h)


def fargate_usd(work: Workload, prices: Prices, month: Month = FLAT) -> float:
    """Return the bill of a service on Fargate: the tasks each hour needs, one at least.

    Scaled as Cloud Run scales, to 60%; a task runs for a slot of the month.
    """
    tasks = instances(work, prices.cloud_run, month)
    return tasks.sum() * fargate_task_usd(month.slot_s, work, prices.aws_fargate)


def azure_usd(
    work: Workload, prices: Prices, month: Month = FLAT, *, free_tier: bool = False
) -> float:
    """Return Azure Container Apps' bill: the busy share x (vCPU, GiB) rates + fee.

    Requests at the same time share an instance; the page names no rounding. Idle
    instances are left out: it scales to zero here, so this is a least sum.
    https://azure.microsoft.com/pricing/details/container-apps
    """
    azure: Azure = prices.azure_container_apps
    shares = instances(work, prices.cloud_run, month)
    busy = busy_share(month.per_s(work.requests) / shares, work.held_s) * shares
    seconds = float(busy.sum() * month.slot_s)
    used = Usage(seconds * work.vcpu, seconds * work.gib, work.requests)
    worth = charge(azure.free, azure.rates) if free_tier else None
    return charge(used, azure.rates, worth).total_usd


@dataclass(frozen=True)
class Way:
    """One way to run a service: what it counts, and the sum for a month in USD."""

    name: str
    counts: str
    at_least: str
    together: bool  # requests at the same time share what is billed
    month_usd: Callable[[Workload, Prices, Month, bool], float]


def _requests(work: Workload, prices: Prices, month: Month, free: bool) -> float:
    rules = Rules(free_tier=free)
    return bill(work, prices.cloud_run, rules, month).total_usd


def _always_on(work: Workload, prices: Prices, month: Month, free: bool) -> float:
    rules = Rules(free_tier=free, min_instances=1)
    return instance_bill(work, prices.cloud_run, rules, month).total_usd


def _lambda(architecture: str) -> Callable[[Workload, Prices, Month, bool], float]:
    def usd(work: Workload, prices: Prices, _month: Month, free: bool) -> float:
        aws = prices.aws_lambda
        whole = with_memory(work, aws.mb_per_vcpu * work.vcpu, aws)
        return lambda_usd(whole, aws, architecture=architecture, free_tier=free)

    return usd


def _fargate(work: Workload, prices: Prices, month: Month, _free: bool) -> float:
    return fargate_usd(work, prices, month)


def _azure(work: Workload, prices: Prices, month: Month, free: bool) -> float:
    return azure_usd(work, prices, month, free_tier=free)


WAYS = (
    Way("Cloud Run, by requests", "busy time", "0.1 s a request", True, _requests),
    Way("Cloud Run, always on", "an instance's life", "one", True, _always_on),
    Way("Lambda, x86", "a request's time", "1 ms a request", False, _lambda("x86")),
    Way("Lambda, arm", "a request's time", "1 ms a request", False, _lambda("arm")),
    Way("Fargate, x86", "a task's life", "one, for a minute", True, _fargate),
    Way("Azure Container Apps", "busy time", "nothing", True, _azure),
)


def rules_of_each() -> pd.DataFrame:
    """Return what each way counts, a row a way."""
    rows = {
        way.name: [way.counts, way.at_least, "share" if way.together else "one each"]
        for way in WAYS
    }
    columns = ["is billed", "at least", "requests at the same time"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def compare(
    works: Mapping[str, Workload],
    prices: Prices,
    month: Month = FLAT,
    *,
    free_tier: bool = True,
) -> pd.DataFrame:
    """Return a month's bill in USD of each way (rows) for each workload (columns).

    Cloud Run is taken in tier 2, its rounding up per request.
    """
    return pd.DataFrame(
        {
            name: {
                way.name: way.month_usd(work, prices, month, free_tier) for way in WAYS
            }
            for name, work in works.items()
        }
    )
