"""Tiny ONNX networks that answer the same boxes whatever they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import heads
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


def save(
    path: Path,
    outputs: Sequence[np.ndarray[Any, Any]],
    *,
    size: tuple[Any, Any] = heads.SIZE,
    names: Mapping[int, str] | None = None,
    wants_size: bool = False,
) -> Path:
    """Write a network with one picture input [1, 3, *size] and constant outputs.

    The outputs depend on the picture by a factor of 0, so that the input stays. wants_size:
    the [1, Q, 4] output is in shares and is multiplied by the input `orig_target_sizes`.
    """
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *size])]
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
    ]
    constants = [numpy_helper.from_array(np.array(0, np.float32), "nothing")]
    if wants_size:
        inputs.append(helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [1, 2]))
        nodes += [
            helper.make_node("Concat", ["orig_target_sizes"] * 2, ["sides"], axis=1),
            helper.make_node("Cast", ["sides"], ["scale"], to=TensorProto.FLOAT),
        ]
    infos = [_answer(f"out{i}", v, nodes, constants, wants_size) for i, v in enumerate(outputs)]
    graph = helper.make_graph(nodes, "fake", inputs, infos, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if names:
        helper.set_model_props(model, {"names": str(dict(names))})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def _answer(
    name: str, value: np.ndarray[Any, Any], nodes: list[Any], constants: list[Any], scaled: bool
) -> Any:
    """Add the nodes of one constant output; returns its description."""
    constant = f"value of {name}"
    constants.append(numpy_helper.from_array(value, constant))
    if value.dtype != np.float32:
        nodes.append(helper.make_node("Identity", [constant], [name]))
    else:
        if scaled and value.shape[-1] == 4:
            nodes.append(helper.make_node("Mul", [constant, "scale"], [f"scaled {name}"]))
            constant = f"scaled {name}"
        nodes.append(helper.make_node("Add", [constant, "zero"], [name]))
    return helper.make_tensor_value_info(name, _TYPES[str(value.dtype)], value.shape)


def save_head(folder: Path, head: str) -> Path:
    """Write the network of a head of `heads.HEADS`, recognisable as a bare file."""
    family, make = heads.HEADS[head]
    outputs = make()
    if family == "deim":
        shares = outputs[1] / np.array([heads.SIZE[1], heads.SIZE[0]] * 2, np.float32)
        return save(folder / "deim.onnx", [outputs[0], shares, outputs[2]], wants_size=True)
    if family == "ssd":
        outputs[0][np.isnan(outputs[0])] = 0  # NaN + 0 would be fine, constants need not be odd
        return save(folder / "face-detection-0200.onnx", outputs)
    names = {0: "person", 1: "bicycle", 2: "car"} if family == "yolo-end-to-end" else None
    return save(folder / f"{head.replace(' ', '_')}.onnx", outputs, names=names)
