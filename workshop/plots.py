"""The figures' forms, one function each: the title states the finding."""

from collections.abc import Callable, Mapping
from textwrap import fill

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter

from workshop.arms import ARMS, BLACK, GREY, IN_PROCESS, Arm

TEXT_GREY = "#767676"
FEW = 30  # samples; below this each is shown
TINTS = (0.35, 1.0, 0.65, 0.5, 0.2, 0.1)  # how much of an arm's colour a part gets
BLACK_PARTS = ("first prediction", "request fee")  # the same in every language
TITLE_WIDTH, CAPTION_WIDTH = 58, 125
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


def times(
    samples: pd.DataFrame,
    *,
    title: str,
    caption: str = "",
    claimed: Mapping[str, float] | None = None,
) -> Axes:
    """Draw a dot an arm at its median time on a log axis, slowest on top.

    claimed: seconds that somebody else gives for an arm, drawn as a black cross.
    """
    grouped = samples.groupby("arm")["seconds"]
    medians = grouped.median().sort_values()
    axes = plt.figure().subplots()
    for y, (arm, median) in enumerate(medians.items()):
        look, seconds = _look(arm), grouped.get_group(arm)
        ends = np.abs(seconds.quantile([0.05, 0.95]) - median).to_numpy()[:, None]
        axes.errorbar(
            median, y, xerr=ends, color=look.colour, ms=13, lw=3, **_mark(look)
        )
        if len(seconds) < FEW:
            axes.plot(seconds, [y + 0.22] * len(seconds), ".", c=look.colour, alpha=0.6)
        _write(axes, duration(median), (median, y), (0, -26), ha="center")
        if claimed and arm in claimed:
            axes.plot(claimed[arm], y, "x", color=BLACK, ms=13, mew=3)
    axes.set_yticks(range(len(medians)), [_look(arm).label for arm in medians.index])
    axes.set(xscale="log", xlabel="time (log scale)", ylim=(-0.7, len(medians) - 0.5))
    axes.xaxis.set_major_formatter(SECONDS)
    axes.grid(axis="y", visible=False)
    one_each = (grouped.size() == samples.groupby("arm")["launch"].nunique()).all()
    count = _range(grouped.size(), "launches" if one_each else "calls")
    said = f"dot: median of {count}, line: 5th to 95th percentile"
    said += ", cross: the post's figure" if claimed else ""
    return _finish(axes, title, said, caption)


