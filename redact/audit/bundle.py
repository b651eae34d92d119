"""share: a redacted clip in a bundle that a third party can check with the public key alone."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redact.audit.checking import EXCERPT, PUBLIC, SIGNATURE, STORY, SUMS, verify_log
from redact.audit.credentials import Credentials, format_of, sign_copy
from redact.audit.entry import Entry, Statement, read_entry
from redact.audit.log import AuditLog, digest_of_file
from redact.audit.signing import Signer, fingerprint
from redact.errors import ConfigError, SinkError, SourceError
from redact.sinks.partial import Partial

_REPORT = ".redact.json"
_GUIDE = "VERIFY.txt"
_WHEN = (1980, 1, 1, 0, 0, 0)  # of every file in the bundle: the log says when
_HOW = """How to check this bundle
========================

It holds {clip}, shared with: {to}
Reason: {reason}

You need the public key of whoever shared it. A copy is in public.pem, but a forger would put in
his own: ask them, by telephone say, whether the fingerprint of their key is

    {fingerprint}

With redact (pip install 'redact[trust]'), on the bundle as you got it:

    redact audit verify BUNDLE.zip --key public.pem

With openssl (3.0 or newer) and coreutils, in the folder it was unpacked to:

    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig
    sha256sum -c SHA256SUMS

{credentials}What it proves: the holder of the key says that this very file was made by redact from
the input and with the settings that the report names by their digests, and when it was shared
with whom.
log.jsonl is the whole log up to that moment; what concerns other recordings is left out and only
its digests remain, so that nothing can have been taken out of between or put in later.
What it does not prove: that the camera saw what the picture shows, or that nobody was missed.
"""


_CREDENTIALS = """{name} is the same clip, with Content Credentials (C2PA) inside.
Any tool for C2PA shows them, and so does

    redact audit verify {name}

"""


@dataclass(frozen=True, slots=True)
class Shared:
    """digest: of the log's entry; whoever has the bundle holds it as evidence of the log."""

    path: Path
    fingerprint: str
    digest: str


def share(
    clip: Path,
    bundle: Path,
    log: AuditLog,
    *,
    to: str,
    reason: str,
    statement: Statement = Statement(),  # noqa: B008 - frozen
    credentials: Credentials | None = None,
    overwrite: bool = False,
) -> Shared:
    """Enter it in the log, then write the bundle, whole or not at all.

    Only a clip that the log knows as made by redact, unaltered since, is shared. credentials: the
    bundle gets a second copy of the clip, with Content Credentials signed by these. Raises
    ConfigError, SourceError, SinkError, TamperedError.
    """
    if bundle.exists() and not overwrite:
        raise ConfigError(f"{bundle}: exists already; pass --overwrite to replace it")
    if not to.strip() or not reason.strip():
        raise ConfigError("--to and --reason must say something; the log keeps them")
    report = _report_of(clip)
    verify_log(log.path)  # no excerpt of a log that does not hold
    signer = Signer(log.key)
    try:
        size, digest = digest_of_file(clip)
    except OSError as error:
        raise SourceError(f"{clip}: cannot be read: {error.strerror or error}") from error
    _check_known(clip, (size, digest), report, log)
    story: dict[str, Any] = {
        "to": to,
        "reason": reason,
        "output": {"name": clip.name, "bytes": size, "sha256": digest},
    }
    partial = Partial(bundle)  # before the log hears of it: a folder that cannot be written
    signed: Partial | None = None
    try:
        if credentials is not None:
            format_of(clip)
            signed = Partial(bundle.with_name(f"{clip.stem}.c2pa{clip.suffix}"))
            with signed.path.open("w+b") as file:
                sign_copy(clip, file, credentials, report)
            size, digest = digest_of_file(signed.path)
            story["signed"] = {"name": signed.final.name, "bytes": size, "sha256": digest}
        entry = log.append("share", statement, story)
        _write(partial.path, clip, signed, story, log, entry, signer)
        partial.publish()
    except OSError as error:
        raise SinkError(f"{bundle}: cannot be written: {error.strerror or error}") from error
    finally:
        partial.discard()
        if signed is not None:
            signed.discard()
    return Shared(bundle, fingerprint(signer.public_pem), entry.digest)


