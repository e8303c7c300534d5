"""One's own latencies are read or refused; a bill that was paid is reconciled."""

from dataclasses import replace

import numpy as np
import pytest

from workshop.cost import POST_RULES, Rules, bill
from workshop.errors import WorkshopError
from workshop.own_bill import latencies, reconcile
from workshop.prices import read_prices
from workshop.stats import median_interval
from workshop.workload import Workload

RUN = read_prices().cloud_run
FASTAPI = Workload(15e6, 0.0145)
TEN = "14 15, 14.5;14.2\n14.8 14.4 14.6 14.5 14.3 14.7"


def test_pasted_latencies_become_samples_with_an_interval():
    middle, low, high = median_interval(latencies(TEN), "yours")
    assert middle == pytest.approx(0.0145, rel=1e-3)
    assert 0.014 <= low < middle < high <= 0.015
    assert latencies(TEN, "s")["seconds"].min() == 14


@pytest.mark.parametrize(
    ("text", "unit", "says"),
    [
        ("12 ms", "ms", "'ms' is no number: paste times alone"),
        ("12 13", "ms", "2 latencies are too few"),
        ("12 -13", "ms", "latency is -13"),
        ("nan", "ms", "latency is nan"),
        (TEN, "min", "No unit 'min': choose one of"),
    ],
)
def test_what_is_no_latency_is_refused(text, unit, says):
    with pytest.raises(WorkshopError, match=says):
        latencies(text, unit)


def test_the_posts_bill_gives_back_the_posts_latency():
    found = reconcile(8.069, FASTAPI, RUN, POST_RULES)
    assert found.loc["none"].tolist() == pytest.approx([8.069, 0, 14.5], abs=1e-3)
    assert found.loc["request", "unexplained, USD"] == pytest.approx(-47.58, abs=0.005)
    assert np.isnan(found.loc["request", "ms a request for what was paid"])


def test_a_bill_is_told_by_the_reading_that_explains_it():
    rules = Rules(free_tier=False)
    paid_usd = bill(FASTAPI, RUN, replace(rules, rounding="busy interval")).total_usd
    found = reconcile(paid_usd, FASTAPI, RUN, rules)
    assert found["unexplained, USD"].abs().idxmin() == "busy interval"
    assert found.loc["busy interval", "unexplained, USD"] == pytest.approx(0)


def test_a_bill_below_the_fee_has_no_latency():
    found = reconcile(5.0, FASTAPI, RUN, Rules(free_tier=False))
    assert found["ms a request for what was paid"].isna().all()
    with pytest.raises(WorkshopError, match="paid_usd is -1"):
        reconcile(-1, FASTAPI, RUN, POST_RULES)
