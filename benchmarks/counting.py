"""How much work a network is: operations and bytes, counted from its graph.

A multiply-add counts as two operations. Bytes are those that must move when everything between two
convolutions is fused into them: each convolution or matrix product reads its input and its weights
and writes its output, once. Weights count once per batch. Values are one byte each where the graph
quantises them, `FLOAT` bytes elsewhere.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLOAT = {"float32": 4, "float16": 2}
_WORK = {"Convolution": 1, "GroupConvolution": 2, "MatMul": 0}  # leading axes of weights: outputs
_THROUGH = {"Convert", "Multiply", "Subtract", "Reshape", "FakeQuantize"}


@dataclass(frozen=True, slots=True)
class Work:
    """Of one picture. int8: share of the operations whose factors are both quantised."""

    gflop: float
    mbyte: float
    int8: float


def openvino() -> Any:
    """OpenVINO without its telemetry, which would look up a host on import."""
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def count(path: Path, height: int, width: int, batch: int = 1, precision: str = "float32") -> Work:
    """path: .onnx, or .xml with its .bin. precision: of what is not quantised."""
    model = openvino().Core().read_model(path)
    shapes: dict[Any, Any] = {
        port: [batch, 3, height, width] if port.partial_shape.rank.get_length() == 4 else [batch, 2]
        for port in model.inputs
    }
    model.reshape(shapes)
    operations, quantised, moved = 0, 0, 0
    for node in model.get_ordered_ops():
        if node.get_type_name() not in _WORK:
            continue
        work, both = _operations(node), all(map(_quantised, node.input_values()))
        operations += work
        quantised += work * both
        moved += _bytes(node, FLOAT[precision])
    return Work(operations / batch / 1e9, moved / batch / 1e6, quantised / max(operations, 1))


def _operations(node: Any) -> int:
    kind, out = node.get_type_name(), math.prod(node.get_output_shape(0))
    if kind == "MatMul":
        transposed = node.get_attributes().get("transpose_a", False)
        return 2 * out * int(node.get_input_shape(0)[-2 if transposed else -1])
    weights = node.get_input_shape(1)
    return 2 * out * math.prod(weights[_WORK[kind] :])


def _bytes(node: Any, size: int) -> int:
    """What one convolution must read and write; its output has the size of its input's values."""
    total, sizes = 0, []
    for value in node.input_values():
        sizes.append(1 if _quantised(value) else size)
        total += sizes[-1] * math.prod(value.get_shape())
    return total + sizes[0] * math.prod(node.get_output_shape(0))


def _quantised(value: Any) -> bool:
    """Whether a value comes out of a quantiser, or from weights that are kept as int8."""
    node = value.get_node()
    for _ in range(6):  # a scale, a shift, a shape and two conversions at most
        if node.get_type_name() == "FakeQuantize":
            return True
        if node.get_type_name() == "Constant":
            return str(node.get_element_type().get_type_name()) in ("i8", "u8")
        if node.get_type_name() not in _THROUGH or not node.input_values():
            return False
        node = node.input_value(0).get_node()
    return False
