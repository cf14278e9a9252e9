"""TLS as docker has it: whom we trust, and what to say of a certificate that is refused."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

#: Where the engine looks for the CA of a registry, ``<host>/ca.crt``.
FOLDER = Path("/etc/docker/certs.d")
_EXPIRED, _WRONG_NAMES = 10, (62, 64)


def trust(host: str) -> ssl.SSLContext:
    """The system's store, and what docker was given for ``host``: an engine and slipway believe the same."""
    context = ssl.create_default_context()
    for file in sorted((FOLDER / host).glob("*.crt")):
        context.load_verify_locations(file)
    return context


def refusal(host: str, error: BaseException) -> tuple[str, str]:
    """What is wrong with the certificate of ``host``, and what mends it."""
    cause = _verification(error)
    if cause is None:
        return "TLS: no agreement with what answers there", f"curl -iv https://{host}/v2/"
    told = f"TLS: {cause.verify_message.rstrip('.')}"
    certificate = _certificate(host)
    if certificate is None:
        return told, f"curl -iv https://{host}/v2/"
    subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    told += f"; subject {subject}, issuer {issuer}, expires {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if cause.verify_code == _EXPIRED:
        return told, f"whoever runs {host} renews its certificate"
    if cause.verify_code in _WRONG_NAMES:
        return told, f"the certificate is for {', '.join(_names(certificate)) or 'no name'}: REGISTRY=<one of them>"
    return told, f"its CA into {FOLDER / host}/ca.crt (docker and slipway read it), or into the system's store"


def _verification(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """What lies at the bottom of an exception of requests."""
    ahead: list[Any] = [error]
    while ahead:
        found = ahead.pop()
        if isinstance(found, ssl.SSLCertVerificationError):
            return found
        if isinstance(found, BaseException):
            ahead += [*found.args, getattr(found, "reason", None)]
    return None


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
