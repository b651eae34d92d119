"""Trackers: identity over time, tuned for hiding rather than for counting."""

from redact.trackers.between import between, resting
from redact.trackers.buffered_iou import BufferedIoUTracker

__all__ = ["BufferedIoUTracker", "between", "resting"]
