"""List prices of the clouds, from data/prices.toml: each with its page and date."""

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from workshop.errors import WorkshopError
from workshop.paths import DATA

HALF = 0.5  # of a vCPU: with less, less memory


@dataclass(frozen=True)
class Rates:
    """What a second of one vCPU and of one GiB costs, and a million requests."""

    usd_per_vcpu_s: float
    usd_per_gib_s: float
    usd_per_million_requests: float = 0


@dataclass(frozen=True)
class Usage:
    """What a month holds, billed or free; two services' add up to one account's."""

    vcpu_s: float
    gib_s: float
    requests: float = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Return both together."""
        return Usage(
            self.vcpu_s + other.vcpu_s,
            self.gib_s + other.gib_s,
            self.requests + other.requests,
        )


@dataclass(frozen=True)
class Tier:
    """Cloud Run's rates in one group of regions."""

    request_based: Rates
    idle_minimum: Rates
    instance_based: Rates


@dataclass(frozen=True)
class CloudRun:
    """Google Cloud Run."""

    source: str
    read: str
    billing_step_s: float
    idle_minutes: float
    autoscaler_target: float
    max_concurrency: int
    default_concurrency_per_vcpu: int
    min_vcpu: float
    max_vcpu: float
    max_gib_at_1_vcpu: float
    max_gib_below_half_vcpu: float
    regions: dict[int, list[str]]
    tiers: dict[int, Tier]
    free_request_based: Usage
    free_instance_based: Usage

    def tier(self, number: int) -> Tier:
        """Return the rates of tier 1 or 2."""
        if number not in self.tiers:
            raise WorkshopError(
                f"Cloud Run has no tier {number!r} here: choose one of "
                f"{sorted(self.tiers)}, or add it to data/prices.toml."
            )
        return self.tiers[number]

    def tier_of(self, region: str) -> int:
        """Return the tier of a region, such as 2 for 'asia-southeast1'."""
        for number, regions in self.regions.items():
            if region in regions:
                return number
        known = sorted(name for names in self.regions.values() for name in names)
        raise WorkshopError(
            f"The tier of the region {region!r} is not known here: choose one of "
            f"{known}, or add it to data/prices.toml."
        )

    def check_size(self, vcpu: float, gib: float, *, overlap: bool) -> None:
        """Raise WorkshopError for an instance that Cloud Run does not have."""
        if not self.min_vcpu <= vcpu <= self.max_vcpu:
            raise WorkshopError(
                f"vcpu is {vcpu}: an instance has {self.min_vcpu} to {self.max_vcpu}."
            )
        if vcpu < 1 and overlap:
            raise WorkshopError(
                f"vcpu is {vcpu}: below 1 an instance takes one request at a time, so "
                "give rules with overlap=False."
            )
        most = self.max_gib_at_1_vcpu if vcpu >= HALF else self.max_gib_below_half_vcpu
        if vcpu <= 1 and gib > most:
            raise WorkshopError(f"gib is {gib}: {vcpu} vCPU take up to {most} GiB.")


@dataclass(frozen=True)
class Lambda:
    """AWS Lambda."""

    source: str
    read: str
    usd_per_gb_s: dict[str, float]
    usd_per_million_requests: float
    free_requests: float
    free_gb_s: float
    billing_step_s: float
    mb_per_vcpu: float
    start_up_billed_since: str

    def rate(self, architecture: str) -> float:
        """Return the USD of a GB-second on 'x86' or 'arm'."""
        if architecture not in self.usd_per_gb_s:
            raise WorkshopError(
                f"Lambda has no architecture {architecture!r} here: choose one of "
                f"{[*self.usd_per_gb_s]}."
            )
        return self.usd_per_gb_s[architecture]


@dataclass(frozen=True)
class Fargate:
    """AWS Fargate."""

    source: str
    read: str
    x86_usd_per_vcpu_h: float
    x86_usd_per_gb_h: float
    minimum_s: float


@dataclass(frozen=True)
class Azure:
    """Azure Container Apps."""

    source: str
    read: str
    rates: Rates
    free: Usage


@dataclass(frozen=True)
class Prices:
    """The providers' list prices, and what they leave out."""

    currency: str
    stale_after_months: int
    not_modelled: tuple[str, ...]
    cloud_run: CloudRun
    aws_lambda: Lambda
    aws_fargate: Fargate
    azure_container_apps: Azure

    def age(self, today: date) -> str:
        """Return one line on how old the oldest price is: a warning where stale."""
        providers = (
            self.cloud_run,
            self.aws_lambda,
            self.aws_fargate,
            self.azure_container_apps,
        )
        oldest = min(providers, key=lambda provider: provider.read)
        year, month = map(int, oldest.read.split("-"))
        months = (today.year - year) * 12 + today.month - month
        line = f"Prices read in {oldest.read}, {months} months ago"
        if months <= self.stale_after_months:
            return line + "."
        return (
            f"WARNING: {line}: open {oldest.source}, correct data/prices.toml "
            "and set `read`."
        )


def read_prices(path: Path = DATA / "prices.toml") -> Prices:
    """Return the prices in the file."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        run = table.pop("cloud_run")
        tiers, free, regions = run.pop("tiers"), run.pop("free"), run.pop("regions")
        azure = table.pop("azure_container_apps")
        _check_currency(table)
        return Prices(
            not_modelled=tuple(table.pop("not_modelled")),
            cloud_run=CloudRun(
                regions={int(tier): names for tier, names in regions.items()},
                tiers={int(number): _tier(rates) for number, rates in tiers.items()},
                free_request_based=Usage(**free["request_based"]),
                free_instance_based=Usage(**free["instance_based"]),
                **run,
            ),
            aws_lambda=Lambda(**table.pop("aws_lambda")),
            aws_fargate=Fargate(**table.pop("aws_fargate")),
            azure_container_apps=Azure(
                rates=Rates(**azure.pop("rates")),
                free=Usage(**azure.pop("free")),
                **azure,
            ),
            **table,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkshopError(
            f"The prices in {path.name} cannot be read ({error}): compare the file "
            "with the one in the repository."
        ) from error


def _tier(rates: dict) -> Tier:
    return Tier(**{billing: Rates(**usd) for billing, usd in rates.items()})


def _check_currency(table: dict) -> None:
    """Refuse prices in two currencies, or in one that the names do not say."""
    found = {"the file": table["currency"]}
    for name, provider in table.items():
        if isinstance(provider, dict):
            found[name] = provider.pop("currency", table["currency"])
    if {*found.values()} != {"USD"}:
        raise ValueError(f"it mixes currencies, {found}; all prices are in USD")
