"""Addresses of live sources, and what FFmpeg may do to reach them."""

from __future__ import annotations

from urllib.parse import urlsplit

from redact.errors import ConfigError
from redact.sources.opening import FORMATS

_NETWORK = {"rtsp", "rtsps", "http", "https"}
# What may be opened on the way; never a local file that a server names.
_PROTOCOLS = {
    "rtsp": "rtsp,rtp,tcp,udp",
    "rtsps": "rtsps,rtsp,rtp,tcp,udp,tls",
    "http": "http,tcp",
    "https": "https,http,tls,tcp",
}


def scheme_of(url: str) -> str:
    """rtsp, rtsps, http, https, v4l2 or file. Raises ConfigError for any other."""
    scheme = urlsplit(url).scheme.lower() if "://" in url or url.startswith("v4l2:") else "file"
    if scheme not in {*_NETWORK, "v4l2", "file"}:
        raise ConfigError(f"inputs are rtsp, rtsps, http, https, v4l2 or a file, not {scheme!r}")
    return scheme


def way_to(url: str, scheme: str, transport: str) -> tuple[str, str | None, dict[str, str]]:
    """What `av.open` takes: address, format and options. transport: of RTSP, tcp or udp."""
    options = {"analyzeduration": "1000000"}
    options["format_whitelist"] = f"{FORMATS},rtsp,video4linux2,v4l2"
    form = None
    if scheme in _NETWORK:
        options["protocol_whitelist"] = _PROTOCOLS[scheme]
    if scheme.startswith("rtsp"):
        options["rtsp_transport"] = transport
    if scheme == "v4l2":
        url, form = url.partition(":")[2], "video4linux2,v4l2"
    if scheme == "file":
        url = f"file:{url.removeprefix('file:')}"
        options["protocol_whitelist"] = "file"
    return url, form, options
