"""The one error that attendees are meant to read."""


class WorkshopError(Exception):
    """Say what happened, why, and what to do next, in one or two sentences."""
