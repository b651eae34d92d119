"""ObjectDraft: an object that is written in parts under a hidden key, read back there, and
then gets its name in one step, or vanishes.

The hidden key holds redacted video only. Publishing is a copy inside the store, completed on
the condition that nothing else has come there meanwhile, so of two runs one publishes. An
answer that is lost on its way is looked up by a token that the object carries.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from redact.errors import RedactError, SinkError
from redact.storage.naming import WRITER, Writer, partial_name
from redact.storage.objects import ObjectPath
from redact.storage.parts import PartWriter
from redact.storage.store import TakenError, call

_COPIED = 1 << 30  # bytes of one part of a copy; the store allows 5 GiB


class ObjectDraft:
    """Begun at once, so that a bucket that cannot be written to fails before any work is done.

    path: where the draft can be read once `close` has run. Raises OSError, SinkError.
    """

    def __init__(self, final: ObjectPath) -> None:
        if final.key == "" or final.is_dir():
            raise SinkError(f"{final}: is a folder; name the output in it")
        self.final = final
        self.path = final.with_name(partial_name(final))
        self._token = secrets.token_hex(16)
        self._upload = Upload(self.path, self._token)
        self._writer = PartWriter(self._upload.send)
        self._closed = False

    def target(self) -> PartWriter:
        return self._writer

    def close(self) -> None:
        """Nothing more is written; it can be read now."""
        if not self._closed:
            self._writer.finish()
            self._upload.complete({})
            self._closed = True

    def publish(self) -> str:
        """Give it its name; returns its version. Raises SinkError where something else has come
        there since the place was claimed, OSError."""
        final, size = self.final, self.path.stat().st_size
        over = {"IfNoneMatch": "*"} if final.over is None else {"IfMatch": final.over}
        upload = Upload(final, self._token)
        try:
            source = {"Bucket": self.path.bucket, "Key": self.path.key}
            for start in range(0, size, _COPIED):
                upload.copy(source, start, min(size, start + _COPIED))
            version = upload.complete(over)
        except TakenError as error:
            raise SinkError(f"{final}: another run has published it meanwhile") from error
        finally:
            upload.abort()
        for left in uploads_at(final):  # whoever began them has lost, or they are ours
            left.abort()
        self.discard()
        return version

    def discard(self) -> None:
        """Remove the draft. What cannot be removed now is found by the next run."""
        with suppress(OSError, RedactError):
            for left in (self._upload, *uploads_at(self.path)):
                left.abort()
            self.path.unlink(missing_ok=True)


def put(final: ObjectPath, data: bytes) -> None:
    """A small object at once, under the condition of `publish`. Raises SinkError, OSError."""
    over = {"IfNoneMatch": "*"} if final.over is None else {"IfMatch": final.over}
    token = secrets.token_hex(16)
    what = {"Bucket": final.bucket, "Key": final.key, "Body": data, "Metadata": _marks(token)}
    try:
        call("put_object", str(final), **what, **over)
    except OSError as error:
        if final.draft_token() == token:  # done, and the answer was lost
            return
        if isinstance(error, TakenError):
            raise SinkError(f"{final}: another run has written it meanwhile") from error
        raise


def _marks(token: str) -> dict[str, str]:
    return {"redact-draft": token, "redact-run": (WRITER.get() or Writer()).run}


class Upload:
    """One multipart upload. token: what the object will carry. known, began: the id of one that
    exists already, and when that was, in seconds since the epoch."""

    def __init__(self, at: ObjectPath, token: str, known: str = "", began: float = 0) -> None:
        self._at = at
        self._token = token
        self._parts: list[dict[str, Any]] = []
        self._open = True
        self._began = began
        self._id = known or self._begun()

    def _begun(self) -> str:
        answer = self._call("create_multipart_upload", Metadata=_marks(self._token))
        return str(answer["UploadId"])

    def _call(self, method: str, **what: Any) -> dict[str, Any]:
        return call(method, str(self._at), Bucket=self._at.bucket, Key=self._at.key, **what)

    def send(self, number: int, data: bytes) -> None:
        """Parts may come in any order. number: from 1."""
        answer = self._call("upload_part", UploadId=self._id, PartNumber=number, Body=data)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def copy(self, source: dict[str, str], start: int, end: int) -> None:
        """Bytes [start, end) of another object become the next part."""
        number = len(self._parts) + 1
        answer = self._call(
            "upload_part_copy",
            UploadId=self._id,
            PartNumber=number,
            CopySource=source,
            CopySourceRange=f"bytes={start}-{end - 1}",
        )
        self._parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})

    def complete(self, condition: dict[str, str]) -> str:
        """The version of the object. Raises TakenError, OSError."""
        parts = sorted(self._parts, key=lambda part: int(part["PartNumber"]))
        try:
            answer = self._call(
                "complete_multipart_upload",
                UploadId=self._id,
                MultipartUpload={"Parts": parts},
                **condition,
            )
        except OSError:
            version = self._at.version()  # done, and the answer was lost?
            if version is None or self._at.draft_token() != self._token:
                raise
            answer = {"ETag": version}
        self._open = False
        return str(answer["ETag"])

    def last_change(self) -> float:
        """Seconds since the epoch at which it began or its newest part came. Raises OSError."""
        parts = self._call("list_parts", UploadId=self._id).get("Parts", ())
        return max([self._began, *(float(part["LastModified"].timestamp()) for part in parts)])

    def abort(self) -> None:
        """Drop what is not complete. Raises nothing: the next run finds what is left."""
        if self._open:
            with suppress(OSError):
                self._call("abort_multipart_upload", UploadId=self._id)
            self._open = False

    @property
    def at(self) -> ObjectPath:
        return self._at


def uploads_at(place: ObjectPath) -> Iterator[Upload]:
    """Unfinished uploads of one object."""
    return (upload for upload in uploads_below(place.bucket, place.key) if upload.at == place)


def uploads_below(bucket: str, prefix: str) -> Iterator[Upload]:
    """Unfinished uploads of all objects whose key begins so."""
    more: dict[str, str] = {}
    while True:
        page = call(
            "list_multipart_uploads", f"s3://{bucket}", Bucket=bucket, Prefix=prefix, **more
        )
        for entry in page.get("Uploads") or ():
            began = entry["Initiated"].timestamp()
            yield Upload(ObjectPath(bucket, entry["Key"]), "", str(entry["UploadId"]), began)
        if not page.get("IsTruncated"):
            return
        more = {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page["NextUploadIdMarker"],
        }
