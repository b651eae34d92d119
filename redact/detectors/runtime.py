"""The one door to OpenVINO: reads .onnx and .xml graphs, compiles them once, runs them.

Every error of OpenVINO becomes a ModelError here. OpenVINO's Python package brings a telemetry
package that, on `import openvino`, writes two files in the home folder and looks up an
analytics host; it is kept from loading, for good, before OpenVINO is imported.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from redact.detectors.description import ModelFiles
from redact.detectors.families.base import Outputs, Signature, Size
from redact.errors import MissingDependencyError, ModelError

_PROBE: Size = (128, 128)  # a free network shows its output shapes at this size
_TELEMETRY = "openvino_telemetry"
_CONVERTER = "openvino.tools.ovc"  # of models in other forms; takes as long to load as the rest


def _openvino() -> Any:
    """Import OpenVINO without its telemetry, and the first time without its converter."""
    first = "openvino" not in sys.modules
    if first:
        sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
        sys.modules.setdefault(_CONVERTER, None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise MissingDependencyError(
            f"OpenVINO cannot be loaded: {error}; run `pip install openvino`"
        ) from error
    finally:
        if first and sys.modules.get(_CONVERTER) is None:
            sys.modules.pop(_CONVERTER, None)  # whoever asks for it by name gets it
    return openvino


@contextmanager
def _door(title: str, doing: str) -> Iterator[None]:
    """Map what OpenVINO raises to ModelError."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, IndexError, MemoryError) as error:
        text = " ".join(str(error).split())
        raise ModelError(f"{title}: cannot {doing} the model: {text[:300]}") from error


_core_lock = threading.Lock()
_core: list[Any] = []


def _the_core() -> Any:
    """OpenVINO's core, one for the process."""
    with _core_lock:
        if not _core:
            _core.append(_openvino().Core())
        return _core[0]


def version() -> str:
    """The version of OpenVINO. Raises MissingDependencyError."""
    return str(_openvino().__version__)


def devices() -> dict[str, str]:
    """What OpenVINO can run on: device -> its full name. Raises MissingDependencyError."""
    core = _the_core()
    return {d: str(core.get_property(d, "FULL_DEVICE_NAME")) for d in core.available_devices}


def read_graph(files: ModelFiles, title: str) -> Any:
    """The graph of a model, as OpenVINO's own object. Raises ModelError."""
    core = _the_core()
    with _door(title, "read"):
        return core.read_model(model=files.graph, weights=files.weights)


