"""Explain why an engine cannot be used: a short cause, and a hint that suits its kind of address."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from slipway.core.errors import PrerequisiteError, Problem, RegistryError, SlipwayError, SshError, one_line
from slipway.core.problems import Known, Table
from slipway.engine.address import CERTIFICATES, Endpoint, Tls

#: In TLS 1.3 a server verifies the client's certificate after the handshake. slipway's request may then fail on a
#: closed connection before slipway reads the alert with the cause.
_HANG_UPS = (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)
_JOIN_GROUP = 'sudo usermod -aG docker "$USER", then log in again'
#: The fix for a 413.
TOO_LARGE = "ask its administrator to raise the limit on request bodies (nginx: client_max_body_size)"
#: The fix for a registry that takes no manifest of Docker's own type, as zot by default.
_OCI_ALONE = (
    "a registry may take OCI manifests alone: allow Docker's there (zot: compat docker2s2), "
    "or use an engine with containerd's image store"
)

_CERTIFICATE = Known("engine-certificate", said="TLS: {reason}")
_OTHER_CERTIFICATE = Known(
    "engine-client-certificate", said="TLS: it closed the connection; it may need another client certificate"
)
_TLS_FAILED = Known("engine-tls-failed", said="TLS: {reason}")
_TIMEOUT = Known("engine-timeout", "timed out", "no answer {within}")
_HUNG_UP = Known("engine-unreachable", said="no engine answers: the connection was closed")
_HOST_UNKNOWN = Known("engine-host-unknown", said="its host's name is not known")
_NO_SOCKET = Known("engine-socket-missing", said="no such socket")
_DENIED = Known("engine-permission-denied", "^permission denied$", hint=_JOIN_GROUP)
_SPEAKS_TLS = Known("engine-wants-tls", "HTTPS server", "it speaks TLS", f"DOCKER_TLS_VERIFY=1 and {CERTIFICATES}")
_FOREIGN = Known("engine-foreign", said="no engine answers, but something else: {answer}")
_BAD_FILE = Known("engine-certificate-file")
#: The patterns match OpenSSL's names of errors.
_BY_OPENSSL = (
    Known("engine-client-certificate", "CERTIFICATE_REQUIRED", "TLS: it needs a client certificate"),
    Known("engine-client-certificate", "UNKNOWN_CA", "TLS: it does not know the CA of our client certificate"),
    Known(
        "engine-tls-failed",
        "WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE",
        "TLS: the server at this address does not speak it",
    ),
)
CONNECTION = Table(
    "an engine, or by the connection to it",
    (
        *(_CERTIFICATE, *_BY_OPENSSL, _OTHER_CERTIFICATE, _TLS_FAILED, _BAD_FILE, _TIMEOUT, _HUNG_UP, _HOST_UNKNOWN),
        *(_NO_SOCKET, _DENIED, _SPEAKS_TLS, _FOREIGN),
    ),
    Known("engine-unreachable", hint="start that engine, or unset {source}"),
)
SSH = Table(
    "OpenSSH, for an engine at ssh://",
    (
        Known(
            "ssh-host-key-changed",
            "IDENTIFICATION HAS CHANGED",
            hint="ask the host's administrator; {login} shows both keys",
        ),
        Known(
            "ssh-host-key-unknown",
            "Host key verification failed",
            hint="{login}, and answer yes when the fingerprint is right",
        ),
        Known(
            "ssh-login-refused",
            "Permission denied|Too many authentication failures",
            hint="{login} must log in without a prompt: ssh-add a locked key, or name the key in ~/.ssh/config",
        ),
    ),
    Known("ssh-failed", hint="{login} shows whether the host answers"),
)
_NO_CLIENT = Known(
    "engine-client-missing", hint="install docker's client on that host, in the PATH of logins without a terminal"
)
DOCKER_THERE = Table(
    "docker's client on the host of an engine at ssh://",
    (
        _NO_CLIENT,
        Known(
            "engine-permission-denied",
            "permission denied",
            "permission denied on the engine's socket on that host",
            f"on that host: {_JOIN_GROUP}",
        ),
    ),
    Known("engine-unreachable", hint="{login} docker version"),
)
NO_LOGIN = Known("registry-denied", "no basic auth|unauthorized|denied|forbidden", hint="docker login {host}")
#: These errors are definitive. slipway retries a transfer only after an error that no row matches.
RELAYED = Table(
    "an engine, of a registry's answer to a pull or push",
    (
        NO_LOGIN,
        Known("registry-too-large", r"\b413\b|too large", hint=TOO_LARGE),
        Known("certificate-untrusted", "x509|certificate", hint="its CA into {store}, on the engine's machine"),
        Known(
            "registry-plain-http",
            "HTTP response to HTTPS client",
            hint="TLS for {host}, or {host} in insecure-registries of the engine's daemon.json",
        ),
        Known("registry-manifest-refused", "manifest invalid", hint=_OCI_ALONE),
        Known("registry-refused", r"not exist|name invalid|HTTP (?:status: )?4(?!08|29)\d\d\b"),
    ),
    Known("registry-failed"),
)


@contextmanager
def convert_errors(endpoint: Endpoint, what: str, seconds: float) -> Iterator[None]:
    """Convert the exceptions of the docker SDK and of its transport into slipway's errors; see ``unusable``."""
    try:
        yield
    except SlipwayError:
        raise
    except Exception as error:
        if converted := _converted(endpoint, what, seconds, error):
            raise converted from None
        raise


