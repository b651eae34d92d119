"""What the operations of OpenVINO's graphs are in PyTorch: those that detectors are made of.

Each takes PyTorch itself, the node and its inputs. A graph with any other is refused, not guessed.
Shapes are fixed when these run, so an operation may read the shape of its output from the node.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redact.errors import ModelError

Operation = Callable[[Any, Any, Sequence[Any]], Any]

_EXPLICIT = {"explicit", "notset"}

_SHAPED = "Broadcast CumSum Interpolate ReduceMax ReduceMean ReduceSum Reshape Slice Split Squeeze"
READ: dict[str, tuple[int, ...]] = dict.fromkeys(
    [*_SHAPED.split(), "Transpose", "Unsqueeze", "VariadicSplit"], (1, 2, 3, 4)
)
READ |= {"Gather": (2,), "Range": (0, 1, 2)}
"""Inputs that are read by Python (axes, sizes), not computed with: they stay with the processor,
because a captured graph cannot wait for a value."""


def _windowed(torch: Any, node: Any, value: Any, fill: float) -> tuple[Any, Mapping[str, Any]]:
    """The input, padded as the node says, and the node's attributes."""
    told = node.get_attributes()
    kind = told.get("auto_pad", "explicit")
    if kind == "valid":
        return value, told
    if kind not in _EXPLICIT:
        raise ModelError(f"padding {kind!r} is not known on a graphics card")
    (top, left), (bottom, right) = told["pads_begin"], told["pads_end"]
    if any((top, left, bottom, right)):
        value = torch.nn.functional.pad(value, (left, right, top, bottom), value=fill)
    return value, told


def _convolution(torch: Any, node: Any, given: Sequence[Any]) -> Any:
    value, told = _windowed(torch, node, given[0], 0.0)
    steps, spread = told["strides"], told["dilations"]
    weights, groups = given[1], 1
    if weights.ndim == 5:  # group, outputs, inputs, height, width
        groups = weights.shape[0]
        weights = weights.reshape(-1, *weights.shape[2:])
    return torch.nn.functional.conv2d(
        value, weights, stride=list(steps), dilation=list(spread), groups=groups
    )


def _max_pool(torch: Any, node: Any, given: Sequence[Any]) -> Any:
    value, told = _windowed(torch, node, given[0], float("-inf"))
    return torch.nn.functional.max_pool2d(
        value,
        list(told["kernel"]),
        list(told["strides"]),
        dilation=list(told.get("dilations", (1, 1))),
        ceil_mode=told["rounding_type"] != "floor",
    )


def _average_pool(torch: Any, node: Any, given: Sequence[Any]) -> Any:
    told = node.get_attributes()
    begin, end = list(told["pads_begin"]), list(told["pads_end"])
    if begin != end or told.get("auto_pad", "explicit") not in _EXPLICIT:
        raise ModelError("uneven padding of a mean is not known on a graphics card")
    return torch.nn.functional.avg_pool2d(
        given[0],
        list(told["kernel"]),
        list(told["strides"]),
        begin,
        ceil_mode=told["rounding_type"] != "floor",
        count_include_pad=not told["exclude-pad"],
    )


def _interpolate(torch: Any, node: Any, given: Sequence[Any]) -> Any:
    """Enlarging by whole numbers: nearest neighbour, where all of its conventions agree there, or
    linear between the centres of pixels."""
    before, after = given[0].shape, [int(n) for n in node.get_output_shape(0)]
    whole = all(a % b == 0 for a, b in zip(after, before, strict=True))
    told = node.get_attributes()
    linear = told["mode"].startswith("linear")
    centres = told["coordinate_transformation_mode"] in ("half_pixel", "pytorch_half_pixel")
    if (
        not whole
        or after[:2] != list(before[:2])
        or not (told["mode"] == "nearest" or (linear and centres))
    ):
        raise ModelError(f"resizing ({told['mode']}) to {after} is not known on a graphics card")
    enlarge = torch.nn.functional.interpolate
    if linear:
        return enlarge(given[0], size=after[2:], mode="bilinear", align_corners=False)
    return enlarge(given[0], size=after[2:], mode="nearest")


def _slice(_torch: Any, _node: Any, given: Sequence[Any]) -> Any:
    value = given[0]
    starts, stops, steps = (part.tolist() for part in given[1:4])
    axes = given[4].tolist() if len(given) > 4 else range(len(starts))
    cut = [slice(None)] * value.ndim
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        if step < 1:
            raise ModelError("slices that run backwards are not known on a graphics card")
        cut[axis] = slice(start, stop, step)
    return value[tuple(cut)]


