"""What a month of quotes costs: pure functions, prices passed in, USD out."""

from dataclasses import dataclass, replace
from math import ceil, exp, inf, isfinite

from workshop.errors import WorkshopError
from workshop.prices import CloudRun, Fargate, Lambda, Rates, Usage

MONTH_S = 2_592_000  # 30 days, by which traffic is counted
BILLED_MONTH_S = 2_628_000  # 730 hours, by which always-on prices are quoted
MILLION = 1_000_000
ROUNDINGS = ("none", "request", "busy interval")


def speedup_percent(slow: float, fast: float) -> float:
    """Return by how many per cent fast is faster: 100 x (slow / fast - 1)."""
    _check_positive(slow=slow, fast=fast)
    return 100 * (slow / fast - 1)


def time_saved_percent(slow: float, fast: float) -> float:
    """Return how many per cent less time fast takes: 100 x (1 - fast / slow)."""
    _check_positive(slow=slow, fast=fast)
    return 100 * (1 - fast / slow)


@dataclass(frozen=True)
class Traffic:
    """Requests a month, how long each holds an instance, and the instance's size."""

    requests: float
    seconds_per_request: float
    vcpu: float = 1
    gib: float = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be billed."""
        _check(requests=self.requests, seconds_per_request=self.seconds_per_request)
        _check_positive(vcpu=self.vcpu, gib=self.gib)


@dataclass(frozen=True)
class Rules:
    """What a bill counts; by default what the provider's price page says of it.

    rounding: up to the billing step, of nothing ("none"), of each "request", or of
    each "busy interval"; overlap: requests at the same time share an instance.
    """

    tier: int = 2
    request_fee: bool = True
    free_tier: bool = True
    overlap: bool = True
    rounding: str = "request"

    def __post_init__(self) -> None:
        """Refuse an unknown rounding."""
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
    free_usd: float = 0

    @property
    def total_usd(self) -> float:
        """What is to be paid."""
        return self.cpu_usd + self.memory_usd + self.request_fee_usd + self.free_usd


def charge(used: Usage, rates: Rates, discount: Bill | None = None) -> Bill:
    """Return the bill of a usage; a discount takes no component below zero."""
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


def instances(traffic: Traffic, prices: CloudRun, month_s: float = MONTH_S) -> int:
    """Return how many instances the mean load needs, all of it taken as CPU time."""
    _check_positive(month_s=month_s)
    vcpus_busy = traffic.requests * traffic.seconds_per_request / month_s
    return max(1, ceil(vcpus_busy / (prices.autoscaler_cpu_target * traffic.vcpu)))


def usage(
    traffic: Traffic, prices: CloudRun, rules: Rules, month_s: float = MONTH_S
) -> Usage:
    """Return what request-based billing counts in a month.

    Overlapping requests share an instance as in M/G/inf with Poisson arrivals: it is
    busy 1 - exp(-load) of the time.
    """
    shares = instances(traffic, prices, month_s)
    per_s = traffic.requests / month_s / shares
    held_s, step_s = traffic.seconds_per_request, prices.billing_step_s
    if rules.rounding == "request" or (rules.rounding != "none" and not rules.overlap):
        held_s = _round_up(held_s, step_s)
    if not rules.overlap:
        busy = per_s * held_s
    elif rules.rounding == "busy interval":
        busy = _busy_rounded_up(per_s, held_s, step_s)
    else:
        busy = 1 - exp(-per_s * held_s)
    billed_s = busy * shares * month_s
    return Usage(billed_s * traffic.vcpu, billed_s * traffic.gib, traffic.requests)


def bill(
    traffic: Traffic, prices: CloudRun, rules: Rules, month_s: float = MONTH_S
) -> Bill:
    """Return Cloud Run's bill for a month, billed by requests.

    The free tier is a discount at the prices of tier 1, as the provider grants it.
    """
    rates = prices.tier(rules.tier).request_based
    if not rules.request_fee:
        rates = replace(rates, usd_per_million_requests=0)
    worth = charge(prices.free_request_based, prices.tier(1).request_based)
    used = usage(traffic, prices, rules, month_s)
    return charge(used, rates, worth if rules.free_tier else None)


def always_on(
    traffic: Traffic, prices: CloudRun, rules: Rules, month_s: float = BILLED_MONTH_S
) -> Bill:
    """Return the bill of the instances the traffic needs, never stopped."""
    count = instances(traffic, prices)
    rates = prices.tier(rules.tier).instance_based
    worth = charge(prices.free_instance_based, prices.tier(1).instance_based)
    used = Usage(count * traffic.vcpu * month_s, count * traffic.gib * month_s)
    return charge(used, rates, worth if rules.free_tier else None)


def break_even_requests(traffic: Traffic, prices: CloudRun, rules: Rules) -> float:
    """Return the requests a month from which one always-on instance is cheaper.

    inf where it never is: one instance is full before billing by requests reaches it.
    """
    one_usd = always_on(replace(traffic, requests=0), prices, rules).total_usd

    def over(requests: float) -> bool:
        asked = replace(traffic, requests=requests)
        return bill(asked, prices, rules).total_usd >= one_usd

    _check_positive(seconds_per_request=traffic.seconds_per_request)
    full_vcpus = prices.autoscaler_cpu_target * traffic.vcpu
    low, high = 0.0, full_vcpus * MONTH_S / traffic.seconds_per_request
    if not over(high):
        return inf
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if over(middle) else (middle, high)
    return high


def payback_months(hours: float, usd_per_hour: float, saved_usd: float) -> float:
    """Return the months until hours of work are repaid by a monthly saving."""
    _check(hours=hours, usd_per_hour=usd_per_hour)
    return hours * usd_per_hour / saved_usd if saved_usd > 0 else inf


def cold_start_share(
    requests: float, idle_minutes: float, month_s: float = MONTH_S
) -> float:
    """Return the share of requests that find no instance: Poisson arrivals."""
    _check(requests=requests, idle_minutes=idle_minutes)
    _check_positive(month_s=month_s)
    return exp(-requests / month_s * idle_minutes * 60)


def lambda_usd(traffic: Traffic, prices: Lambda, *, free_tier: bool) -> float:
    """Return AWS Lambda's bill (x86): `gib` as its GB, each request to 1 ms up."""
    billed_s = _round_up(traffic.seconds_per_request, prices.billing_step_s)
    gb_s, requests = traffic.requests * billed_s * traffic.gib, traffic.requests
    if free_tier:
        gb_s = max(0, gb_s - prices.free_gb_s)
        requests = max(0, requests - prices.free_requests)
    fee_usd = requests / MILLION * prices.usd_per_million_requests
    return gb_s * prices.x86_usd_per_gb_s + fee_usd


