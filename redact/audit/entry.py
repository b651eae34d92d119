"""One entry: a line of JSON with a signed header and a body.

    {"body": {...}, "header": {"body": sha256, "n": 3, "prev": sha256, "time": "..."}, "sig": "..."}

The chain runs over headers alone: `prev` is the digest of the header before, `body` that of the
body, which is salted. So a body can be left out of what is handed on, and the chain and the
signatures still hold.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redact.audit.signing import Signer
from redact.errors import TamperedError

FIRST = "0" * 64  # the digest before the first entry
_HEADER = {"body", "n", "prev", "time"}


@dataclass(frozen=True, slots=True)
class Statement:
    """who acts, why, on what legal basis: as stated, unchecked."""

    who: str = ""
    why: str = ""
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """header: what is signed. body: None where it was left out."""

    header: dict[str, Any]
    signature: bytes
    body: dict[str, Any] | None

    @property
    def number(self) -> int:
        return int(self.header["n"])

    @property
    def digest(self) -> str:
        return digest_of(self.header)

    def line(self, *, with_body: bool = True) -> bytes:
        whole: dict[str, Any] = {
            "header": self.header,
            "sig": base64.b64encode(self.signature).decode(),
        }
        if with_body and self.body is not None:
            whole["body"] = self.body
        return canonical(whole) + b"\n"


def canonical(value: Any) -> bytes:
    """One spelling of a value: sorted keys, no blanks, ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def digest_of(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def make_entry(
    number: int,
    before: str,
    event: str,
    statement: Statement,
    facts: dict[str, Any],
    signer: Signer,
) -> Entry:
    """before: the digest of the entry before."""
    body = {
        "event": event,
        "who": statement.who,
        "why": statement.why,
        "basis": statement.basis,
        "facts": facts,
        "salt": secrets.token_hex(16),
    }
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    header = {"n": number, "time": time, "prev": before, "body": digest_of(body)}
    return Entry(header, signer.sign(canonical(header)), body)


def read_entry(line: bytes, where: str) -> Entry:
    """Raises TamperedError where it is no entry, or its body is not the one that was signed."""
    try:
        raw = json.loads(line)
        header, body = raw["header"], raw.get("body")
        signature = base64.b64decode(raw["sig"], validate=True)
        if (
            set(header) != _HEADER
            or type(header["n"]) is not int
            or set(raw)
            - {
                "header",
                "sig",
                "body",
            }
        ):
            raise ValueError("not the fields of an entry")
        entry = Entry(header, signature, body)
        if entry.line() != line.rstrip(b"\n") + b"\n":
            raise ValueError("not as it was written")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise TamperedError(f"{where}: is no entry of a log: {error}") from error
    if body is not None and digest_of(body) != header["body"]:
        raise TamperedError(f"{where}: entry {header['n']}: its text was altered")
    return entry