def stages(samples: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw where the time of a process goes: the medians of its stages, stacked."""
    of_stages = samples[samples["what"].str.startswith("stage: ")]
    names = of_stages["what"].unique()
    medians = of_stages.pivot_table("seconds", "arm", "what", aggfunc="median")[names]
    medians.columns = [name.removeprefix("stage: ") for name in names]
    slowest_first = medians.sum(axis=1).sort_values(ascending=False).index
    axes = _stacked(medians.loc[slowest_first], duration)
    axes.set_xlabel("seconds from launch to exit")
    count = of_stages.groupby(["arm", "what"]).size()
    return _finish(axes, title, f"medians of {_range(count, 'launches')}", caption)


def bars(usd: pd.DataFrame | pd.Series, *, title: str, caption: str = "") -> Axes:
    """Draw money as bars from zero: a row of the table a bar, its columns stacked."""
    table = usd.to_frame() if isinstance(usd, pd.Series) else usd
    axes = _stacked(table, lambda value: f"{value:,.2f}")
    axes.set_xlabel("USD a month")
    return _finish(axes, title, "", caption)


def waterfall(steps: pd.Series, *, title: str, caption: str = "") -> Axes:
    """Draw how a sum comes about: the first step is where it starts, in USD."""
    after = steps.cumsum()
    before = after.shift(fill_value=0.0)
    axes = plt.figure().subplots()
    colours = [BLACK] + [GREY] * (len(steps) - 1)
    axes.bar(range(len(steps)), steps, bottom=before, color=colours, width=0.6)
    axes.bar(len(steps), after.iloc[-1], color=BLACK, width=0.6)
    tops = [*np.maximum(before, after), after.iloc[-1]]
    words = [f"{steps.iloc[0]:,.2f}", *(f"{step:+,.2f}" for step in steps.iloc[1:])]
    words.append(f"{after.iloc[-1]:,.2f}")
    for at, word in zip(enumerate(tops), words, strict=True):
        _write(axes, word, at, (0, 5), ha="center")
    names = [fill(str(name), 14) for name in [*steps.index, "in all"]]
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="USD a month", ylim=(0, 1.12 * max(tops)))
    axes.grid(axis="x", visible=False)
    return _finish(axes, title, "", caption)


def served(table: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw throughput beside latency, a row an arm; return the left axes.

    table: columns arm, requests_per_s, p50_s, p99_s.
    """
    left, right = plt.figure().subplots(1, 2, sharey=True)
    for y, row in enumerate(table[::-1].itertuples()):
        look = _look(row.arm)
        mark = {"color": look.colour, "ms": 13, **_mark(look)}
        left.plot(row.requests_per_s, y, **mark)
        right.plot([row.p50_s, row.p99_s], [y, y], color=look.colour, lw=3)
        right.plot(row.p50_s, y, **mark)
        right.plot(row.p99_s, y, "|", color=look.colour, ms=18, mew=3)
    left.set_yticks(
        range(len(table)), [fill(_look(arm).label, 20) for arm in table["arm"][::-1]]
    )
    left.set(xscale="log", xlabel="answers a second")
    right.set(xscale="log", xlabel="latency")
    right.xaxis.set_major_formatter(SECONDS)
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
        axes.margins(0.15)
    said = "dot: median of the requests, line: up to the 99th percentile"
    return _finish(left, title, said, caption)


def by_rows(samples: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw the median time of a call against its rows, a line an arm."""
    medians = samples.pivot_table("seconds", "rows", "arm", aggfunc="median")
    axes = _lines(medians)
    axes.set(xscale="log", yscale="log", xlabel="rows in one call", ylabel="time")
    axes.set_xticks(medians.index, [f"{rows:,}" for rows in medians.index])
    axes.yaxis.set_major_formatter(SECONDS)
    _label_ends(axes)
    count = samples.groupby(["rows", "arm"]).size()
    return _finish(axes, title, f"medians of {_range(count)}", caption)


def sweep(table: pd.DataFrame, *, title: str, caption: str = "") -> Axes:
    """Draw each column against the index, for two models that should agree."""
    axes = _lines(table)
    axes.set_xlabel(str(table.index.name))
    axes.set_ylabel(str(table.columns.name or "fare in USD"))
    _label_ends(axes)
    return _finish(axes, title, "", caption)


def duration(seconds: float) -> str:
    """Return a time to 3 digits in the unit that suits it."""
    units = {"s": 1, "ms": 1e3, "µs": 1e6}
    unit = next((unit for unit in units if seconds * units[unit] >= 1), "µs")
    return f"{seconds * units[unit]:#.3g}".rstrip(".") + f" {unit}"


def _look(arm: str) -> Arm:
    """Return an arm's fixed look; others are grey under their own name."""
    other = Arm(arm, arm.replace("_", " "), GREY, **IN_PROCESS)
    return ARMS.get(arm, other)


def _mark(look: Arm) -> dict:
    """Return the mark that says where an arm runs, for matplotlib."""
    return {"marker": look.marker, "fillstyle": look.fillstyle, "mew": 2}


def _range(counts: pd.Series, what: str = "calls") -> str:
    low, high = counts.min(), counts.max()
    return f"{low:,} {what}" if low == high else f"{low:,} to {high:,} {what}"


def _stacked(table: pd.DataFrame, words: Callable[[float], str]) -> Axes:
    axes = plt.figure().subplots()
    tints = TINTS if table.shape[1] > 1 else (1.0,)

    def shade(colour: str, part: int) -> tuple[float, ...]:
        if table.columns[part] in BLACK_PARTS:
            return to_rgb(BLACK)
        return tuple(1 - tints[part] * (1 - light) for light in to_rgb(colour))

    for y, (name, widths) in enumerate(table[::-1].iterrows()):
        look, left = _look(str(name)), 0.0
        for part, width in enumerate(widths):
            axes.barh(y, width, left=left, color=shade(look.colour, part), height=0.6)
            left += width
        _write(axes, words(left), (left, y), (6, 0), va="center")
    labels = [fill(_look(str(name)).label, 20) for name in table.index[::-1]]
    axes.set_yticks(range(len(table)), labels)
    axes.set_xlim(0, 1.2 * table.sum(axis=1).max())
    axes.grid(axis="y", visible=False)
    if table.shape[1] > 1:
        patches = [Patch(color=shade(GREY, part)) for part in range(table.shape[1])]
        axes.figure.legend(patches, table.columns, loc="outside right center")
    return axes


def _lines(table: pd.DataFrame) -> Axes:
    axes = plt.figure().subplots()
    for name, values in table.items():
        look = _look(str(name))
        style = {"color": look.colour, "ls": look.linestyle, "label": look.label}
        marks = _mark(look) if len(table) < FEW else {}
        axes.plot(table.index, values, **style, **marks)
    return axes


def _label_ends(axes: Axes, gap_points: float = 20) -> None:
    """Write each line's name at its end, names pushed apart where ends are close."""
    axes.figure.draw_without_rendering()
    lines = sorted(axes.get_lines(), key=lambda line: line.get_ydata()[-1])
    points_a_pixel = 72 / axes.figure.dpi
    lowest = -np.inf
    for line in lines:
        x, y = line.get_xdata()[-1], line.get_ydata()[-1]
        at = axes.transData.transform((x, y))[1] * points_a_pixel
        lowest = max(at, lowest + gap_points)
        look = {"va": "center", "color": line.get_color()}
        _write(axes, line.get_label(), (x, y), (10, lowest - at), **look)


def _write(axes: Axes, words: str, at: tuple, points_off: tuple, **look: str) -> None:
    axes.annotate(words, at, points_off, textcoords="offset points", **look)


def _finish(axes: Axes, title: str, said: str, caption: str) -> Axes:
    """Put the title on top and one caption under the figure."""
    axes.figure.suptitle(fill(title, TITLE_WIDTH), x=0.01, ha="left", weight="bold")
    text = "; ".join(each for each in (said, caption) if each)
    axes.figure.supxlabel(
        fill(text, CAPTION_WIDTH), x=0.01, ha="left", fontsize=12, color=TEXT_GREY
    )
    return axes
