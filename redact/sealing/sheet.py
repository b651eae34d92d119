"""The recovery sheet: the secret key on paper, for the day the computer is gone."""

from __future__ import annotations

from html import escape

from redact.errors import MissingDependencyError
from redact.sealing.keys import KeyPair

_GROUP = 6  # letters that stand together, for typing
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="robots" content="noindex">
<title>Recovery sheet</title>
<style>
@page {{ size: A4; margin: 20mm }}
body {{ font: 12pt/1.5 sans-serif; color: #000; background: #fff; max-width: 170mm; margin: auto }}
code {{ font: 13pt/1.8 monospace; overflow-wrap: anywhere }}
.secret {{ border: 2px solid #000; padding: 5mm; margin: 6mm 0; break-inside: avoid }}
svg {{ display: block; width: 65mm; height: 65mm; margin: 0 auto 4mm }}
</style>
</head>
<body>
<h1>Recovery sheet</h1>
<p>Made on {date}. Whoever holds this sheet can open every original that was sealed to this key.
Without this key nobody can: not the maker of the camera, not the makers of the software.</p>
<div class="secret">
<h2>Secret key</h2>
{qr}
<p><code>{secret}</code></p>
</div>
<p>Public key, which the sealing computer needs and which may be known to all:</p>
<p><code>{public}</code></p>
<h2>What to do</h2>
<ol>
<li>Print this sheet on a printer of your own, twice. Delete this file.</li>
<li>Keep one copy where you keep your passport, give the other to someone you trust, or nobody.</li>
<li>To open a recording when the computer is lost: install redact with its extra "trust", or any
program for the format "age". Scan the code, or type the secret key, into a file named owner.key
(blanks and small letters do no harm, a typing error is noticed). Then:<br>
<code>redact unseal --identity owner.key FILE.age</code></li>
<li>If this sheet is lost or was seen by someone else: make a new key and seal to that one from then
on. What was sealed before stays open to the old key.</li>
</ol>
</body>
</html>
"""


def recovery_sheet(pair: KeyPair, date: str) -> str:
    """A page of HTML to print. It holds the secret key. Raises MissingDependencyError."""
    try:
        import segno
    except ImportError as error:
        raise MissingDependencyError(
            "the recovery sheet needs the package segno, which is not installed; install it with "
            "pip install 'redact[trust]'"
        ) from error
    code = segno.make_qr(pair.secret, error="q")
    groups = (pair.secret[i : i + _GROUP] for i in range(0, len(pair.secret), _GROUP))
    return _PAGE.format(
        date=escape(date),
        qr=code.svg_inline(scale=4, border=4, omitsize=True),
        secret=escape(" ".join(groups)),
        public=escape(pair.public),
    )
