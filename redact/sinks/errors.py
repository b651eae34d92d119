"""The one door for PyAV's errors on the writing side: each becomes a SinkError that says what
is wrong, where, and what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import av.error

from redact.errors import SinkError

_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the file size limit",
    errno.EACCES: "check the folder's permissions",
    errno.EPERM: "check the folder's permissions",
    errno.EROFS: "choose a folder that can be written to",
    errno.ENOENT: "create the folder first",
    errno.ENOTDIR: "create the folder first",
}


_NEUTRAL = "nothing was published"


def plain(error: BaseException) -> str:
    """An error in its own words, without errno, file name or class."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().rstrip(".")


def _hint(error: BaseException) -> str:
    return _ADVICE.get(getattr(error, "errno", None) or 0, _NEUTRAL)


@contextmanager
def writing(where: str, advice: str = _NEUTRAL) -> Iterator[None]:
    """Inside, any error of PyAV or of the operating system leaves as a SinkError.

    where: how the message starts, such as "out.mp4: frame 7".
    """
    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
        hint = advice if advice != _NEUTRAL else _hint(error)
        raise SinkError(f"{where}: {plain(error)}; {hint}") from error
