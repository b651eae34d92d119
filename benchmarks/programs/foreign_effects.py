"""Others' own code over one picture, in their environment: GIVEN (picture, boxes) to MADE, .npz."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from pathlib import Path

os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")
os.environ.setdefault("YOLO_CONFIG_DIR", str(Path.cwd()))

import numpy as np
import supervision
import torch
from deface.deface import anonymize_frame
from ultralytics.solutions import object_blurrer

given = np.load(sys.argv[1])
picture, boxes = given["picture"], given["boxes"]
made = {}

found = supervision.Detections(xyxy=boxes, class_id=np.zeros(len(boxes), int))
made["supervision blur"] = supervision.BlurAnnotator().annotate(picture.copy(), found)
made["supervision pixelate"] = supervision.PixelateAnnotator().annotate(picture.copy(), found)

frame = picture.copy()
faces = np.concatenate([boxes, np.ones((len(boxes), 1))], axis=1)
anonymize_frame(faces, frame, 1.3, "blur", True, False, None, 20)
made["deface"] = frame


class Blurrer(object_blurrer.ObjectBlurrer):
    """With the boxes that are given instead of a model's."""

    def __init__(self) -> None:
        self.blur_ratio = int(0.5 * 100)
        self.line_width, self.names = 2, {0: "person"}
        self.show_labels = self.show_conf = False

    def extract_tracks(self, _picture: np.ndarray) -> None:
        self.boxes = torch.tensor(boxes)
        self.clss = [0] * len(boxes)
        self.track_ids, self.confs = list(range(len(boxes))), [1.0] * len(boxes)

    def display_output(self, plot_im: np.ndarray) -> None: ...


object_blurrer.SolutionAnnotator.box_label = lambda *_a, **_k: None  # the outline is not compared
frame = picture.copy()
made["ultralytics blur"] = Blurrer().process(frame).plot_im

np.savez(sys.argv[2], **made)
names = ("supervision", "ultralytics", "deface", "opencv-python", "numpy")
print(json.dumps({name: importlib.metadata.version(name) for name in names}))
