"""What one column of a model takes, and the array that its values become."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

# kind of dtype: the types of a JSON value, what one is called, and what many are
KINDS = {
    "f": ((float, int), "a number", "numbers"),
    "i": ((int,), "an integer", "integers"),
    "u": ((int,), "an integer", "integers"),
    "b": ((bool,), "true or false", "booleans"),
    "O": ((str,), "a string", "strings"),
}
BEYOND_INT64 = 2.0**63  # a JSON integer past 64 bits is read as a float


@dataclass(frozen=True)
class Column:
    """One column; ``width`` is the number of values that a row holds in it."""

    name: str
    input: str
    dtype: np.dtype
    missing: bool = False
    categories: frozenset[Any] | None = None  # None: any value will do
    width: int = 1

    @classmethod
    def from_schema(cls, entry: Mapping[str, Any], width: int = 1) -> "Column":
        """Return the column that one entry of a ``fare.schema`` describes."""
        closed = entry.get("unknown") == "error" and entry.get("categories") is not None
        return cls(
            name=entry["name"],
            input=entry["input"],
            dtype=dtype_of(entry["dtype"]),
            missing=bool(entry.get("missing")),
            categories=frozenset(entry["categories"]) if closed else None,
            width=width,
        )

    def array(self, values: list[Any]) -> np.ndarray | None:
        """Return the values as (rows,) or (rows, width); None if one does not fit.

        A missing number is NaN in the array, a missing string None.
        """
        if self.width > 1:
            if not all(type(v) is list and len(v) == self.width for v in values):
                return None
            values = list(chain.from_iterable(values))
        allowed = KINDS[self.dtype.kind][0] + (type(None),) * self.missing
        if not set(map(type, values)).issubset(allowed):
            return None
        if self.categories is not None and not self.categories.issuperset(
            value for value in values if value is not None
        ):
            return None
        try:
            with np.errstate(over="ignore"):
                array = np.array(values, self.dtype)
        except OverflowError:
            return None
        if self.dtype.kind == "f" and np.isinf(array).any():
            return None
        return array if self.width == 1 else array.reshape(-1, self.width)

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with one row's value; None where ``array`` takes it."""
        if value is None and not self.missing:
            return f"'{self.name}' must not be null"
        if self.array([value]) is not None:
            return None
        types, one, many = KINDS[self.dtype.kind]
        values = value if self.width > 1 else [value]
        if type(values) is not list or len(values) != self.width:
            return f"'{self.name}' must be a list of {self.width} {many}"
        for each in values:
            if type(each) not in types and not self._beyond_int64(each):
                what = one if self.width == 1 else f"a list of {self.width} {many}"
                return f"'{self.name}' must be {what}"
            if self.categories is not None and each not in self.categories:
                return f"'{self.name}' has no category '{each}'"
        return f"'{self.name}' is out of range for {self.dtype}"

    def example(self) -> Any:
        """Return a value that the column takes."""
        if self.categories:
            return min(self.categories)
        value = KINDS[self.dtype.kind][0][0]()
        return value if self.width == 1 else [value] * self.width

    def _beyond_int64(self, value: Any) -> bool:
        is_integer = self.dtype.kind in "iu"
        return is_integer and type(value) is float and abs(value) >= BEYOND_INT64


def dtype_of(name: str) -> np.dtype:
    """Return the numpy dtype of a schema's dtype; raises TypeError if unknown."""
    dtype = np.dtype(object if name == "string" else name)
    if dtype.kind not in KINDS:
        raise TypeError(f"columns of {name} are not supported")
    return dtype
