"""The numbers that the slides say, by name: of a record, a claim, a price or a file."""

from dataclasses import replace

import pandas as pd

from workshop import bill_figures, source, stats
from workshop.calculator import Settings
from workshop.claims import read_claims
from workshop.cost import MILLION
from workshop.errors import WorkshopError
from workshop.launches import WHOLE
from workshop.parity import TOLERANCE
from workshop.prices import read_prices
from workshop.quantities import Spread, digits, speedup_percent, time_saved_percent
from workshop.served import CLIENTS, TURN
from workshop.versus import MANY, Load, calls, kind

QUOTE = "rust_ext/engine/examples/quote.rs"
PAIR = ("onnx-python", "onnx-rust")


def numbers(load: Load) -> dict[str, str]:
    """Return every number by its name, as people read it."""
    return {
        **_claimed(),
        **_proved(load),
        **_timed(load),
        **_served(load),
        **_billed(load),
        "quote_lines": str(len(source.region(QUOTE, "quote").splitlines())),
    }


def _claimed() -> dict[str, str]:
    claims = read_claims()
    post = claims.whole_process["median_s"]
    posted_usd = [
        claims.value(f"bill-{arm}") for arm in ("sklearn-fastapi", "onnx-axum")
    ]
    return {
        "post_percent": f"{speedup_percent(*(post[arm] for arm in PAIR)):.0f}",
        "post_ratio": digits(post["onnx-python"] / post["onnx-rust"]),
        "post_served_percent": f"{claims.value('served')}",
        "post_fastapi_usd": str(posted_usd[0]),
        "post_axum_usd": str(posted_usd[1]),
        "post_bill_percent": digits(time_saved_percent(*posted_usd)),
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
    whole = stats.ratio_interval(kind(timing, what=WHOLE), *PAIR)
    return {
        "whole_process": str(whole),
        "one_row": str(one_row),
        "one_row_ratio": digits(one_row.ratio),
        "many_rows": str(many_rows),
        "many_rows_ratio": digits(many_rows.ratio),
        "many": str(MANY),
        "to_onnx": str(stats.ratio_interval(one, "sklearn", "onnx-python")),
    }


def _served(load: Load) -> dict[str, str]:
    many = kind(load("serving"), what=TURN.format(CLIENTS[-1]))

    def ratio(slow: str, fast: str) -> str:
        return str(stats.ratio_interval(many, slow, fast))

    return {
        "clients": str(CLIENTS[-1]),
        "served_to_onnx": ratio("sklearn-fastapi", "onnx-fastapi"),
        "served_extension": ratio("onnx-fastapi", "rust-fastapi"),
        "served_framework": ratio("rust-fastapi", "onnx-axum"),
        "served_no_model": ratio("noop-fastapi", "noop-axum"),
    }


def _billed(load: Load) -> dict[str, str]:
    bills = load("cost").tables["bills"].set_index("arm")
    fee, compute = bills.loc["onnx-fastapi", ["fee_usd", "compute_usd"]]
    slow, fast = bills.loc["onnx-fastapi"], bills.loc["onnx-axum"]
    saved = Spread(
        slow["compute_usd"] - fast["compute_usd"],
        slow["low_usd"] - fast["high_usd"],
        slow["high_usd"] - fast["low_usd"],
    )
    calculator, rounded = bill_figures.calculator(load), bill_figures.rounded(load)
    by_list = Settings(requests=read_claims().value("requests"), free_tier=False)
    return {
        "fee_usd": f"{fee:.2f}",
        "fee_share": f"{fee / (fee + compute):.0%}",
        "rust_saves_usd": str(saved),
        "rounded_usd": _alike(rounded["compute"]),
        "rounded_bill_usd": _alike(rounded.sum(axis=1)),
        "prices_read": read_prices().cloud_run.read,
        "verdict": calculator.verdict(replace(by_list, rounding="none")),
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