def settings(threads: int) -> dict[str, Any]:
    """How graphs are compiled."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # many processes must not meet on core 0
        "INFERENCE_PRECISION_HINT": "f32",  # the same boxes on every processor
        "CACHE_DIR": "",
    }


class Network:
    """A graph, compiled once per input size and safe to run from many threads.

    title: what to call it in messages. threads: of one inference; calls from several threads
    share them. mean, std: per channel in 0..255, made part of the compiled graph.
    """

    def __init__(
        self,
        files: ModelFiles,
        title: str,
        threads: int = 1,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        self.title = title
        self._config = settings(threads)
        self._mean, self._std = list(mean), list(std)
        self._model = read_graph(files, title)
        with _door(title, "read"):
            self._picture, self._extras = self._find_inputs()
        self._compiled: dict[Size, Any] = {}
        self._lock = threading.Lock()
        self._free: dict[Size, list[Any]] = {}

    def _find_inputs(self) -> tuple[int, dict[int, str]]:
        """Position of the picture input, and positions and names of the others."""
        ranks = [port.partial_shape.rank.get_length() for port in self._model.inputs]
        pictures = [i for i, rank in enumerate(ranks) if rank == 4]
        if len(pictures) != 1:
            raise ModelError(f"{self.title}: expected one picture input, found {len(pictures)}")
        extras = {
            i: (sorted(port.names) or [""])[0]
            for i, port in enumerate(self._model.inputs)
            if i != pictures[0]
        }
        unknown = sorted(set(extras.values()) - {"orig_target_sizes"})
        if unknown:
            raise ModelError(f"{self.title}: does not know what to feed the inputs {unknown}")
        return pictures[0], extras

    @property
    def fixed_size(self) -> Size | None:
        """(height, width) of the picture, None where the graph takes any."""
        shape = self._model.inputs[self._picture].partial_shape
        if not shape[1].is_dynamic and shape[1].get_length() != 3:
            raise ModelError(f"{self.title}: the picture input {shape} is not [N, 3, H, W]")
        if shape[2].is_dynamic or shape[3].is_dynamic:
            return None
        return shape[2].get_length(), shape[3].get_length()

    def signature(self) -> Signature:
        """The network as seen from outside, for the families to recognise."""
        size = self.fixed_size or _PROBE
        with _door(self.title, "read"):
            shapes = tuple(
                tuple(None if d.is_dynamic else d.get_length() for d in port.partial_shape)
                for port in self._shaped(size).outputs
            )
        return Signature(
            size, shapes, self._names(), self.title, tuple(sorted(self._extras.values()))
        )

    def _names(self) -> Mapping[int, str]:
        """Class names that the exporter left in the file."""
        for where in (["framework", "names"], ["model_info", "labels"]):
            if self._model.has_rt_info(where):
                return parse_names(str(self._model.get_rt_info(where).value))
        return {}

    def _shaped(self, size: Size) -> Any:
        """A copy of the graph for one picture of `size`."""
        model = self._model.clone()
        shapes: dict[int, list[int]] = {i: [1, 2] for i in self._extras}
        shapes[self._picture] = [1, 3, *size]
        model.reshape(shapes)
        return model

    def prepare(self, size: Size) -> None:
        """Compile for pictures of `size` (height, width) before there is one. Raises ModelError."""
        self._compile(size)

    def _compile(self, size: Size) -> Any:
        with self._lock:
            compiled = self._compiled.get(size)
            if compiled is None:
                with _door(self.title, f"compile for {size[1]}x{size[0]}"):
                    model = self._with_preprocessing(self._shaped(size))
                    compiled = _the_core().compile_model(model, "CPU", self._config)
                self._compiled[size] = compiled
            return compiled

    def _with_preprocessing(self, model: Any) -> Any:
        """Fold layout, type, mean and scale into the graph."""
        ov = _openvino()
        steps = ov.preprocess.PrePostProcessor(model)
        port = steps.input(self._picture)
        port.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
        port.model().set_layout(ov.Layout("NCHW"))
        to_float = port.preprocess().convert_element_type(ov.Type.f32)
        if any(self._mean):
            to_float.mean(self._mean)
        if any(value != 1 for value in self._std):
            to_float.scale(self._std)
        return steps.build()

    @contextmanager
    def _request(self, size: Size) -> Iterator[Any]:
        """A request that nobody else uses meanwhile.

        Not one per thread: a thread that Python did not start (of GStreamer, of a camera's
        program) loses what it keeps with every call, and OpenVINO does not bear to be freed then.
        """
        compiled = self._compile(size)
        with self._lock:
            free = self._free.setdefault(size, [])
            request = free.pop() if free else None
        if request is None:
            with _door(self.title, "prepare"):
                request = compiled.create_infer_request()
        yield request
        with self._lock:  # one that failed is not used again
            free.append(request)

    def run(self, picture: npt.NDArray[np.uint8]) -> Outputs:
        """Run on one picture (h, w, 3) uint8.

        Returns the outputs in the graph's order.
        """
        size = (int(picture.shape[0]), int(picture.shape[1]))
        feeds: dict[int, Any] = {self._picture: picture[None]}
        for extra in self._extras:
            feeds[extra] = np.array([[size[1], size[0]]], np.int64)
        with self._request(size) as request, _door(self.title, "run"):
            request.infer(feeds, share_inputs=True)
            return [np.array(tensor.data) for tensor in request.output_tensors]


class PlainNetwork:
    """A graph as it is, compiled once: named arrays in, arrays out. Threads take turns."""

    def __init__(self, files: ModelFiles, title: str, threads: int = 1) -> None:
        self.title = title
        self._lock = threading.Lock()
        model = read_graph(files, title)
        with _door(title, "compile"):
            compiled = _the_core().compile_model(model, "CPU", settings(threads))
            self._request = compiled.create_infer_request()

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> Outputs:
        """The outputs in the graph's order. Raises ModelError."""
        with self._lock, _door(self.title, "run"):
            self._request.infer(dict(feeds))
            return [np.array(tensor.data) for tensor in self._request.output_tensors]


def parse_names(text: str) -> Mapping[int, str]:
    """Class names as exporters write them: a Python list or dict, or words between spaces."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text.split()
    if isinstance(value, dict):
        return {int(k): str(v) for k, v in value.items() if str(k).isdigit()}
    if isinstance(value, list | tuple):
        return {i: str(name) for i, name in enumerate(value)}
    return {}
