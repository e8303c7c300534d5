"""ONNX Runtime reports to its maker unless told not to: no way to it lets it."""

import os
import subprocess
import sys

import pytest

import rust_ext
from workshop import models
from workshop.paths import ROOT

OPEN = "import sys, {0}, onnxruntime; {1}.InferenceSession(sys.argv[1])"
WAYS = {
    "workshop": [sys.executable, "-c", OPEN.format("workshop", "onnxruntime")],
    "rust_ext": [sys.executable, "-c", OPEN.format("rust_ext", "rust_ext")],
    "fare-server": [
        *(rust_ext.binary("fare-server"), "--port", "0"),
        *("--exit-on-stdin-close", "--model"),
    ],
    "fare-predict": [rust_ext.binary("fare-predict")],
}
WITHOUT = [sys.executable, "-c", OPEN.format("os", "onnxruntime")]
# Any of these silences it.
SILENCERS = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"}


def left_at_home(command, home, **environment):
    """What a process of a person without our variables leaves in the home folder."""
    kept = {k: v for k, v in os.environ.items() if k not in SILENCERS}
    kept |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    subprocess.run(
        [*command, models.ensure("fare_small").onnx],
        env={**kept, "ORT_DYLIB_PATH": str(rust_ext.onnxruntime_library())}
        | environment,
        input=b'{"instances": []}',
        capture_output=True,
        check=True,
        cwd=ROOT,
        timeout=60,
    )
    return [path.name for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_kept_to_be_sent(way, tmp_path):
    assert left_at_home(WAYS[way], tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems report otherwise")
def test_it_would_be_seen(tmp_path):
    assert "deviceid" in left_at_home(WITHOUT, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems report otherwise")
def test_who_wants_to_report_can(tmp_path):
    found = left_at_home(WAYS["fare-server"], tmp_path, ORT_DISABLE_TELEMETRY="0")
    assert "deviceid" in found
