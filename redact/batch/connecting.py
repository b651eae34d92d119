"""To a Ray cluster that runs, or to one of our own, kept as small as Ray lets it be."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redact.errors import ConfigError, MissingDependencyError, RedactError

_LOOK = 5.0  # seconds between two looks at the head node
_AWAY = 20.0  # seconds that it may be away, to be started again

# Of a cluster of our own, on this machine alone, where Ray's services and what they serve share
# the cores. Unknown names are ignored, so other versions of Ray may have others.
_OURS = {
    "RAY_worker_niceness": "0",  # slots give way to nobody, as processes of `--jobs`
    "RAY_raylet_report_resources_period_milliseconds": "2000",
    "RAY_gcs_pull_resource_loads_period_milliseconds": "10000",
    "RAY_object_manager_timer_freq_ms": "1000",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_event_stats": "0",
}
_SPARED = ("start_api_server", "start_monitor", "start_log_monitor")


def library() -> Any:
    """Ray, told to phone nobody. Raises MissingDependencyError."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError(
            "--engine ray needs another package: pip install 'redact[ray]'"
        ) from error
    return ray


def connect(ray: Any, address: str | None, processors: int | None) -> bool:
    """To the cluster at `address`, or to a new one of this machine with so many processors.
    Returns whether it is for us to disconnect. Raises ConfigError."""
    if ray.is_initialized():
        return False
    _check_reachable(address or "")
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        with _signals_kept():
            if address:
                ray.init(address=address, **quiet)
            else:
                with _settings(), _bare(ray):
                    ray.init(
                        address="local",
                        num_cpus=processors or os.cpu_count(),
                        include_dashboard=False,
                        **quiet,
                    )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"no Ray cluster at {address or 'this machine'}: {str(error)[:200]}"
        ) from error
    return True


def disconnect(ray: Any) -> None:
    """Leave the cluster. Ray ends the whole process when one of its objects is freed meanwhile, as
    the collector may do in any thread with what errors of dead slots hold."""
    gc.collect()
    collects = gc.isenabled()
    gc.disable()
    try:
        with _signals_kept():
            ray.shutdown()
    finally:
        if collects:
            gc.enable()


@contextmanager
def _settings() -> Iterator[None]:
    """Ray's services take them from the environment at their start; those of the user win."""
    new = [name for name in _OURS if name not in os.environ]
    os.environ.update({name: _OURS[name] for name in new})
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


@contextmanager
def _bare(ray: Any) -> Iterator[None]:
    """Without pages nobody looks at, what sends log lines to a driver that wants none, and what
    asks a cloud for more nodes: seconds of the start, and a hundredth of a core from then on.
    There is no public word for it; a Ray that names them otherwise starts them."""
    node = getattr(getattr(ray._private, "node", None), "Node", None)
    kept = {name: getattr(node, name) for name in _SPARED if hasattr(node, name)}
    for name in kept:
        setattr(node, name, _nothing)
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(node, name, method)


def _nothing(*_: Any, **__: Any) -> None: ...


class Head:
    """The head node of a cluster, looked at now and then. Without it Ray ends the whole process
    after a minute, so that has to be told before."""

    def __init__(self, ray: Any) -> None:
        host, _, port = str(ray.get_runtime_context().gcs_address).rpartition(":")
        self._at = host.strip("[]"), int(port)
        self._seen = self._looked = time.monotonic()
        self.lost = False

    def check(self) -> None:
        """Every few seconds. Raises RedactError once it has been away for `_AWAY` seconds."""
        if time.monotonic() > self._looked + _LOOK:
            self._look()

    def wait(self) -> None:
        """Until it is there: what asks it for something waits without end. Raises RedactError."""
        while not self._look():
            time.sleep(1)

    def _look(self) -> bool:
        self._looked = time.monotonic()
        try:
            socket.create_connection(self._at, timeout=2).close()
        except OSError as error:
            if self._looked < self._seen + _AWAY:
                return False
            self.lost = True
            raise RedactError(
                f"the head node of the Ray cluster at {self._at[0]}:{self._at[1]} is gone "
                f"({error.strerror or error}); start the cluster again, then the same command: "
                "finished clips are skipped"
            ) from error
        self._seen = self._looked
        return True


def _check_reachable(address: str) -> None:
    """Ray itself waits for minutes. Raises ConfigError."""
    host, found, port = address.rpartition(":")
    if not found or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise ConfigError(f"no Ray cluster at {address}: {error.strerror or error}") from error


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray sets handlers of its own; those of whoever called stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
