"""The decision changes sign where it should."""

import pytest

from workshop.decision import decide
from workshop.errors import WorkshopError

WORK = {"hours": 40, "usd_per_hour": 50}


@pytest.mark.parametrize(
    ("saved_usd", "says"),
    [
        (0.195, "do not rewrite it: 0.195 USD a month repay 40 h"),
        (83.2, "do not rewrite it: 83.2 USD"),  # 24.04 months
        (83.4, "rewrite it: 83.4 USD"),  # 23.98 months
        (0, "do not rewrite it: it saves nothing"),
        (-1.5, "do not rewrite it: it saves nothing"),
    ],
)
def test_it_changes_sign(saved_usd, says):
    assert decide(saved_usd, **WORK).startswith(says)


def test_the_months_are_the_readers_to_set():
    assert decide(10, **WORK, within_months=201).startswith("rewrite it")
    with pytest.raises(WorkshopError, match="within_months"):
        decide(10, **WORK, within_months=0)
    with pytest.raises(WorkshopError, match="hours"):
        decide(10, hours=-1, usd_per_hour=50)
