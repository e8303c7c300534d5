import io
import pickle
import random
import zlib
from collections import OrderedDict, deque

import joblib
import numpy as np
import pandas as pd
import pytest
from joblib.numpy_pickle import NumpyUnpickler

from workshop import models
from workshop.errors import WorkshopError
from workshop.pickles import calls


class Hostile:
    """Creates a file when its pickle is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def rows(file):
    return set(calls(file).itertuples(index=False, name=None))


def counted(pickled):
    """What an unpickler asks for by name, as it truly opens the file."""
    found = {}

    class Counting(NumpyUnpickler):
        def find_class(self, module, name):
            found[module, name] = found.get((module, name), 0) + 1
            return super().find_class(module, name)

    Counting("", io.BytesIO(pickled), True).load()
    return found


@pytest.mark.parametrize("name", ["fare_small", "iris"])
def test_a_models_file_is_read_to_its_end_past_its_arrays(name):
    file = models.ensure(name).joblib if name != "iris" else models.ensure_iris().joblib
    table = calls(file)
    asked = {(m, n): times for m, n, times, _ in table.itertuples(index=False)}
    assert asked == counted(file.read_bytes())
    packages = {module.split(".")[0] for module in table["module"]}
    assert packages <= {"sklearn", "numpy", "joblib", "builtins"}
    assert (table["called"] > 0).sum() > 5


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_is_named_and_leaves_no_file(protocol, tmp_path):
    trap = tmp_path / "trap"
    pickled = pickle.dumps([Hostile(str(trap))] * 2, protocol)
    (tmp_path / "model.pkl").write_bytes(pickled)
    assert rows(pickled) == rows(tmp_path / "model.pkl") == {("io", "open", 1, 1)}
    assert not trap.exists()
    pickle.loads(pickled)[0].close()
    assert trap.exists()  # and it was no empty threat


@pytest.mark.parametrize(
    "array",
    [
        *(np.arange(7, dtype=kind) for kind in ("u1", "f4", "c16", "m8[s]", ">i2")),
        *(np.array("zone"), np.zeros((0, 3)), np.asfortranarray(np.eye(5))),
        np.zeros(3, dtype=[("left", "u4"), ("gain", "f8")]),
        np.zeros(2, dtype=[("any", "O")]),
        np.array([{"a": 1}, "b", None], dtype=object),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_what_stands_behind_an_array_is_still_found(array):
    """A reader that takes the array's bytes for opcodes misses the rest."""
    joblib.dump([array, pd.Timedelta], file := io.BytesIO())
    assert {("pandas", "Timedelta", 1, 0)} <= rows(file.getvalue())


def test_a_trap_within_an_array_of_objects_is_found(tmp_path):
    file, trap = io.BytesIO(), tmp_path / "trap"
    joblib.dump(np.array([Hostile(str(trap)), 1], dtype=object), file)
    assert ("io", "open", 1, 1) in rows(file.getvalue())
    assert not trap.exists()


@pytest.mark.parametrize(
    ("pickled", "found"),
    [
        (b"cos\nsystem\n(S'ls'\ntR.", {("os", "system", 1, 1)}),
        (b"(S'ls'\nios\nsystem\n.", {("os", "system", 1, 1)}),
        (b"(cos\nsystem\nS'ls'\no.", {("os", "system", 1, 1)}),
        (b"cos\nsystem\nq\x00h\x00h\x000.", {("os", "system", 1, 0)}),
        (
            b"\x80\x04\x8c\x02os\x94\x8c\x06systemp5\n0h\x00g5\n\x93.",
            {("os", "system", 1, 0)},
        ),
        (b"\x80\x02\x82\x07)R.", {("unknown", "extension 7", 1, 1)}),
        (b"cos\nsystem\n)\x81)b.", {("os", "system", 1, 1)}),
        (b"cos\nsystem\n)}\x92.", {("os", "system", 1, 1)}),
        (
            b"cbuiltins\ngetattr\n)R)R.",
            {("builtins", "getattr", 1, 1), ("unknown", "what a call gave", 1, 1)},
        ),
    ],
)
def test_each_way_to_name_and_to_call_is_seen(pickled, found):
    assert rows(pickled) == found


def test_without_padding_the_bytes_follow_at_once():
    class Pipe(io.BytesIO):
        def tell(self):
            raise io.UnsupportedOperation

    joblib.dump([np.arange(9.0), pd.Timedelta], pipe := Pipe())
    assert ("pandas", "Timedelta", 1, 0) in rows(pipe.getvalue())


@pytest.mark.parametrize("length", ["-99", "99", "9" * 40])
def test_an_array_that_ends_outside_the_file_is_refused(length):
    """A negative length could send the reader back, for ever."""
    pickled = (
        b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81(S'shape'\n(I%b\nt"
        b"S'dtype'\ncnumpy\ndtype\n(S'f8'\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbdb."
    )
    with pytest.raises(WorkshopError, match="an array of"):
        calls(pickled % length.encode())


def test_what_fills_an_object_that_is_no_list_is_read_over():
    pickled = pickle.dumps([OrderedDict(a=pd.Timedelta), deque([1, pd.Timestamp])])
    names = {("pandas", "Timedelta"), ("pandas", "Timestamp")}
    names |= {("collections", "OrderedDict"), ("collections", "deque")}
    assert {row[:2] for row in rows(pickled)} == names


@pytest.mark.parametrize("method", ["zlib", "gzip", "bz2", "lzma", "xz"])
def test_a_compressed_file_is_refused_in_words(method, tmp_path):
    joblib.dump(np.arange(9), tmp_path / "model", compress=(method, 3))
    with pytest.raises(WorkshopError, match="compressed"):
        calls(tmp_path / "model")
    with pytest.raises(WorkshopError, match="compressed"):
        calls(zlib.compress(b"N."))


def test_a_broken_pickle_says_what_opening_it_would_still_run(tmp_path):
    with pytest.raises(WorkshopError, match=r"names os\.system\."):
        calls(b"cos\nsystem\n(S'ls'\ntR\xff")
    with pytest.raises(WorkshopError, match="names nothing"):
        calls(b"")
    with pytest.raises(WorkshopError, match="cannot be read"):
        calls(tmp_path / "none.joblib")


def test_no_bytes_raise_anything_but_our_error():
    joblib.dump([np.eye(3), {"a": np.array([1, "b"], object)}], file := io.BytesIO())
    whole, chance, refused = file.getvalue(), random.Random(0), 0
    for _ in range(3000):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        try:
            calls(bytes(broken))
        except WorkshopError:
            refused += 1
    assert refused > 1000
