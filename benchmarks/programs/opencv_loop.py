"""The loop that one writes first: YOLO11n on ONNX Runtime at 640, Gaussian blur over each box."""

from __future__ import annotations

import cv2
import measured
import numpy as np
import onnxruntime

SIDE, SURE = 640, 0.25

given = measured.arguments()
session = onnxruntime.InferenceSession(
    given.model,
    providers=[
        "CUDAExecutionProvider" if given.device != "cpu" else "CPUExecutionProvider",
    ],
)
name = session.get_inputs()[0].name


def step(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    blob = np.full((SIDE, SIDE, 3), 114, np.uint8)
    small = cv2.resize(picture, (round(width * scale), round(height * scale)))
    blob[: small.shape[0], : small.shape[1]] = small
    values = blob[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
    rows = session.run(None, {name: np.ascontiguousarray(values)})[0][0]
    rows = rows[:, rows[4] > SURE]
    boxes = np.stack([*(rows[:2] - rows[2:4] / 2), *rows[2:4]], axis=1) / scale
    for index in cv2.dnn.NMSBoxes(boxes.tolist(), rows[4].tolist(), SURE, 0.45):
        x, y, w, h = boxes[index]
        top, left = max(0, int(y)), max(0, int(x))
        part = picture[top : int(y + h), left : int(x + w)]
        if part.size:
            part[:] = cv2.GaussianBlur(part, (51, 51), 0)
    return picture


measured.loop(given, step)
