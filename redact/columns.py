"""Columns of a structure of arrays, one entry for each row; and such structures made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

_T = TypeVar("_T")


def no_boxes() -> npt.NDArray[np.float32]:
    """(0, 4)"""
    return np.zeros((0, 4), dtype=np.float32)


def no_sides() -> npt.NDArray[np.float32]:
    """(0,)"""
    return np.zeros(0, dtype=np.float32)


def column(values: Any, dtype: Any, n: int, name: str) -> npt.NDArray[Any]:
    """Values as (n,) of a dtype. Raises ValueError on another shape."""
    array = np.asarray(values, dtype=dtype)
    if array.shape != (n,):
        raise ValueError(f"{name} has shape {array.shape}, expected ({n},)")
    return array


def finite(values: npt.NDArray[np.float32]) -> bool:
    """Whether there is no NaN and no infinity in (...)."""
    return bool(np.count_nonzero(np.isfinite(values)) == values.size)


def rows_of(kind: type[_T], names: Sequence[str], columns: Iterable[npt.NDArray[Any]]) -> _T:
    """A frozen `kind` made of rows of others, without its checks: they passed these when they
    were made."""
    made = object.__new__(kind)
    for name, values in zip(names, columns, strict=True):
        object.__setattr__(made, name, values)
    return made


def answered(kind: type[_T], answer: Callable[..., Any], *given: Any) -> _T:
    """What a stage answered, made anew so that it passes its own checks: a part from elsewhere
    may answer anything, and in arrays of which it makes its next answer. Raises TypeError,
    ValueError."""
    value: Any = answer(*given)
    if not issubclass(type(value), kind):
        raise TypeError(f"the answer is {type(value).__name__}, not {kind.__name__}")
    shape: Any = kind
    columns = (getattr(value, name) for name in shape.__match_args__)
    return kind(*(part.copy() if isinstance(part, np.ndarray) else part for part in columns))
