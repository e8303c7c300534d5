"""Each setting of onnxruntime's options is honoured, or refused by its name."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import psutil
import pytest
from onnx import TensorProto as T
from onnx import helper
from sides import model, outcome, tensor

import rust_ext

FLOATS = tensor(T.FLOAT, ("N",))
X = np.arange(3, dtype=np.float32)

# By attribute, a value that is not its default; "" where it may be anything.
HONOURED = {
    "enable_cpu_mem_arena": False,
    "enable_mem_pattern": False,
    "execution_mode": onnxruntime.ExecutionMode.ORT_PARALLEL,
    "graph_optimization_level": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "inter_op_num_threads": 2,
    "intra_op_num_threads": 2,
    "log_severity_level": 4,
    "log_verbosity_level": 1,
    "logid": "mine",
    "optimized_model_filepath": "optimised.onnx",
    "profile_file_prefix": "unused without enable_profiling",
    "use_deterministic_compute": True,
}
REFUSED = {
    "enable_mem_reuse": False,
    "enable_profiling": True,
    "execution_order": onnxruntime.ExecutionOrder.PRIORITY_BASED,
    "use_per_session_threads": False,
}
RUN_REFUSED = {
    "log_severity_level": 4,
    "log_verbosity_level": 1,
    "logid": "mine",
    "only_execute_path_to_fetches": True,
}
# These only write: what they were given cannot be read back.
BLIND = {
    "add_external_initializers",
    "add_external_initializers_from_files_in_memory",
    "add_free_dimension_override_by_denotation",
    "add_free_dimension_override_by_name",
    "add_initializer",
    "clear_ep_context_data_read_func",
    "register_custom_ops_library",
    "set_ep_context_data_read_func",
    "set_load_cancellation_flag",
    "set_provider_selection_policy",
    "set_provider_selection_policy_delegate",
}
READ_OTHERWISE = {
    "add_provider",
    "add_provider_for_devices",
    "add_session_config_entry",
    "get_session_config_entry",
    "has_providers",
}
# Entries that change neither answers nor threads nor what opens on the CPU, or that
# stand beside an attribute.
UNREAD = re.compile(
    r"ep\.|optimization\.(constant_folding_max|minimal_build)|mlas\.(kleidiai|nchwc)"
    r"|session\.(moe|layer|name_based_layer|node_partition|resource|gqa|kernel_disp"
    r"|external_data_loader|use_env_allocators|record_ep|disable_model_compile|compile_"
    r"|fail_on_suboptimal|disable_cpu_ep|enable_saved|use_ort_model_bytes|enable_moe"
    r"|use_external_initializer_file_buffers|debug_layout|strict_workspace|enable_cpu_mem"
    r"|enable_mem_pattern|enable_profiling|execution_mode|graph_optimization"
    r"|int(er|ra)_op_num_threads|log_|optimized_model_|use_deterministic"
    r"|use_per_session|int(er|ra)_op\.spin_|force_spinning_stop|dynamic_block_base"
    r"|disable_prepacking|prepack\.|save_|use_device_allocator|disable_qdq_constant"
    r"|qdq_matmulnbits_block|disable_aot|function_expansion|max_shape|collect_node)"
)


def changed(kind, **changes):
    """onnxruntime's options with other values than the defaults."""
    options = kind()
    for name, value in changes.items():
        setattr(options, name, value)
    return options


@pytest.fixture
def two_steps(tmp_path, monkeypatch):
    """The path of a model of y = -(-x) in steps, in the folder where the test works."""
    monkeypatch.chdir(tmp_path)
    nodes = [
        helper.make_node("Neg", ["x"], ["minus"]),
        helper.make_node("Identity", ["minus"], ["same"]),
        helper.make_node("Neg", ["same"], ["y"]),
    ]
    Path("model.onnx").write_bytes(model(nodes, {"x": FLOATS}, {"y": FLOATS}))
    return "model.onnx"


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def test_every_attribute_of_the_options_is_known():
    known = HONOURED.keys() | REFUSED | BLIND | READ_OTHERWISE
    assert public(onnxruntime.SessionOptions) == known
    others = {"add_active_adapter", "add_run_config_entry", "get_run_config_entry"}
    known = RUN_REFUSED.keys() | others | {"terminate"}
    assert public(onnxruntime.RunOptions) == known


def test_every_entry_that_the_library_reads_is_known():
    prefixes = rb"(?:session|optimization|mlas|ep)\.[a-z0-9_.]{4,}"
    library = rust_ext.onnxruntime_library().read_bytes()
    keys = {key[:-1].decode() for key in re.findall(prefixes + rb"\0", library)}
    assert len(keys) > 50
    source = Path(__file__).parent.parent / "rust_ext" / "python" / "src" / "options.rs"
    known = set(re.findall(r'"([a-z]+\.[a-z0-9_.]+)"', source.read_text("utf-8")))
    assert {key for key in keys - known if not UNREAD.match(key)} == set()


@pytest.mark.parametrize("name", HONOURED)
def test_what_is_honoured_changes_no_answer(two_steps, name):
    options = changed(onnxruntime.SessionOptions, **{name: HONOURED[name]})
    session = rust_ext.InferenceSession(two_steps, options)
    assert session.run(None, {"x": X})[0].tolist() == X.tolist()


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_honoured_is_refused_by_its_name(two_steps, name):
    options = changed(onnxruntime.SessionOptions, **{name: REFUSED[name]})
    with pytest.raises(rust_ext.errors.NotImplemented, match=rf"\.{name} = "):
        rust_ext.InferenceSession(two_steps, options)


