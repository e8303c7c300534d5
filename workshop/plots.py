"""The figures' forms, one function each: the title states the finding."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator, StrMethodFormatter

from workshop.arms import ARMS, BLACK, GREY, VERMILION
from workshop.looks import finish, label_ends, look, mark, write
from workshop.quantities import duration
from workshop.stacks import stacked
from workshop.stats import Interval

FEW = 30  # samples; below this each is shown
LINESTYLES, MARKERS = ("-", "--", ":", "-."), ("o", "s", "^", "D")
SECONDS = EngFormatter(unit="s", sep=" ")


def theme() -> None:
    """Set the look of every figure: white, a grid, letters for the back row."""
    sns.set_theme(
        context="talk",
        style="whitegrid",
        rc={
            "figure.figsize": (11, 5.5),
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
        },
    )


def rates(samples: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw a dot an arm at its answers a second: samples are seconds an answer.

    Arms stand in the order in which the workshop names them, from the top.
    """
    per_s = (1 / samples["seconds"]).groupby(samples["arm"])
    medians, axes = per_s.median(), plt.figure().subplots()
    arms = [arm for arm in reversed(ARMS) if arm in medians.index]
    for y, (arm, median) in enumerate(medians[arms].items()):
        its, values = look(arm), per_s.get_group(arm)
        ends = np.abs(values.quantile([0.05, 0.95]) - median).to_numpy()[:, None]
        style = {"color": its.colour, "ms": 13, "lw": 3, **mark(its)}
        axes.errorbar(median, y, xerr=ends, **style)
        if len(values) < FEW:
            axes.plot(values, [y + 0.22] * len(values), ".", c=its.colour, alpha=0.6)
        write(axes, f"{median:,.0f}", (median, y), (0, -26), ha="center")
    axes.set_yticks(range(len(arms)), [fill(look(arm).label, 20) for arm in arms])
    axes.set(xscale="log", ylim=(-0.7, len(arms) - 0.5))
    axes.set_xlabel("answers a second (log scale)")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(axis="y", visible=False)
    count = _range(per_s.size(), "launches")
    dots = " (dots)" if per_s.size().min() < FEW else ""
    said = f"mark: median of {count}{dots}, line: 5th to 95th percentile"
    spread = per_s.quantile([0.05, 0.5, 0.95]).unstack()
    spread.columns = ["5th percentile", "median", "95th percentile"]
    return finish(axes, title, said, caption, spread.loc[arms[::-1]])


def intervals(
    found: Mapping[str, Interval],
    floors: Mapping[str, float],
    *,
    title: str,
    caption: str = "",
) -> Axes:
    """Draw ratios with their 95% intervals, the first on top; 1 is no difference.

    floors: the ratio that noise alone gives, drawn in grey to both sides of 1.
    """
    axes = plt.figure().subplots()
    axes.axvline(1, color=BLACK, lw=2)
    for y, (name, ratio) in enumerate(reversed(found.items())):
        axes.plot(
            [1 / floors[name], floors[name]],
            [y, y],
            color=GREY,
            lw=14,
            alpha=0.5,
            solid_capstyle="butt",
        )
        ends = [[ratio.ratio - ratio.low], [ratio.high - ratio.ratio]]
        axes.errorbar(
            ratio.ratio, y, xerr=ends, color=VERMILION, marker="o", ms=13, lw=3
        )
        write(axes, f"{ratio.ratio:#.3g}", (ratio.ratio, y), (0, -26), ha="center")
    axes.set_yticks(range(len(found)), [fill(name, 24) for name in reversed(found)])
    axes.set(xscale="log", xlabel="times as fast (log scale)")
    axes.set_ylim(-0.7, len(found) - 0.5)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", visible=False)
    said = "line: 95% interval of the ratio of medians, grey: what noise alone gives"
    ratios = {name: str(ratio) for name, ratio in found.items()}
    numbers = pd.DataFrame({"ratio": ratios, "noise alone": floors}).loc[[*found]]
    return finish(axes, title, said, caption, numbers)


