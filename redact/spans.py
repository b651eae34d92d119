"""When in a clip something was hidden, and why: spans of time, one list per kind.

Kinds are the names of hiding `Reason`s, `coasting` (hidden on without being found), and
`whole_outside`, `whole_frame`.
"""

from __future__ import annotations

from redact.structures import Decision, Reason

GAP = 0.5  # seconds: spans nearer to each other than this are one
MOST = 5000  # spans that are kept apart; beyond that the last one of a kind only grows

Span = tuple[float, float]


class Spans:
    """Collects spans while frames go by in order."""

    def __init__(self) -> None:
        self._found: dict[str, list[list[float]]] = {}
        self._count = 0

    def add(self, time: float, decision: Decision) -> None:
        """time: of the frame, in seconds."""
        hidden = decision.reason[decision.hide]
        kinds = [Reason(value).name.lower() for value in set(hidden.tolist())]
        if (decision.hide & decision.tracks.coasting).any():
            kinds.append("coasting")
        wholes = ("whole_outside", "whole_frame")
        kinds += [name for name in wholes if getattr(decision, name)]
        for kind in kinds:
            self._extend(self._found.setdefault(kind, []), time)

    def _extend(self, spans: list[list[float]], time: float) -> None:
        if spans and (time - spans[-1][1] <= GAP or self._count >= MOST):
            spans[-1][1] = max(time, spans[-1][1])
            return
        self._count += 1
        spans.append([time, time])

    def result(self) -> dict[str, tuple[Span, ...]]:
        """Kind -> (first frame's time, last frame's time), seconds to the millisecond."""
        return {
            kind: tuple((round(a, 3), round(b, 3)) for a, b in spans)
            for kind, spans in sorted(self._found.items())
        }
