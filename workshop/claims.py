"""The post's figures, from data/claims.toml: each with how it comes about."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workshop.errors import WorkshopError
from workshop.paths import DATA


@dataclass(frozen=True)
class Claim:
    """One thing the post says; `value` is None where it gives no figure."""

    name: str
    says: str
    rule: str
    value: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Claims:
    """The post, its table of whole-process times, and what it says."""

    source: dict[str, str]
    whole_process: pd.DataFrame
    claims: dict[str, Claim]

    def value(self, name: str) -> float:
        """Return the post's figure of that name."""
        claim = self.claims.get(name)
        if claim is None or claim.value is None:
            figures = [each.name for each in self.claims.values() if each.value]
            raise WorkshopError(
                f"The post gives no figure {name!r}: choose one of {figures}."
            )
        return claim.value


def read_claims(path: Path = DATA / "claims.toml") -> Claims:
    """Return the post's claims; `whole_process` has one row an arm, in seconds."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        claims = [Claim(**claim) for claim in table["claim"]]
        times = pd.DataFrame(table["whole_process"]).set_index("arm")
        source = table["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkshopError(
            f"The claims in {path.name} cannot be read ({error}): compare the file "
            "with the one in the repository."
        ) from error
    return Claims(source, times, {claim.name: claim for claim in claims})
