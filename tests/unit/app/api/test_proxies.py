"""The word of proxies is taken from those that are trusted, and from nobody else."""

from __future__ import annotations

import pytest

from app.access.proxies import Proxies

TRUSTED = Proxies(["10.0.0.0/8", "127.0.0.1", "fd00::/8"])


def origin(peer: str, **headers: str) -> tuple[str, str, bool]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return TRUSTED.origin({"type": "http", "client": (peer, 1), "scheme": "http", "headers": raw})


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.7", "203.0.113.7"),  # the first is what the client itself wrote
        ("10.0.0.1", "10.1.1.1", "10.1.1.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", " , ", "10.0.0.1"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("203.0.113.7", "1.2.3.4", "203.0.113.7"),
        ("unix socket", "1.2.3.4", "unix socket"),
    ],
)
def test_the_client_is_the_first_that_is_no_proxy_of_ours(peer: str, forwarded: str, client: str) -> None:
    assert origin(peer, x_forwarded_for=forwarded)[0] == client


def test_https_ends_at_a_trusted_proxy_only() -> None:
    assert origin("10.0.0.1", x_forwarded_proto="https")[1:] == ("https", True)
    assert origin("10.0.0.1", x_forwarded_proto="https, http")[1:] == ("http", True)
    assert origin("203.0.113.7", x_forwarded_proto="https")[1:] == ("http", False)
