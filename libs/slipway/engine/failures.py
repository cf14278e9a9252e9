"""Why an engine cannot be used, and what mends it: a cause in a few words, and a hint for its kind of address."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slipway.core.errors import MissingError, PushError, SlipwayError, SshError, one_line
from slipway.engine.address import CERTIFICATES, Endpoint, Tls

#: What OpenSSL calls an answer, in our words.
_TLS = {
    "CERTIFICATE_REQUIRED": "it wants a client certificate",
    "UNKNOWN_CA": "it does not know the CA of our client certificate",
    "WRONG_VERSION_NUMBER": "what answers there does not speak it",
    "RECORD_LAYER_FAILURE": "what answers there does not speak it",
}
#: In TLS 1.3 a server judges our certificate after the handshake: our request may meet a closed connection before we
#: read why it was closed.
_HANG_UPS = (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)
_JOIN_GROUP = 'sudo usermod -aG docker "$USER", then log in again'


@contextmanager
def told(endpoint: Endpoint, what: str, seconds: float) -> Iterator[None]:
    """Say exceptions of the docker SDK and of its transport in our words; see ``unusable``."""
    import docker.errors
    import requests.exceptions

    try:
        yield
    except SlipwayError:
        raise
    except docker.errors.APIError as error:
        raise PushError(f"{what or endpoint}: {error.explanation or error}", hint="invoke doctor") from None
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise unusable(endpoint, error, what=what, seconds=seconds) from None


def unusable(endpoint: Endpoint, error: BaseException, *, what: str = "", seconds: float = 0) -> MissingError:
    """``what`` was asked of the engine; empty for a question of our own. ``seconds``: how long it was waited for."""
    cause = _cause(endpoint, error, seconds)
    told = f"{what}: {endpoint}: {cause}" if what else f"{endpoint}: {cause}"
    return MissingError(told, hint=_hint(endpoint, cause))


def unusable_over_ssh(endpoint: Endpoint, exit_code: int, stderr: str, login: str) -> SlipwayError:
    """``login``: the words that log in there. ssh's own failure is 255, else it is docker's on that host."""
    lines = [line.strip().rstrip(".") for line in stderr.splitlines() if line.strip() and not line.startswith("@@@")]
    last = lines[-1] if lines else f"exit code {exit_code}"
    if exit_code == 255:
        of_key = [line for line in lines[:-1] if "host key is known" in line or "IDENTIFICATION HAS CHANGED" in line]
        if last == "Host key verification failed" and not of_key:  # all that ssh says when it may not ask
            of_key = ["its host key is not known"]
        cause = "; ".join([*of_key, last.removeprefix("ssh: ")])
        return SshError(f"{endpoint}: {one_line(cause)}", hint=_ssh_hint(login, cause))
    hint = f"{login} docker version"
    if exit_code == 127:
        hint = "docker's client on that host, where a login without a terminal finds it"
    elif "permission denied" in last.lower():
        last, hint = "permission denied on the engine's socket there", f"on that host: {_JOIN_GROUP}"
    return MissingError(f"{endpoint}: {one_line(last)}", hint=hint)


def bad_certificate(tls: Tls, file: object, error: Exception) -> MissingError:
    """A file that is no certificate or key, or does not fit the other one."""
    reason = str(getattr(error, "reason", "") or "").replace("_", " ").lower()
    cause = reason or getattr(error, "strerror", None) or str(error)
    return MissingError(f"{file} ({tls.setting}): {one_line(cause)}", hint=_certificates(tls))


def _cause(endpoint: Endpoint, error: BaseException, seconds: float) -> str:
    found = list(_causes(error))
    hung_up = any(isinstance(one, _HANG_UPS) for one in found)
    for one in found:
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"TLS: {one.verify_message.rstrip('.')}"
    if hung_up and endpoint.tls:
        return "TLS: it hung up; it may want another client certificate"
    for one in found:
        if isinstance(one, ssl.SSLError):
            reason = str(getattr(one, "reason", None) or "no agreement")
            known = next((words for name, words in _TLS.items() if name in reason), "")
            return f"TLS: {known or reason.replace('_', ' ').lower()}"
    if any(isinstance(one, TimeoutError) for one in found) or "timed out" in str(error).lower():
        return f"no answer within {seconds:.0f} s" if seconds else "no answer in time"
    if hung_up:
        return "no engine answers: it hung up"
    for one in found:
        if isinstance(one, socket.gaierror):
            return "its host's name is not known"
        if isinstance(one, FileNotFoundError):
            return "no such socket"
        if isinstance(one, OSError) and one.errno and one.strerror:
            return one.strerror[0].lower() + one.strerror[1:]
    if "HTTPS server" in str(error):
        return "it speaks TLS"
    return f"no engine answers, but something else: {one_line(str(error))[:100]}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that it holds, as requests and urllib3 wrap them."""
    ahead: list[Any] = [error]
    seen: set[int] = set()
    while ahead:
        one = ahead.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            ahead += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def _hint(endpoint: Endpoint, cause: str) -> str:
    if endpoint.host:
        return "invoke remote-check"
    if cause == "permission denied":
        return _JOIN_GROUP
    if cause == "it speaks TLS":
        return f"DOCKER_TLS_VERIFY=1 and {CERTIFICATES}"
    if cause.startswith("TLS: ") and endpoint.tls:
        return _certificates(endpoint.tls)
    if not endpoint.source:
        return "invoke setup"
    if endpoint.source.startswith("docker context "):
        name = endpoint.source.removeprefix("docker context ")
        return f"docker context inspect {name}, or docker context use default"
    return f"start that engine, or unset {endpoint.source}"


def _certificates(tls: Tls) -> str:
    if tls.setting.startswith("docker context "):
        name = tls.setting.removeprefix("docker context ")
        return f"docker context update {name} --docker host=…,ca=…,cert=…,key=…"
    return f"{CERTIFICATES} for that engine"


def _ssh_hint(login: str, cause: str) -> str:
    if "IDENTIFICATION HAS CHANGED" in cause:
        return f"ask whoever runs that host; {login} shows both"
    if "Host key verification failed" in cause:
        return f"{login}, and answer yes when the fingerprint is right"
    if "Permission denied" in cause or "Too many authentication failures" in cause:
        return f"{login} must get in without a question: ssh-add a locked key, or name the key in ~/.ssh/config"
    return f"{login} shows whether it is up"
