"""The door to OpenVINO."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import heads
import numpy as np
import onnx
import onnx_graphs
import pytest
from onnx import TensorProto, helper

from redact.detectors import runtime
from redact.detectors.description import ModelFiles
from redact.detectors.runtime import Network, parse_names
from redact.errors import MissingDependencyError, ModelError

_FREE = ["n", 3, "h", "w"]


def echo(path: Path, shape: list[object]) -> ModelFiles:
    """A network that returns its picture, in any size."""
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("in", "out")]
    node = helper.make_node("Identity", ["in"], ["out"])
    graph = helper.make_graph([node], "echo", info[:1], info[1:])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path
    )
    return ModelFiles(path.read_bytes())


def test_mean_and_scale_are_part_of_the_compiled_graph(tmp_path: Path) -> None:
    network = Network(echo(tmp_path / "e.onnx", _FREE), "echo", mean=(10, 20, 30), std=(2, 4, 5))
    picture = np.random.default_rng(0).integers(0, 255, (32, 64, 3), np.uint8)
    (out,) = network.run(picture)
    expected = (picture.astype(np.float32) - [10, 20, 30]) / [2, 4, 5]
    np.testing.assert_allclose(out[0], expected.transpose(2, 0, 1), rtol=1e-5, atol=1e-5)


def test_a_free_network_is_compiled_once_per_size(tmp_path: Path) -> None:
    network = Network(echo(tmp_path / "e.onnx", _FREE), "echo")
    assert network.fixed_size is None
    for size in ((32, 64), (64, 32), (32, 64)):
        (out,) = network.run(np.zeros((*size, 3), np.uint8))
        assert out.shape == (1, 3, *size)
    assert sorted(network._compiled) == [(32, 64), (64, 32)]


def test_a_batch_that_is_fixed_is_turned_into_one_picture(tmp_path: Path) -> None:
    network = Network(echo(tmp_path / "e.onnx", [4, 3, 32, 32]), "echo")
    assert network.fixed_size == (32, 32)
    assert network.run(np.zeros((32, 32, 3), np.uint8))[0].shape == (1, 3, 32, 32)


def test_a_picture_of_the_wrong_size_is_a_model_error(tmp_path: Path) -> None:
    path = onnx_graphs.save_head(tmp_path, "yolo")
    network = Network(ModelFiles(path.read_bytes()), "fake")
    with pytest.raises(ModelError, match="grey: the picture input"):
        _ = Network(echo(tmp_path / "grey.onnx", [1, 1, 32, 32]), "grey").fixed_size
    assert network.signature().size == heads.SIZE


def test_every_error_of_openvino_becomes_a_model_error() -> None:
    openvino = runtime._openvino()  # without its telemetry

    with (
        pytest.raises(ModelError, match="net: cannot read the model"),
        runtime._door("net", "read"),
    ):
        openvino.Core().read_model("/nonexistent.onnx")
    with pytest.raises(ModelError), runtime._door("net", "run"):
        raise IndexError


def test_a_missing_openvino_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match="pip install openvino"):
        runtime._openvino()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'person', 1: 'car'}", {0: "person", 1: "car"}),
        ("['person', 'car']", {0: "person", 1: "car"}),
        ("person traffic_light", {0: "person", 1: "traffic_light"}),
        ("3", {}),
        ("", {}),
        ("{'a': 1}", {}),
    ],
)
def test_class_names_are_read_as_exporters_write_them(text: str, names: dict[int, str]) -> None:
    assert parse_names(text) == names


def test_the_converter_is_left_out_of_the_first_import_and_there_for_whoever_wants_it() -> None:
    code = (
        "import sys; from redact.detectors import runtime; runtime.version();"
        "assert not [m for m in sys.modules if m.startswith('openvino.tools.ovc')];"
        "from openvino.tools.ovc import convert_model; assert callable(convert_model)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_prepared_size_is_the_one_that_a_look_then_finds_ready(tmp_path: Path) -> None:
    network = Network(echo(tmp_path / "e.onnx", _FREE), "echo")
    network.prepare((32, 64))
    ready = network._compile((32, 64))
    network.run(np.zeros((32, 64, 3), np.uint8))
    assert network._compile((32, 64)) is ready
