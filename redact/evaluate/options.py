"""Thresholds of the leak meter."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from redact.config import Section, Share


class EvaluateOptions(Section, frozen=True):
    """When a person counts as seen, leaked or hidden.

    min_visibility: rows of the truth below this are not counted (the person is hardly to be
    seen in the original). head_leak, body_leak: a person beyond the property has leaked when
    more than this share of the head's or of the body's structure survives. hidden: a person on
    the property is wrongly hidden when less than this share survives. min_region: a person of
    whom less than this share of the box is in the picture and not covered by a nearer person
    is not counted. backdrop: frames of the original from which the empty scene is estimated.
    """

    min_visibility: Share = 0.1
    head_leak: Share = 0.35
    body_leak: Share = 0.25
    hidden: Share = 0.5
    min_region: Share = 0.1
    backdrop: Annotated[int, Meta(ge=0, le=255)] = 31
