"""Leaks measured from pixels: who beyond the property can still be seen after redaction?

    evaluation = evaluate(original, redacted, truth, zone)
    evaluation.to_dict(), evaluation.rows(), evaluation.tracks

The original and the redacted file are decoded side by side, their frames paired by exact
presentation time. For each labelled person, `redact.evaluate.structure` says which share of
what distinguishes the person from the empty scene survives in the redacted picture.
"""

from __future__ import annotations

from redact.evaluate.measure import evaluate
from redact.evaluate.options import EvaluateOptions
from redact.evaluate.result import Evaluation, Sighting, TrackResult
from redact.evaluate.truth import Truth, load_truth

__all__ = [
    "EvaluateOptions",
    "Evaluation",
    "Sighting",
    "TrackResult",
    "Truth",
    "evaluate",
    "load_truth",
]
