"""The exceptions of `rust_ext`, named as onnxruntime names its own."""


class Fail(Exception):
    """A failure with no kind of its own."""


class InvalidArgument(Exception):
    """An input, an output's name or an empty file does not fit."""


class NoSuchFile(Exception):
    """There is no model at the path."""


class NoModel(Exception):
    """No model was given."""


class EngineError(Exception):
    """The engine failed."""


class RuntimeException(Exception):
    """A node of the graph failed while running."""


class InvalidProtobuf(Exception):
    """The bytes are not an ONNX model."""


class ModelLoaded(Exception):
    """The model was loaded already."""


class NotImplemented(Exception):
    """The model uses what is not carried."""


class InvalidGraph(Exception):
    """The graph breaks ONNX's rules."""


class EPFail(Exception):
    """The execution provider failed."""