def _report_of(clip: Path) -> dict[str, Any]:
    path = clip.with_name(clip.name + _REPORT)
    try:
        report = json.loads(path.read_bytes())
        for part in ("input", "output"):
            report[part]["bytes"], report[part]["sha256"]  # it has them
        return dict(report)
    except FileNotFoundError:
        raise ConfigError(
            f"{clip}: has no report beside it, so it is not known to be redacted; only outputs of "
            "redact are shared"
        ) from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SourceError(f"{path}: is no report that can be read") from error


def _check_known(
    clip: Path, content: tuple[int, str], report: dict[str, Any], log: AuditLog
) -> None:
    if (report["output"]["bytes"], report["output"]["sha256"]) != content:
        raise ConfigError(f"{clip}: has changed since it was redacted; run it again")
    if not any(_concerns(entry, content[1]) for entry in _entries(log)):
        raise ConfigError(
            f"{clip}: {log.path} does not know it; redact it again with --audit {log.path}"
        )


def _entries(log: AuditLog) -> list[Entry]:
    with log.path.open("rb") as file:
        return [read_entry(line, str(log.path)) for line in file]


def _concerns(entry: Entry, digest: str) -> bool:
    """Whether an entry is about the output of this sha256."""
    body = entry.body or {}
    output = body.get("facts", {}).get("output", {})
    return body.get("event") in ("run", "seal", "review", "share") and (
        isinstance(output, dict) and output.get("sha256") == digest
    )


def _write(
    path: Path,
    clip: Path,
    signed: Partial | None,
    story: dict[str, Any],
    log: AuditLog,
    last: Entry,
    signer: Signer,
) -> None:
    digest = story["output"]["sha256"]
    entries = [entry for entry in _entries(log) if entry.number <= last.number]
    told = {last.number} | _told(entries, clip.name, digest)
    lines = [entry.line(with_body=entry.number in told) for entry in entries]
    guide = _HOW.format(
        clip=clip.name,
        to=story["to"],
        reason=story["reason"],
        fingerprint=fingerprint(signer.public_pem),
        credentials="" if signed is None else _CREDENTIALS.format(name=signed.final.name),
    )
    parts = {
        EXCERPT: b"".join(lines),
        STORY: (json.dumps(story, indent=2) + "\n").encode(),
        PUBLIC: signer.public_pem,
        _GUIDE: guide.encode(),
        clip.name + _REPORT: clip.with_name(clip.name + _REPORT).read_bytes(),
    }
    clips = {clip.name: (clip, digest)}
    if signed is not None:
        clips[signed.final.name] = signed.path, story["signed"]["sha256"]
    sums = {name: known for name, (_, known) in clips.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as bundle:
        for name, (file, known) in clips.items():
            info = zipfile.ZipInfo(name, _WHEN)
            with file.open("rb") as source, bundle.open(info, "w", force_zip64=True) as target:
                sums[name] = _copy(source, target)
            if sums[name] != known:
                raise SourceError(f"{clip}: changed while it was read")
        for name, data in parts.items():
            bundle.writestr(zipfile.ZipInfo(name, _WHEN), data)
            sums[name] = _sha256(data)
        listed = "".join(f"{value}  {name}\n" for name, value in sorted(sums.items())).encode()
        bundle.writestr(zipfile.ZipInfo(SUMS, _WHEN), listed)
        bundle.writestr(zipfile.ZipInfo(SIGNATURE, _WHEN), signer.sign(listed))


def _told(entries: list[Entry], name: str, digest: str) -> set[int]:
    """The numbers of the entries that may be told of: those of this clip, but not whom else it was
    shared with. Clips hidden all over can be equal byte for byte, so where the log knows the name
    it counts as well; a clip renamed since is known by its digest alone."""
    ours = [
        e for e in entries if _concerns(e, digest) and e.body and e.body.get("event") != "share"
    ]
    named = [e for e in ours if e.body and e.body["facts"]["output"].get("name") == name]
    return {e.number for e in named or ours}


def _copy(source: Any, target: Any) -> str:
    import hashlib

    digest = hashlib.sha256()
    while chunk := source.read(1 << 20):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
