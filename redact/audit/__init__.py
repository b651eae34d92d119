"""Who did what to which recording, and why: a log that shows when it was altered.

    log = AuditLog(Path("audit.jsonl"))
    log.append("review", Statement("Anna", "looked through before sharing"), {"decision": "ok"})
    verify_log(Path("audit.jsonl"))

Each entry holds the digest of the one before and is signed. The key lies beside the log, made
with the first entry; give its public half (`audit.jsonl.pub`) to whoever shall check.
"""

from __future__ import annotations

from redact.audit.bundle import Shared, share
from redact.audit.checking import Found, verify_bundle, verify_log
from redact.audit.credentials import load_credentials, read_credentials
from redact.audit.entry import Statement
from redact.audit.log import AuditLog

__all__ = [
    "AuditLog",
    "Found",
    "Shared",
    "Statement",
    "load_credentials",
    "read_credentials",
    "share",
    "verify_bundle",
    "verify_log",
]
