"""The error tree. A message says what is wrong, where, and what to do about it.

    RedactError                      exit code 1
    ├── ConfigError                  2   bad option, zone, model description (also a ValueError)
    ├── MissingDependencyError       3   an optional package is not installed (also an ImportError)
    ├── ModelError                   4   wrong digest, wrong shape, NaN output
    ├── SourceError                  5   the input cannot be read, or not to its end
    │   └── SourceLostError          5   a live input went away and may come back
    ├── SinkError                    6   the output cannot be written or does not verify
    ├── StageError                   7   a stage failed on one frame of a stream
    └── TamperedError                8   a seal, a signature or an audit log does not hold

Errors of foreign libraries are mapped to these at one door per library: PyAV in
`redact.sources` and `redact.sinks`, OpenVINO in `redact.detectors.runtime`, msgspec in
`redact.config`, age in `redact.sealing.age`.
"""

from __future__ import annotations


class RedactError(Exception):
    """Root of all errors raised on purpose by this package."""

    exit_code: int = 1


class ConfigError(RedactError, ValueError):
    """An option, zone or model description is not usable as given."""

    exit_code = 2


class MissingDependencyError(RedactError, ImportError):
    """A part needs a package that is not installed; the message names the extra."""

    exit_code = 3


class ModelError(RedactError):
    """A model file is not what its description says, or its output cannot be trusted."""

    exit_code = 4


class SourceError(RedactError):
    """The input cannot be opened, or cannot be read to its end."""

    exit_code = 5


class SourceLostError(SourceError):
    """A live input went away; reconnecting may help."""


class SinkError(RedactError):
    """The output cannot be written, or did not verify after writing."""

    exit_code = 6


class StageError(RedactError):
    """A stage failed on one frame: `StageError("frame 7: detector: ...")`."""

    exit_code = 7


class TamperedError(RedactError):
    """A sealed file, a signature, a bundle or an audit log is not what was once written."""

    exit_code = 8
