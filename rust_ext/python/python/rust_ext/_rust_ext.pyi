from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal

from numpy import ndarray

BUILD_PROFILE: Literal["release", "debug"]

class NodeArg:
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def shape(self) -> list[int | str | None]: ...

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

class InferenceSession:
    def __init__(
        self,
        path_or_bytes: str | PathLike[str] | bytes,
        sess_options: Any | None = None,
        providers: Sequence[str | tuple[str, dict[str, Any]]] | None = None,
    ) -> None: ...
    def run(
        self,
        output_names: Iterable[str] | None,
        input_feed: Mapping[str, ndarray | list[Any]],
        run_options: Any | None = None,
    ) -> list[ndarray]: ...
    def get_inputs(self) -> list[NodeArg]: ...
    def get_outputs(self) -> list[NodeArg]: ...
    def get_modelmeta(self) -> ModelMetadata: ...
    def get_providers(self) -> list[str]: ...

EPFail: type[Exception]
EngineError: type[Exception]
Fail: type[Exception]
InvalidArgument: type[Exception]
InvalidGraph: type[Exception]
InvalidProtobuf: type[Exception]
ModelLoaded: type[Exception]
NoModel: type[Exception]
NoSuchFile: type[Exception]
NotImplemented: type[Exception]
RuntimeException: type[Exception]
