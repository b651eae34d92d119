"""Effects: how people are hidden. The only makers of `RedactedFrame`."""

from redact.config import EffectOptions
from redact.devices import CPU
from redact.effects.blur import BlurEffect
from redact.effects.erase import EraseEffect
from redact.effects.fill import FillEffect
from redact.protocols import Effect

__all__ = ["BlurEffect", "EraseEffect", "FillEffect", "make_effect"]


def make_effect(options: EffectOptions, device: str = CPU) -> Effect:
    """The effect that `options.kind` names, for one stream. device: what paints, see
    `redact.devices`; `erase` paints on the processor always."""
    if device != CPU and options.kind != "erase":
        from redact.effects.card import CardBlurEffect, CardFillEffect

        made = CardFillEffect if options.kind == "fill" else CardBlurEffect
        return made(options, device)
    if options.kind == "fill":
        return FillEffect(options)
    if options.kind == "erase":
        return EraseEffect(options)
    return BlurEffect(options)