def _converted(endpoint: Endpoint, what: str, seconds: float, error: Exception) -> SlipwayError | None:
    """Return slipway's error for an exception of the SDK; None for any other exception. Only now load the SDK."""
    import docker.errors
    import requests.exceptions

    if isinstance(error, docker.errors.APIError):
        cause = str(error.explanation or error)
        code = RELAYED.find(cause).code
        return RegistryError(f"{what or endpoint}: {cause}", hint="invoke doctor", code=code)
    if isinstance(error, docker.errors.DockerException | requests.exceptions.RequestException | OSError):
        return unusable(endpoint, error, what=what, seconds=seconds)
    return None


def unusable(endpoint: Endpoint, error: BaseException, *, what: str = "", seconds: float = 0) -> PrerequisiteError:
    """Return the error for a failed request to the engine.

    ``what``: the operation for the message; empty for a request of slipway's own. ``seconds``: the time that slipway
    waited for an answer.
    """
    about = f"{what}: {endpoint}" if what else f"{endpoint}"
    problem = _recognized(about, error, seconds, tls=bool(endpoint.tls))
    return PrerequisiteError.of([replace(problem, hint=_hint(endpoint, problem))])


def unusable_over_ssh(endpoint: Endpoint, exit_code: int, stderr: str, login: str) -> SlipwayError:
    """Return the error for a failed ssh command.

    ``login``: the words that log in to the engine's machine. Exit status 255 is a failure of ssh itself; any other
    status is that of docker's client on the engine's machine.
    """
    lines = [line.strip().rstrip(".") for line in stderr.splitlines() if line.strip() and not line.startswith("@@@")]
    last = lines[-1] if lines else f"exit code {exit_code}"
    if exit_code == 255:
        of_key = [line for line in lines[:-1] if "host key is known" in line or "IDENTIFICATION HAS CHANGED" in line]
        if last == "Host key verification failed" and not of_key:  # with BatchMode ssh prints no more than this
            of_key = ["its host key is not known"]
        cause = "; ".join([*of_key, last.removeprefix("ssh: ")])
        return SshError.of([SSH.find(cause).problem(f"{endpoint}", one_line(cause), login=login)])
    row = _NO_CLIENT if exit_code == 127 else DOCKER_THERE.find(last)
    return PrerequisiteError.of([row.problem(f"{endpoint}", one_line(last), login=login)])


def bad_certificate(tls: Tls, file: object, error: Exception) -> PrerequisiteError:
    """Return the error for a file that is not a certificate or key, or does not fit the other file."""
    reason = str(getattr(error, "reason", "") or "").replace("_", " ").lower()
    cause = reason or getattr(error, "strerror", None) or str(error)
    return PrerequisiteError.of(
        [_BAD_FILE.problem(f"{file} ({tls.setting})", one_line(cause), hint=_certificates(tls))]
    )


def _recognized(about: str, error: BaseException, seconds: float, *, tls: bool) -> Problem:
    """Return the problem of ``about``, without a hint."""
    found = list(_causes(error))
    hung_up = any(isinstance(one, _HANG_UPS) for one in found)
    for one in found:
        if isinstance(one, ssl.SSLCertVerificationError):
            return _CERTIFICATE.problem(about, reason=one.verify_message.rstrip("."))
    if hung_up and tls:
        return _OTHER_CERTIFICATE.problem(about)
    for one in found:
        if isinstance(one, ssl.SSLError):
            reason = str(getattr(one, "reason", None) or "no agreement")
            row = next((row for row in _BY_OPENSSL if row.matches(reason)), _TLS_FAILED)
            return row.problem(about, reason=reason.replace("_", " ").lower())
    if any(isinstance(one, TimeoutError) for one in found) or _TIMEOUT.matches(str(error)):
        return _TIMEOUT.problem(about, within=f"within {seconds:.0f} s" if seconds else "in time")
    if hung_up:
        return _HUNG_UP.problem(about)
    for one in found:
        if isinstance(one, socket.gaierror):
            return _HOST_UNKNOWN.problem(about)
        if isinstance(one, FileNotFoundError):
            return _NO_SOCKET.problem(about)
        if isinstance(one, OSError) and one.errno and one.strerror:
            cause = one.strerror[0].lower() + one.strerror[1:]
            row = _DENIED if _DENIED.matches(cause) else CONNECTION.otherwise
            return row.problem(about, cause, source="")
    if _SPEAKS_TLS.matches(str(error)):
        return _SPEAKS_TLS.problem(about)
    return _FOREIGN.problem(about, answer=one_line(str(error))[:100])


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and every exception inside it, as requests and urllib3 wrap them."""
    ahead: list[Any] = [error]
    seen: set[int] = set()
    while ahead:
        one = ahead.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            ahead += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def _hint(endpoint: Endpoint, problem: Problem) -> str:
    if endpoint.host:
        return "invoke remote-check"
    if problem.code in (_DENIED.code, _SPEAKS_TLS.code):
        return problem.hint
    if endpoint.tls and problem.code in (_CERTIFICATE.code, _OTHER_CERTIFICATE.code, _TLS_FAILED.code):
        return _certificates(endpoint.tls)
    if not endpoint.source:
        return "invoke setup"
    if endpoint.source.startswith("docker context "):
        name = endpoint.source.removeprefix("docker context ")
        return f"docker context inspect {name}, or docker context use default"
    return CONNECTION.otherwise.hint.format(source=endpoint.source)


def _certificates(tls: Tls) -> str:
    if tls.setting.startswith("docker context "):
        name = tls.setting.removeprefix("docker context ")
        return f"docker context update {name} --docker host=…,ca=…,cert=…,key=…"
    return f"{CERTIFICATES} for that engine"
