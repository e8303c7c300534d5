"""The course's figures: one function each, drawn from results wherever they appear."""

import io
from collections.abc import Callable

import onnx
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from workshop import (
    bill_figures,
    crossover,
    drawing,
    load_plots,
    models,
    plots,
    results,
    stats,
    versus,
)
from workshop.arms import BLACK, FLOOR_ARMS, IN_PROCESS_ARMS, SERVED_ARMS
from workshop.bench import capacity
from workshop.bench.scale import SAME, SIZES, STEPS, cases
from workshop.claims import read_claims
from workshop.errors import WorkshopError
from workshop.launches import WHOLE
from workshop.served import AGAIN, CLIENTS, TURN
from workshop.versus import Load, calls, kind


def whole_process(load: Load = results.load) -> Axes:
    """Draw where the time of a whole process goes, stage by stage."""
    result = load("timing")
    once = result.samples[~result.samples["arm"].str.endswith(AGAIN)]
    return plots.stages(
        once,
        title="Most of a process is start, imports and exit, not the answer",
        caption=result.caption,
    )


def by_rows(load: Load = results.load) -> Axes:
    """Draw the time of a call against its rows."""
    result = load("timing")
    samples = kind(result, what="call")
    return plots.by_rows(
        samples[samples["arm"].isin(IN_PROCESS_ARMS)],
        title="Rust helps on one row; on many, nearly all is the engine",
        caption=result.caption,
    )


def served(load: Load = results.load) -> Axes:
    """Draw the answers a second of each server, and of the floors without a model."""
    result = load("serving")
    arms = [*SERVED_ARMS, *FLOOR_ARMS]
    samples = kind(result, what=TURN.format(CLIENTS[-1]))
    return plots.rates(
        samples[samples["arm"].isin(arms)],
        title="Most of what Rust gains is the server around the model",
        caption=f"{CLIENTS[-1]} clients; {result.caption}",
    )


def bill(load: Load = results.load) -> Axes:
    """Draw each arm's monthly bill: compute, and the request fee."""
    bills = load("cost").tables["bills"].set_index("arm")
    times = load("serving")  # a bill is from where its times are from
    parts = bills[["compute_usd", "fee_usd"]]
    parts.columns = ["compute", "request fee"]
    return plots.bars(
        parts,
        title="Without rounding, the request fee is nearly all of the bill after ONNX",
        caption=f"15 million requests a month, no free tier; {times.caption}",
    )


def ratios(load: Load = results.load) -> Axes:
    """Draw what Rust gains over Python for each way to time it; the post's in black."""
    many = kind(load("serving"), what=TURN.format(CLIENTS[-1]))
    served_rows = [
        ("served, Rust behind FastAPI", many, "onnx-fastapi", "rust-fastapi"),
        ("served, Rust behind axum", many, "onnx-fastapi", "onnx-axum"),
    ]
    sources = load("timing").caption, load("serving").caption
    one, *other = dict.fromkeys(sources)  # two, where they were not measured alike
    caption = "; served: ".join([one, *other])
    return _gains([*_unserved(load), *served_rows], caption)


def ratios_unserved(load: Load = results.load) -> Axes:
    """Draw the part of it that needs no server."""
    return _gains(_unserved(load), load("timing").caption)


Gain = tuple[str, pd.DataFrame, str, str]  # its name, samples, the slow arm, the fast


def _unserved(load: Load) -> list[Gain]:
    timing, pair = load("timing"), ("onnx-python", "onnx-rust")
    return [
        ("whole process", kind(timing, what=WHOLE), *pair),
        ("one row", calls(timing, 1), *pair),
        ("100 rows", calls(timing, versus.MANY), *pair),
    ]


