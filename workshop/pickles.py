"""Reads what a pickle names without opening it: nothing is imported, nothing called."""

import io
import pickletools
from collections import Counter
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from workshop.errors import WorkshopError

COMPRESSED = (b"x", b"\x1f\x8b", b"BZ", b"\xfd7zXZ", b"]\x00", b"\x04\x22M\x18")
HAS_OBJECTS = 1  # the flag of a NumPy dtype whose items are Python objects
MARK = object()
FAULTS = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class Name(NamedTuple):
    """A function or class, as a pickle names it."""

    module: str
    name: str


ARRAY = Name("joblib.numpy_pickle", "NumpyArrayWrapper")


@dataclass(eq=False)
class Made:
    """Stands for what a call would give: what was called, with what, its state."""

    of: object
    arguments: tuple
    state: object = None


def calls(file: Path | bytes) -> pd.DataFrame:
    """What a pickle or joblib file names, and how often it would call each.

    Columns module, name, named, called: a row for each function or class, in the
    order of the file. Extension codes, and calls of what a call gave, are "unknown".
    Raises WorkshopError where the file is compressed, or no whole pickle.

    It is for looking, no guard: names that one knows prove nothing. Importing a module
    runs its code, a harmless function does harm with other arguments, setting a state
    can call more (not counted), and a file can be made to fool a reader.
    """
    reader = _Reader(file if isinstance(file, bytes) else _bytes(Path(file)))
    try:
        reader.read()
    except FAULTS as error:
        before = ", ".join(map(".".join, reader.named)) or "nothing"
        raise WorkshopError(
            f"This is no whole pickle: {error}. Opening it can still run what stands "
            f"before the fault, which names {before}. Do not open it."
        ) from error
    rows = [(*name, count, reader.called[name]) for name, count in reader.named.items()]
    return pd.DataFrame(rows, columns=["module", "name", "named", "called"])


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WorkshopError(
            f"{path} cannot be read: {error.strerror}. Give the path of a pickle."
        ) from error


class _Reader:
    """Follows the opcodes on a stack of names, constants, and what stands for calls."""

    def __init__(self, data: bytes) -> None:
        if data.startswith(COMPRESSED):
            raise WorkshopError(
                "This file is compressed, and only bare pickles are read here. "
                "Unpack it first, with zlib, gzip, bz2 or lzma."
            )
        self.file = io.BytesIO(data)
        self.named: Counter[Name] = Counter()
        self.called: Counter[Name] = Counter()

    def read(self) -> None:
        """Read one pickle to its end."""
        stack, memo = [], {}
        for opcode, argument, _ in pickletools.genops(self.file):
            if opcode.name == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif opcode.name.endswith("PUT"):
                memo[argument] = stack[-1]
            elif opcode.name.endswith("GET"):
                stack.append(memo[argument])
            elif opcode.name == "DUP":
                stack.append(stack[-1])
            else:
                taken = _take(stack, opcode)
                if opcode.stack_after:
                    stack.append(self._made(opcode.name, argument, taken))

    def _made(self, opcode: str, argument: object, taken: list) -> object:
        match opcode:
            case "MARK":
                made = MARK
            case "GLOBAL":
                made = self._name(*argument.split(" ", 1))
            case "STACK_GLOBAL":
                made = self._name(*taken)
            case "EXT1" | "EXT2" | "EXT4":
                made = self._name("unknown", f"extension {argument}")
            case "INST":
                made = self._call(self._name(*argument.split(" ", 1)), *taken)
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX" | "OBJ":
                made = self._call(*taken)
            case "BUILD":
                made = self._build(*taken)
            case "APPEND" | "APPENDS" | "SETITEM" | "SETITEMS" | "ADDITEMS":
                made, *items = taken
                if isinstance(made, list):
                    made.extend(items)
            case name if name.endswith(("LIST", "DICT", "SET")) or "TUPLE" in name:
                made = taken
            case _:
                made = argument
        return made

    def _name(self, module: object, name: object) -> Name:
        found = Name(str(module), str(name))
        self.named[found] += 1
        return found

    def _call(self, what: object, *arguments: object) -> Made:
        if isinstance(what, Name):
            self.called[what] += 1
        else:
            self.called[self._name("unknown", "what a call gave")] += 1
        return Made(what, arguments)

    def _build(self, made: object, state: object) -> object:
        if isinstance(made, Made):
            made.state = state
            if made.of == ARRAY:
                self._pass_array(dict(zip(state[::2], state[1::2], strict=True)))
        return made

    def _pass_array(self, wrapper: dict) -> None:
        """Pass what joblib puts behind a wrapper: an array's bytes, or a pickle."""
        dtype = wrapper["dtype"]
        itemsize, flags = dtype.state[5], dtype.state[7]
        if flags & HAS_OBJECTS:
            self.read()
            return
        if itemsize < 0:  # a plain type, such as "f8"
            itemsize = int(dtype.arguments[0][0][1:])
        if wrapper.get("numpy_array_alignment_bytes") is not None:
            self.file.seek(ord(self.file.read(1)), io.SEEK_CUR)
        size = itemsize * prod(wrapper["shape"])
        if not 0 <= size <= self.file.getbuffer().nbytes:
            raise ValueError(f"an array of {size} bytes")
        self.file.seek(size, io.SEEK_CUR)


def _take(stack: list, opcode: pickletools.OpcodeInfo) -> list:
    """Take off the stack what the opcode takes, marks left out."""
    start = len(stack) - len(opcode.stack_before)
    if pickletools.markobject in opcode.stack_before:
        marks = [place for place, each in enumerate(stack) if each is MARK] or [-1]
        start = marks[-1] - opcode.stack_before.index(pickletools.markobject)
    if start < 0:
        raise IndexError(f"{opcode.name} finds too little on the stack")
    taken = [each for each in stack[start:] if each is not MARK]
    del stack[start:]
    return taken
