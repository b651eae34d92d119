"""The one door to the S3 store: its client, made of the environment alone, and its errors.

Every call is tried again by botocore and s3fs when the store is busy or the connection breaks.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import Any

from redact.errors import MissingDependencyError

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_SECRETS = (*_KEYS, "AWS_SESSION_TOKEN")
_CONFIG = {
    "connect_timeout": 10,
    "read_timeout": 60,
    "retries": {"max_attempts": 6, "mode": "legacy"},
}
_WAITS = (0.2, 1.0, 3.0)  # seconds before an answer that broke off is asked for again
_LONGEST = 200  # characters of the store's own words
_lock = threading.Lock()
_client: tuple[tuple[str | None, ...], Any] | None = None


class StoreError(OSError):
    """The store failed for reasons of its own: the same may work when tried again."""


class TakenError(OSError):
    """Something else is there by now."""


def call(method: str, where: str, **what: Any) -> dict[str, Any]:
    """One call of the S3 API. where: for messages. Raises OSError: FileNotFoundError where
    there is nothing, TakenError where a condition does not hold, StoreError otherwise."""
    client = filesystem()
    try:
        answer: dict[str, Any] = client.call_s3(method, **what)
    except Exception as error:  # noqa: BLE001 - whatever aiohttp, botocore and s3fs raise
        raise _known(error, where) from None
    return answer


def fetch(bucket: str, key: str, tag: str, span: tuple[int, int] | None, where: str) -> bytes:
    """Bytes [start, end) of one version of an object, or all of it; not by s3fs's own reading,
    which takes some keys for more than names. Raises OSError, TakenError where it changed."""
    from fsspec.asyn import sync

    client = filesystem()
    what = {"Bucket": bucket, "Key": key, "IfMatch": tag}
    if span is not None:
        what["Range"] = f"bytes={span[0]}-{span[1] - 1}"
    for wait in (*_WAITS, None):
        try:
            data: bytes = sync(client.loop, _body, client, what)
            return data
        except Exception as error:  # noqa: BLE001 - as above
            known = _known(error, where)
            if wait is None or not isinstance(known, StoreError):
                raise known from None
            time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


async def _body(client: Any, what: dict[str, str]) -> bytes:
    answer = await client._call_s3("get_object", **what)
    async with answer["Body"] as stream:
        data: bytes = await stream.read()
    return data


def filesystem() -> Any:
    """s3fs with the credentials of the environment; made anew when they change. Raises
    MissingDependencyError, PermissionError."""
    global _client
    names = (*_SECRETS, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION")
    given = (*map(os.environ.get, names), os.environ.get("AWS_DEFAULT_REGION"))
    with _lock:
        if _client is None or _client[0] != given:
            _client = given, _made(*given)
        return _client[1]


def _made(
    key: str | None,
    secret: str | None,
    token: str | None,
    s3_url: str | None,
    url: str | None,
    region: str | None,
    default_region: str | None,
) -> Any:
    try:
        import s3fs
    except ImportError as error:
        raise MissingDependencyError(
            "s3:// needs another package: pip install 'redact[s3]'"
        ) from error
    if not key or not secret:
        raise PermissionError(errno.EACCES, f"no credentials: set {' and '.join(_KEYS)}", "s3://")
    return s3fs.S3FileSystem(
        key=key,
        secret=secret,
        token=token or None,
        endpoint_url=s3_url or url or None,
        client_kwargs={"region_name": region or default_region or "us-east-1"},
        config_kwargs=_CONFIG,
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def _known(error: Exception, where: str) -> OSError:
    """In our words, without the credentials that the foreign ones may quote."""
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(errno.ENOENT, "no such object or bucket", where)
    if isinstance(error, FileExistsError):
        return TakenError(errno.EEXIST, "something else is there by now", where)
    if isinstance(error, PermissionError):
        return PermissionError(
            errno.EACCES, "the store refuses access: check the credentials and the policy", where
        )
    said = f"{type(error).__name__}: {error}".replace("\n", " ")
    for name in _SECRETS:
        if value := os.environ.get(name):
            said = said.replace(value, "***")
    return StoreError(errno.EIO, f"the store fails: {said[:_LONGEST]}", where)
