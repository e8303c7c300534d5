"""The bill as a page with knobs: what a move costs, what it saves, whether it pays."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import ipywidgets
import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib import pyplot as plt

from workshop import bill_plots
from workshop.arms import label
from workshop.clouds import compare
from workshop.cost import ROUNDINGS, Rules, bill, instance_bill
from workshop.errors import WorkshopError
from workshop.month import Month
from workshop.prices import Prices
from workshop.quantities import Spread
from workshop.verdict import Effort, decide
from workshop.workload import Workload

CURVE = np.geomspace(1e5, 1e12, 43)
BY_REQUESTS, BY_INSTANCES = "Cloud Run, by requests", "Cloud Run, by instances"


@dataclass(frozen=True)
class Settings:
    """What the knobs say; cloud_factor: how many times as long a cloud vCPU takes."""

    requests: float = 15e6
    now: str = "onnx-fastapi"
    after: str = "onnx-axum"
    cloud_factor: float = 1
    region: str = "asia-southeast1"
    gib: float = 1
    rounding: str = "request"
    min_instances: int = 0
    free_tier: bool = True
    hours: float = 40
    usd_per_hour: float = 50
    within_months: float = 24
    upkeep_hours: float = 0


@dataclass(frozen=True)
class Calculator:
    """The prices, the shape of the month, and each arm's times as measured.

    times: by arm, three Workloads of any number of requests: by the times' middle, and
    by the low and the high end of their interval.
    """

    prices: Prices
    month: Month
    times: Mapping[str, Sequence[Workload]]

    def sums(self, settings: Settings) -> pd.DataFrame:
        """Return a month's bill in USD: a row a way to run it, a Spread an arm."""
        middle, low, high = (self._sums(settings, end) for end in range(3))
        return pd.DataFrame(
            {
                arm: map(Spread.of, middle[arm], low[arm], high[arm])
                for arm in (settings.now, settings.after)
            },
            index=middle.index,
        )

    def verdict(self, settings: Settings) -> str:
        """Return whether going over pays, by Cloud Run's cheaper way for each arm."""
        effort = Effort(
            settings.hours,
            settings.usd_per_hour,
            settings.within_months,
            settings.upkeep_hours,
        )
        middle, low, high = (
            self._sums(settings, end).loc[[BY_REQUESTS, BY_INSTANCES]].min()
            for end in range(3)
        )
        now, after = settings.now, settings.after
        ends = low[now] - high[after], high[now] - low[after]
        return decide(Spread.of(middle[now] - middle[after], *ends), effort)

    def by_volume(self, settings: Settings, arms: Sequence[str]) -> pd.DataFrame:
        """Return USD a million requests, the cheaper way on Cloud Run, a column an arm.

        Its index is the requests a month, from 100,000 to 10^12.
        """
        works = {arm: self._work(settings, arm) for arm in arms}
        usd = {
            arm: [
                min(self._run_usd(settings, replace(work, requests=volume)).values())
                for volume in CURVE
            ]
            for arm, work in works.items()
        }
        return 1e6 * pd.DataFrame(usd, index=CURVE).div(CURVE, axis=0)

    def page(self, settings: Settings) -> str:
        """Return the sums, the verdict and a picture as HTML, or what is wrong."""
        try:
            sums = self.sums(settings)
            said = self.verdict(settings)
        except WorkshopError as error:
            return f"<p><b>{html.escape(str(error))}</b></p>"
        sums.columns = [label(arm) for arm in sums]
        table = sums.map(str).to_html(border=0)
        picture = base64.b64encode(self._picture(settings)).decode()
        return (
            f'<div class="jp-RenderedHTMLCommon"><p><b>{html.escape(said)}</b></p>'
            f"<p>USD a month, {settings.requests:,.0f} requests:</p>{table}"
            f'<img width="720" alt="USD a million requests by volume" '
            f'src="data:image/png;base64,{picture}"></div>'
        )

    def _sums(self, settings: Settings, end: int) -> pd.DataFrame:
        arms = (settings.now, settings.after)
        works = {arm: self._work(settings, arm, end) for arm in arms}
        run = pd.DataFrame(
            {arm: self._run_usd(settings, work) for arm, work in works.items()}
        )
        others = compare(works, self.prices, self.month, free_tier=settings.free_tier)
        others = others[~others.index.str.startswith("Cloud Run")]
        return pd.concat([run, others])

    def _work(self, settings: Settings, arm: str, end: int = 0) -> Workload:
        if arm not in self.times:
            raise WorkshopError(f"No times of {arm!r}: choose one of {[*self.times]}.")
        work, factor = self.times[arm][end], settings.cloud_factor
        return replace(
            work,
            requests=settings.requests,
            gib=settings.gib,
            held_s=work.held_s * factor,
            answer_s=work.busy_s * factor,
        )

    def _run_usd(self, settings: Settings, work: Workload) -> dict[str, float]:
        run = self.prices.cloud_run
        rules = Rules(
            tier=run.tier_of(settings.region),
            rounding=settings.rounding,
            free_tier=settings.free_tier,
            min_instances=settings.min_instances,
        )
        return {
            BY_REQUESTS: bill(work, run, rules, self.month).total_usd,
            BY_INSTANCES: instance_bill(work, run, rules, self.month).total_usd,
        }

    def _picture(self, settings: Settings) -> bytes:
        curve = self.by_volume(settings, (settings.now, settings.after))
        axes = bill_plots.by_volume(
            {"the cheaper way on Cloud Run": curve},
            fee=self.prices.cloud_run.tier(1).request_based.usd_per_million_requests,
            title="What a million requests cost",
        )
        axes.axvline(settings.requests, color="#222222", lw=1, ls="--")
        file = io.BytesIO()
        axes.figure.savefig(file, format="png", dpi=80)
        plt.close(axes.figure)
        return file.getvalue()


