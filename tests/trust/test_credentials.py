"""Content Credentials: a signed copy says what was done and no more, and breaks if touched."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from cliclips import Call, tree
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from redact.audit import credentials as door
from redact.audit import load_credentials, read_credentials
from redact.errors import ConfigError, MissingDependencyError, TamperedError

c2pa = pytest.importorskip("c2pa", reason="needs the extra: pip install '.[c2pa]'")

SIGN = ("--c2pa-cert", "chain.pem", "--c2pa-key", "owner.pem")
SHARE = ("share", "out/a.mp4", "--to", "police", "--reason", "theft", "--audit", "audit.jsonl")


def name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def certify(
    subject: str, key: Any, issuer: str, by: Any, *, days: int = 30, signing: bool = True
) -> bytes:
    """A certificate as PEM: of an authority where subject and issuer are the same."""
    now, top = datetime.now(UTC), subject == issuer
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(top, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(not top, False, False, False, False, top, top, False, False),
            critical=True,
        )
    )
    if not top:
        use = ExtendedKeyUsageOID.EMAIL_PROTECTION if signing else ExtendedKeyUsageOID.SERVER_AUTH
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    return made.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def private(key: Any, password: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


@pytest.fixture(scope="module")
def keys() -> tuple[Any, Any]:
    """The authority's, the owner's."""
    return ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def owner(here: Path, keys: tuple[Any, Any]) -> Path:
    """chain.pem, owner.pem and ca.pem in the working folder."""
    authority, own = keys
    anchor = certify("CA", authority, "CA", authority)
    (here / "ca.pem").write_bytes(anchor)
    (here / "chain.pem").write_bytes(certify("Anna", own, "CA", authority) + anchor)
    (here / "owner.pem").write_bytes(private(own))
    return here


@pytest.fixture
def entered(call: Call, here: Path) -> Path:
    """out/a.mp4, with its run in audit.jsonl."""
    words = ("run", "in/a.mp4", "-o", "out", "--everyone", "--model", "none")
    assert call(*words, "--audit", "audit.jsonl").exit_code == 0
    return here / "audit.jsonl"


@pytest.fixture
def signed(call: Call, entered: Path, owner: Path) -> Path:  # noqa: ARG001
    """The signed copy, taken out of its bundle."""
    done = call(*SHARE, *SIGN)
    assert done.exit_code == 0, done.stderr
    with zipfile.ZipFile(owner / "out/a.mp4.zip") as bundle:
        bundle.extract("a.c2pa.mp4", owner)
    return owner / "a.c2pa.mp4"


def test_the_bundle_holds_a_signed_copy_and_is_sound(signed: Path, call: Call, here: Path) -> None:
    assert tree(here / "out") == ["a.mp4", "a.mp4.redact.json", "a.mp4.zip"]
    assert call("audit", "verify", "out/a.mp4.zip", "--key", "audit.jsonl.pub").exit_code == 0
    shared = json.loads((here / "audit.jsonl").read_text().splitlines()[-1])
    assert shared["body"]["facts"]["signed"]["bytes"] == signed.stat().st_size
    with zipfile.ZipFile(here / "out/a.mp4.zip") as bundle:
        assert "redact audit verify a.c2pa.mp4" in bundle.read("VERIFY.txt").decode()


def test_it_says_what_was_done_and_nothing_of_the_original_but_its_digest(
    signed: Path, here: Path
) -> None:
    report = json.loads((here / "out/a.mp4.redact.json").read_text())
    found = read_credentials(signed)
    assert (found.state, found.signer) == ("Valid", "Anna")
    assert found.actions == ("c2pa.opened", "c2pa.edited")
    assert found.original == f"sha256 {report['input']['sha256']}"
    with signed.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        told = json.loads(reader.json())
    manifest = told["manifests"][told["active_manifest"]]
    assert len(told["manifests"]) == 1
    assert set(manifest["ingredients"][0]) == {
        *("title", "relationship", "instance_id", "description", "label"),
    }
    assert manifest["ingredients"][0]["title"] == "original recording"
    (actions,) = (a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))
    assert actions["data"]["actions"][1]["softwareAgent"]["name"] == "redact"
    assert b"thumbnail" not in signed.read_bytes()
    assert told["validation_status"][0]["code"] == "signingCredential.untrusted"
    assert len(told["validation_status"]) == 1


def test_under_its_authority_it_is_trusted_and_under_another_refused(
    signed: Path, call: Call, here: Path
) -> None:
    assert read_credentials(signed, anchors=here / "ca.pem").state == "Trusted"
    done = call("audit", "verify", "a.c2pa.mp4", "--key", "ca.pem")
    assert done.exit_code == 0
    assert "signed by Anna" in done.stdout
    assert done.stderr == ""
    assert "anybody can sign" in call("audit", "verify", "a.c2pa.mp4").stderr
    other = ec.generate_private_key(ec.SECP256R1())
    (here / "other.pem").write_bytes(certify("CA", other, "CA", other))
    done = call("audit", "verify", "a.c2pa.mp4", "--key", "other.pem")
    assert done.exit_code == 8
    assert "not signed under" in done.stderr


def test_pictures_are_the_same_bit_for_bit(signed: Path, here: Path) -> None:
    seen = []
    for path in (here / "out/a.mp4", signed):
        with av.open(str(path)) as file:
            frames = [(f.pts, f.time_base, f.to_ndarray()) for f in file.decode(video=0)]
        with av.open(str(path)) as file:
            seen.append((frames, [bytes(p) for p in file.demux()]))
    (one, coded), (other, signed_coded) = seen
    assert coded == signed_coded
    assert [f[:2] for f in one] == [f[:2] for f in other]
    assert all(np.array_equal(a[2], b[2]) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("where", ["picture", "header", "manifest", "cut"])
def test_a_touched_copy_is_found(signed: Path, call: Call, where: str) -> None:
    data = bytearray(signed.read_bytes())
    at = {
        "picture": data.index(b"mdat") + 200,
        "header": data.index(b"mvhd") + 20,
        "manifest": data.index(b"original recording") + 3,
        "cut": 0,
    }[where]
    if where == "cut":
        del data[-100:]
    else:
        data[at] ^= 1
    signed.write_bytes(data)
    with pytest.raises(TamperedError):
        read_credentials(signed)
    assert call("audit", "verify", str(signed)).exit_code == 8


def test_a_clip_without_credentials_is_said_to_have_none(entered: Path, call: Call) -> None:  # noqa: ARG001
    done = call("audit", "verify", "out/a.mp4")
    assert done.exit_code == 8
    assert "holds no Content Credentials" in done.stderr


def altered(here: Path, keys: tuple[Any, Any], what: str) -> None:
    authority, own = keys
    chain, key = here / "chain.pem", here / "owner.pem"
    other: Any = ec.generate_private_key(ec.SECP256R1())
    match what:
        case "another key":
            key.write_bytes(private(other))
        case "another curve":
            wide = ec.generate_private_key(ec.SECP384R1())
            key.write_bytes(private(wide))
            chain.write_bytes(certify("Anna", wide, "CA", authority))
        case "a password":
            key.write_bytes(private(own, b"secret"))
        case "no key":
            key.write_bytes(b"nothing")
        case "no chain":
            chain.write_bytes(b"")
        case "expired":
            chain.write_bytes(certify("Anna", own, "CA", authority, days=-1))
        case "for servers":
            chain.write_bytes(certify("Anna", own, "CA", authority, signing=False))
        case "missing":
            chain.unlink()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("another key", "is not the key of the first certificate"),
        ("another curve", "no key of the curve P-256"),
        ("a password", "is locked by a password"),
        ("no key", "as PEM"),
        ("no chain", "as PEM"),
        ("expired", "not valid today"),
        ("for servers", "cannot be signed"),
        ("missing", "cannot be read"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    owner: Path, entered: Path, call: Call, keys: tuple[Any, Any], what: str, said: str
) -> None:
    altered(owner, keys, what)
    before, entries = tree(owner), entered.read_bytes()
    done = call(*SHARE, *SIGN)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "PRIVATE" not in done.stderr
    assert tree(owner) == before
    assert entered.read_bytes() == entries


def test_half_of_it_is_refused(owner: Path, entered: Path, call: Call) -> None:  # noqa: ARG001
    done = call(*SHARE, "--c2pa-cert", "chain.pem")
    assert done.exit_code == 2
    assert "belong together" in done.stderr


def test_without_the_library_it_says_what_to_install(
    owner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    attempts: list[Callable[[], object]] = [
        lambda: load_credentials(owner / "chain.pem", owner / "owner.pem"),
        lambda: read_credentials(owner / "in/a.mp4"),
    ]
    for attempt in attempts:
        with pytest.raises(MissingDependencyError, match=r"redact\[c2pa\]"):
            attempt()


def test_other_containers_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\.mp4, \.m4v, \.mov only"):
        door.format_of(Path("a.mkv"))


def test_the_key_is_in_no_repr(owner: Path) -> None:
    assert "PRIVATE" not in repr(load_credentials(owner / "chain.pem", owner / "owner.pem"))
