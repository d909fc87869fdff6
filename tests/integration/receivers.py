"""Receivers of webhooks, real servers on this host: ones that do as they should, and hostile ones."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from trueup.clock import utc_now
from trueup_worker.webhooks.addresses import Address
from trueup_worker.webhooks.network import Resolver

Behaviour = Callable[["Received", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """What came, and what is done with it."""

    port: int
    server: asyncio.Server | None = None
    connections: int = 0
    received: list[Received] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)


def answers(status: int = 200, body: bytes = b"ok", headers: str = "") -> Behaviour:
    """A behaviour: this answer at once."""

    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body)
        await writer.drain()

    return answer


def drips(beginning: bytes, part: bytes, *, pause_s: float) -> Behaviour:
    """A behaviour: something, and then a little more and more of it, for ever."""

    async def drip(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return drip


async def hang(_: Received, __: asyncio.StreamWriter) -> None:
    """A behaviour: no answer."""
    await asyncio.sleep(3_600)


async def hang_up(_: Received, writer: asyncio.StreamWriter) -> None:
    """A behaviour: the end of the connection."""
    writer.close()


@asynccontextmanager
async def receiver(
    behaviour: Behaviour, *, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Receiver]:
    """A server that takes requests, as long as this lasts."""
    here = Receiver(0)
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.connections += 1
        open_ones.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (each.partition(": ") for each in head[1:]) if name
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                received = Received(head[0].split(" ")[1], headers, body)
                here.received.append(received)
                await behaviour(received, writer)
        writer.close()

    def note_name(_: ssl.SSLObject | ssl.SSLSocket, name: str | None, __: ssl.SSLContext) -> None:
        here.server_names.append(name)

    if context is not None:
        context.sni_callback = note_name
    server = await asyncio.start_server(serve, host, 0, ssl=context)
    here.server = server
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for each in open_ones:
            each.transport.abort()


class KnownNames(Resolver):
    """A resolver that answers as a test says: an answer for each time it is asked, the last one from then on."""

    def __init__(self, **names: list[list[str]]) -> None:
        super().__init__(slow={})
        self._names = {name.replace("_", "."): list(found) for name, found in names.items()}
        self.asked = 0

    def look_up(self, host: str) -> list[Address]:
        """As the test says."""
        self.asked += 1
        answers_left = self._names[host]
        found = answers_left.pop(0) if len(answers_left) > 1 else answers_left[0]
        return [ip_address(each) for each in found]


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority of a test, whom its clients trust."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls, folder: Path) -> "Authority":
        """A new one."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(folder, key, _certificate("tests", key, issuer="tests", signer=key, is_authority=True))

    def trusted(self) -> ssl.SSLContext:
        """What a client checks with."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, name: str) -> ssl.SSLContext:
        """What a server of this name shows."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, key, issuer="tests", signer=self.key, is_authority=False)
        file = self.folder / f"{name}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    is_authority: bool,
) -> x509.Certificate:
    now = utc_now()
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(signer, hashes.SHA256())
    )
