"""Whether a rewrite pays: a sentence computed from a saving and a price of work."""

from workshop.cost import payback_months
from workshop.errors import WorkshopError


def decide(
    saved_usd: float, *, hours: float, usd_per_hour: float, within_months: float = 24
) -> str:
    """Return 'rewrite it' or 'do not rewrite it', and the arithmetic behind it.

    saved_usd is a month's saving, negative where the new way costs more; the work pays
    when it is repaid within the months given. Raises WorkshopError for negative work.
    """
    if within_months <= 0:
        raise WorkshopError(
            f"within_months is {within_months}: give the months, above 0, within which "
            "the work must be repaid."
        )
    months = payback_months(hours, usd_per_hour, saved_usd)
    work = f"{hours:g} h of work at {usd_per_hour:g} USD"
    if saved_usd <= 0:
        return f"do not rewrite it: it saves nothing, and asks for {work}"
    repaid = f"{saved_usd:.3g} USD a month repay {work} in {months:,.0f} months"
    return (
        f"{'rewrite it' if months <= within_months else 'do not rewrite it'}: {repaid}"
    )
