"""What all evidence on a subject amounts to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from redact.structures import BoolArray, IntArray, Reason

Reasons = npt.NDArray[np.uint8]

PROOFS = 2  # pieces of evidence needed, however short the window
_NOTHING = 255  # stands for no reason


def verdicts(evidence: Reasons, of: IntArray, coasting: BoolArray) -> Reasons:
    """(k,) what the evidence (n,) on each of k subjects amounts to: the worst piece decides;
    without any, nobody is shown. of: (n,) whose each piece is. coasting: (k,)."""
    n = len(coasting)
    firm = (evidence >= int(Reason.OUTSIDE)) & (evidence != int(Reason.UNPROVEN))
    worst = np.full(n, _NOTHING, np.uint8)
    np.minimum.at(worst, of[firm], evidence[firm])
    proofs = np.bincount(of[evidence == int(Reason.ON_PROPERTY)], minlength=n)
    known = np.bincount(of, minlength=n) > 0
    verdict = np.full(n, Reason.UNPROVEN, np.uint8)
    verdict[coasting & known] = Reason.LOST_ON_PROPERTY
    verdict[proofs >= PROOFS] = Reason.ON_PROPERTY
    return np.where(worst < _NOTHING, worst, verdict)
