"""Where the work is done: the one seam between the corridor and a graphics card.

    cpu          OpenVINO and NumPy; the default
    cuda, cuda:N a card of NVIDIA, through PyTorch (extra `cuda`)
    torch-cpu    the same code as on a card, on the processor: for tests, and slow

A device is named once, in `Config.device`, and turned into objects once, in `build`.
"""

from __future__ import annotations

import re
from typing import Any

from redact.errors import ConfigError, MissingDependencyError

CPU = "cpu"
PATTERN = r"^(cpu|torch-cpu|cuda(:\d{1,2})?)$"


def check_device(name: str) -> None:
    """Raise ConfigError unless this machine has it, MissingDependencyError without PyTorch."""
    if name != CPU:
        torch_device(name)


def torch_device(name: str) -> Any:
    """The `torch.device` of a name other than `cpu`. Raises as `check_device`."""
    if name == CPU or not re.match(PATTERN, name):
        raise ConfigError(f"device {name!r}: expected cpu, cuda, cuda:N or torch-cpu")
    torch = load_torch()
    if name == "torch-cpu":
        return torch.device("cpu")
    index = int(name.partition(":")[2] or 0)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index >= count:
        found = f"{count} found" if count else "PyTorch finds none"
        raise ConfigError(
            f"device {name}: no such graphics card ({found}); check the driver with nvidia-smi and "
            "that PyTorch is built for CUDA, or use --device cpu"
        )
    return torch.device("cuda", index)


def load_torch() -> Any:
    """PyTorch. Raises MissingDependencyError."""
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError(
            f"PyTorch cannot be loaded: {error}; run `pip install 'redact[cuda]'`"
        ) from error
    return torch
