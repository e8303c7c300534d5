"""The document that fare-server gives of itself is true: schemathesis finds no fault.

It is tried where schemathesis is installed: .ci/run does so before the other tests.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workshop.paths import ROOT, RUST
from workshop.serving import serve

schemathesis = pytest.importorskip("schemathesis")

# Columns of every kind: with gaps, with categories, numbers, text and truth values.
MODEL = RUST / "server/tests/models/rides.onnx"
OPTIONS = ["--seed", "1", "--max-examples", "20", "--continue-on-failure", "--no-color"]
# The path without a version is the same.
TWICE = ["--exclude-path-regex", "/v2/models/rides/versions/1/(infer|ready)"]


def test_schemathesis_finds_no_fault(tmp_path):
    with serve("onnx-axum", MODEL) as url:
        command = [sys.executable, "-m", "schemathesis.cli", "run", *OPTIONS, *TWICE]
        ran = subprocess.run(
            [*command, "--phases", "examples,coverage,fuzzing", f"{url}/openapi.json"],
            cwd=tmp_path,
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": str(ROOT / "tests/openapi_hooks.py"),
                "PYTHONPATH": str(Path(schemathesis.__file__).parents[1]),
                "NO_PROXY": "127.0.0.1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Operations:       12 selected / 14 total" in ran.stdout
