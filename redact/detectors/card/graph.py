"""A network in PyTorch, built from the graph that OpenVINO reads: .onnx and .xml alike.

Everything that does not depend on the picture is computed once, when the graph is built. In half
precision, what leads to a convolution is computed in half, and what comes after the last ones (the
decoding of boxes) in single: in half, a box at 600 px would be known to half a pixel. On a card the
whole is captured as one CUDA graph, so that no kernel waits for Python.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from redact.detectors.card.operations import OPERATIONS, READ
from redact.detectors.description import ModelFiles
from redact.detectors.runtime import read_graph
from redact.devices import load_torch
from redact.errors import ModelError

Key = tuple[str, int]  # a node's name, and which of its outputs
_CONVOLUTIONS = {"Convolution", "GroupConvolution"}
_WARM_UP = 3  # runs before a capture, in which PyTorch picks its kernels


@dataclass(frozen=True, slots=True)
class _Step:
    work: Callable[[Sequence[Any]], Any]
    inputs: tuple[Key, ...]
    outputs: tuple[Key, ...]
    half: bool
    read: dict[int, Any]  # values of inputs that Python reads, by position


class TorchGraph:
    """One network for batches of one shape. Not thread-safe on a card: its memory is its own.

    shape: batch, height, width of the pictures. batched: whether each output has a row per picture;
    a graph made for one picture may not. Raises ModelError for one that cannot be read, or holds
    an operation that is not known here.
    """

    def __init__(
        self,
        files: ModelFiles,
        title: str,
        shape: tuple[int, int, int],
        device: Any,
        half: bool,
    ) -> None:
        self.title = title
        self._torch = load_torch()
        self._device, self._half = device, half
        self.shape = (shape[0], 3, *shape[1:])
        model = read_graph(files, title)
        try:
            model.reshape({model.inputs[0]: list(self.shape)})
        except RuntimeError as error:
            raise ModelError(f"{title}: does not take {shape}: {str(error)[-200:]}") from error
        if len(model.inputs) != 1:
            raise ModelError(f"{title}: networks of several inputs do not run on a graphics card")
        self.batched = all(port.get_shape()[0] == shape[0] for port in model.outputs)
        self._known: dict[Key, Any] = {}
        self._steps: list[_Step] = []
        self._input: Key = ("", 0)
        self._results: list[Key] = []
        with self._torch.inference_mode():
            self._build(model)
        self._captured: tuple[Any, Any, list[Any]] | None = None

    def _build(self, model: Any) -> None:
        nodes = model.get_ordered_ops()
        body = _before_convolutions(nodes)
        for node in nodes:
            self._add(node, node.get_name() in body)
        wanted = set(itertools.chain.from_iterable(step.inputs for step in self._steps))
        wanted |= set(self._results)
        kept = {key: value for key, value in self._known.items() if key in wanted}
        self._known = {key: value.to(self._device) for key, value in kept.items()}

    def _add(self, node: Any, half: bool) -> None:
        kind, name = node.get_type_name(), node.get_name()
        inputs = tuple(_key(value) for value in node.input_values())
        outputs = tuple((name, i) for i in range(node.get_output_size()))
        if kind == "Parameter":
            self._input = outputs[0]
        elif kind == "Constant":
            self._known[outputs[0]] = self._constant(node)
        elif kind == "ShapeOf":
            shape = [int(n) for n in node.input_value(0).get_shape()]
            self._known[outputs[0]] = self._torch.tensor(shape)
        elif kind == "Result":
            self._results.append(inputs[0])
        elif kind not in OPERATIONS:
            known = "an INT8 graph: name its float twin" if kind == "FakeQuantize" else kind
            raise ModelError(f"{self.title}: does not run on a graphics card: it holds {known}")
        else:
            self._add_operation(node, OPERATIONS[kind], inputs, outputs, half)

    def _add_operation(
        self,
        node: Any,
        operation: Any,
        inputs: tuple[Key, ...],
        outputs: tuple[Key, ...],
        half: bool,
    ) -> None:
        def work(given: Sequence[Any]) -> Any:
            return operation(self._torch, node, given)

        if all(key in self._known for key in inputs):
            answer = work([self._known[key] for key in inputs])
            self._known.update(zip(outputs, _several(answer), strict=False))
            return
        read = {
            at: self._known[inputs[at]]
            for at in READ.get(node.get_type_name(), ())
            if at < len(inputs) and inputs[at] in self._known
        }
        self._steps.append(_Step(work, inputs, outputs, half and self._half, read))

    def _constant(self, node: Any) -> Any:
        value = np.array(node.data)
        if value.dtype.kind in "iu":
            return self._torch.from_numpy(value.astype(np.int64))
        if value.dtype.kind != "f":
            raise ModelError(f"{self.title}: constants of {value.dtype} do not run on a card")
        return self._torch.from_numpy(value.astype(np.float32))

    def run(self, pictures: Any) -> list[Any]:
        """(n, 3, h, w) float -> the outputs in the graph's order, float32, on the device."""
        if tuple(pictures.shape) != self.shape:
            raise ValueError(f"pictures of {tuple(pictures.shape)}, made for {self.shape}")
        with self._torch.inference_mode():
            if self._device.type != "cuda":
                return self._forward(pictures)
            if self._captured is None:
                self._captured = self._capture(pictures)
            graph, held, outputs = self._captured
            held.copy_(pictures)
            graph.replay()
            return list(outputs)

    def _capture(self, pictures: Any) -> tuple[Any, Any, list[Any]]:
        """PyTorch's recipe: warm up beside the main stream, then record."""
        cuda, held = self._torch.cuda, pictures.clone()
        beside = cuda.Stream(self._device)
        beside.wait_stream(cuda.current_stream(self._device))
        with cuda.stream(beside):
            for _ in range(_WARM_UP):
                self._forward(held)
        cuda.current_stream(self._device).wait_stream(beside)
        graph = cuda.CUDAGraph()
        with cuda.graph(graph):
            outputs = self._forward(held)
        return graph, held, outputs

    def _forward(self, pictures: Any) -> list[Any]:
        values: dict[Key, Any] = {self._input: pictures}
        for step in self._steps:
            kind = self._torch.float16 if step.half else self._torch.float32
            given = [
                step.read[at] if at in step.read else self._value(values, key, kind)
                for at, key in enumerate(step.inputs)
            ]
            values.update(zip(step.outputs, _several(step.work(given)), strict=False))
        return [values[key].float() for key in self._results]

    def _value(self, values: dict[Key, Any], key: Key, kind: Any) -> Any:
        value = values[key] if key in values else self._known[key]
        if not value.is_floating_point() or value.dtype == kind:
            return value
        value = value.to(kind)
        (values if key in values else self._known)[key] = value
        return value


def _key(value: Any) -> Key:
    return value.get_node().get_name(), value.get_index()


def _several(answer: Any) -> Sequence[Any]:
    return answer if isinstance(answer, tuple) else (answer,)


def _before_convolutions(nodes: Sequence[Any]) -> set[str]:
    """Names of the nodes that a convolution depends on, and of the convolutions."""
    found: set[str] = set()
    for node in reversed(nodes):
        name = node.get_name()
        if node.get_type_name() in _CONVOLUTIONS or name in found:
            found.add(name)
            found |= {value.get_node().get_name() for value in node.input_values()}
    return found
