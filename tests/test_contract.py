"""Every arm answers alike: contract.json is the contract, case by case.

A case is a request (by default POST /predict with application/json) and what every
arm answers to it: `status`; for a problem its `code` and all of its `errors`; for
predictions the number of `rows`; for anything else the `json`.
"""

import base64
import json
import math
import re
import socket
import time
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
import requests

from workshop.paths import ROOT
from workshop.servers.problems import PROBLEMS

CASES = json.loads((ROOT / "tests" / "contract.json").read_text(encoding="utf-8"))
ROW = (
    b'{"distance_miles": 1.5, "pickup_zone": "1-east", "dropoff_zone": "2-west",'
    b' "hour": 8, "weekday": 2, "passengers": 1}'
)
GOOD = b'{"instances": [' + ROW + b"]}"
OVER = b" " * 1001  # over the limit of a strict server


def send(url, case):
    asked = case["request"]
    body = asked.get("body", "").encode()
    with requests.Session() as session:
        session.trust_env = False
        request = requests.Request(
            asked.get("method", "POST"),
            url + asked.get("path", "/predict"),
            headers=asked.get("headers", {"Content-Type": "application/json"}),
            data=base64.b64decode(asked.get("body_base64", "")) or body,
        ).prepare()
        request.url = url + asked.get("path", "/predict")
        return session.send(request, timeout=20)


def strict_json(text):
    """The JSON in a text, without the NaN and Infinity that Python lets through."""

    def refuse(token):
        raise ValueError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def assert_problem(answer, status, code):
    problem = strict_json(answer.text)
    assert answer.status_code == status, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "error", "errors"}
    assert problem["type"] == f"urn:fare:{code}"
    assert (status, problem["title"]) == PROBLEMS[code]
    assert problem["status"] == status
    assert problem["detail"] == problem["error"] != ""
    assert not re.search(r"Traceback|\.py\b|\.rs:|\.onnx|panicked", answer.text)
    return problem


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(url, case):
    answer = send(url, case)
    if code := case.get("code"):
        problem = assert_problem(answer, case["status"], code)
        assert problem["errors"] == case.get("errors", [])
        if problem["errors"]:
            assert problem["detail"] == problem["errors"][0]["detail"]
        for method in case.get("allow", []):
            assert method in answer.headers["allow"]
        return
    content = strict_json(answer.text)
    assert answer.status_code == case["status"], content
    assert answer.headers["content-type"] == "application/json"
    if "json" in case:
        assert content == case["json"]
        return
    assert set(content) == {"predictions"}
    assert len(content["predictions"]) == case["rows"]
    assert all(math.isfinite(fare) for fare in content["predictions"])


def test_ids_are_unique():
    assert len({case["id"] for case in CASES}) == len(CASES) > 50
