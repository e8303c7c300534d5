"""The numbers that the slides say, by name: of a record, a claim, a price or a file."""

from dataclasses import asdict, replace

import pandas as pd

from workshop import bill_figures, choices, source, stats
from workshop.calculator import Settings
from workshop.claims import read_claims
from workshop.cost import MILLION
from workshop.errors import WorkshopError
from workshop.launches import WHOLE
from workshop.parity import TOLERANCE
from workshop.prices import read_prices
from workshop.quantities import Spread, digits, speedup_percent, time_saved_percent
from workshop.served import CLIENTS, LATENCY, TURN
from workshop.verdict import Effort
from workshop.versus import MANY, Load, calls, kind

QUOTE = "rust_ext/engine/examples/quote.rs"
PAIR = ("onnx-python", "onnx-rust")
POSTED = ("sklearn-fastapi", "onnx-axum")  # the post's first arm and its last
REWRITE = Effort(80, 50, upkeep_hours=2)  # from FastAPI to axum, as in notebook 07


def numbers(load: Load) -> dict[str, str]:
    """Return every number by its name, as people read it."""
    return {
        **_claimed(),
        **_proved(load),
        **_timed(load),
        **_served(load),
        **_billed(load),
        "rewrite": str(REWRITE),
        "quote_lines": str(len(source.region(QUOTE, "quote").splitlines())),
    }


def _claimed() -> dict[str, str]:
    claims = read_claims()
    post = claims.whole_process["median_s"]
    posted_usd = [claims.value(f"bill-{arm}") for arm in POSTED]
    waits_s = [claims.value(f"served-{arm}") for arm in POSTED]
    return {
        "post_percent": f"{speedup_percent(*(post[arm] for arm in PAIR)):.0f}",
        "post_ratio": digits(post["onnx-python"] / post["onnx-rust"]),
        "post_served_percent": f"{claims.value('served')}",
        "post_fastapi_usd": str(posted_usd[0]),
        "post_axum_usd": str(posted_usd[1]),
        "post_bill_percent": digits(time_saved_percent(*posted_usd)),
        "post_saved_usd": f"{posted_usd[0] - posted_usd[1]:.2f}",
        "post_saved_ms": f"{1000 * (waits_s[0] - waits_s[1]):.1f}",
        "post_url": claims.source["url"],
        "requests": f"{claims.value('requests') / MILLION:g} million",
    }


def _proved(load: Load) -> dict[str, str]:
    tried = load("parity").tables["fare"]
    return {
        "parity_rows": f"{tried['rows'].sum():,}",
        "parity_trials": str(len(tried)),
        "parity_beyond": str(tried["beyond"].sum()),
        "parity_tolerance": f"{TOLERANCE:f}".rstrip("0"),
    }


def _timed(load: Load) -> dict[str, str]:
    timing = load("timing")
    one, many = calls(timing, 1), calls(timing, MANY)
    one_row, many_rows = (stats.ratio_interval(each, *PAIR) for each in (one, many))
    whole = kind(timing, what=WHOLE)
    through_uv = (f"{PAIR[0]} through uv", PAIR[1])
    return {
        "whole_process": str(stats.ratio_interval(whole, *PAIR)),
        "through_uv": str(stats.ratio_interval(whole, *through_uv)),
        "one_row": str(one_row),
        "one_row_ratio": digits(one_row.ratio),
        "many_rows": str(many_rows),
        "many_rows_ratio": digits(many_rows.ratio),
        "many": str(MANY),
        "to_onnx": str(stats.ratio_interval(one, "sklearn", "onnx-python")),
    }


def _served(load: Load) -> dict[str, str]:
    one, many = (
        kind(load("serving"), what=what.format(count))
        for what, count in ((LATENCY, CLIENTS[0]), (TURN, CLIENTS[-1]))
    )
    wait_s = one.pivot_table("seconds", "launch", "arm")
    slow_s, fast_s = (wait_s[arm] for arm in POSTED)
    share = read_claims().value("served") / 100

    def ratio(slow: str, fast: str) -> str:
        return str(stats.ratio_interval(many, slow, fast))

    return {
        "saved_ms": str(stats.mean_ms(slow_s - fast_s)),
        "rest_ms": str(stats.mean_ms((slow_s - fast_s) / share - slow_s)),
        "one_to_onnx": str(
            stats.ratio_interval(one, "sklearn-fastapi", "onnx-fastapi")
        ),
        "clients": str(CLIENTS[-1]),
        "served_to_onnx": ratio("sklearn-fastapi", "onnx-fastapi"),
        "served_extension": stats.verdict(
            stats.ratio_interval(many, "onnx-fastapi", "rust-fastapi"),
            stats.noise_floor(many, "onnx-fastapi", "onnx-fastapi again"),
        ),
        "served_framework": ratio("rust-fastapi", "onnx-axum"),
        "served_no_model": ratio("noop-fastapi", "noop-axum"),
    }


def _billed(load: Load) -> dict[str, str]:
    bills = load("cost").tables["bills"].set_index("arm")
    fee, compute = bills.loc["onnx-fastapi", ["fee_usd", "compute_usd"]]
    first, last = (bills.loc[arm, "compute_usd"] for arm in POSTED)
    calculator, rounded = bill_figures.calculator(load), bill_figures.rounded(load)
    by_list = Settings(requests=read_claims().value("requests"), free_tier=False)
    return {
        "fee_usd": f"{fee:.2f}",
        "fee_share": f"{fee / (fee + compute):.0%}",
        "saves_percent": f"{time_saved_percent(first, last):.0f}",
        "saves_with_fee_percent": f"{time_saved_percent(first + fee, last + fee):.0f}",
        "saves_usd": str(_saved(bills, *POSTED)),
        "rust_saves_usd": str(_saved(bills, "onnx-fastapi", "onnx-axum")),
        **_readings(),
        "rounded_usd": _alike(rounded["compute"]),
        "rounded_bill_usd": _alike(rounded.sum(axis=1)),
        "prices_read": read_prices().cloud_run.read,
        "verdict": calculator.verdict(
            replace(by_list, rounding="none", **asdict(REWRITE))
        ),
    }


def _saved(bills: pd.DataFrame, slow: str, fast: str) -> Spread:
    """Return what a month's compute costs less in USD, by the ends of both arms."""
    now, after = bills.loc[slow], bills.loc[fast]
    return Spread(
        now["compute_usd"] - after["compute_usd"],
        now["low_usd"] - after["high_usd"],
        now["high_usd"] - after["low_usd"],
    )


def _readings() -> dict[str, str]:
    """Return the post's compute in USD by two more readings of its rounding."""
    cases = choices.post_cases(read_claims())
    table = choices.bills(
        cases, read_prices().cloud_run, choices.alone(bill_figures.january())
    )
    names = {
        "each_rounded_usd": "100 ms: each request",
        "merged_usd": "100 ms: the same, overlaps merged",
    }
    return {
        said: _alike(table.loc[choice, list(cases)]) for said, choice in names.items()
    }


def _alike(usd: pd.Series) -> str:
    """Return the sum that all of them are; raise WorkshopError where they differ."""
    said = {f"{each:.2f}" for each in usd}
    if len(said) > 1:
        raise WorkshopError(
            f"A slide says that these sums are one, and they are {sorted(said)}: has a "
            "price or a rule changed? Mend slides/deck.md."
        )
    return said.pop()