def fargate_usd(tasks: Traffic, prices: Fargate) -> float:
    """Return AWS Fargate's bill (x86): a request is a task of one minute at least."""
    hours = tasks.requests * max(tasks.seconds_per_request, prices.minimum_s) / 3600
    cpu_usd = hours * tasks.vcpu * prices.x86_usd_per_vcpu_h
    return cpu_usd + hours * tasks.gib * prices.x86_usd_per_gb_h


def _busy_rounded_up(per_s: float, held_s: float, step_s: float) -> float:
    """Return the share of the time billed if each busy interval is rounded up.

    One that holds a single request is rounded exactly; a longer one ends anywhere in
    a step, half a step on average. No instance is billed for more than all the time.
    """
    lone = exp(-per_s * held_s)  # the share of arrivals that find the instance idle,
    intervals = per_s * lone  # and of intervals that end before another arrival
    whole_s = _round_up(held_s, step_s)
    crowded = (1 - lone) - intervals * lone * held_s
    crowded += intervals * (1 - lone) * step_s / 2
    at_least = intervals * (1 - lone) * whole_s
    return min(1, intervals * lone * whole_s + max(crowded, at_least))


def _round_up(seconds: float, step_s: float) -> float:
    """Return whole steps; a billionth over one, as floats have it, is none."""
    return ceil(round(seconds / step_s, 9)) * step_s


def _check(**values: float) -> None:
    for name, value in values.items():
        if not (isfinite(value) and value >= 0):
            raise WorkshopError(f"{name} is {value}: give a number of 0 or more.")


def _check_positive(**values: float) -> None:
    _check(**values)
    for name, value in values.items():
        if value == 0:
            raise WorkshopError(f"{name} is 0: give a number above 0.")
