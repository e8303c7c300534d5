"""Rows in and out: request bodies to arrays by column name, outputs to JSON.

A good body takes the short way (one look at a whole column); a bad one is looked at
again, value by value, to say what is wrong and where.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

import numpy as np
import orjson

from workshop.servers.columns import Column
from workshop.servers.problems import RequestError

Columns = Mapping[str, Column]  # by name, in the model's order
Error = tuple[str, str]  # where (a JSON pointer), and what is wrong there
MOST_ERRORS = 10
FORMS = ("instances", "columns")
DEPTH = 127  # as deep as serde_json reads


def read_rows(body: bytes | bytearray, columns: Columns) -> dict[str, np.ndarray]:
    """Return an array by column name; raises RequestError for what does not fit."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError("not-json", f"the body is not JSON: {error}") from None
    lists, arrays = by_column(document, columns), {}
    if lists is not None:
        arrays = {name: columns[name].array(lists[name]) for name in columns}
    good = lists is not None and all(array is not None for array in arrays.values())
    if good and body.count(b":") == keys(document, len(columns)):
        return arrays  # no name is repeated: each has a colon of its own
    if too_deep(document):
        raise RequestError("not-json", "the body is not JSON: it is nested too deep")
    found = islice(errors(with_repeated(body), columns), MOST_ERRORS)
    listed = [{"pointer": where, "detail": what} for where, what in found]
    if listed:
        raise RequestError("wrong-rows", listed[0]["detail"], listed)
    return arrays


class Object(dict):
    """A JSON object with the last value of each name, and the names it repeats."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        """Keep what a parser found, in its order."""
        super().__init__()
        repeated = {}
        for name, value in pairs:
            if name in self:
                repeated[name] = None
            self[name] = value
        self.repeated = list(repeated)


def with_repeated(body: bytes | bytearray) -> Any:
    """Return the document of a body that orjson takes, each object as an Object."""
    return json.loads(body, object_pairs_hook=Object, parse_int=orjson.loads)


def keys(document: dict[str, Any], width: int) -> int:
    """Return how many names stand in a good document of so many columns."""
    rows = document.get("instances")
    return 1 + width * (1 if rows is None else len(rows))


def too_deep(document: Any) -> bool:
    """Return whether lists and objects lie in each other beyond DEPTH."""
    level = [document]
    for _ in range(DEPTH):
        inside = [each for each in level if type(each) is list]
        inside += [each.values() for each in level if type(each) is dict]
        level = list(chain.from_iterable(inside))
    return any(type(each) in (list, dict) for each in level)


def by_column(document: Any, columns: Columns) -> dict[str, list] | None:
    """Return the values by column name, unchecked; None where the shape is wrong."""
    if type(document) is not dict or len(document) != 1:
        return None
    rows, lists, names = (
        document.get("instances"),
        document.get("columns"),
        columns.keys(),
    )
    if type(rows) is list:
        for row in rows:
            if type(row) is not dict or row.keys() != names:
                return None
        return {name: [row[name] for row in rows] for name in names}
    if type(lists) is dict and lists.keys() == names:
        return None if any(shape_errors(lists, columns)) else lists
    return None


def errors(document: Any, columns: Columns) -> Iterator[Error]:
    """Yield all that is wrong with a document, by row and then in schema order."""
    match document:
        case Object(repeated=[name]) if len(document) == 1 and name in FORMS:
            yield "", f"'{name}' appears twice"
        case {"instances": list(rows)} if len(document) == 1:
            for index, row in enumerate(rows):
                yield from row_errors(row, columns, f"/instances/{index}")
        case {"instances": _} if len(document) == 1:
            yield "/instances", "'instances' must be a list of objects"
        case {"columns": dict(lists)} if len(document) == 1:
            yield from column_errors(lists, columns)
        case {"columns": _} if len(document) == 1:
            yield "/columns", "'columns' must be an object of column: list"
        case _:
            keys = "'instances' or 'columns'"
            yield "", f"the body must be an object with either {keys}"


def row_errors(row: Any, columns: Columns, where: str) -> Iterator[Error]:
    """Yield what is wrong with one row."""
    if not isinstance(row, Object):
        yield where, "row must be an object of column: value"
        return
    for name, column in columns.items():
        if name not in row:
            yield where, f"column '{name}' is missing"
        elif what := column.problem(row[name]):
            yield f"{where}/{escape(name)}", what
    yield from name_errors(row, columns, where)


def column_errors(lists: Object, columns: Columns) -> Iterator[Error]:
    """Yield what is wrong with columns: with their values once their shape is right."""
    shape = list(shape_errors(lists, columns))
    yield from shape
    if not shape:
        rows = zip(*(lists[name] for name in columns), strict=True)
        for index, row in enumerate(rows):
            for column, value in zip(columns.values(), row, strict=True):
                if what := column.problem(value):
                    yield f"/columns/{escape(column.name)}/{index}", what
    yield from name_errors(lists, columns, "/columns")


def shape_errors(lists: dict[str, Any], columns: Columns) -> Iterator[Error]:
    """Yield which columns are missing, are no lists, or have another length."""
    first = None
    for name in columns:
        where, values = f"/columns/{escape(name)}", lists.get(name)
        if name not in lists:
            yield "/columns", f"column '{name}' is missing"
        elif type(values) is not list:
            yield where, f"'{name}' must be a list"
        elif first is None:
            first = name
        elif len(values) != len(lists[first]):
            have, want = len(values), len(lists[first])
            yield where, f"'{name}' has {have} values where '{first}' has {want}"


def name_errors(given: Object, columns: Columns, where: str) -> Iterator[Error]:
    """Yield the columns that are repeated, then names that the model does not have."""
    for name in given.repeated:
        if name in columns:
            yield where, f"column '{name}' appears twice"
    for name in given:
        if name not in columns:
            yield f"{where}/{escape(name)}", f"column '{name}' is not in the model"


def escape(name: str) -> str:
    """Return a name as one step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def by_row(outputs: Mapping[str, Any]) -> Any:
    """Return one entry a row: the value of a lone output, else an object by name."""
    flat = {name: plain(output) for name, output in outputs.items()}
    (first, *more) = flat.values()
    if not more and np.ndim(first) == 1:
        return first
    rows = zip(*flat.values(), strict=True)
    return [dict(zip(flat, row, strict=True)) for row in rows]


def plain(output: Any) -> Any:
    """Return an output as orjson takes it: floats in an array, all else in a list."""
    if not isinstance(output, np.ndarray):
        return output  # a classifier's ZipMap: a dict a row
    if output.size == len(output):
        output = output.reshape(-1)
    return np.ascontiguousarray(output) if output.dtype.kind == "f" else output.tolist()