def stages(samples: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw where the time of a process goes: the medians of its stages, stacked."""
    of_stages = samples[samples["what"].str.startswith("stage: ")]
    names = of_stages["what"].unique()
    medians = of_stages.pivot_table("seconds", "arm", "what", aggfunc="median")[names]
    medians.columns = [name.removeprefix("stage: ") for name in names]
    slowest_first = medians.sum(axis=1).sort_values(ascending=False).index
    numbers = medians.loc[slowest_first]
    axes = stacked(numbers, duration)
    axes.set_xlabel("seconds from launch to exit")
    count = of_stages.groupby(["arm", "what"]).size()
    said = f"medians of {_range(count, 'launches')}"
    return finish(axes, title, said, caption, numbers)


def bars(
    usd: pd.DataFrame | pd.Series,
    *,
    title: str,
    caption: str = "",
    of: str = "USD a month",
) -> Axes:
    """Draw money as bars from zero: a row of the table a bar, its columns stacked."""
    table = usd.to_frame() if isinstance(usd, pd.Series) else usd
    axes = stacked(table, lambda value: f"{value:,.2f}")
    axes.set_xlabel(of)
    return finish(axes, title, "", caption, table)


def shares(seconds: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw which share of an arm's time each part has: a row an arm, a column a part.

    The whole time stands at the end of each bar.
    """
    whole = seconds.sum(axis=1)
    share = 100 * seconds.div(whole, axis=0)
    times = iter(whole[::-1])
    axes = stacked(share, lambda _: duration(next(times)))
    axes.set_xlabel("% of what the client waits")
    return finish(axes, title, "medians", caption, share)


def by_rows(samples: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw the median time of a call against its rows, a line an arm."""
    medians = samples.pivot_table("seconds", "rows", "arm", aggfunc="median")
    axes = _lines(medians)
    axes.set(xscale="log", yscale="log", xlabel="rows in one call", ylabel="time")
    axes.set_xticks(medians.index, [f"{rows:,}" for rows in medians.index])
    axes.yaxis.set_major_formatter(SECONDS)
    label_ends(axes)
    count = samples.groupby(["rows", "arm"]).size()
    return finish(axes, title, f"medians of {_range(count)}", caption, medians)


def gains(
    panels: Mapping[str, Mapping[str, Mapping[int, Interval]]],
    floors: Mapping[int, float],
    *,
    title: str,
    caption: str = "",
) -> Axes:
    """Draw ratios with their 95% intervals against rows; returns the first axes.

    panels: by its heading, a line's name, and the rows. floors: by the rows, what noise
    alone gives, drawn in grey around 1.
    """
    figure = plt.figure(figsize=(15, 6))
    every = figure.subplots(1, len(panels), sharex=True, squeeze=False)[0]
    for axes, (heading, lines) in zip(every, panels.items(), strict=True):
        noise = [*floors.values()]
        under = [1 / each for each in noise]
        axes.fill_between([*floors], under, noise, color=GREY, alpha=0.5, lw=0)
        for number, (name, found) in enumerate(lines.items()):
            rows, ratios = [*found], [each.ratio for each in found.values()]
            ends = [(r.ratio - r.low, r.high - r.ratio) for r in found.values()]
            style = {"ls": LINESTYLES[number], "marker": MARKERS[number]}
            axes.plot(rows, ratios, color=VERMILION, label=name, ms=9, **style)
            bars = {"fmt": "none", "ecolor": VERMILION, "lw": 3}
            axes.errorbar(rows, ratios, yerr=np.transpose(ends), **bars)
        axes.set(xscale="log", yscale="log", xlabel="rows in one call")
        axes.set_title(heading, loc="left", size=18)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    every[-1].legend(loc="upper left", bbox_to_anchor=(1, 1), handlelength=3)
    every[0].set_ylabel("times as fast")
    said = "upright: 95% interval of the ratio of medians, grey: noise at its most"
    numbers = {name: pd.DataFrame(lines).map(str) for name, lines in panels.items()}
    return finish(every[0], title, said, caption, pd.concat(numbers, axis=1))


def sweep(table: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw each column against the index, for two models that should agree."""
    axes = _lines(table)
    axes.set_xlabel(str(table.index.name))
    axes.set_ylabel(str(table.columns.name or "fare in USD"))
    label_ends(axes)
    return finish(axes, title, "", caption, table)


def _range(counts: pd.Series, what: str = "calls") -> str:
    low, high = counts.min(), counts.max()
    return f"{low:,} {what}" if low == high else f"{low:,} to {high:,} {what}"


def _lines(table: pd.DataFrame) -> Axes:
    axes = plt.figure().subplots()
    for name, values in table.items():
        its = look(str(name))
        style = {"color": its.colour, "ls": its.linestyle, "label": its.label}
        marks = mark(its) if len(table) < FEW else {}
        axes.plot(table.index, values, **style, **marks)
    return axes
