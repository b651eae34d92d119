"""Effects: how people are hidden. The only makers of `RedactedFrame`."""

from redact.config import EffectOptions
from redact.effects.blur import BlurEffect
from redact.effects.fill import FillEffect
from redact.protocols import Effect

__all__ = ["BlurEffect", "FillEffect", "make_effect"]


def make_effect(options: EffectOptions) -> Effect:
    """The effect that `options.kind` names, for one stream."""
    if options.kind == "fill":
        return FillEffect(options)
    return BlurEffect(options)