def show(calculator: Calculator, settings: Settings | None = None) -> dict:
    """Show the calculator, and return its knobs by the names of the settings.

    In JupyterLab the page follows the knobs; who only reads sees it as it was set.
    """
    settings = settings or Settings()
    knobs = _knobs(calculator, settings)
    page = ipywidgets.HTML(calculator.page(settings))

    def follow(_change: object) -> None:
        page.value = calculator.page(
            Settings(**{name: knob.value for name, knob in knobs.items()})
        )

    for name, knob in knobs.items():
        words = name.replace("_", " ").replace("usd", "USD").replace("gib", "GiB")
        knob.description = words
        knob.style = {"description_width": "8.5em"}
        knob.observe(follow, "value")
    columns = ipywidgets.Layout(grid_template_columns="repeat(2, 26em)")
    box = ipywidgets.VBox([ipywidgets.GridBox([*knobs.values()], layout=columns), page])
    display(box._repr_mimebundle_() | {"text/html": page.value}, raw=True)
    return knobs


def _knobs(calculator: Calculator, settings: Settings) -> dict[str, ipywidgets.Widget]:
    arms = [(label(arm), arm) for arm in calculator.times]
    regions = [
        (f"{region} (tier {tier})", region)
        for tier, names in calculator.prices.cloud_run.regions.items()
        for region in names
    ]
    late = {"continuous_update": False}
    number = ipywidgets.BoundedFloatText
    return {
        "requests": ipywidgets.FloatLogSlider(
            settings.requests, min=4, max=12, step=0.05, readout_format=",.2s", **late
        ),
        "cloud_factor": ipywidgets.FloatSlider(
            settings.cloud_factor, min=0.5, max=4, step=0.1, **late
        ),
        "now": ipywidgets.Dropdown(options=arms, value=settings.now),
        "after": ipywidgets.Dropdown(options=arms, value=settings.after),
        "region": ipywidgets.Dropdown(options=regions, value=settings.region),
        "rounding": ipywidgets.Dropdown(options=ROUNDINGS, value=settings.rounding),
        "gib": ipywidgets.Dropdown(options=(0.5, 1, 2, 4), value=settings.gib),
        "min_instances": ipywidgets.IntSlider(settings.min_instances, 0, 5, **late),
        "hours": number(settings.hours, min=0, max=1e5),
        "usd_per_hour": number(settings.usd_per_hour, min=0, max=1e4),
        "within_months": number(settings.within_months, min=1, max=120),
        "upkeep_hours": number(settings.upkeep_hours, min=0, max=1e3),
        "free_tier": ipywidgets.Checkbox(settings.free_tier),
    }
