"""The plots of `redact report`: bars with their words, readable at the width of a page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from redact.errors import MissingDependencyError

if TYPE_CHECKING:
    from redact.web.summary import Summary

_PEOPLE, _WHY, _WORK = "#0b5cad", "#b3161b", "#5a6066"
_LABELS = 12  # under one axis at most


def picture(summary: Summary) -> bytes:
    """A PNG. Raises MissingDependencyError."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "plots need matplotlib: pip install 'redact[report]'"
        ) from error
    days = bool(summary.step.days)
    figure = Figure(figsize=(9, 12.5 if days else 10), layout="constrained")
    axes = list(figure.subplots(4 if days else 3, 1))
    _over_time(axes.pop(0), summary)
    if days:
        _by_hour(axes.pop(0), summary)
    _reasons(axes.pop(0), summary)
    _seconds(axes.pop(0), summary)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _over_time(axes: Any, summary: Summary) -> None:
    from redact.web.summary import span

    days = bool(summary.step.days)
    first, last = min(summary.hidden), max(summary.hidden)
    one_day = first.date() == last.date()
    if one_day and not days:
        first, last = first.replace(hour=0), last.replace(hour=23)
    slots = [first + summary.step * i for i in range(int((last - first) / summary.step) + 1)]
    form = "%d %b" if days else "%H:00" if one_day else "%d %b\n%H:00"
    axes.bar(range(len(slots)), [summary.hidden[slot] for slot in slots], color=_PEOPLE)
    named = range(0, len(slots), -(-len(slots) // _LABELS))
    axes.set_xticks(list(named), [slots[i].strftime(form) for i in named])
    unit = "day" if days else "hour"
    _frame(axes, f"People hidden per {unit}, {span(summary)}")
    axes.set_xlabel("a file made without a model counts nobody", color=_WORK)


def _by_hour(axes: Any, summary: Summary) -> None:
    axes.bar(range(24), [summary.hours[hour] for hour in range(24)], color=_PEOPLE)
    axes.set_xticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)])
    _frame(axes, "People hidden per hour of the day, all days together")


def _reasons(axes: Any, summary: Summary) -> None:
    """The words stand over the bars: beside them they would take half of the width."""
    common = summary.reasons.most_common()[::-1]
    axes.barh(range(len(common)), [number for _, number in common], height=0.45, color=_WHY)
    for row, (name, number) in enumerate(common):
        axes.text(0, row + 0.27, f" {name}: {number:,}", va="bottom")
    axes.set_ylim(-0.5, len(common))
    axes.set_yticks([])
    _frame(axes, "Why, in boxes counted in every frame", whole="x")


def _seconds(axes: Any, summary: Summary) -> None:
    took = summary.seconds
    axes.hist(took, bins=20, range=(0, max(1.0, *took)), color=_WORK)
    axes.set_xlabel("seconds")
    axes.set_ylabel("files")
    _frame(axes, "Processing time per file")


def _frame(axes: Any, title: str, whole: str = "y") -> None:
    axes.set_title(title, loc="left")
    getattr(axes, f"{whole}axis").get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
