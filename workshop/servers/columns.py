"""What one column of a model takes, and the array that its values become."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
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
    categories: tuple[Any, ...] | None = None  # the only values it takes; None: any
    width: int = 1

    @classmethod
    def from_schema(cls, entry: Mapping[str, Any], width: int = 1) -> "Column":
        """Return the column that one entry of a ``fare.schema`` describes.

        Raises TypeError for a dtype, or a category, that no column has.
        """
        dtype, categories = dtype_of(entry["dtype"]), entry.get("categories")
        if categories is not None:
            check_categories(entry["name"], dtype, categories)
            categories = tuple(categories) if entry.get("unknown") == "error" else None
        return cls(
            name=entry["name"],
            input=entry["input"],
            dtype=dtype,
            missing=bool(entry.get("missing")) and dtype.kind in "fO",
            categories=categories,
            width=width,
        )

    @cached_property
    def types(self) -> frozenset[type]:
        """The Python types that its JSON values have."""
        types = KINDS[self.dtype.kind][0]
        return frozenset([*types, type(None)] if self.missing else types)

    @cached_property
    def known(self) -> frozenset[Any]:
        """Its categories, for looking up."""
        return frozenset([*(self.categories or ()), None])

    def array(self, values: list[Any]) -> np.ndarray | None:
        """Return the values as (rows,) or (rows, width); None if one does not fit.

        A missing number is NaN in the array, a missing string None.
        """
        if self.width > 1:
            if not all(type(v) is list and len(v) == self.width for v in values):
                return None
            values = list(chain.from_iterable(values))
        if not self.types.issuperset(map(type, values)):
            return None
        if self.categories is not None and not self.known.issuperset(values):
            return None
        make = floats if self.dtype.kind == "f" else np.array
        try:
            array = make(values, self.dtype)
        except (OverflowError, FloatingPointError):
            return None
        return array if self.width == 1 else array.reshape(-1, self.width)

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with one row's value; None where ``array`` takes it."""
        if value is None and not self.missing:
            return f"'{self.name}' must not be null"
        if self.array([value]) is not None:
            return None
        _, one, many = KINDS[self.dtype.kind]
        values = [value] if self.width == 1 else value
        if self.width > 1:
            one = f"a list of {self.width} {many}"
            if type(values) is not list or len(values) != self.width:
                return f"'{self.name}' must be {one}"
        for each in values:
            if type(each) not in self.types and not self._beyond_int64(each):
                return f"'{self.name}' must be {one}"
            if self.categories is not None and each not in self.known:
                return f"'{self.name}' has no category '{each}'"
        return f"'{self.name}' is out of range for {self.dtype}"

    def example(self) -> Any:
        """Return a value that the column takes."""
        value = [*(self.categories or ()), KINDS[self.dtype.kind][0][0]()][0]
        return value if self.width == 1 else [value] * self.width

    def _beyond_int64(self, value: Any) -> bool:
        is_integer = self.dtype.kind in "iu"
        return is_integer and type(value) is float and abs(value) >= BEYOND_INT64


@np.errstate(over="raise")
def floats(values: list[Any], dtype: np.dtype) -> np.ndarray:
    """Return an array of floats; raises FloatingPointError for one out of range."""
    return np.array(values, dtype)


def dtype_of(name: str) -> np.dtype:
    """Return the numpy dtype of a schema's dtype; raises TypeError if unknown."""
    dtype = np.dtype(object if name == "string" else name)
    if dtype.kind not in KINDS:
        raise TypeError(f"columns of {name} are not supported")
    return dtype


def check_categories(name: str, dtype: np.dtype, categories: Iterable[Any]) -> None:
    """Raise TypeError unless each is a value of a column of strings or integers."""
    if dtype.kind in "fb":
        raise TypeError(f"'{name}' is {dtype}, which has no categories")
    types, _, many = KINDS[dtype.kind]
    for category in categories:
        if type(category) not in types:
            odd = f"its category {category!r} is none"
            raise TypeError(f"'{name}' takes {many}, and {odd}")
