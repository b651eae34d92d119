"""Connecting to Ray, without a Ray: what is set for a cluster of our own, and unset after."""

from __future__ import annotations

import gc
import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from redact.batch import connecting
from redact.errors import ConfigError, RedactError


class Library:
    """Notes how it was called, and what stood in the environment then."""

    def __init__(self, problem: Exception | None = None) -> None:
        class Node:
            def start_monitor(self) -> str:
                return "started"

        self.given: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.started: str | None = ""
        self.collects = True
        self.node = Node
        self._private = SimpleNamespace(node=SimpleNamespace(Node=Node))
        self._problem = problem

    def is_initialized(self) -> bool:
        return False

    def init(self, **given: Any) -> None:
        self.given, self.environment = given, dict(os.environ)
        self.started = self.node().start_monitor()
        if self._problem is not None:
            raise self._problem

    def shutdown(self) -> None:
        self.collects = gc.isenabled()


def test_a_cluster_of_our_own_is_small_and_leaves_no_setting_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_event_stats", "1")  # the user's word
    before, ray = dict(os.environ), Library()
    assert connecting.connect(ray, None, 2)
    assert ray.given["num_cpus"] == 2
    assert ray.environment["RAY_worker_niceness"] == "0"
    assert ray.environment["RAY_event_stats"] == "1"
    assert ray.started is None
    assert dict(os.environ) == before
    assert ray.node().start_monitor() == "started"


def test_a_cluster_that_runs_is_taken_as_it_is() -> None:
    ray = Library()
    assert connecting.connect(ray, "auto", None)
    assert ray.given["address"] == "auto"
    assert "num_cpus" not in ray.given
    assert "RAY_worker_niceness" not in ray.environment
    assert ray.started == "started"


def test_a_cluster_that_does_not_start_is_one_error() -> None:
    with pytest.raises(ConfigError, match="no Ray cluster at this machine: no room"):
        connecting.connect(Library(RuntimeError("no room")), None, 1)


def test_nothing_is_collected_while_a_cluster_is_left() -> None:
    ray = Library()
    connecting.disconnect(ray)
    assert not ray.collects
    assert gc.isenabled()


def test_a_head_node_may_be_away_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        at = f"127.0.0.1:{server.getsockname()[1]}"
        context = SimpleNamespace(gcs_address=at)
        head = connecting.Head(SimpleNamespace(get_runtime_context=lambda: context))
        head.wait()
    monkeypatch.setattr(connecting, "_LOOK", 0.0)
    head.check()
    assert not head.lost
    monkeypatch.setattr(connecting, "_AWAY", 0.0)
    with pytest.raises(RedactError, match=f"cluster at {at} is gone .*finished clips are skipped"):
        head.check()
    assert head.lost
