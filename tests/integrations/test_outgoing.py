"""Calls to other people's servers: where they may lead, and how much of us they may take. The servers are real."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.outgoing import Allowed, Bounds, GuardedTransport, OutgoingRefusedError, is_public, open_client

Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = Allowed.of(["127.0.0.1"])
NAME = "receiver.example"


class Receiver:
    """A server on loopback that keeps the head of every request."""

    def __init__(self, answering: Answering) -> None:
        self.heads: list[str] = []
        self.sent = 0
        self.port = 0
        self._answering = answering

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await self._answering(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(answering: Answering, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(answering)
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


async def fine(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
    await writer.drain()


class Names:
    """A resolver that answers from a list, one answer per question, and keeps the last."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1", "192.0.0.1",
        "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.1.2.3", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
        "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "fc00::1",
        "fd00::1", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "3fff::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "192.88.98.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.", "localhost",
        "localhost.", "LOCALHOST", "169.254.169.254",
    ],
)  # fmt: skip
async def test_no_spelling_of_our_own_machine_is_called(host: str) -> None:
    async with receiving(fine) as receiver, open_client() as client:
        for scheme in ("http", "https"):
            with pytest.raises((OutgoingRefusedError, httpx2.InvalidURL)):
                await client.get(f"{scheme}://{host}:{receiver.port}/")

        assert receiver.heads == []


async def test_a_name_of_a_private_address_is_refused_also_beside_a_public_one() -> None:
    async with open_client(resolver=Names(["93.184.215.14", "10.0.0.7"])) as client:
        with pytest.raises(OutgoingRefusedError, match="not on the public internet"):
            await client.get(f"https://{NAME}/")


@pytest.mark.parametrize("url", [f"http://{NAME}/", f"https://{NAME}:22/", f"https://{NAME}:6379/"])
async def test_only_https_at_its_usual_ports_is_called(url: str) -> None:
    async with open_client(resolver=Names(["93.184.215.14"])) as client:
        with pytest.raises(OutgoingRefusedError, match="Only https"):
            await client.get(url)


async def test_a_call_goes_to_the_address_that_was_judged_and_the_name_is_asked_once() -> None:
    """The resolver would send the second question to where nobody listens."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with receiving(fine) as receiver, open_client(LOOPBACK, resolver=names) as client:
        answer = await client.get(f"http://{NAME}:{receiver.port}/hook")

        assert answer.text == "fine"
        assert names.asked == [NAME]
        assert f"Host: {NAME}:{receiver.port}" in receiver.heads[0]


async def test_a_name_that_turns_private_is_refused_at_the_next_call() -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with receiving(fine) as receiver, open_client(LOOPBACK, resolver=names) as client:
        await client.get(f"http://{NAME}:{receiver.port}/")
        with pytest.raises(OutgoingRefusedError):
            await client.get(f"http://{NAME}:{receiver.port}/")

        assert len(receiver.heads) == 1


async def test_the_next_address_is_tried_when_one_does_not_let_us_in() -> None:
    names = Names(["127.0.0.2", "127.0.0.1"])
    async with receiving(fine) as receiver, open_client(Allowed.of(["127.0.0.0/8"]), resolver=names) as client:
        assert (await client.post(f"http://{NAME}:{receiver.port}/", content=b"x")).text == "fine"


async def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with receiving(elsewhere) as receiver, open_client(LOOPBACK) as client:
        assert (await client.get(f"http://127.0.0.1:{receiver.port}/")).status_code == 302


async def test_a_client_that_follows_redirects_has_each_hop_judged() -> None:
    async with receiving(fine) as secret:

        async def elsewhere(writer: asyncio.StreamWriter) -> None:
            target = f"http://127.0.0.1:{secret.port}/".encode()
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

        async with receiving(elsewhere) as receiver:
            transport = GuardedTransport(Allowed.of([NAME]), resolver=Names(["127.0.0.1"]))
            async with httpx2.AsyncClient(transport=transport, follow_redirects=True, trust_env=False) as client:
                with pytest.raises(OutgoingRefusedError):
                    await client.get(f"http://{NAME}:{receiver.port}/")

            assert len(receiver.heads) == 1
            assert secret.heads == []


async def test_an_answer_that_does_not_end_is_stopped_early() -> None:
    async def a_gigabyte(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        for _ in range(1024):
            writer.write(bytes(1_048_576))
            await writer.drain()
            receiver.sent += 1

    async with receiving(a_gigabyte) as receiver, open_client(LOOPBACK, bounds=Bounds(bytes=100_000)) as client:
        with pytest.raises(OutgoingRefusedError, match="more than 100000 bytes"):
            await client.get(f"http://127.0.0.1:{receiver.port}/")

        assert receiver.sent < 64


async def test_a_compressed_answer_is_refused_and_none_is_asked_for() -> None:
    async def bomb(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbomb")
        await writer.drain()

    async with receiving(bomb) as receiver, open_client(LOOPBACK) as client:
        with pytest.raises(OutgoingRefusedError, match="compressed"):
            await client.get(f"http://127.0.0.1:{receiver.port}/")

        assert "accept-encoding: identity" in receiver.heads[0].lower()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_a_receiver_that_hangs_is_left(head: bytes) -> None:
    gone = asyncio.Event()

    async def hang(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        await gone.wait()

    async with receiving(hang) as receiver, open_client(LOOPBACK, bounds=Bounds(seconds=0.2)) as client:
        with pytest.raises(httpx2.TimeoutException):
            await client.get(f"http://127.0.0.1:{receiver.port}/")
        gone.set()


async def test_a_receiver_that_drips_does_not_hold_us_either() -> None:
    """Each byte comes in time; the whole does not."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with receiving(drip) as receiver, open_client(LOOPBACK, bounds=Bounds(seconds=0.3)) as client:
        with pytest.raises(httpx2.TimeoutException):
            await client.get(f"http://127.0.0.1:{receiver.port}/")


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving(fine) as proxy, receiving(fine) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with open_client(LOOPBACK) as client:
            await client.get(f"http://127.0.0.1:{receiver.port}/")

        assert (len(receiver.heads), proxy.heads) == (1, [])


def certificates(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS with a certificate for that name, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


async def test_tls_is_checked_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    server, trusting = certificates(tmp_path, NAME)
    names = Names(["127.0.0.1"])
    async with receiving(fine, server) as receiver, open_client(LOOPBACK, resolver=names, tls=trusting) as client:
        assert (await client.get(f"https://{NAME}:{receiver.port}/")).text == "fine"
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"https://another.example:{receiver.port}/")


async def test_the_client_of_authlib_goes_through_the_guard() -> None:
    async with receiving(fine) as receiver:
        async with AsyncOAuth2Client(client_id="desk", transport=GuardedTransport(), trust_env=False) as client:
            with pytest.raises(OutgoingRefusedError):
                await client.fetch_token(f"https://127.0.0.1:{receiver.port}/token", grant_type="client_credentials")

        assert receiver.heads == []
