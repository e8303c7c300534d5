"""Reads the times of rides without a guess, on nights of two clocks as well."""

import zoneinfo
from typing import NamedTuple

import numpy as np
import pandas as pd

from workshop.errors import WorkshopError

WALL = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
OFFSET = r" ?(?:Z|[+-]\d\d(?::?\d\d)?)"


class Times(NamedTuple):
    """What the clock showed, or UTC instead where the time came with an offset."""

    shown: pd.Series  # NaT where there is no time, or none that can be read
    in_utc: pd.Series


def parse(column: pd.Series) -> Times:
    """The times of a column of pandas times, or of text in ISO 8601, year first.

    Text has at least hours and minutes; 'T' or a space comes before them, and Z or an
    offset may follow. All else is NaT: epoch numbers, whose unit nobody can see, and
    years before 1900 or after 2199, which stand for 'never'.
    """
    shown, in_utc = _parse(column)
    shown = shown.where(shown.dt.year.between(1900, 2199))
    return Times(shown.dt.as_unit("us"), pd.Series(in_utc, column.index))


def _parse(column: pd.Series) -> tuple[pd.Series, pd.Series | bool]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert(None), True
    if column.dtype.kind == "M":
        return column, False
    if not pd.api.types.is_string_dtype(column):
        return pd.Series(pd.NaT, column.index, "datetime64[us]"), False
    bare = column.str.fullmatch(WALL)
    in_utc = column.str.fullmatch(WALL + OFFSET)
    iso = column.where(bare | in_utc)
    # Read as UTC, a time without an offset is what the clock showed.
    times = pd.to_datetime(iso, format="ISO8601", errors="coerce", utc=True)
    return times.dt.tz_convert(None), in_utc


def on_one_clock(start: Times, end: Times, zone: str) -> tuple[pd.Series, pd.Series]:
    """Start and end as the clock of `zone` would show them if it were not changed.

    The start is what the clock of `zone` showed; the end is so much later as the ride
    took. A time with an offset is converted to the zone, one without is the clock's.
    A time in the hour that the clock repeats in autumn is of its first pass; an end
    that would then lie before the start is of its second. So 01:40 to 02:10 counts as
    90 minutes, though it may have been 30: only an offset tells. A time in the hour
    that the clock skips in spring never was: it becomes NaT.
    """
    try:
        zoneinfo.ZoneInfo(zone)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise WorkshopError(
            f"There is no time zone {zone!r}. Name one as 'Europe/Paris' is named; "
            "zoneinfo.available_timezones() lists them."
        ) from error
    began = _instants(start, zone, first=True)
    ended, later = (_instants(end, zone, first=first) for first in (True, False))
    took = (ended - began).mask(ended < began, later - began)
    began, ended = (
        each.dt.tz_convert(zone).dt.tz_localize(None) for each in (began, ended)
    )
    return began, (began + took).fillna(ended)


def _instants(times: Times, zone: str, first: bool) -> pd.Series:
    """In UTC, with the repeated hour taken for its first or its second pass."""
    pass_ = np.full(len(times.shown), first)
    here = times.shown.dt.tz_localize(zone, ambiguous=pass_, nonexistent="NaT")
    utc = times.shown.dt.tz_localize("UTC")
    return here.dt.tz_convert("UTC").where(~times.in_utc, utc)
