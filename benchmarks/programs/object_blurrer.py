"""`ultralytics.solutions.ObjectBlurrer` on people, in the loop of its documentation."""

from __future__ import annotations

import measured

measured.with_own_nms()
from ultralytics.solutions import ObjectBlurrer  # noqa: E402

given = measured.arguments()
blurrer = ObjectBlurrer(model=given.model, classes=[0], show=False, device=given.device)
measured.loop(given, lambda picture: blurrer(picture).plot_im)
