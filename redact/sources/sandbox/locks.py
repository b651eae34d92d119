"""What the decoding process gives up before it reads one byte of the file.

Limits always: no core, no file written, few files open, so much memory. Landlock where the kernel
has it: of all files only the one, to read; no connection. seccomp where `pyseccomp` is installed
(extra `sandbox`): an allow-list of system calls; no program is started, no socket made, no memory
made executable. What is missing is left out and said, not refused. Of the powers of root none
stays, but to read other users' files where there is one to read.

What reads a camera may make connections, by Landlock (Linux 6.7) to the camera's port and for names
alone, and can open no file but those that say how names are found. Landlock knows TCP alone, so
seccomp holds sockets to TCP and UDP.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import struct
import termios
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

from redact.hardening import no_core_dumps

_OPEN_FILES = 32
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, the same everywhere
_VERSION, _PATH_BENEATH, _NET_PORT = 1, 1, 2
_CONNECT, _DNS = 1 << 1, 53
_NAMES = tuple(
    Path("/etc") / name
    for name in ("resolv.conf", "hosts", "nsswitch.conf", "host.conf", "gai.conf", "services")
)
_READ_FILE = 1 << 2
_NO_NEW_PRIVS = 38
# Rights of each version of Landlock: files, network, scopes; all are handled, none but one given.
_FILES = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
_PROT_EXEC, _CLONE_THREAD, _SET_NAME = 4, 0x10000, 15
_DROP_BOUND, _AMBIENT, _CLEAR_ALL, _KEEP_CAPS = 24, 47, 4, 8
_CAPABILITIES_3, _READ_ALL = 0x20080522, 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_SOCK_KIND = 0xF  # of a type of socket; what is above are flags
# What TCP connects with by sending, past Landlock.
_FAST_OPEN = {"sendto": 3, "sendmsg": 2, "sendmmsg": 3}  # calls, and the place of their flags

_ALLOWED = (
    *("read", "pread64", "readv", "preadv", "lseek", "write", "writev", "close"),
    *("fstat", "newfstatat", "stat", "lstat", "statx", "fstatfs", "getcwd", "readlink", "fcntl"),
    *("recvfrom", "recvmsg", "poll", "ppoll", "shutdown"),
    *("munmap", "mremap", "madvise", "brk", "futex", "membarrier"),
    *(
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigreturn",
        "sigaltstack",
        "getpid",
        "gettid",
    ),
    *("sched_getaffinity", "sched_yield", "getrandom", "getrusage", "uname", "sysinfo", "getcpu"),
    *("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time"),
    *("exit", "exit_group", "set_robust_list", "rseq", "restart_syscall"),
)

# Of what reads a camera: it connects, and listens to nobody but where it sent something.
_NETWORK = (
    *("connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt"),
    *("recvmmsg", "select", "pselect6"),
)


def limit(memory: int) -> None:
    """memory: bytes of address space that this process may have."""
    no_core_dumps()
    for what, most in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_AS, memory),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def allow_time(seconds: int) -> None:
    """Let this process compute for `seconds` more, after which the kernel ends it: a decoder that
    turns in circles goes even where nobody is left to watch it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime) + seconds
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def confine(path: Path | None, port: int | None = None) -> tuple[str, ...]:
    """Lock this process down to reading `path`, or to no file at all; call it while there is one
    thread. port: of a camera, to which connections may be made. Returns what holds, such as
    ("limits", "landlock", "seccomp")."""
    seccomp = library()
    held = ["limits"]
    _drop_capabilities(_READ_ALL if path else 0)
    if _landlock([path] if path else _NAMES if port else [], port):
        held.append("landlock")
    if seccomp is not None:
        _seccomp(seccomp, network=port is not None)
        held.append("seccomp")
    return tuple(held)


