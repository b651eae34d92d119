"""Sealed originals: encrypted to the owner's public key while they are read, never clear on disk.

    with SealedCopy(sealed_path(output, source), recipients) as copy:
        copy.fill(file)      # any object with read(): a file, a socket, the end of a pipe
        copy.publish()

The format is age (age-encryption.org): the owner can open it with other programs, in ten years
too. There is no key of ours.
"""

from __future__ import annotations

from redact.sealing.keys import (
    KeyPair,
    load_identities,
    make_key_pair,
    parse_recipients,
    write_key_pair,
)
from redact.sealing.opening import Unsealed, unseal
from redact.sealing.sealed import SUFFIX, Sealed, SealedCopy, sealed_path
from redact.sealing.sheet import recovery_sheet

__all__ = [
    "SUFFIX",
    "KeyPair",
    "Sealed",
    "SealedCopy",
    "Unsealed",
    "load_identities",
    "make_key_pair",
    "parse_recipients",
    "recovery_sheet",
    "sealed_path",
    "unseal",
    "write_key_pair",
]
