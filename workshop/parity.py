"""Compares the answers of two ways to run one model, row by row."""

import json

import numpy as np
import onnxruntime
import pandas as pd

TENSOR_TYPES = {
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}


def feeds(
    frame: pd.DataFrame, session: onnxruntime.InferenceSession
) -> dict[str, np.ndarray]:
    """One array [rows, 1] for each input, by name, in the type the graph asks for."""
    schema = session.get_modelmeta().custom_metadata_map.get("fare.schema", "[]")
    columns = {entry["input"]: entry["name"] for entry in json.loads(schema)}
    return {
        i.name: frame[[columns.get(i.name, i.name)]].to_numpy(TENSOR_TYPES[i.type])
        for i in session.get_inputs()
    }
