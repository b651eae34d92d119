"""When in a clip something was hidden, and why: spans of time, one list per kind.

Kinds are the names of hiding `Reason`s, `coasting` (a person hidden on for long without being
found), and `whole_outside`, `whole_frame`.
"""

from __future__ import annotations

from redact.structures import Decision, Label, Reason

COASTING = 1.0  # seconds from which on a person who is hidden but not found is worth a look
GAP = 0.5  # seconds: spans nearer to each other than this are one
MOST = 5000  # spans that are kept apart; beyond that the last one of a kind only grows

Span = tuple[float, float]


class Spans:
    """Collects spans while frames go by in order."""

    def __init__(self) -> None:
        self._found: dict[str, list[list[float]]] = {}
        self._count = 0
        self._lost_since: dict[int, float] = {}  # track of a hidden person -> last not found from

    def add(self, time: float, decision: Decision) -> None:
        """time: of the frame, in seconds."""
        hidden = decision.reason[decision.hide]
        kinds = [Reason(value).name.lower() for value in set(hidden.tolist())]
        wholes = ("whole_outside", "whole_frame")
        kinds += [name for name in wholes if getattr(decision, name)]
        for kind in kinds:
            self._extend(kind, time, time)
        self._coast(time, decision)

    def _coast(self, time: float, decision: Decision) -> None:
        tracks = decision.tracks
        lost = decision.hide & tracks.coasting & (tracks.label == Label.PERSON)
        ids = tracks.track_id[lost].tolist()
        self._lost_since = {i: self._lost_since.get(i, time) for i in ids}
        since = min(self._lost_since.values(), default=time)
        if time - since >= COASTING:
            self._extend("coasting", since, time)

    def _extend(self, kind: str, start: float, end: float) -> None:
        spans = self._found.setdefault(kind, [])
        if spans and (start - spans[-1][1] <= GAP or self._count >= MOST):
            spans[-1][1] = max(end, spans[-1][1])
            return
        self._count += 1
        spans.append([start, end])

    def result(self) -> dict[str, tuple[Span, ...]]:
        """Kind -> (first frame's time, last frame's time), seconds to the millisecond."""
        return {
            kind: tuple((round(a, 3), round(b, 3)) for a, b in spans)
            for kind, spans in sorted(self._found.items())
        }
