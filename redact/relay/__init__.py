"""Live cameras: streams go in, only redacted streams come out, around the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redact.relay.options import RelayConfig, load_relay_config
    from redact.relay.running import run_relay

__all__ = ["RelayConfig", "load_relay_config", "run_relay"]


def __getattr__(name: str) -> Any:
    if name == "run_relay":
        from redact.relay.running import run_relay

        return run_relay
    if name in __all__:
        from redact.relay import options

        return getattr(options, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
