"""Why someone is hidden or shown, in words."""

from __future__ import annotations

from redact.structures import Label, Reason

REASONS = {
    Reason.ON_PROPERTY: "stands on the property",
    Reason.OF_SHOWN_PERSON: "belongs to someone who is shown",
    Reason.LOST_ON_PROPERTY: "not found here; was last on the property",
    Reason.OUTSIDE: "stands beyond the property",
    Reason.FOOT_UNKNOWN: "feet cut off by an edge of the picture that is not the property's",
    Reason.UNPROVEN: "not on the property for long or surely enough",
    Reason.UNBOUND_FACE: "a face without a body",
    Reason.MOTION: "something moves beyond the property",
    Reason.MOTION_BEYOND: "the part beyond the property of something that moves",
    Reason.ANY_FACE: "every face is to be hidden",
}
LABELS = {Label.PERSON: "person", Label.FACE: "face", Label.MOTION: "motion"}
SPANS = {
    **{reason.name.lower(): words for reason, words in REASONS.items()},
    "coasting": "a person hidden on for long without being found",
    "whole_outside": "the whole outside: the background was not known",
    "whole_frame": "the whole frame: it was damaged",
    "by_hand": "hidden by hand",
}
