"""The price file: every price has its page and date, and what is wrong is said."""

import re
from dataclasses import fields, is_dataclass
from datetime import date

import pytest

from workshop.errors import WorkshopError
from workshop.paths import DATA
from workshop.prices import read_prices

PRICES = read_prices()
RUN = PRICES.cloud_run


def test_every_provider_has_its_page_and_month():
    providers = [value for value in vars(PRICES).values() if is_dataclass(value)]
    assert len(providers) == len([f for f in fields(PRICES) if is_dataclass(f.type)])
    for provider in providers:
        assert provider.source.startswith("https://")
        assert re.fullmatch(r"20\d\d-[01]\d", provider.read)


def test_old_prices_warn():
    assert PRICES.age(date(2027, 1, 9)) == "Prices read in 2026-11, 2 months ago."
    assert "WARNING" not in PRICES.age(date(2027, 5, 31))
    stale = PRICES.age(date(2027, 6, 1))
    assert stale.startswith("WARNING") and RUN.source in stale


def test_a_broken_price_file_says_which(tmp_path):
    broken = tmp_path / "prices.toml"
    with pytest.raises(WorkshopError, match=r"prices\.toml cannot be read"):
        read_prices(broken)
    broken.write_text("[cloud_run]\nsource = 1\n", encoding="utf-8")
    with pytest.raises(WorkshopError, match="compare the file with the one"):
        read_prices(broken)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('currency = "USD"', 'currency = "EUR"'),
        ("[aws_fargate]", '[aws_fargate]\ncurrency = "EUR"'),
    ],
)
def test_mixed_currencies_are_refused(tmp_path, right, wrong):
    text = (DATA / "prices.toml").read_text(encoding="utf-8")
    mixed = tmp_path / "prices.toml"
    mixed.write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(WorkshopError, match=r"it mixes currencies, .*'EUR'"):
        read_prices(mixed)


def test_a_region_has_a_tier_or_is_unknown():
    assert RUN.tier_of("asia-southeast1") == RUN.tier_of("asia-southeast2") == 2
    assert RUN.tier_of("us-central1") == 1
    with pytest.raises(WorkshopError, match="'mars-north1' is not known here: choose"):
        RUN.tier_of("mars-north1")


def test_what_has_no_price_is_listed():
    left_out = {"network egress", "logs", "small virtual machines", "CO2"}
    assert left_out <= {*PRICES.not_modelled}
