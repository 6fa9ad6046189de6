"""Where a request comes from, when proxies that are trusted stand between."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import Scope


class Proxies:
    """The proxies whose word is taken: X-Forwarded-For, X-Forwarded-Proto, the name of who logged in."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """Trust the addresses and networks (CIDR) in `trusted`."""
        self._networks = [ipaddress.ip_network(network, strict=False) for network in trusted]

    def trusts(self, address: str) -> bool:
        """Say whether `address` is that of a trusted proxy."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)

    def origin(self, scope: Scope) -> tuple[str, str, bool]:
        """Return the address of the client, the scheme it used, and whether a trusted proxy stands before it.

        Each proxy adds the address it was asked from at the end of X-Forwarded-For. Read from there, the first that
        is not one of ours is the client; what stands before it is what the client itself wrote.
        """
        peer = (scope.get("client") or ("",))[0]
        secure = scope["scheme"] in ("https", "wss")
        if not self.trusts(peer):
            return peer, "https" if secure else "http", False
        headers = Headers(scope=scope)
        address = peer
        for hop in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
            if not (hop := hop.strip()):
                continue
            address = hop[:64]
            if not self.trusts(address):
                break
        forwarded = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        return address, "https" if secure or forwarded in ("https", "wss") else "http", True