def _split(torch: Any, node: Any, given: Sequence[Any]) -> Any:
    axis = int(given[1])
    sizes = [node.get_output_shape(i)[axis] for i in range(node.get_output_size())]
    return torch.split(given[0], [int(size) for size in sizes], dim=axis)


def _gather(torch: Any, node: Any, given: Sequence[Any]) -> Any:
    if node.get_attributes().get("batch_dims"):
        raise ModelError("gathering per picture is not known on a graphics card")
    axis = int(given[2])
    chosen = torch.index_select(given[0], axis, given[1].reshape(-1))
    return chosen.reshape(list(node.get_output_shape(0)))


def _divide(torch: Any, _node: Any, given: Sequence[Any]) -> Any:
    whole = not given[0].is_floating_point()
    return torch.div(*given, rounding_mode="floor" if whole else None)


def _convert(torch: Any, node: Any, given: Sequence[Any]) -> Any:
    kind = str(node.get_attributes()["destination_type"])
    if kind in ("f16", "f32", "f64", "bf16"):  # the precision of a device is its own choice
        return given[0] if given[0].is_floating_point() else given[0].float()
    if kind in ("i32", "i64"):
        return given[0].to(torch.int64)
    raise ModelError(f"conversion to {kind} is not known on a graphics card")


def _matmul(_torch: Any, node: Any, given: Sequence[Any]) -> Any:
    told = node.get_attributes()
    left = given[0].transpose(-1, -2) if told["transpose_a"] else given[0]
    right = given[1].transpose(-1, -2) if told["transpose_b"] else given[1]
    return left @ right


def _cumulative(torch: Any, node: Any, given: Sequence[Any]) -> Any:
    told = node.get_attributes()
    if told.get("exclusive") or told.get("reverse"):
        raise ModelError("sums that run backwards are not known on a graphics card")
    return torch.cumsum(given[0], int(given[1]))


def _reduced(name: str) -> Operation:
    def reduce(torch: Any, node: Any, given: Sequence[Any]) -> Any:
        axes = given[1].reshape(-1).tolist()
        keep = bool(node.get_attributes()["keep_dims"])
        return getattr(torch, name)(given[0], dim=axes, keepdim=keep)

    return reduce


def _prelu(torch: Any, _node: Any, given: Sequence[Any]) -> Any:
    return torch.nn.functional.prelu(given[0], given[1].reshape(-1))


def _shaped(_torch: Any, node: Any, given: Sequence[Any]) -> Any:
    return given[0].reshape([int(n) for n in node.get_output_shape(0)])


def _broadcast(_torch: Any, node: Any, given: Sequence[Any]) -> Any:
    return given[0].expand([int(n) for n in node.get_output_shape(0)])


def _range(torch: Any, node: Any, given: Sequence[Any]) -> Any:
    whole = not str(node.get_output_element_type(0).get_type_name()).startswith("f")
    return torch.arange(*((int if whole else float)(value) for value in given))


def _plain(work: Callable[..., Any]) -> Operation:
    return lambda _torch, _node, given: work(*given)


OPERATIONS: dict[str, Operation] = {
    "Add": _plain(operator.add),
    "AvgPool": _average_pool,
    "Broadcast": _broadcast,
    "Clamp": lambda _t, n, g: g[0].clamp(n.get_attributes()["min"], n.get_attributes()["max"]),
    "Concat": lambda t, n, g: t.cat(list(g), dim=int(n.get_attributes()["axis"])),
    "Convert": _convert,
    "Convolution": _convolution,
    "CumSum": _cumulative,
    "Divide": _divide,
    "Exp": lambda t, _n, g: t.exp(g[0]),
    "Gather": _gather,
    "GroupConvolution": _convolution,
    "Interpolate": _interpolate,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Multiply": _plain(operator.mul),
    "PRelu": _prelu,
    "Power": _plain(operator.pow),
    "Range": _range,
    "ReduceMax": _reduced("amax"),
    "ReduceMean": _reduced("mean"),
    "ReduceSum": _reduced("sum"),
    "Relu": lambda t, _n, g: t.relu(g[0]),
    "Reshape": _shaped,
    "Sigmoid": lambda t, _n, g: t.sigmoid(g[0]),
    "Slice": _slice,
    "Softmax": lambda t, n, g: t.softmax(g[0], dim=int(n.get_attributes()["axis"])),
    "Split": _split,
    "Squeeze": _shaped,
    "Subtract": _plain(operator.sub),
    "Swish": lambda t, _n, g: t.nn.functional.silu(g[0]),
    "Transpose": lambda _t, _n, g: g[0].permute(g[1].reshape(-1).tolist()),
    "Unsqueeze": _shaped,
    "VariadicSplit": _split,
}
