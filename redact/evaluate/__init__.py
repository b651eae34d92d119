"""Leaks measured from pixels: who beyond the property can still be seen after redaction?

    evaluation = evaluate(original, redacted, truth, zone)
    evaluation.to_dict(), evaluation.rows(), evaluation.tracks

The original and the redacted file are decoded side by side, their frames paired by exact
presentation time. For each labelled person, `redact.evaluate.structure` says which share of
what distinguishes the person from the empty scene survives in the redacted picture. Where exact
masks are given, `redact.evaluate.exact` asks the same of the person's own visible pixels.
"""

from __future__ import annotations

from redact.evaluate.masks import Masks, load_masks
from redact.evaluate.measure import evaluate
from redact.evaluate.options import EvaluateOptions
from redact.evaluate.outlined import Outlined
from redact.evaluate.result import Evaluation, Sighting, TrackResult
from redact.evaluate.truth import Truth, load_truth

__all__ = [
    "EvaluateOptions",
    "Evaluation",
    "Masks",
    "Outlined",
    "Sighting",
    "TrackResult",
    "Truth",
    "evaluate",
    "load_masks",
    "load_truth",
]
