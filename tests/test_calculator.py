"""The calculator is the same functions with knobs, and a page without a browser."""

import pytest

from workshop import calculator
from workshop.calculator import BY_INSTANCES, BY_REQUESTS, Calculator, Settings
from workshop.cost import Rules, bill
from workshop.month import FLAT
from workshop.prices import read_prices
from workshop.workload import Workload

PRICES = read_prices()
TIMES = {
    "onnx-fastapi": [Workload(1, f * 0.000134, f * 0.000138) for f in (1, 0.9, 1.1)],
    "onnx-axum": [Workload(1, f * 0.000037, f * 0.000017) for f in (1, 0.9, 1.1)],
}
CALCULATOR = Calculator(PRICES, FLAT, TIMES)

pytestmark = pytest.mark.usefixtures("figures")


def test_its_sums_are_those_of_the_functions():
    sums = CALCULATOR.sums(Settings())
    work = Workload(15e6, 0.000134, 0.000138)
    usd = bill(work, PRICES.cloud_run, Rules()).total_usd
    assert sums.loc[BY_REQUESTS, "onnx-fastapi"] == pytest.approx((usd, usd, usd))
    assert len(sums) == 6 and sums.loc[BY_INSTANCES, "onnx-axum"].low > 30
    middle, low, high = CALCULATOR.sums(Settings(requests=2e11)).loc[
        BY_INSTANCES, "onnx-fastapi"
    ]
    assert low < middle < high


def test_the_interval_can_leave_the_verdict_open():
    work = {"requests": 2e11, "hours": 0}
    saved_usd = 970.0
    for upkeep_usd, says in [
        (0.7 * saved_usd, "rewrite it"),
        (saved_usd, "too close to call"),
        (1.3 * saved_usd, "do not rewrite it"),
    ]:
        settings = Settings(**work, upkeep_hours=1, usd_per_hour=upkeep_usd)
        assert CALCULATOR.verdict(settings).startswith(says)


@pytest.mark.parametrize(
    ("changed", "way", "ratio"),
    [
        ({"region": "us-central1"}, BY_INSTANCES, 46.62 / 56.99),
        ({"cloud_factor": 2}, BY_REQUESTS, 1),  # still within the 100 ms
        ({"min_instances": 1, "free_tier": False}, BY_INSTANCES, 62.21 / 56.99),
    ],
)
def test_each_knob_turns_the_sum(changed, way, ratio):
    before = CALCULATOR.sums(Settings()).loc[way, "onnx-axum"].middle
    after = CALCULATOR.sums(Settings(**changed)).loc[way, "onnx-axum"].middle
    assert after / before == pytest.approx(ratio, abs=1e-3)


def test_its_verdict_changes_sign_with_the_volume():
    few = CALCULATOR.verdict(Settings())
    many = CALCULATOR.verdict(Settings(requests=2e11))
    assert few.startswith("do not rewrite it") and many.startswith("rewrite it")
    dear = CALCULATOR.verdict(Settings(requests=2e11, upkeep_hours=40))
    assert dear.startswith("do not rewrite it")


def test_what_cannot_be_is_said_on_the_page():
    page = CALCULATOR.page(Settings(gib=5))
    assert "1 vCPU take up to 4 GiB" in page.replace("1.0", "1")
    assert "choose one of" in CALCULATOR.page(Settings(now="go"))


def test_the_page_follows_the_knobs_and_stands_without_them(monkeypatch):
    shown = []
    monkeypatch.setattr(calculator, "display", lambda data, raw: shown.append(data))
    knobs = calculator.show(CALCULATOR)
    assert {*knobs} == {*Settings.__dataclass_fields__}
    (data,) = shown
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "do not rewrite it" in data["text/html"] and "base64" in data["text/html"]
    pages = []
    monkeypatch.setattr(
        Calculator, "page", lambda self, settings: pages.append(settings) or ""
    )
    knobs["requests"].value = 1e9
    knobs["after"].value = "onnx-fastapi"
    assert [page.requests for page in pages] == pytest.approx([1e9, 1e9])
    assert pages[-1].after == "onnx-fastapi"
