"""Whether a log, or what was handed on of one, is what was once written."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redact.audit.entry import FIRST, Entry, canonical, read_entry
from redact.audit.log import AuditLog, read_head
from redact.audit.signing import fingerprint, holds, load_public
from redact.errors import ConfigError, RedactError, SourceError, TamperedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SUMS, SIGNATURE, EXCERPT, STORY, PUBLIC = (
    "SHA256SUMS",
    "SHA256SUMS.sig",
    "log.jsonl",
    "share.json",
    "public.pem",
)
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
_LARGEST = 1 << 26  # bytes of a part of a bundle that is read into memory


@dataclass(frozen=True, slots=True)
class Found:
    """What was checked and holds. fingerprint: of the key that signed it. trusted: whether the
    key came from outside of what was checked. story: of a bundle, what it says of itself."""

    entries: int
    first: str
    last: str
    digest: str
    fingerprint: str
    trusted: bool
    story: dict[str, Any] | None = None


def verify_log(path: Path, *, key: Path | None = None, head: str | None = None) -> Found:
    """Every entry, the chain, the end. key: a public key kept elsewhere, by default the one
    beside the log. head: the digest of an entry noted elsewhere, which must be in the log.

    Raises TamperedError naming the first entry that does not hold, ConfigError, SourceError.
    """
    log = AuditLog(path)
    pem = _read(key or log.public)
    public = load_public(pem, str(key or log.public))
    try:
        with path.open("rb") as file:
            entries, seen = _chain(file, public, str(path))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not entries:
        raise TamperedError(f"{path}: is empty; entries were removed, or it is no audit log")
    last = entries[-1]
    known = read_head(log.head)
    if known is None:
        raise TamperedError(f"{log.head}: is gone; entries may have been removed from the end")
    _check_head(known, seen, public, str(path))
    if head is not None and head.lower() not in seen.values():
        raise TamperedError(f"{path}: does not hold the entry {head}; it was removed or replaced")
    return Found(
        len(entries),
        str(entries[0].header["time"]),
        str(last.header["time"]),
        last.digest,
        fingerprint(pem),
        key is not None,
    )


def _check_head(
    head: dict[str, Any], seen: dict[int, str], key: Ed25519PublicKey, where: str
) -> None:
    said = {"n": head["n"], "digest": head["digest"]}
    if not holds(key, bytes.fromhex(head["sig"]), canonical(said)):
        raise TamperedError(f"{where}: its head is not signed by this key")
    if head["n"] not in seen:
        raise TamperedError(
            f"{where}: ends with entry {max(seen)}, though {head['n']} were written: entries "
            "were removed from the end"
        )
    if seen[head["n"]] != head["digest"]:
        raise TamperedError(f"{where}: entry {head['n']} is not the one that was written")


def check_entry(entry: Entry, key: Ed25519PublicKey, where: str) -> None:
    """Raises TamperedError unless this key signed it."""
    if not holds(key, entry.signature, canonical(entry.header)):
        raise TamperedError(f"{where}: entry {entry.number}: is not signed by this key")


def _chain(
    lines: Iterable[bytes], key: Ed25519PublicKey, where: str
) -> tuple[list[Entry], dict[int, str]]:
    """All entries without their bodies, and number -> digest."""
    entries, seen, before = list[Entry](), dict[int, str](), FIRST
    for number, line in enumerate(lines, 1):
        entry = read_entry(line, f"{where}, line {number}")
        check_entry(entry, key, where)
        if entry.number != number or entry.header["prev"] != before:
            raise TamperedError(
                f"{where}: line {number} holds entry {entry.number}, which does not follow the "
                "one before: entries were removed, added or put in another order"
            )
        before = entry.digest
        seen[number] = before
        entries.append(Entry(entry.header, entry.signature, None))
    return entries, seen


def verify_bundle(path: Path, *, key: Path | None = None) -> Found:
    """A bundle of `share`: the signature, every file, the chain of the log, and that the log
    knows this very clip and this very sharing. key: the sharer's public key, from elsewhere.

    Raises TamperedError, ConfigError, SourceError.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            return _verify(bundle, str(path), key)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
    except RedactError:
        raise
    except (zipfile.BadZipFile, EOFError, RuntimeError, *_MALFORMED) as error:
        raise TamperedError(f"{path}: is damaged: {error}") from error


def _verify(bundle: zipfile.ZipFile, where: str, key: Path | None) -> Found:
    names = bundle.namelist()
    if len(set(names)) != len(names):
        raise TamperedError(f"{where}: holds two files of one name")
    within = _part(bundle, PUBLIC, where)
    pem = within if key is None else _read(key)
    public = load_public(pem, str(key or f"{where}: {PUBLIC}"))
    sums = _part(bundle, SUMS, where)
    if not holds(public, _part(bundle, SIGNATURE, where), sums):
        raise TamperedError(f"{where}: is not signed by this key, or its list was altered")
    told = _sums(sums, where)
    if set(names) != set(told) | {SUMS, SIGNATURE}:
        raise TamperedError(f"{where}: files were added or removed")
    for name, digest in told.items():
        with bundle.open(name) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:  # type: ignore[arg-type]
                raise TamperedError(f"{where}: {name} was altered")
    lines = _part(bundle, EXCERPT, where).splitlines(keepends=True)
    entries, _ = _chain(lines, public, f"{where}: {EXCERPT}")
    story = json.loads(_part(bundle, STORY, where))
    if not entries:
        raise TamperedError(f"{where}: its log is empty")
    _check_story(story, told, [read_entry(line, where) for line in lines], where)
    return Found(
        len(entries),
        str(entries[0].header["time"]),
        str(entries[-1].header["time"]),
        entries[-1].digest,
        fingerprint(pem),
        key is not None,
        story,
    )


def _check_story(
    story: dict[str, Any], told: dict[str, str], entries: list[Entry], where: str
) -> None:
    bodies = [entry.body for entry in entries if entry.body is not None]
    shared = [b for b in bodies if b["event"] == "share" and b["facts"] == story]
    made = [
        b
        for b in bodies
        if b["event"] == "run"
        and b["facts"]["output"]["sha256"] == story.get("output", {}).get("sha256")
    ]
    if not shared:
        raise TamperedError(f"{where}: its log knows nothing of this sharing")
    if story["output"]["sha256"] != told.get(story["output"]["name"]):
        raise TamperedError(f"{where}: the clip is not the one that was shared")
    signed = story.get("signed")
    if signed is not None and signed["sha256"] != told.get(signed["name"]):
        raise TamperedError(f"{where}: {signed['name']} is not the copy that was shared")
    if not made:
        raise TamperedError(f"{where}: its log knows nothing of how the clip was made")


def _sums(text: bytes, where: str) -> dict[str, str]:
    told = dict[str, str]()
    for line in text.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        if not name or len(digest) != 64:
            raise TamperedError(f"{where}: {SUMS} cannot be read")
        told[name] = digest
    return told


def _part(bundle: zipfile.ZipFile, name: str, where: str) -> bytes:
    try:
        info = bundle.getinfo(name)
    except KeyError:
        raise TamperedError(f"{where}: {name} is missing; it is no bundle, or not whole") from None
    if info.file_size > _LARGEST:
        raise TamperedError(f"{where}: {name} is too large")
    with bundle.open(info) as file:
        return file.read(_LARGEST)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the public key: {error.strerror or error}; name it with --key"
        ) from error