def test_providers_inside_the_options_are_refused(two_steps):
    options = onnxruntime.SessionOptions()
    options.add_provider("CPUExecutionProvider", {})
    with pytest.raises(rust_ext.errors.NotImplemented, match="has providers"):
        rust_ext.InferenceSession(two_steps, options)


def test_the_graph_as_rewritten_is_saved(two_steps):
    level = onnxruntime.GraphOptimizationLevel
    operators = {}
    for name in ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC"):
        options = changed(
            onnxruntime.SessionOptions,
            optimized_model_filepath=f"{name}.onnx",
            graph_optimization_level=getattr(level, name),
        )
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        rust_ext.InferenceSession(two_steps, options)
        graph = onnx.load(f"{name}.onnx").graph
        operators[name] = [node.op_type for node in graph.node]
    assert operators["ORT_DISABLE_ALL"] == ["Neg", "Identity", "Neg"]
    assert operators["ORT_ENABLE_BASIC"] == ["Neg", "Neg"]


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"intra_op_num_threads": 1}, 0),
        ({"intra_op_num_threads": 4}, 3),
        ({"intra_op_num_threads": 1, "inter_op_num_threads": 3}, 0),
    ],
)
def test_threads_are_as_many_as_asked_for(two_steps, changes, more):
    options = changed(onnxruntime.SessionOptions, **changes)
    rust_ext.InferenceSession(two_steps, options)  # whatever it leaves behind
    before = psutil.Process().num_threads()
    session = rust_ext.InferenceSession(two_steps, options)
    assert psutil.Process().num_threads() - before == more
    assert session


def test_nodes_run_at_once_where_asked_to(two_steps):
    parallel = onnxruntime.ExecutionMode.ORT_PARALLEL
    before = psutil.Process().num_threads()
    options = changed(
        onnxruntime.SessionOptions,
        intra_op_num_threads=1,
        inter_op_num_threads=3,
        execution_mode=parallel,
    )
    session = rust_ext.InferenceSession(two_steps, options)
    assert psutil.Process().num_threads() - before >= 2
    assert session.run(None, {"x": X})[0].tolist() == X.tolist()


def test_entries_reach_the_session():
    quiet = changed(onnxruntime.SessionOptions, log_severity_level=4)
    quiet.add_session_config_entry("session.load_model_format", "ORT")
    node = helper.make_node("Neg", ["x"], ["y"])
    made = model([node], {"x": FLOATS}, {"y": FLOATS})
    for package in (onnxruntime, rust_ext):
        assert outcome(package.InferenceSession, made, quiet) == "Fail"


LOGGED = """
import sys, onnxruntime, rust_ext
options = onnxruntime.SessionOptions()
options.log_severity_level, options.logid = int(sys.argv[2]), "by this name"
rust_ext.InferenceSession(sys.argv[1], options)
"""


def test_messages_of_the_severity_asked_for_are_on_the_standard_error(two_steps):
    def logged(severity):
        command = [sys.executable, "-c", LOGGED, two_steps, str(severity)]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=True
        )
        return result.stderr

    assert "by this name" in logged(0)
    assert logged(-1) == logged(3) == ""


@pytest.mark.parametrize("level", [5, -2])
def test_a_severity_that_is_none_is_refused_alike(two_steps, level, capfd):
    options = changed(onnxruntime.SessionOptions, log_severity_level=level)
    theirs = outcome(onnxruntime.InferenceSession, two_steps, options)
    assert outcome(rust_ext.InferenceSession, two_steps, options) == theirs


@pytest.mark.parametrize("name", RUN_REFUSED)
def test_what_a_run_cannot_honour_is_refused_by_its_name(two_steps, name):
    session = rust_ext.InferenceSession(two_steps)
    options = changed(onnxruntime.RunOptions, **{name: RUN_REFUSED[name]})
    with pytest.raises(rust_ext.errors.NotImplemented, match=rf"\.{name} = "):
        session.run(None, {"x": X}, options)


def test_a_runs_entry_is_refused_by_its_name(two_steps):
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    session = rust_ext.InferenceSession(two_steps)
    with pytest.raises(rust_ext.errors.NotImplemented, match="arena_shrinkage"):
        session.run(None, {"x": X}, options)


def test_a_run_that_is_to_terminate_does(two_steps):
    options = changed(onnxruntime.RunOptions, terminate=True)
    for package in (onnxruntime, rust_ext):
        session = package.InferenceSession(two_steps)
        assert outcome(session.run, None, {"x": X}, options) == "Fail"
        assert outcome(session.run, None, {"x": X}, onnxruntime.RunOptions()) != "Fail"


@pytest.mark.parametrize(
    ("providers", "provider_options"),
    [
        (None, None),
        ([], None),
        (["CPUExecutionProvider"], None),
        (("CPUExecutionProvider",), None),
        ([("CPUExecutionProvider", {"use_arena": "1"})], None),
        (["CPUExecutionProvider"], [{}]),
        (["CPUExecutionProvider"], [{"use_arena": "1"}]),
        (5, None),
    ],
)
def test_providers_are_taken_or_refused_alike(two_steps, providers, provider_options):
    def opened(package):
        session = package.InferenceSession(two_steps, None, providers, provider_options)
        return [*session.get_providers()]

    assert outcome(opened, rust_ext) == outcome(opened, onnxruntime)