def _gains(rows: list[Gain], caption: str) -> Axes:
    found = {
        name: stats.ratio_interval(samples, slow, fast)
        for name, samples, slow, fast in rows
    }
    floors = {
        name: stats.noise_floor(samples, slow, slow + AGAIN)
        for name, samples, slow, _ in rows
    }
    axes = plots.intervals(
        found,
        floors,
        title="What Rust gains over Python depends on what is timed",
        caption=caption,
    )
    claims = read_claims().whole_process["median_s"]
    post = claims["onnx-python"] / claims["onnx-rust"]
    axes.plot(post, len(rows) - 1, "x", color=BLACK, ms=13, mew=3)
    axes.annotate(
        "the post", (post, len(rows) - 1), (0, 14), textcoords="offset points"
    )
    return axes


def scale(load: Load = results.load) -> Axes:
    """Draw what each step gains against rows, for each size of the model."""
    result = load("scale")
    sizes = [(SIZES[name], each) for name, n, each in cases(result) if n == 1]
    floors = {}  # of all sizes, the widest
    for _, samples in sizes:
        for rows, same in crossover.by_rows(samples, *SAME).items():
            floors[rows] = max(floors.get(rows, 1), stats.noise(same))
    return plots.gains(
        {
            heading: {name: crossover.by_rows(each, *pair) for name, each in sizes}
            for heading, pair in STEPS.items()
        },
        dict(sorted(floors.items())),
        title="What each step gains, by rows and by the model's size",
        caption=result.caption,
    )


def clients(load: Load = results.load) -> Axes:
    """Draw the answers a second of each server against the number of clients."""
    result = load("capacity")
    return load_plots.by_clients(
        capacity.by_clients(result),
        title="From a few clients on, a server of one core answers no faster",
        caption=result.caption,
    )


def by_rate(load: Load = results.load) -> Axes:
    """Draw p99 against the rate of requests, and the bound that it is held to."""
    result = load("capacity")
    return load_plots.by_rate(
        result.tables["by rate"],
        capacity.BOUND_S,
        title="Up to some rate the wait hardly grows, and beyond it the queue does",
        caption=result.caption,
    )


def errors(load: Load = results.load) -> Axes:
    """Draw how far each model of notebook 01 is off, before the ride and after it."""
    table = load("errors").tables["errors"].set_index("model")["usd"]
    return plots.bars(
        table,
        title="Before the ride trees gain; after it a line is nearly enough",
        of="mean absolute error, USD",
    )


def graph(_load: Load = results.load) -> Axes:
    """Draw the fare model's graph; the model is fitted first where it is not there."""
    return drawing.draw_graph(
        onnx.load(models.ensure("fare").onnx),
        title="Six columns in, one node for all trees, one fare out",
    )


def threshold(load: Load = results.load) -> Axes:
    """Draw the fare around a threshold, where a scaler stands in front of trees."""
    steps = load("parity").tables["sweep"].set_index("step")
    steps.index.name = "steps of float32 from the distance of the worst row"
    return plots.sweep(
        steps[["sklearn", "onnx-python"]],
        title="At the threshold the two models jump at different places",
    )


DRAW: dict[str, Callable[[Load], Axes]] = {
    each.__name__: each
    for each in (
        *(errors, graph, threshold, whole_process, by_rows, scale),
        *(ratios, ratios_unserved),
        *(served, clients, by_rate, bill),
        *(bill_figures.bill_rounded, bill_figures.waterfall, bill_figures.by_volume),
    )
}


def picture(name: str, load: Load, kind: str, *, titled: bool = True) -> bytes:
    """Return a figure as a file of that kind, svg or png, with its title or without.

    Raises WorkshopError where there is no figure of that name.
    """
    draw = DRAW.get(name)
    if draw is None:
        raise WorkshopError(f"There is no figure {name!r}. Choose one of: {[*DRAW]}.")
    plots.theme()
    figure = draw(load).figure
    if not titled:
        figure.suptitle("").set_in_layout(False)
    file = io.BytesIO()
    with plt.rc_context({"svg.hashsalt": name}):  # the same file from the same data
        figure.savefig(file, format=kind, dpi=150, metadata={"Date": None})
    plt.close(figure)
    return file.getvalue()
