"""The one error that attendees are meant to read."""


class WorkshopError(Exception):
    """Say what happened, why, and what to do next, in one or two sentences."""

    def _render_traceback_(self) -> list[str]:
        """Return the lines that a notebook shows: the words, and no stack of calls."""
        return [f"{type(self).__name__}: {self}"]
