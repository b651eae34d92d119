"""Thresholds of the leak meter."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from redact.config import Section, Share


class EvaluateOptions(Section, frozen=True):
    """When a person counts as seen, leaked or hidden.

    min_visibility: people beyond the property of whom the truth says that less can be seen in
    the original are not counted; inside_visibility: the same for people on it. head_leak,
    body_leak: someone beyond the property has leaked when more than this share of the head's or
    of the body's structure survives. hidden: someone on the property is wrongly hidden when less
    than this share survives. min_region: people of whom less than this share of the box is in
    the picture and not covered by a nearer person are not counted. backdrop: frames of the
    original from which the empty scene is estimated. near_line: people on the property are well
    inside where their feet are at least so much of their own height within the outline. With exact
    masks: min_pixels: people of whom fewer pixels can be seen are not looked at; shown: someone
    beyond the property shows when at least this share of them survives.
    """

    min_visibility: Share = 0.1
    inside_visibility: Share = 0.5
    head_leak: Share = 0.25
    body_leak: Share = 0.2
    hidden: Share = 0.6
    min_region: Share = 0.1
    near_line: Share = 0.1
    min_pixels: Annotated[int, Meta(ge=1)] = 30
    shown: Share = 0.2
    backdrop: Annotated[int, Meta(ge=0, le=255)] = 31
