"""The bill's figures for the slides: the post's, and that of the recorded times."""

from dataclasses import replace
from functools import cache

import pandas as pd
from matplotlib.axes import Axes

from workshop import bill_plots, choices, plots, stats
from workshop.arms import SERVED_ARMS
from workshop.calculator import Calculator, Settings
from workshop.claims import read_claims
from workshop.cost import Rules, bill
from workshop.month import Month, of_rides
from workshop.prices import read_prices
from workshop.rides import read_rides
from workshop.served import CLIENTS, LATENCY, TURN
from workshop.versus import Load, kind
from workshop.workload import Workload

LARGEST = "+ one idle instance"  # the last step that a slide has room for


@cache
def january() -> Month:
    """Return the month in the shape of the course's rides."""
    return of_rides(read_rides()["tpep_pickup_datetime"])


def calculator(load: Load) -> Calculator:
    """Return the calculator with each served arm's times: middle, low and high."""
    serving, requests = load("serving"), read_claims().value("requests")
    one = kind(serving, what=LATENCY.format(CLIENTS[0]))
    many = kind(serving, what=TURN.format(CLIENTS[-1]))
    times = {
        arm: [
            Workload(requests, held_s, answer_s)
            for held_s, answer_s in zip(
                stats.median_interval(one, arm),
                stats.median_interval(many, arm),
                strict=True,
            )
        ]
        for arm in SERVED_ARMS
    }
    return Calculator(read_prices(), january(), times)


def rounded(load: Load) -> pd.DataFrame:
    """Return each arm's compute and fee in USD, each request rounded up to 0.1 s."""
    rules = Rules(tier=2, free_tier=False, rounding="request")
    made = calculator(load)
    bills = {
        arm: bill(works[0], made.prices.cloud_run, rules, made.month)
        for arm, works in made.times.items()
    }
    return pd.DataFrame(
        {
            arm: [each.cpu_usd + each.memory_usd, each.request_fee_usd]
            for arm, each in bills.items()
        },
        index=["compute", "request fee"],
    ).T


def bill_rounded(load: Load) -> Axes:
    """Draw each arm's bill where each request is rounded up."""
    return plots.bars(
        rounded(load),
        title="Where each request is rounded up, every arm costs the same",
        caption="15 million requests of the course's January, overlaps merged, no free "
        f"tier; {load('serving').caption}",
    )


def waterfall(_load: Load) -> Axes:
    """Draw what the first of the post's choices move, one added to another."""
    prices = read_prices().cloud_run
    cases = choices.post_cases(read_claims())
    steps = choices.bills(cases, prices, choices.in_turn(january()), adding=True)
    return bill_plots.waterfall(
        steps.loc[:LARGEST],
        title="What the post leaves unsaid moves the bill more than the language",
        caption=f"prices read in {prices.read}",
    )


def by_volume(load: Load) -> Axes:
    """Draw what a million requests cost by their number, without rounding and with."""
    made, settings = calculator(load), Settings(free_tier=False)
    panels = {
        heading: made.by_volume(replace(settings, rounding=rounding), SERVED_ARMS)
        for heading, rounding in [
            ("no rounding", "none"),
            ("each request rounded up", "request"),
        ]
    }
    return bill_plots.by_volume(
        panels,
        fee=made.prices.cloud_run.tier(2).request_based.usd_per_million_requests,
        title="Few requests pay the fee or the rounding, many pay for throughput",
        caption=f"Cloud Run, Tier 2, no free tier; {load('serving').caption}",
    )
