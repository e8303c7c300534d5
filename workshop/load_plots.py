"""The figures of servers under load: a stall, more clients, higher rates."""

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, NullLocator

from workshop.arms import ARMS, BLACK, GREY, Arm
from workshop.looks import finish, label_ends, look, mark
from workshop.plots import SECONDS
from workshop.quantities import duration
from workshop.stats import quantile_interval

P99 = 0.99


def stall(loops: Mapping[str, pd.DataFrame], *, title: str, caption: str = "") -> Axes:
    """Draw each request's wait against when it was due, a panel a loop; p99 as a line.

    loops: requests of load.open_loop() or closed_loop(), by what stands above the
    panel. Returns the first panel's axes.
    """
    figure = plt.figure(figsize=(13, 5.5))
    every = figure.subplots(1, len(loops), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (name, requests) in zip(every, loops.items(), strict=True):
        ok = requests[requests["outcome"] == "200"]
        axes.plot(
            ok["scheduled_s"], ok["latency_s"], ".", color=GREY, ms=5, rasterized=True
        )
        p99 = quantile_interval(ok["latency_s"], P99)
        axes.axhline(p99.seconds, color=BLACK, lw=2)
        said = f"{name}\n{len(ok):,} answers, p99 {duration(p99.seconds)}"
        axes.set_title(said, loc="left", size=18)
        axes.set(yscale="log", xlabel="seconds, when it was due")
        axes.yaxis.set_major_formatter(SECONDS)
    every[0].set_ylabel("until its answer")
    said = "a dot: a request; black: the time within which 99 in 100 were answered"
    waits = {name: requests["latency_s"] for name, requests in loops.items()}
    shares = pd.DataFrame(waits).quantile([0.5, 0.9, P99, 1])
    shares.index = ["median, s", "p90, s", "p99, s", "longest, s"]
    return finish(every[0], title, said, caption, shares)


def by_clients(rates: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw answers a second against clients, a line an arm.

    rates: columns arm, clients, per_s (the median launch), low, high (of all launches).
    """
    axes = plt.figure(figsize=(12, 6)).subplots()
    for mine, its in _arms(rates, "clients"):
        _line(axes, its, mine["clients"], mine["per_s"])
        ends = mine["per_s"] - mine["low"], mine["high"] - mine["per_s"]
        lines = {"ecolor": its.colour, "fmt": "none", "lw": 3}
        axes.errorbar(mine["clients"], mine["per_s"], yerr=ends, **lines)
    clients = sorted(rates["clients"].unique())
    axes.set(xscale="log", yscale="log", ylabel="answers a second")
    axes.set_xlabel("clients, each of which waits for its answer")
    axes.set_xticks(clients, [f"{count}" for count in clients])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    label_ends(axes)
    numbers = rates.set_index(["arm", "clients"])[["per_s", "low", "high"]]
    said = "the median launch; upright: from the lowest launch to the highest"
    return finish(axes, title, said, caption, numbers)


def by_rate(
    tries: pd.DataFrame, bound_s: float, *, title: str, caption: str = ""
) -> Axes:
    """Draw p99 against the rate of requests, a line an arm through its medians.

    tries: columns arm, rate_per_s and p99_s, a row a launch; bound_s is drawn in black.
    """
    axes = plt.figure(figsize=(12, 6)).subplots()
    every = tries["rate_per_s"]
    bound = f"{duration(bound_s)}, a bound"
    ends = [every.min(), every.max()]
    axes.plot(ends, [bound_s, bound_s], color=BLACK, lw=2, label=bound)
    for mine, its in _arms(tries, "rate_per_s"):
        axes.scatter(mine["rate_per_s"], mine["p99_s"], s=20, color=its.colour)
        middle = mine.groupby("rate_per_s")["p99_s"].median()
        _line(axes, its, middle.index, middle)
    axes.set(xscale="log", yscale="log", ylabel="99 in 100 answered within")
    axes.set_xlabel("requests a second, by a schedule (Poisson)")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_formatter(SECONDS)
    axes.figure.legend(loc="outside right center")  # names would cover the knees
    numbers = tries.pivot_table("p99_s", "rate_per_s", "arm", aggfunc="median")
    return finish(axes, title, "small dots: launches", caption, numbers)


def _arms(table: pd.DataFrame, by: str) -> Iterator[tuple[pd.DataFrame, Arm]]:
    """Yield the rows and the look of each arm, peers last."""
    named = [*ARMS, *sorted(set(table["arm"]) - set(ARMS))]
    for arm in named:
        mine = table[table["arm"] == arm]
        if len(mine):
            yield mine.sort_values(by), look(arm)


def _line(axes: Axes, its: Arm, x: Iterable[float], y: Iterable[float]) -> None:
    style = {"color": its.colour, "ls": its.linestyle, "label": its.label}
    axes.plot(x, y, **style, **mark(its))
