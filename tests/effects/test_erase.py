"""The clean plate never learns from anybody who is hidden."""

from __future__ import annotations

import numpy as np
from effect_frames import boxes_mask, frame_of, grey, hidden_blocks, noise, pixels_of, planes_of

from redact.config import EffectOptions
from redact.effects import EraseEffect
from redact.effects.plate import Plate
from redact.structures import Mask, Plane

SCENE = noise(96, 128, 4)
PERSON = boxes_mask((40, 30, 70, 80))
FILL = EffectOptions().colour
Planes = tuple[Plane, Plane, Plane]


def with_person(planes: Planes, mask: Mask, value: int | np.random.Generator) -> Planes:
    """The scene with every hidden pixel replaced by a value or by noise."""
    hidden = hidden_blocks(mask, *planes[0].shape)
    out = []
    for channel, plane in enumerate(planes):
        new = plane.copy()
        where = pixels_of(hidden, plane, channel)
        if isinstance(value, int):
            new[where] = value
        else:
            new[where] = value.integers(0, 256, int(where.sum()), dtype=np.uint8)
        out.append(new)
    return out[0], out[1], out[2]


def learned(frames: int = 120, keep: np.ndarray | None = None) -> EraseEffect:
    effect = EraseEffect(EffectOptions(kind="erase"))
    mask = Mask() if keep is None else Mask(keep=keep)
    for index in range(frames):
        effect.apply(frame_of(SCENE, index), mask)
    return effect


def test_a_person_gives_way_to_the_learned_scene() -> None:
    effect = learned()
    result = effect.apply(frame_of(with_person(SCENE, PERSON, 7), 120), PERSON)
    for plane, scene in zip(planes_of(result), SCENE, strict=True):
        assert np.abs(plane.astype(int) - scene).max() <= 1
    whole = effect.apply(frame_of(grey(96, 128, 9), 121), Mask(whole=True))
    assert np.abs(whole.y.astype(int) - SCENE[0]).max() <= 1


def test_an_unknown_scene_is_filled_with_a_plain_colour() -> None:
    effect = EraseEffect(EffectOptions(kind="erase"))
    result = effect.apply(frame_of(SCENE), PERSON)
    for channel, plane in enumerate(planes_of(result)):
        where = pixels_of(hidden_blocks(PERSON, 96, 128), plane, channel)
        assert (plane[where] == FILL[channel]).all()


def test_a_person_masked_from_the_first_frame_never_reaches_the_output() -> None:
    """Two streams that differ only under the mask: walking, standing, leaving, returning."""
    one = EraseEffect(EffectOptions(kind="erase"))
    other = EraseEffect(EffectOptions(kind="erase"))
    rng = np.random.default_rng(0)
    for index in range(240):
        x = float(min(index, 90) if index < 160 else 250 - index)
        mask = boxes_mask((x, 20, x + 30, 90))
        if index % 50 > 44:
            mask = Mask()
        first = with_person(SCENE, mask, 30)
        second = with_person(SCENE, mask, rng)
        a = one.apply(frame_of(first, index), mask)
        b = other.apply(frame_of(second, index), mask)
        where = hidden_blocks(mask, 96, 128)
        for channel, plane in enumerate(planes_of(a)):
            hidden = pixels_of(where, plane, channel)
            np.testing.assert_array_equal(plane[hidden], planes_of(b)[channel][hidden])


def plate_after(masks: list[Mask], contents: list[Planes]) -> Plate:
    effect = EraseEffect(EffectOptions(kind="erase"))
    for index, (mask, planes) in enumerate(zip(masks, contents, strict=True)):
        effect.apply(frame_of(planes, index), mask)
    plate = effect._plate
    assert plate is not None
    return plate


def test_neighbours_of_hidden_blocks_do_not_teach() -> None:
    plate = plate_after([PERSON] * 120, [SCENE] * 120)
    hidden = hidden_blocks(PERSON, 96, 128)
    near = hidden.copy()
    for r, c in np.argwhere(hidden):
        near[max(0, r - 1) : r + 2, max(0, c - 1) : c + 2] = True
    assert not plate.lessons[near].any()
    assert plate.known[~near].all()


def test_a_block_that_was_hidden_within_a_second_does_not_teach() -> None:
    masks = [PERSON if index % 15 == 0 else Mask() for index in range(120)]
    plate = plate_after(masks, [SCENE] * 120)
    assert not plate.lessons[hidden_blocks(PERSON, 96, 128)].any()


def test_what_moves_does_not_teach() -> None:
    contents = [with_person(SCENE, PERSON, 40 * (index % 5)) for index in range(120)]
    plate = plate_after([Mask()] * 120, contents)
    assert not plate.known[hidden_blocks(PERSON, 96, 128)].any()
    assert plate.known[0, 0]


def test_a_shown_person_does_not_teach() -> None:
    effect = learned(keep=PERSON.boxes)
    result = effect.apply(frame_of(SCENE, 120), PERSON)
    assert (result.y[32:80, 48:64] == FILL[0]).all()


def test_a_shown_person_of_unknown_place_stops_all_lessons() -> None:
    effect = learned(keep=np.full((1, 4), np.nan, np.float32))
    plate = effect._plate
    assert plate is not None
    assert not plate.lessons.any()


def test_the_plate_follows_the_light_slowly() -> None:
    effect = EraseEffect(EffectOptions(kind="erase"))
    for index in range(90):
        effect.apply(frame_of(grey(96, 128, 100), index), Mask())
    for index in range(90, 150):
        effect.apply(frame_of(grey(96, 128, 160), index), Mask())
    early = int(effect.apply(frame_of(grey(96, 128, 0), 150), Mask(whole=True)).y[40, 40])
    assert 105 < early < 145


def test_a_clock_set_back_does_not_stop_the_learning_for_good() -> None:
    effect = EraseEffect(EffectOptions(kind="erase"))
    for index in [*range(100_000, 100_030), *range(120)]:
        effect.apply(frame_of(SCENE, index), Mask())
    plate = effect._plate
    assert plate is not None
    assert plate.known.all()
