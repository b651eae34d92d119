"""`redact report`: what was hidden over a day or a month, as one picture or one page.

Made of the reports beside outputs alone: counts, reasons and times. No frame is opened.
"""

from __future__ import annotations

import base64
import html
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import redact
from redact.batch.record import SUFFIX, record_path
from redact.errors import ConfigError, SinkError
from redact.sinks.partial import Partial
from redact.web.outputs import find_outputs
from redact.web.words import REASONS

_STAMP = re.compile(r"(20\d\d)\D?([01]\d)\D?([0-3]\d)(?:\D{0,3}([0-2]\d)\D?([0-5]\d))?")
_HIDES = {reason.name.lower(): REASONS[reason] for reason in REASONS if reason.hides}
_WHOLE_DAYS = timedelta(days=3)  # from here on days are counted, not hours


@dataclass(slots=True)
class Summary:
    """hidden: people hidden per `step`, an hour or a day. hours: per hour of the day, 0 to 23.
    seconds: of work, per file."""

    files: int = 0
    unfinished: int = 0
    frames: int = 0
    people_hidden: int = 0
    people_shown: int = 0
    by_hand: int = 0
    hidden: Counter[datetime] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    step: timedelta = timedelta(hours=1)


def when(name: str, path: Path) -> datetime:
    """When a recording was made: as its name says, or else as its report was written."""
    if (found := _STAMP.search(name)) is not None:
        year, month, day, hour, minute = (int(part or 0) for part in found.groups())
        try:
            return datetime(year, month, day, hour, minute)
        except ValueError:
            pass
    return datetime.fromtimestamp(path.stat().st_mtime)


def summarise(where: Path) -> Summary:
    """Read the reports below a folder. Raises ConfigError where there is none."""
    _folder, outputs = find_outputs(where)
    made, counts = Summary(), list[tuple[datetime, int]]()
    for output in outputs:
        record = output.record
        if record is None or "failed" in output.describe()["problems"]:
            made.unfinished += 1
        if record is None:
            continue
        told = output.describe()
        made.files += 1
        made.frames += int(told["frames"].get("all", 0))
        made.people_hidden += int(told["people"].get("hidden", 0))
        made.people_shown += int(told["people"].get("shown", 0))
        made.by_hand += told["by_hand"]
        counts.append(
            (when(output.name, record_path(output.path)), int(told["people"].get("hidden", 0)))
        )
        made.seconds.append(_number(record.get("seconds"), "total"))
        reasons = record.get("reasons")
        for name, number in (reasons if isinstance(reasons, dict) else {}).items():
            if name in _HIDES and isinstance(number, int):
                made.reasons[_HIDES[name]] += number
    if not counts:
        raise ConfigError(f"{where}: no report NAME{SUFFIX} there can be read")
    times = [time for time, _ in counts]
    if max(times) - min(times) > _WHOLE_DAYS:
        made.step = timedelta(days=1)
    for time, number in counts:
        start = {"minute": 0, "second": 0, "microsecond": 0}
        start |= {"hour": 0} if made.step.days else {}
        made.hidden[time.replace(**start)] += number  # type: ignore[arg-type]
        made.hours[time.hour] += number
    return made


def span(summary: Summary) -> str:
    """The days that it is about, in words."""
    first, last = (f"{day:%d %B %Y}" for day in (min(summary.hidden), max(summary.hidden)))
    return first if first == last else f"{first} to {last}"


def _number(table: Any, key: str) -> float:
    value = table.get(key, 0) if isinstance(table, dict) else 0
    return float(value) if isinstance(value, int | float) else 0.0


def write_summary(summary: Summary, path: Path, *, overwrite: bool) -> None:
    """A .html page or a .png, whole or not at all. Raises ConfigError, SinkError,
    MissingDependencyError."""
    kind = path.suffix.lower()
    if kind not in (".html", ".png"):
        raise ConfigError(f"{path}: a report is written as .html or .png; name it so")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path}: exists already; pass --overwrite to replace it")
    from redact.web.plots import picture

    png = picture(summary)
    content = png if kind == ".png" else _page(summary, png)
    partial = Partial(path)
    try:
        partial.path.write_bytes(content)
        partial.publish()
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        partial.discard()


def _page(summary: Summary, png: bytes) -> bytes:
    """One file that loads nothing: the plots are inside."""
    plots = base64.b64encode(png).decode()
    facts = {
        "files": summary.files,
        "unfinished or failed": summary.unfinished,
        "frames": summary.frames,
        "people hidden": summary.people_hidden,
        "people shown": summary.people_shown,
        "hidden by hand": summary.by_hand,
        "seconds of work": round(sum(summary.seconds), 1),
    }
    rows = "".join(f"<tr><th scope=row>{k}</th><td>{v}</td></tr>" for k, v in facts.items())
    why = "".join(
        f"<tr><th scope=row>{html.escape(name)}</th><td>{number}</td></tr>"
        for name, number in summary.reasons.most_common()
    )
    style = (
        ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:1rem auto;"
        "max-width:60rem;padding:0 1rem}img{width:100%;height:auto;background:#fff}"
        "th{text-align:left;padding-right:1rem;font-weight:400}td{text-align:right}"
    )
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        f"<title>redact: what was hidden</title><style>{style}</style></head><body>"
        f"<h1>What was hidden</h1><p>{span(summary)}</p><table>{rows}</table>"
        "<h2>Why, in boxes counted in every frame</h2>"
        f"<table>{why}</table>"
        f'<h2>Plots</h2><img alt="People hidden over time, reasons, processing time; the figures '
        f'stand in the tables" src="data:image/png;base64,{plots}">'
        f"<p>Made by redact {redact.__version__} of the reports beside the outputs.</p>"
        "</body></html>\n"
    )
    return text.encode()
