"""The figures of the bill: a month, its steps, its volumes, what is unsure of it."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from workshop.arms import BLACK, GREY
from workshop.choices import SAVED
from workshop.looks import TEXT_GREY, finish, label_ends, look, mark, write
from workshop.month import Month
from workshop.quantities import digits

NAME_WIDTH = 30


def month(
    traffic: Month, requests: float, *, title: str, caption: str = "", storm: str = ""
) -> Axes:
    """Draw a month's requests a second, hour by hour; storm: a day to name."""
    axes = plt.figure().subplots()
    per_s = pd.Series(traffic.per_s(requests), traffic.hours)
    axes.fill_between(per_s.index, per_s, step="post", color=GREY, alpha=0.6, lw=0)
    mean = requests / traffic.seconds
    axes.axhline(mean, color=BLACK, lw=2)
    write(axes, f"mean {digits(mean)}", (per_s.index[-1], mean), (8, 0), va="center")
    peak = per_s.idxmax()
    said = f"peak {digits(per_s.max())}"
    write(axes, said, (peak, per_s.max()), (8, 0), va="center")
    if storm:
        noon = per_s[storm].index[len(per_s[storm]) // 2]
        write(axes, "snowstorm", (noon, 0.75 * per_s.max()), (0, 0), ha="center")
    axes.set(ylabel="requests a second", ylim=(0, None))
    axes.xaxis.set_major_formatter(FuncFormatter(_day))
    axes.grid(axis="x", visible=False)
    by_day = per_s.resample("D").agg(["min", "mean", "max"])
    by_day.index = by_day.index.strftime("%a %d")
    said = f"{requests / 1e6:,.0f} million requests"
    return finish(axes, title, said, caption, by_day)


def waterfall(steps: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw how each step moves the bill of each arm; what is saved stands at the end.

    steps: as `choices.bills(adding=True)` returns them, the first row from zero.
    """
    axes = plt.figure(figsize=(11, 0.62 * len(steps) + 1.7)).subplots()
    arms = [arm for arm in steps.columns if arm != SAVED]
    high = 0.8 / len(arms)
    for number, arm in enumerate(arms):
        usd = steps[arm].to_numpy()
        from_usd = np.concatenate([[0], usd[:-1]])
        y = np.arange(len(steps)) + (number - (len(arms) - 1) / 2) * high
        axes.barh(y, usd - from_usd, height=high, left=from_usd, color=look(arm).colour)
        ends = np.concatenate([y[:-1] - high / 2, y[1:] + high / 2])
        axes.vlines(
            usd[:-1], ends[: len(y) - 1], ends[len(y) - 1 :], color=TEXT_GREY, lw=1
        )
    most = steps[arms].to_numpy().max()
    for y, (_, row) in enumerate(steps.iterrows()):
        sums = " and ".join(f"{row[arm]:.2f}" for arm in arms)
        said = f"{sums}: {row[SAVED]:.0f}%"
        write(axes, said, (1.04 * most, y), (0, 0), va="center", size=20)
    names = [fill(str(name), NAME_WIDTH) for name in steps.index]
    axes.set_yticks(range(len(steps)), names)
    axes.set(xlim=(0, 1.8 * most), xlabel="USD a month")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    said = "; ".join(f"{_colour(arm)}: {look(arm).label}" for arm in arms)
    said += "; at the end what the latter saves"
    return finish(axes, title, said, caption, steps)


def by_volume(
    panels: Mapping[str, pd.DataFrame], *, fee: float, title: str, caption: str = ""
) -> Axes:
    """Draw USD a million requests against the requests a month, a line an arm.

    panels: by its heading, a table with volumes as index and arms as columns; fee: the
    provider's, drawn in black. Returns the first panel's axes.
    """
    figure = plt.figure(figsize=(13, 6))
    every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, table) in zip(every, panels.items(), strict=True):
        axes.plot(table.index, [fee] * len(table), color=BLACK, lw=2, label="the fee")
        for arm, usd in table.items():
            its, few = look(str(arm)), max(1, len(table) // 8)
            style = {"color": its.colour, "ls": its.linestyle, "label": its.label}
            axes.plot(table.index, usd, markevery=few, ms=9, **style, **mark(its))
        axes.set(xscale="log", yscale="log", xlabel="requests a month")
        axes.set_title(name, loc="left", size=18)
        axes.xaxis.set_major_formatter(FuncFormatter(_requests))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda usd, _: f"{usd:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    every[0].set_ylabel("USD a million requests")
    label_ends(every[-1])
    return finish(every[0], title, "", caption, pd.concat(panels, axis=1))


def tornado(table: pd.DataFrame, *, of: str, title: str, caption: str = "") -> Axes:
    """Draw how far each input moves the output from its middle, the widest on top.

    table: columns low, middle, high, as `uncertainty.tornado` returns it.
    """
    axes = plt.figure().subplots()
    middle = table["middle"].iloc[0]
    for y, (_, row) in enumerate(table.iterrows()):
        axes.barh(y, row["high"] - row["low"], left=row["low"], color=GREY, height=0.6)
        for end, off, side in [("low", -6, "right"), ("high", 6, "left")]:
            write(
                axes, f"{row[end]:.2g}", (row[end], y), (off, 0), ha=side, va="center"
            )
    axes.axvline(middle, color=BLACK, lw=2)
    axes.set_yticks(range(len(table)), [fill(name, NAME_WIDTH) for name in table.index])
    low, high = table["low"].min(), table["high"].max()
    room = 0.2 * (high - low)
    axes.set(xlim=(low - room, high + room), xlabel=of)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    said = "one input moved, the others in their middle"
    return finish(axes, title, said, caption, table)


def _day(date: float, _position: int) -> str:
    return f"{pd.Timestamp(date, unit='D'):%a %-d}"


def _requests(count: float, _position: int) -> str:
    for one, name in [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")]:
        if count >= one:
            return f"{count / one:g}{name}"
    return f"{count:g}"


def _colour(arm: str) -> str:
    return {"#949494": "grey", "#0173B2": "blue", "#D55E00": "orange"}[look(arm).colour]
