"""Many files: plan which become which, run them in order or in processes, resume, watch.

    jobs = plan([Path("footage")], Path("out"))
    report = run_batch(jobs, config, workers=2)
    report = run_batch(jobs, config, workers=None, ray=RayOptions("auto"))

A file that fails stops no other. Beside each finished output lies its `.redact.json`; an
output without one is not finished.
"""

from __future__ import annotations

from redact.batch.cluster import RayOptions
from redact.batch.manifest import write_manifest
from redact.batch.outcome import BatchReport, Listener, Outcome, State
from redact.batch.planning import VIDEO_SUFFIXES, Job, plan
from redact.batch.running import run_batch
from redact.batch.stale import abandon
from redact.batch.watching import WatchOptions, watch

__all__ = [
    "VIDEO_SUFFIXES",
    "BatchReport",
    "Job",
    "Listener",
    "Outcome",
    "RayOptions",
    "State",
    "WatchOptions",
    "abandon",
    "plan",
    "run_batch",
    "watch",
    "write_manifest",
]
