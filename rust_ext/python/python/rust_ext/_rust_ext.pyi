# ruff: noqa: N818 -- the exceptions have onnxruntime's names
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, Self, final, overload, type_check_only

from numpy import ndarray

__all__ = [
    "BUILD_PROFILE",
    "EPFail",
    "EngineError",
    "Fail",
    "Floor",
    "InferenceSession",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "ModelLoaded",
    "ModelMetadata",
    "NoModel",
    "NoSuchFile",
    "NodeArg",
    "NotImplemented",
    "RuntimeException",
]

BUILD_PROFILE: Literal["release", "debug"]

@type_check_only
class _Frame(Protocol):
    def __getitem__(self, name: str, /) -> Any: ...

@final
class NodeArg:
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def shape(self) -> list[int | str | None]: ...

@final
class ModelMetadata:
    @property
    def producer_name(self) -> str: ...
    @property
    def graph_name(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def graph_description(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def custom_metadata_map(self) -> dict[str, str]: ...

@final
class InferenceSession:
    def __new__(
        cls,
        path_or_bytes: str | PathLike[str] | bytes,
        sess_options: Any | None = None,
        providers: Sequence[str | tuple[str, dict[str, Any]]] | None = None,
        provider_options: Sequence[dict[str, Any]] | None = None,
    ) -> Self: ...
    @overload
    def run(
        self,
        output_names: Iterable[str] | None,
        input_feed: Mapping[str, Any],
        run_options: Any | None = None,
        *,
        out: None = None,
    ) -> list[Any]: ...
    @overload
    def run(
        self,
        output_names: Iterable[str] | None,
        input_feed: Mapping[str, Any],
        run_options: Any | None = None,
        *,
        out: Sequence[ndarray] | dict[str, ndarray],
    ) -> list[ndarray]: ...
    def predict(self, frame: _Frame) -> ndarray | dict[str, Any]: ...
    def get_inputs(self) -> list[NodeArg]: ...
    def get_outputs(self) -> list[NodeArg]: ...
    def get_overridable_initializers(self) -> list[NodeArg]: ...
    def get_modelmeta(self) -> ModelMetadata: ...
    def get_providers(self) -> list[str]: ...

@final
class Floor:
    def __new__(
        cls, session: InferenceSession, feeds: list[dict[str, ndarray]]
    ) -> Self: ...
    def run(self) -> list[ndarray]: ...

class Fail(Exception): ...
class InvalidArgument(Exception): ...
class NoSuchFile(Exception): ...
class NoModel(Exception): ...
class EngineError(Exception): ...
class RuntimeException(Exception): ...
class InvalidProtobuf(Exception): ...
class ModelLoaded(Exception): ...
class NotImplemented(Exception): ...
class InvalidGraph(Exception): ...
class EPFail(Exception): ...