def _drop_capabilities(kept: int) -> None:
    """Of all powers but these, for good; no program that it starts has others."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    libc.prctl(_KEEP_CAPS, 0, 0, 0, 0)
    for each in range(64):  # refused where there are none, or no more
        libc.prctl(_DROP_BOUND, each, 0, 0, 0)
    header = struct.pack("=Ii", _CAPABILITIES_3, 0)
    had = ctypes.create_string_buffer(24)  # effective, permitted, inheritable; twice 32 bits
    if not libc.capget(header, had):
        effective, permitted, *_ = struct.unpack("=6I", had.raw)
        libc.capset(header, struct.pack("=6I", effective & kept, permitted & kept, 0, 0, 0, 0))


def _landlock(paths: Sequence[Path], port: int | None) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    version = int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION))
    if version < 1:
        return False
    rights = struct.pack(
        "=QQQ", _FILES[min(version, 5)], 3 if version >= 4 else 0, 3 if version >= 6 else 0
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = int(libc.syscall(_CREATE_RULESET, rights, ctypes.c_size_t(size), 0))
    if rules < 0:
        return False
    try:
        if not all(_allow(libc, rules, path) for path in paths):
            return False
        if port is not None and version >= 4:
            for each in (port, _DNS):
                rule = struct.pack("=QQ", _CONNECT, each)
                if libc.syscall(_ADD_RULE, rules, _NET_PORT, rule, 0):
                    return False
        return not libc.syscall(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: Path) -> bool:
    with suppress(OSError):  # no such file: then there is nothing to allow
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", _READ_FILE, file)
        added = libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0)
        os.close(file)
        return not added
    return True


def library() -> Any:
    """pyseccomp, or None where it or libseccomp is not there. It looks for its library in ways that
    a locked process cannot."""
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError):
        return None
    return pyseccomp


def _seccomp(seccomp: Any, *, network: bool) -> None:
    rules = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    allow, masked = seccomp.ALLOW, seccomp.MASKED_EQ

    def add(action: object, name: str, *conditions: object) -> None:
        with suppress(OSError, ValueError, RuntimeError):  # not every machine has every call
            rules.add_rule(action, name, *conditions)

    for name in _ALLOWED:
        add(allow, name)
    if network:
        for name in _NETWORK:
            add(allow, name)
        for family, (kind, of_kind), protocol in product(
            (socket.AF_INET, socket.AF_INET6),
            ((socket.SOCK_STREAM, socket.IPPROTO_TCP), (socket.SOCK_DGRAM, socket.IPPROTO_UDP)),
            (False, True),
        ):
            add(
                allow,
                "socket",
                seccomp.Arg(0, seccomp.EQ, int(family)),
                seccomp.Arg(1, masked, _SOCK_KIND, int(kind)),
                seccomp.Arg(2, seccomp.EQ, int(of_kind) if protocol else 0),
            )
        for request in (termios.FIONREAD, termios.FIONBIO):
            add(allow, "ioctl", seccomp.Arg(1, seccomp.EQ, request))
    for name, place in _FAST_OPEN.items():
        if network or name != "sendmmsg":
            add(allow, name, seccomp.Arg(place, masked, int(socket.MSG_FASTOPEN), 0))
    add(allow, "tgkill", seccomp.Arg(0, seccomp.EQ, os.getpid()))
    reading = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
    add(allow, "openat", seccomp.Arg(2, masked, reading, os.O_RDONLY))
    add(allow, "open", seccomp.Arg(1, masked, reading, os.O_RDONLY))
    for name in ("mmap", "mprotect"):
        add(allow, name, seccomp.Arg(2, masked, _PROT_EXEC, 0))
    add(allow, "clone", seccomp.Arg(0, masked, _CLONE_THREAD, _CLONE_THREAD))
    add(seccomp.ERRNO(errno.ENOSYS), "clone3")  # its arguments cannot be seen: glibc then clones
    add(allow, "prctl", seccomp.Arg(0, seccomp.EQ, _SET_NAME))
    add(allow, "prlimit64", seccomp.Arg(0, seccomp.EQ, 0))  # itself alone
    rules.load()
