"""The plumbing behind the notebooks: each module is named for what it hides."""

__version__ = "0.1.0"
