"""Six irises through ONNX Runtime, in a process of their own: MODEL BODY."""

import json
import sys
from pathlib import Path

from workshop.launched.stages import report, stage

with stage("library"):
    import numpy as np
    import onnxruntime
with stage("loaded"):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(sys.argv[1], options)
with stage("predicted"):
    rows = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))["instances"]
    irises = np.array([row["X"] for row in rows], np.float32)
    species = session.run(["label"], {"X": irises})[0]
    print(json.dumps({"predictions": species.tolist()}))
report()
