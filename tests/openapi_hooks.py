"""Gives schemathesis's good bodies what the document asks for in words alone."""

from itertools import chain

import schemathesis


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Cut the lists of a good body to one length, and write its integers as such."""
    if case.meta.generation.mode.is_positive and case.method.upper() == "POST":
        content = case.operation.definition.raw["requestBody"]["content"]
        body = whole(case.body, content["application/json"]["example"])
        case.body = without_fractions(body)


def without_fractions(value):
    """Return JSON with 1 for each 1.0, which JSON Schema takes for an integer, too."""
    if isinstance(value, dict):
        return {name: without_fractions(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_fractions(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def whole(body, example):
    """Return a body whose lists are of one length, and whose tensors are of one row."""
    if columns := body.get("columns"):
        rows = min(map(len, columns.values()))
        return {"columns": {name: values[:rows] for name, values in columns.items()}}
    if "inputs" in body:
        usual = {each["name"]: each for each in example["inputs"]}
        inputs = [one_row(each, usual[each["name"]]) for each in body["inputs"]]
        return body | {"inputs": inputs}
    return body


def one_row(tensor, usual):
    """Return a tensor cut to one row; the usual one where it has too few values."""
    lists = (each if isinstance(each, list) else [each] for each in tensor["data"])
    values, width = [*chain.from_iterable(lists)], len(usual["data"])
    data = values[:width] if len(values) >= width else usual["data"]
    return tensor | {"shape": usual["shape"], "data": data}
