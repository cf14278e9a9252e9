"""Trust the certificates that the engine trusts, and say what is wrong with one that is refused.

The engine checks certificates with Go's crypto/x509, slipway with OpenSSL. ``trust`` sets OpenSSL to Go's rules.
OpenSSL stays stricter in two cases: it refuses RSA keys below 2048 bits, and a server certificate whose key usage is
not for TLS. The refusal then names the case.
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slipway.core.addresses import endpoint
from slipway.core.image import HUB

#: The engine reads the CA of a registry here, ``<host>/ca.crt``.
FOLDER = Path("/etc/docker/certs.d")
# OpenSSL's numbers (x509_vfy.h), which Python gives no names.
_NOT_YET_VALID, _EXPIRED = 9, 10
_WRONG_NAMES = (62, 64)
_UNKNOWN_ISSUER = (18, 19, 20, 21)
_UNFIT = {
    26: "a certificate that may be used for a TLS server (extendedKeyUsage serverAuth, keyUsage digitalSignature)",
    32: "a CA whose keyUsage has keyCertSign",
    66: "a key of at least 2048 bits (RSA)",
    67: "a CA with a key of at least 2048 bits (RSA)",
    68: "a signature with SHA-256 or better",
    79: "a CA with basicConstraints CA:TRUE and, where it has a keyUsage, keyCertSign",
}


def trust(host: str) -> ssl.SSLContext:
    """The system's store and the CAs that docker was given for ``host``, by Go's rules.

    Python 3.13 asks OpenSSL for RFC 5280 to the letter. Go does not: a CA without an Authority Key Identifier, or whose
    basicConstraints are not critical, is one. Go takes any certificate of the store for an anchor, an intermediate or
    the server's own too, and reads names from subjectAltName alone.
    """
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    for file in _files(host):
        if not _fault(file):
            context.load_verify_locations(file)
    return context


def refusal(host: str, error: BaseException, shown_by: str = "") -> tuple[str, str]:
    """What is wrong with a certificate, and what mends it. ``shown_by``: the host that showed it, if not ``host``."""
    shown_by = shown_by or endpoint(host)
    cause = _verification(error)
    if cause is None:
        return "TLS: no agreement with what answers there", f"curl -iv https://{shown_by}/v2/"
    told = f"TLS: {cause.verify_message.rstrip('.')}"
    certificate = _certificate(shown_by)
    if certificate is None:
        return told, f"curl -iv https://{shown_by}/v2/"
    subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    until = certificate.not_valid_after_utc
    told += f"; subject {subject}, issuer {issuer}, expires {until:%Y-%m-%d %H:%M} UTC"
    return told, _mend(host, shown_by, cause.verify_code, certificate)


def _mend(host: str, shown_by: str, code: int, certificate: Any) -> str:
    now = datetime.datetime.now(datetime.UTC)
    if code == _EXPIRED and certificate.not_valid_after_utc > now:
        return f"a CA above it has expired: whoever runs {shown_by} has it issued anew"
    if code == _EXPIRED:
        return f"whoever runs {shown_by} renews its certificate"
    if code == _NOT_YET_VALID:
        return f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC: set it, if that is wrong"
    if code in _WRONG_NAMES:
        names = _names(certificate)
        none = "no name in subjectAltName, and its Common Name does not count"
        return f"the certificate is for {', '.join(names)}: REGISTRY=<one of them>" if names else f"it has {none}"
    if code in _UNFIT:
        return f"{shown_by} needs {_UNFIT[code]}"
    unusable = [f"{file} {fault}" for file in _files(host) if (fault := _fault(file))]
    if code in _UNKNOWN_ISSUER and unusable:
        return "; ".join(unusable)
    if code in _UNKNOWN_ISSUER and host == HUB:
        return f"its CA into the system's store, here and on the engine's machine: for {HUB} docker reads no other"
    if code in _UNKNOWN_ISSUER:
        return f"its CA into {FOLDER / host}/ca.crt (docker and slipway read it), or into the system's store"
    return f"openssl s_client -showcerts -connect {shown_by}"


def _files(host: str) -> list[Path]:
    """What docker was given for a registry; for Docker Hub it reads the system's store alone."""
    return sorted((FOLDER / host).glob("*.crt")) if host != HUB else []


def _fault(file: Path) -> str:
    """Why ``file`` gives no CA; empty when it does. The engine skips a file without a certificate, too."""
    nothing = "holds no certificate in PEM form"
    try:
        if b"-----BEGIN " not in file.read_bytes():  # OpenSSL gives an empty file a chance error of the system
            return nothing
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        return nothing
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def _verification(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """The verification error at the bottom of an exception of requests."""
    return next((found for found in _causes(error) if isinstance(found, ssl.SSLCertVerificationError)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    ahead: list[Any] = [error]
    while ahead:
        found = ahead.pop()
        if isinstance(found, BaseException):
            yield found
            ahead += [*found.args, getattr(found, "reason", None)]


def _certificate(host: str) -> Any:
    """The certificate that ``host`` shows, unverified; None when it shows none now."""
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
