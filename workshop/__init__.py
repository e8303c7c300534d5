"""The plumbing behind the notebooks: each module is named for what it hides."""

import os

# From 1.29 ONNX Runtime reports to its maker unless told not to before its import, here
# and in every process that we start. In CI it is silent anyway, so times would differ.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
