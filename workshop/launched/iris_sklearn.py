"""Six irises through scikit-learn, in a process of their own: MODEL BODY."""

import json
import sys
from pathlib import Path

from workshop.launched.stages import report, stage

with stage("library"):
    import joblib
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
with stage("loaded"):
    model: RandomForestClassifier = joblib.load(sys.argv[1])["model"]
with stage("predicted"):
    rows = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))["instances"]
    species = model.predict(np.array([row["X"] for row in rows], np.float32))
    print(json.dumps({"predictions": species.tolist()}))
report()
