"""Trust the certificates that the engine trusts, and explain why a certificate is refused.

The engine verifies certificates with Go's crypto/x509, slipway with OpenSSL. ``trust`` sets OpenSSL to Go's rules.
OpenSSL stays stricter in two cases: it refuses RSA keys below 2048 bits, and a server certificate whose key usage is
not for TLS. The problem then names the case.
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slipway.core.addresses import endpoint
from slipway.core.errors import Problem
from slipway.core.problems import Known, Table
from slipway.core.reference import HUB

#: The folder in which the engine looks for the CA of a registry, ``<host>/ca.crt``.
FOLDER = Path("/etc/docker/certs.d")
_UNFIT = "{host} needs "
_RSA = "at least 2048 bits (RSA)"
TLS_FAILED = Known(
    "registry-tls-failed",
    said="TLS: the server at this address agreed on no protocol",
    hint="curl -iv https://{host}/v2/",
)
_UNTRUSTED = Known(
    "certificate-untrusted",
    "^(18|19|20|21)$",
    hint="its CA into {folder}/ca.crt (docker and slipway read it), or into the system's store",
)
_UNTRUSTED_HUB = Known(
    "certificate-untrusted",
    hint="its CA into the system's store, here and on the engine's machine: for {registry} docker reads no other",
)
_EXPIRED = Known("certificate-expired", "^10$", hint="ask the administrator of {host} to renew its certificate")
_EXPIRED_ABOVE = Known(
    "certificate-expired", hint="a CA above it has expired: ask the administrator of {host} for a new certificate"
)
_WRONG_NAME = Known(
    "certificate-wrong-name", "^(62|64)$", hint="the certificate is for {names}: REGISTRY=<one of them>"
)
_NO_NAME = Known("certificate-wrong-name", hint="it has no name in subjectAltName, and its Common Name does not count")
_USE = "a certificate that may be used for a TLS server (extendedKeyUsage serverAuth, keyUsage digitalSignature)"
#: The patterns match OpenSSL's error numbers (x509_vfy.h), for which Python has no names.
CERTIFICATES = Table(
    "OpenSSL, of a registry's certificate",
    (
        Known("certificate-not-yet-valid", "^9$", hint="this machine's clock says {now} UTC: set it, if that is wrong"),
        *(_EXPIRED, _EXPIRED_ABOVE, _WRONG_NAME, _NO_NAME, _UNTRUSTED, _UNTRUSTED_HUB, TLS_FAILED),
        Known("certificate-unfit", "^26$", hint=f"{_UNFIT}{_USE}"),
        Known("certificate-unfit", "^32$", hint=f"{_UNFIT}a CA whose keyUsage has keyCertSign"),
        Known("certificate-unfit", "^66$", hint=f"{_UNFIT}a key of {_RSA}"),
        Known("certificate-unfit", "^67$", hint=f"{_UNFIT}a CA with a key of {_RSA}"),
        Known("certificate-unfit", "^68$", hint=f"{_UNFIT}a signature with SHA-256 or better"),
        Known(
            "certificate-unfit",
            "^79$",
            hint=f"{_UNFIT}a CA with basicConstraints CA:TRUE and, where it has a keyUsage, keyCertSign",
        ),
    ),
    Known("certificate-refused", hint="openssl s_client -showcerts -connect {host}"),
)


def trust(host: str) -> ssl.SSLContext:
    """Return a TLS context with the system's store and docker's CAs for ``host``, by Go's rules.

    A Python that finds no store of the system, such as python.org's for macOS, takes certifi's CAs instead.

    Python 3.13 makes OpenSSL enforce RFC 5280 strictly. Go accepts a CA without an Authority Key Identifier, or with
    non-critical basicConstraints. Go accepts any certificate of the store as a trust anchor, also an intermediate one
    or the server's own. Go reads names only from subjectAltName.
    """
    context = ssl.create_default_context(cafile=_store())
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    for file in _files(host):
        if not _fault(file):
            context.load_verify_locations(file)
    return context


def _store() -> str | None:
    """Return certifi's file of CAs where Python finds no store of the system; else None."""
    system = ssl.get_default_verify_paths()
    if system.cafile or system.capath:
        return None
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    return DEFAULT_CA_BUNDLE_PATH


def refusal(host: str, error: BaseException, shown_by: str = "") -> Problem:
    """Return the problem with a refused certificate.

    ``shown_by``: the host that sent the certificate, if not ``host``.
    """
    shown_by = shown_by or endpoint(host)
    cause = _verification(error)
    by_hand = TLS_FAILED.hint.format(host=shown_by)
    if cause is None:
        return Problem("", TLS_FAILED.said, by_hand, TLS_FAILED.code)
    told = f"TLS: {cause.verify_message.rstrip('.')}"
    row = CERTIFICATES.find(str(cause.verify_code))
    certificate = _certificate(shown_by)
    if certificate is None:
        return Problem("", told, by_hand, row.code)
    subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    until = certificate.not_valid_after_utc
    told += f"; subject {subject}, issuer {issuer}, expires {until:%Y-%m-%d %H:%M} UTC"
    return Problem("", told, _hint(row, host, shown_by, certificate), row.code)


def _hint(row: Known, host: str, shown_by: str, certificate: Any) -> str:
    now = datetime.datetime.now(datetime.UTC)
    names = _names(certificate)
    unusable = [f"{file} {fault}" for file in _files(host) if (fault := _fault(file))]
    if row is _EXPIRED and certificate.not_valid_after_utc > now:
        row = _EXPIRED_ABOVE
    elif row is _WRONG_NAME and not names:
        row = _NO_NAME
    elif row is _UNTRUSTED and unusable:
        return "; ".join(unusable)
    elif row is _UNTRUSTED and host == HUB:
        row = _UNTRUSTED_HUB
    clock, folder = f"{now:%Y-%m-%d %H:%M}", FOLDER / host
    return row.hint.format(host=shown_by, registry=host, names=", ".join(names), now=clock, folder=folder)


def _files(host: str) -> list[Path]:
    """Return docker's CA files for a registry. For Docker Hub, docker uses only the system's store."""
    return sorted((FOLDER / host).glob("*.crt")) if host != HUB else []


def _fault(file: Path) -> str:
    """Return the reason why slipway cannot load a CA from ``file``; empty when it can.

    The engine also skips a file without a certificate.
    """
    nothing = "holds no certificate in PEM form"
    try:
        if b"-----BEGIN " not in file.read_bytes():  # for an empty file OpenSSL reports an arbitrary system error
            return nothing
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        return nothing
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def _verification(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return the verification error inside an exception; None when there is none."""
    return next((found for found in _causes(error) if isinstance(found, ssl.SSLCertVerificationError)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    ahead: list[Any] = [error]
    while ahead:
        found = ahead.pop()
        if isinstance(found, BaseException):
            yield found
            ahead += [*found.args, found.__cause__, getattr(found, "reason", None)]


def _certificate(host: str) -> Any:
    """Return the certificate that ``host`` sends now, without verifying it; None when it sends none."""
    from cryptography import x509

    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "443")
    try:
        shown = ssl.get_server_certificate((name.strip("[]"), int(port)), timeout=5)
        return x509.load_pem_x509_certificate(shown.encode())
    except (OSError, ValueError):
        return None


def _names(certificate: Any) -> list[str]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in found]
