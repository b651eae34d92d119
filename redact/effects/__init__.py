"""Effects: how people are hidden. The only makers of `RedactedFrame`."""

from redact.config import EffectOptions
from redact.effects.blur import BlurEffect
from redact.effects.erase import EraseEffect
from redact.effects.fill import FillEffect
from redact.protocols import Effect

__all__ = ["BlurEffect", "EraseEffect", "FillEffect", "make_effect"]


def make_effect(options: EffectOptions) -> Effect:
    """The effect that `options.kind` names, for one stream."""
    if options.kind == "fill":
        return FillEffect(options)
    if options.kind == "erase":
        return EraseEffect(options)
    return BlurEffect(options)
