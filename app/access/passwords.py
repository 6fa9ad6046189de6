"""Passwords, kept as scrypt hashes: `scrypt$N$r$p$salt$hash`, salt and hash in base64 (RFC 7914)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from app.errors import UsersInvalid

# OWASP's Password Storage Cheat Sheet, the choice with the least memory: 16 MB and five passes.
_N, _R, _P = 2**14, 8, 5
_LARGEST_N, _LARGEST_R, _LARGEST_P = 2**17, 32, 16  # a hash in a file must not be able to stop the server


def hash_password(password: str) -> str:
    """Return a hash of `password` that can be written down, with a salt of its own."""
    salt = secrets.token_bytes(16)
    return _written(salt, _scrypt(password, salt, _N, _R, _P))


def unmatchable_hash() -> str:
    """Return what looks like a hash, takes as long to check, and is that of no password."""
    return _written(secrets.token_bytes(16), secrets.token_bytes(32))


def verify_password(password: str, hashed: str) -> bool:
    """Say whether `password` is the one that `hashed` was made from; raises ValueError for another kind of hash."""
    n, r, p, salt, digest = _parts(hashed)
    return hmac.compare_digest(_scrypt(password, salt, n, r, p, len(digest)), digest)


def read_users(inline: str, file: Path | None) -> dict[str, str]:
    """Return the hashed password of each user: `name:hash`, one a line or after a comma; # begins a comment.

    Raises UsersInvalid, which names the line but not what stands in it.
    """
    try:
        text = inline.replace(",", "\n") + "\n" + (file.read_text("utf-8") if file else "")
    except (OSError, UnicodeDecodeError) as error:
        raise UsersInvalid(f"The file of users {file} cannot be read: {type(error).__name__}.") from error
    users: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        name, _, hashed = (part.strip() for part in entry.partition(":"))
        try:
            _parts(hashed)
        except ValueError:
            name = ""
        if not name or name in users:
            raise UsersInvalid(
                f"Line {number} of the users is not `name:hash` with a name of its own; "
                "`python -m app password` makes such lines."
            )
        users[name] = hashed
    return users


def _written(salt: bytes, digest: bytes) -> str:
    encoded = "$".join(base64.b64encode(part).decode() for part in (salt, digest))
    return f"scrypt${_N}${_R}${_P}${encoded}"


def _parts(hashed: str) -> tuple[int, int, int, bytes, bytes]:
    kind, *fields = hashed.split("$")
    if kind != "scrypt" or len(fields) != 5:
        raise ValueError("not a scrypt hash")
    n, r, p = (int(field) for field in fields[:3])
    salt, digest = (base64.b64decode(field, validate=True) for field in fields[3:])
    # The limits of RFC 7914 and of sense; n must be a power of two.
    if not (1 < n <= _LARGEST_N and n & (n - 1) == 0 and 0 < r <= _LARGEST_R and 0 < p <= _LARGEST_P):
        raise ValueError("a scrypt hash with parameters out of range")
    if len(salt) < 8 or len(digest) < 16:
        raise ValueError("a scrypt hash that is too short")
    return n, r, p, salt, digest


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int, length: int = 32) -> bytes:
    return hashlib.scrypt(password.encode("utf-8"), salt=salt, n=n, r=r, p=p, maxmem=2 * 128 * n * r, dklen=length)
