"""Content Credentials (C2PA) in a copy of a redacted clip, signed with the owner's certificate.

    credentials = load_credentials(Path("chain.pem"), Path("key.pem"))
    sign_copy(clip, target, credentials, report)
    read_credentials(target_path, anchors=Path("ca.pem"))

The manifest says that a recording was opened (its sha256, but neither name, thumbnail nor metadata)
and edited. Nothing is fetched or sent: no time stamp of an authority, no remote manifest, no OCSP.
https://spec.c2pa.org, actions `c2pa.opened` and `c2pa.edited`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import redact
from redact.errors import ConfigError, MissingDependencyError, SourceError, TamperedError

FORMATS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}
_SETTINGS: dict[str, Any] = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


def _c2pa() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise MissingDependencyError(
            "Content Credentials need the package c2pa-python, which is not installed; install it "
            "with pip install 'redact[c2pa]'"
        ) from error
    return c2pa


@dataclass(frozen=True, slots=True)
class Credentials:
    """chain: certificates as PEM, the signer's first. key: his private key (P-256) as PKCS#8 PEM;
    it appears in no repr."""

    chain: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Credentials(...)"


def load_credentials(chain: Path, key: Path) -> Credentials:
    """Raises ConfigError where they do not fit each other or C2PA, MissingDependencyError."""
    _c2pa()
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        pem = chain.read_bytes()
        certificates = x509.load_pem_x509_certificates(pem)
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except TypeError as error:
        raise ConfigError(f"{key}: is locked by a password; give a key without one") from error
    except ValueError as error:
        raise ConfigError(
            f"{chain} must hold certificates and {key} a private key, as PEM: {error}"
        ) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise ConfigError(f"{key}: is no key of the curve P-256 (ES256), which is used here")
    if certificates[0].public_key() != private.public_key():
        raise ConfigError(f"{key}: is not the key of the first certificate in {chain}")
    now = datetime.now(UTC)
    for certificate in certificates:
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise ConfigError(f"{chain}: holds a certificate that is not valid today")
    pkcs8 = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Credentials(pem, pkcs8)


def sign_copy(
    clip: Path, target: BinaryIO, credentials: Credentials, report: dict[str, Any]
) -> None:
    """Write the clip with its manifest into `target`, which can be read and sought. report: that
    of the clip. Raises ConfigError where the certificate is none for C2PA, and OSError."""
    c2pa = _c2pa()
    kind = format_of(clip)
    manifest = _manifest(clip.name, kind, str(report["input"]["sha256"]))
    try:
        info = c2pa.C2paSignerInfo(b"es256", credentials.chain, credentials.key, None)
        context = c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(manifest, context) as builder,
            clip.open("rb") as source,
        ):
            builder.sign(signer, kind, source, target)
    except c2pa.C2paError as error:
        raise ConfigError(
            f"{clip}: cannot be signed: {_words(error)}; the certificate must be one for signing "
            "(digitalSignature; emailProtection or documentSigning), the file an output of redact"
        ) from error


def format_of(clip: Path) -> str:
    """The media type. Raises ConfigError for a file that cannot hold a manifest."""
    try:
        return FORMATS[clip.suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        raise ConfigError(f"{clip}: Content Credentials are put in {known} only") from None


def _manifest(title: str, kind: str, digest: str) -> dict[str, Any]:
    """digest: sha256 of the original. Its name stays out, and all else about it."""
    software = {"name": "redact", "version": redact.__version__}
    opened = f"urn:uuid:{uuid4()}"
    edited = "People beyond a property, and what moves there, were hidden; see redact's report"
    actions = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": [opened]}},
        {"action": "c2pa.edited", "description": edited, "softwareAgent": software},
    ]
    original = {
        "title": "original recording",
        "relationship": "parentOf",
        "instance_id": opened,
        "description": f"sha256 {digest}",
    }
    return {
        "claim_generator_info": [software],
        "title": title,
        "format": kind,
        "ingredients": [original],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}, "created": True}],
    }


@dataclass(frozen=True, slots=True)
class Read:
    """state: "Valid": unchanged since it was signed; "Trusted": and signed under `anchors`.
    signer: as the certificate says, who may be anybody unless trusted."""

    state: str
    signer: str
    actions: tuple[str, ...]
    original: str


def read_credentials(path: Path, *, anchors: Path | None = None) -> Read:
    """Check the credentials in a file. anchors: PEM certificates that the signer's must lead to.

    Raises TamperedError where there are none, where anything was altered, or where they lead to
    none of `anchors`; ConfigError, SourceError, MissingDependencyError.
    """
    c2pa, settings = _c2pa(), dict(_SETTINGS)
    try:
        if anchors is not None:
            settings["trust"] = {"trust_anchors": anchors.read_text()}
        context = c2pa.Context(c2pa.Settings.from_dict(settings))
        with path.open("rb") as file, c2pa.Reader(format_of(path), file, context=context) as reader:
            state, told = str(reader.get_validation_state()), json.loads(reader.json())
    except c2pa.C2paError as error:
        raise TamperedError(
            f"{path}: holds no Content Credentials that can be read: {_words(error)}"
        ) from error
    except OSError as error:
        raise SourceError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{anchors}: is no list of certificates: {error}") from error
    if state not in ("Valid", "Trusted"):
        codes = [status["code"] for status in told.get("validation_status", ())]
        raise TamperedError(f"{path}: was altered since it was signed: {', '.join(codes)}")
    if anchors is not None and state != "Trusted":
        raise TamperedError(f"{path}: is sound, but not signed under a certificate of {anchors}")
    manifest = told["manifests"][told["active_manifest"]]
    signer = manifest.get("signature_info", {})
    return Read(
        state,
        str(signer.get("common_name") or signer.get("issuer") or "unnamed"),
        tuple(
            str(action["action"])
            for assertion in manifest.get("assertions", ())
            if assertion["label"].startswith("c2pa.actions")
            for action in assertion["data"]["actions"]
        ),
        next((str(i.get("description", "")) for i in manifest.get("ingredients", ())), ""),
    )


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
