"""What happened at a camera, from decisions alone: somebody on the property, somebody hidden."""

from __future__ import annotations

import numpy as np

from redact.structures import Decision, Label

HOLD = 2.0  # seconds for which an event outlasts its last frame
NAMES = ("person", "outside")


class Events:
    """`person`: a person is shown on the property. `outside`: a person is hidden."""

    def __init__(self) -> None:
        self.active = dict.fromkeys(NAMES, False)
        self._until = dict.fromkeys(NAMES, -1.0)

    def see(self, decision: Decision, now: float) -> list[tuple[str, bool]]:
        """What changed with this frame. now: seconds."""
        people = decision.tracks.label == Label.PERSON
        seen = {
            "person": bool(np.any(people & ~decision.hide)),
            "outside": bool(np.any(people & decision.hide)),
        }
        changes = []
        for name in NAMES:
            if seen[name]:
                self._until[name] = now + HOLD
            active = now < self._until[name]
            if active is not self.active[name]:
                self.active[name] = active
                changes.append((name, active))
        return changes
