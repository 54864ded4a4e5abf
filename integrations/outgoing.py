"""Calls to other people's servers, which must never become calls to our own network (SSRF).

A call is judged by the address that it will reach. The host is resolved here, every address must be public, and the
connection goes to the very address that was judged, so that a name which answers differently the second time gains
nothing; the `Host` header and the name in TLS stay as written. Redirects are not followed; a client that follows them
has each hop judged anew, because each hop comes by here. What the operator lists in `OUTGOING_ALLOW` may be private,
without TLS and at any port.

Written here because the libraries for this wrap the older httpx, offer no transport that authlib's client could be
given, or ask a public resolver over the internet.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

import httpx2

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port -> the addresses of the host, as text. Raises OSError when there are none."""

PORTS = frozenset({443, 8443})
PUBLIC_IPV6 = IPv6Network("2000::/3")
"""All that is handed out of IPv6. IPv4 in disguise (mapped, compatible, NAT64), local and multicast are outside."""
NOT_FOR_US = (
    ip_network("192.88.99.0/24"),  # relays of 6to4
    ip_network("2001::/23"),  # Teredo and other protocol assignments
    ip_network("2002::/16"),  # 6to4: an IPv4 address in disguise
    ip_network("3fff::/20"),  # documentation
)
LIKE_A_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)", re.IGNORECASE)
"""A host whose last label is a number is an address to a resolver, however oddly spelled."""


class OutgoingRefusedError(httpx2.TransportError):
    """The call was not made, or was broken off: it leads where it must not, or the answer is beyond the bounds."""


class Allowed(NamedTuple):
    """What the operator lets be private: names as written in addresses, and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> "Allowed":
        """Raises ValueError for a network with host bits set."""
        hosts, networks = set[str](), list[Network]()
        for entry in entries:
            if "/" in entry or ":" in entry or LIKE_A_NUMBER.fullmatch(entry):
                networks.append(ip_network(entry))
            else:
                hosts.add(entry.lower().rstrip("."))
        return cls(frozenset(hosts), tuple(networks))

    def has(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


class Bounds(NamedTuple):
    """How much of us one call may take, from resolving to the last byte of the answer."""

    seconds: float = 10.0
    bytes: int = 1_048_576


def is_public(address: Address) -> bool:
    """Whether the address is one of the internet at large, for one receiver, and hides no other address."""
    if isinstance(address, IPv6Address) and (address not in PUBLIC_IPV6 or address.scope_id):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in NOT_FOR_US)
    )


async def resolve(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, proto=6)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Carries a request only to where it may go. Give it to any httpx2 client, authlib's included."""

    def __init__(
        self,
        allowed: Allowed = Allowed(),  # noqa: B008 - immutable
        *,
        bounds: Bounds = Bounds(),  # noqa: B008 - immutable
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._bounds = bounds
        self._resolve = resolver
        # No connection is kept: it would be found again by address, whatever name its certificate was checked for.
        self._inner = httpx2.AsyncHTTPTransport(
            verify=tls or True, trust_env=False, http2=False, limits=httpx2.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises OutgoingRefusedError, or the client's own errors when the other side fails or is too slow."""
        deadline = asyncio.get_running_loop().time() + self._bounds.seconds
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await self._judged(request.url)
                answer = await self._carry(request, addresses)
        except TimeoutError as error:
            raise httpx2.ReadTimeout("The other side took too long.", request=request) from error
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            await answer.aclose()
            raise OutgoingRefusedError("The answer is compressed; how large it is cannot be told.", request=request)
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        answer.stream = BoundedStream(answer.stream, self._bounds.bytes, deadline)
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _judged(self, url: httpx2.URL) -> list[Address]:
        """The addresses of the host, all of which the call may reach."""
        host = url.host.lower().rstrip(".")
        if url.scheme not in ("http", "https") or not host:
            raise OutgoingRefusedError("Only http and https are called.")
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await self._addresses(host, port)
        if host in self._allowed.hosts:
            return addresses
        for address in addresses:
            if self._allowed.has(address):
                continue
            if not is_public(address):
                raise OutgoingRefusedError(f"{host} is not on the public internet.")
            if url.scheme != "https" or port not in PORTS:
                raise OutgoingRefusedError("Only https at its usual ports is called.")
        return addresses

    async def _addresses(self, host: str, port: int) -> list[Address]:
        if ":" in host or LIKE_A_NUMBER.fullmatch(host):
            try:
                return [ip_address(host)]
            except ValueError as error:
                raise OutgoingRefusedError(f"{host} is no address as addresses are written.") from error
        try:
            addresses = [ip_address(text) for text in await self._resolve(host, port)]
        except (OSError, ValueError) as error:  # ValueError: no address, or a name that cannot be asked for
            raise httpx2.ConnectError(f"{host} has no address.") from error
        if not addresses:
            raise httpx2.ConnectError(f"{host} has no address.")
        return addresses

    async def _carry(self, request: httpx2.Request, addresses: Sequence[Address]) -> httpx2.Response:
        """Try one address after the other until one lets us in. No byte was sent where none did."""
        request.headers["Accept-Encoding"] = "identity"
        name = request.url.host.rstrip(".")
        for place, address in enumerate(addresses, start=1):
            pinned = httpx2.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,  # with the Host of the address as it was written
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": name},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except httpx2.ConnectError:
                if place == len(addresses):
                    raise
        raise AssertionError("a host without addresses was let through")


class BoundedStream(httpx2.AsyncByteStream):
    """An answer that ends in an error when it grows too large or takes too long."""

    def __init__(self, stream: httpx2.AsyncByteStream, max_bytes: int, deadline: float) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        had = 0
        parts = aiter(self._stream)
        while True:
            try:
                async with asyncio.timeout_at(self._deadline):
                    part = await anext(parts, None)
            except TimeoutError as error:
                raise httpx2.ReadTimeout("The other side took too long.") from error
            if part is None:
                return
            had += len(part)
            if had > self._max_bytes:
                raise OutgoingRefusedError(f"The answer has more than {self._max_bytes} bytes.")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def open_client(
    allowed: Allowed = Allowed(),  # noqa: B008 - immutable
    *,
    bounds: Bounds = Bounds(),  # noqa: B008 - immutable
    resolver: Resolver = resolve,
    tls: ssl.SSLContext | None = None,
) -> httpx2.AsyncClient:
    """A client that goes through the guard, follows no redirect and takes no proxy from the environment."""
    transport = GuardedTransport(allowed, bounds=bounds, resolver=resolver, tls=tls)
    return httpx2.AsyncClient(transport=transport, follow_redirects=False, trust_env=False, timeout=bounds.seconds)
