"""Quantities as people read them: three digits, and the unit that suits them."""

UNITS = {"s": 1, "ms": 1e3, "µs": 1e6}
LARGE = 999


def digits(number: float) -> str:
    """Return 3 significant digits, and all of those before the point."""
    whole = abs(number) >= LARGE
    return f"{number:,.0f}" if whole else f"{number:#.3g}".rstrip(".")


def duration(seconds: float) -> str:
    """Return a time in seconds, milliseconds or microseconds."""
    unit = next((unit for unit in UNITS if seconds * UNITS[unit] >= 1), "µs")
    return f"{digits(seconds * UNITS[unit])} {unit}"
