"""Certificate authorities of the tests' own, and the shapes in which real ones issue certificates."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
YEAR = datetime.timedelta(days=365)
NAME = "registry.test"
CA_NAME = "slipway tests"

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
#: An extension and whether it is critical.
Extension = tuple[x509.ExtensionType, bool]

IS_CA: Extension = (x509.BasicConstraints(ca=True, path_length=None), True)
SERVER: Extension = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def pem_with_key(self) -> bytes:
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, form, plain) + self.pem


def issue(
    name: str,
    extensions: Sequence[Extension] = (),
    by: Holder | None = None,
    until: datetime.datetime = NOW + YEAR,
    key: Key | None = None,
) -> Holder:
    """A certificate for the subject ``name`` (empty: none), signed ``by`` an authority or by itself."""
    key = key or new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 2 * YEAR)
        .not_valid_after(until)
    )
    for extension, critical in extensions:
        made = made.add_extension(extension, critical)
    return Holder(made.sign(by.key if by else key, hashes.SHA256()), key)


def names(*others: str) -> Extension:
    """subjectAltName: the tests' name, and ``others``, which may be addresses."""
    return x509.SubjectAlternativeName([_general(name) for name in (NAME, *others)]), False


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_usage(*, sign_certificates: bool = False, sign: bool = False) -> Extension:
    usage = x509.KeyUsage(
        digital_signature=sign,
        key_cert_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )
    return usage, True


@dataclass(frozen=True)
class Shown:
    """The chain that a server shows, its own certificate first, and what its users were given to trust."""

    chain: tuple[Holder, ...]
    trusted: Holder

    @property
    def pem(self) -> bytes:
        return self.chain[0].pem_with_key + b"".join(above.pem for above in self.chain[1:])


def _by(*extensions: Extension) -> Callable[[Extension], Shown]:
    """A server's certificate by a CA with these extensions."""

    def shape(san: Extension) -> Shown:
        authority = issue(CA_NAME, extensions)
        return Shown((issue(NAME, [san], authority),), authority)

    return shape


def _with(*extensions: Extension, name: str = NAME) -> Callable[[Extension], Shown]:
    """A server's certificate with these extensions beside its names."""

    def shape(san: Extension) -> Shown:
        authority = issue(CA_NAME, [IS_CA])
        return Shown((issue(name, [san, *extensions], authority),), authority)

    return shape


def _nameless(san: Extension) -> Shown:
    authority = issue(CA_NAME, [IS_CA])
    return Shown((issue(NAME, [], authority),), authority)


def _itself(*extensions: Extension) -> Callable[[Extension], Shown]:
    def shape(san: Extension) -> Shown:
        own = issue(NAME, [san, *extensions])
        return Shown((own,), own)

    return shape


def _intermediate(trust: int, *extensions: Extension) -> Callable[[Extension], Shown]:
    """Root, intermediate, server; trusted is the one at this place of the chain, counted from the server."""

    def shape(san: Extension) -> Shown:
        root = issue(CA_NAME, [IS_CA])
        middle = issue("intermediate", extensions or [IS_CA], root)
        chain = (issue(NAME, [san], middle), middle, root)
        return Shown(chain[:2], chain[trust])

    return shape


def _expired_ca(san: Extension) -> Shown:
    authority = issue(CA_NAME, [IS_CA], until=NOW - YEAR)
    return Shown((issue(NAME, [san], authority),), authority)


#: Shapes that the engine accepts, as tests/integration/test_certificate_oracle.py shows: name → what makes it.
ACCEPTED: Mapping[str, Callable[[Extension], Shown]] = MappingProxyType(
    {
        "a CA without key identifiers": _by(IS_CA),
        "a CA whose basicConstraints are not critical": _by((IS_CA[0], False)),
        "a CA with keyUsage": _by(IS_CA, key_usage(sign_certificates=True)),
        "a server without a subject": _with(name=""),
        "a server for servers": _with(SERVER, key_usage(sign=True)),
        "an intermediate below a trusted root": _intermediate(2),
        "a trusted intermediate whose root is unknown": _intermediate(1),
        "a trusted server whose CA is unknown": _intermediate(0),
        "a server that issued its own": _itself(),
        "a server that issued its own and is a CA": _itself(IS_CA),
    }
)
#: Shapes that it refuses: name → what makes it, and what slipway says.
REFUSED: Mapping[str, tuple[Callable[[Extension], Shown], str]] = MappingProxyType(
    {
        "a CA that is none": (_by((x509.BasicConstraints(ca=False, path_length=None), True)), "invalid CA certificate"),
        "a CA without basicConstraints": (_by(), "invalid CA certificate"),
        "a CA that may not sign certificates": (_by(IS_CA, key_usage(sign=True)), "keyCertSign"),
        "an intermediate without basicConstraints": (_intermediate(2, SERVER), "invalid CA certificate"),
        "an expired CA": (_expired_ca, "a CA above it has expired"),
        "a server for clients": (
            _with((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)),
            "extendedKeyUsage serverAuth",
        ),
        "a server with a Common Name alone": (_nameless, "no name in subjectAltName"),
    }
)
#: Shapes that the engine accepts and OpenSSL does not: name → what makes it, and what slipway says.
STRICTER: Mapping[str, tuple[Callable[[Extension], Shown], str]] = MappingProxyType(
    {
        "a server whose keyUsage is that of a CA": (
            _itself(IS_CA, key_usage(sign_certificates=True)),
            "keyUsage digitalSignature",
        ),
        "a key of 1024 bits": (
            lambda san: _short(san),
            "a key of at least 2048 bits",
        ),
    }
)


def _short(san: Extension) -> Shown:
    authority = issue(CA_NAME, [IS_CA])
    own = issue(NAME, [san], authority, key=rsa.generate_private_key(65537, 1024))
    return Shown((own,), authority)
