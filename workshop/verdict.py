"""Whether a rewrite pays, and from which volume on: computed, so it can be 'do not'."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from workshop.cost import Rules, bill, instance_bill
from workshop.month import FLAT, QUOTED, Month
from workshop.prices import CloudRun
from workshop.quantities import Spread, check, check_positive, digits
from workshop.workload import Workload

VOLUMES = np.geomspace(1e4, 1e12, 161)  # requests a month, 20 a decade
CLOSE = 1e-9  # how near a volume is found, as a share of it


@dataclass(frozen=True)
class Effort:
    """What a rewrite asks for: hours once, and more each month for its upkeep."""

    hours: float
    usd_per_hour: float
    within_months: float = 24
    upkeep_hours: float = 0

    def __post_init__(self) -> None:
        """Refuse negative work, and a pay-back within no time."""
        check(hours=self.hours, upkeep_hours=self.upkeep_hours)
        check(usd_per_hour=self.usd_per_hour)
        check_positive(within_months=self.within_months)

    @property
    def needed_usd(self) -> float:
        """A month's saving from which it pays: rate x (hours / months + upkeep)."""
        a_month = self.hours / self.within_months + self.upkeep_hours
        return self.usd_per_hour * a_month

    def payback_months(self, saved_usd: float) -> float:
        """Return the months until a month's saving has repaid it; inf for never."""
        left_usd = saved_usd - self.upkeep_hours * self.usd_per_hour
        return self.hours * self.usd_per_hour / left_usd if left_usd > 0 else inf

    def __str__(self) -> str:
        """Return the work as a sentence names it."""
        upkeep = f" and {self.upkeep_hours:g} h a month" if self.upkeep_hours else ""
        return f"{self.hours:g} h{upkeep} at {self.usd_per_hour:g} USD"


def decide(saved_usd: Spread | float, effort: Effort) -> str:
    """Return 'rewrite it', 'do not rewrite it' or 'too close to call', and why.

    saved_usd is a month's saving, negative where the new way costs more. It pays where
    even the low end of the saving repays the work within the months given.
    """
    if not isinstance(saved_usd, Spread):
        saved_usd = Spread(saved_usd, saved_usd, saved_usd)
    needed = effort.needed_usd
    asked = (
        f"{effort}, repaid in {effort.within_months:g} months, need {digits(needed)}"
    )
    if saved_usd.high <= 0:
        return f"do not rewrite it: it saves nothing; {asked} USD a month"
    answer = "too close to call"
    if saved_usd.low >= needed and saved_usd.low > 0:
        answer = "rewrite it"
    elif saved_usd.high < needed:
        answer = "do not rewrite it"
    return f"{answer}: it saves {saved_usd} USD a month; {asked}"


def first_volume(pays: Callable[[float], bool]) -> float:
    """Return the least requests a month, of 10,000 to 10^12, at which it pays, or inf.

    Tried at 20 volumes a decade, then halved: a window narrower than 12% can be missed.
    Instances come in whole numbers, so at a larger volume it may not pay again.
    """
    found = next((at for at, v in enumerate(VOLUMES) if pays(v)), None)
    if found is None:
        return inf
    low, high = VOLUMES[max(0, found - 1)], VOLUMES[found]
    while high - low > CLOSE * high:
        middle = (low + high) / 2
        low, high = (low, middle) if pays(middle) else (middle, high)
    return float(high)


def in_words(volume: float) -> str:
    """Return the volume of `first_volume` as words, to one digit, or that none pays."""
    if volume == inf:
        return f"it pays at no volume up to {VOLUMES[-1] / 1e6:,.0f} million a month"
    million = float(f"{volume:.0e}") / 1e6
    return f"it first pays at about {million:,.10g} million a month"


def break_even_requests(
    work: Workload,
    prices: CloudRun,
    rules: Rules,
    month: Month = FLAT,
    quoted: Month = QUOTED,
) -> float:
    """Return the requests a month from which always-on instances are the cheaper ones.

    They are billed for the length of `quoted`, 730 hours. inf where they never are:
    full instances cost less by requests, too.
    """
    always = replace(rules, min_instances=max(1, rules.min_instances))
    billed = replace(month, slot_s=quoted.seconds / len(month.shares))

    def pays(requests: float) -> bool:
        asked = replace(work, requests=requests)
        by_requests = bill(asked, prices, rules, month).total_usd
        return instance_bill(asked, prices, always, billed).total_usd <= by_requests

    check_positive(held_s=work.held_s)
    return first_volume(pays)
