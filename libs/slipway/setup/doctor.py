"""Check that this machine has everything that building, pushing and syncing need; name a fix for each fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from slipway.config.pip import PipConfig, notes, travels
from slipway.core.addresses import endpoint, is_loopback
from slipway.hosts.requirements import LEAST_RSYNC, ROOMY, Check, CheckState, at_least, remedy
from slipway.hosts.runner import RunCommand
from slipway.secrets.patterns import without_login
from slipway.setup.blockers import Requirements, blockers, missing_programs
from slipway.setup.probe import Machine, Ping, free_bytes, look

#: Storage drivers that copy whole layers: one of the classic store, one of containerd's.
_COPYING = ("vfs", "native")
_GOOD_BUILDX = "0.15"


def doctor(
    run: RunCommand, wanted: Requirements, pip: PipConfig, proxies: Mapping[str, str], *, ping: Ping
) -> tuple[Check, ...]:
    """Probe this machine and return its checks. Changes nothing. ``proxies``: those of the environment."""
    machine = look(run, wanted.python_image, ping, wanted.docker_host)
    free = free_bytes(run, machine.engine.folder) if machine.engine else None
    return examine(machine, wanted, pip, proxies, free)


def examine(
    machine: Machine, wanted: Requirements, pip: PipConfig, proxies: Mapping[str, str], free: int | None
) -> tuple[Check, ...]:
    """Return the checks, in the order in which a build needs the things they check.

    ``free``: the bytes that are free for the engine, None when unknown.
    """
    return (
        _engine(machine, wanted),
        _buildx(machine, wanted),
        _rsync(machine),
        _ssh(machine),
        _disk(machine, free),
        _root_image(machine, wanted),
        _registry(machine, wanted),
        *_proxies(machine, wanted, proxies),
        *_pip(pip),
    )


def healthy(checks: tuple[Check, ...]) -> bool:
    """Tell whether nothing is missing. A warning is not a fault."""
    return all(check.state is not CheckState.MISSING for check in checks)


def _engine(machine: Machine, wanted: Requirements) -> Check:
    if not machine.engine:
        problem = next((problem for problem in blockers(machine, wanted) if problem.where == "engine"), None)
        what = f"none answers at {machine.address}: {machine.silence}"
        return Check(
            "engine", CheckState.MISSING, problem.what if problem else what, problem.hint if problem else "invoke setup"
        )
    engine = machine.engine
    for missing in missing_programs(machine):
        if missing.program == "engine":
            return Check("engine", CheckState.MISSING, missing.why, _fix(machine, "engine"))
    detail = f"{engine.version}, API {engine.api}, {engine.store} on {engine.driver}"
    if engine.driver in _COPYING:
        hint = f"{engine.driver} copies every layer whole: put the engine's folder on ext4 or xfs"
        return Check("engine", CheckState.WARN, detail, hint)
    return Check("engine", CheckState.OK, detail)


def _buildx(machine: Machine, wanted: Requirements) -> Check:
    for missing in missing_programs(machine):
        if missing.program == "buildx":
            return Check("buildx", CheckState.MISSING, missing.why, _fix(machine, "buildx"))
    builder = f"builder {wanted.builder}" if wanted.builder else f"builder {machine.context}, the engine's own"
    detail = f"{machine.buildx}, {builder}"
    if not at_least(machine.buildx, _GOOD_BUILDX):
        hint = "0.15 or newer tells shared steps and failures more exactly"
        return Check("buildx", CheckState.WARN, detail, hint)
    return Check("buildx", CheckState.OK, detail)


def _rsync(machine: Machine) -> Check:
    if at_least(machine.rsync, LEAST_RSYNC):
        return Check("rsync", CheckState.OK, machine.rsync)
    why = next(missing.why for missing in missing_programs(machine) if missing.program == "rsync")
    return Check("rsync", CheckState.MISSING, f"{why} (--remote needs it)", _fix(machine, "rsync"))


def _ssh(machine: Machine) -> Check:
    if machine.ssh:
        return Check("ssh", CheckState.OK, "is here")
    return Check("ssh", CheckState.MISSING, "ssh is missing (--remote needs it)", _fix(machine, "ssh"))


def _disk(machine: Machine, free: int | None) -> Check:
    folder = machine.engine.folder if machine.engine else ""
    if free is None:
        return Check("disk", CheckState.WARN, f"{folder or 'the engine’s folder'} cannot be seen from here")
    detail = f"{free / 1e9:.1f} GB free in {folder}"
    if free < ROOMY:
        return Check("disk", CheckState.WARN, f"{detail}; two bases and their cache need 10 GB", "docker system df")
    return Check("disk", CheckState.OK, detail)


def _root_image(machine: Machine, wanted: Requirements) -> Check:
    detail = f"{wanted.python_image} ({wanted.image_source})"
    if wanted.python_image in machine.images:
        return Check("root image", CheckState.OK, detail)
    for problem in blockers(machine, wanted) if machine.engine else ():
        if problem.where == wanted.python_image:
            return Check("root image", CheckState.MISSING, str(problem), problem.hint)
    return Check("root image", CheckState.MISSING, f"{detail} is not in the engine", "invoke setup")


def _registry(machine: Machine, wanted: Requirements) -> Check:
    if machine.distrusted:
        return Check("registry", CheckState.MISSING, str(machine.distrusted), machine.distrusted.hint)
    if not machine.registry.problem:
        login = "and asks for a login" if machine.registry.status == 401 else "without a login"
        return Check("registry", CheckState.OK, f"{wanted.registry} answers {login}")
    for problem in blockers(machine, wanted):
        if problem.where == wanted.registry:
            return Check("registry", CheckState.MISSING, str(problem), problem.hint)
    if is_loopback(wanted.registry):
        return Check("registry", CheckState.MISSING, f"nothing answers at {wanted.registry}", "invoke setup")
    detail = f"{wanted.registry} {machine.registry.problem}"
    return Check("registry", CheckState.MISSING, detail, f"curl -i https://{endpoint(wanted.registry)}/v2/")


def _proxies(machine: Machine, wanted: Requirements, proxies: Mapping[str, str]) -> Iterator[Check]:
    own = [f"{name}={without_login(value)}" for name, value in sorted(proxies.items()) if value]
    engine = [without_login(proxy) for proxy in machine.engine.proxies] if machine.engine else []
    parts = [f"here {' '.join(own)}"] * bool(own) + [f"engine {' '.join(engine)}"] * bool(engine)
    if not parts:
        yield Check("proxies", CheckState.OK, "none")
        return
    ours = _proxy_to(wanted.registry, proxies)
    parts.append(f"to {wanted.registry} {f'through {without_login(ours)}' if ours else 'directly'}")
    if ours and machine.engine and not engine:
        hint = "the engine uploads without it: proxies in its daemon.json, as this environment has them"
        yield Check("proxies", CheckState.WARN, "; ".join(parts), hint)
        return
    yield Check("proxies", CheckState.OK, "; ".join(parts))


def _proxy_to(registry: str, proxies: Mapping[str, str]) -> str:
    """Return the proxy that requests from this machine to a registry take; an empty string for none.

    Requests to a loopback address never take a proxy.
    """
    named = {name.lower(): value for name, value in proxies.items() if value}
    if is_loopback(registry) or proxy_bypass_environment(endpoint(registry), {"no": named.get("no_proxy", "")}):
        return ""
    return named.get("https_proxy", "")


def _pip(pip: PipConfig) -> Iterator[Check]:
    lines = travels(pip)
    yield Check(
        "pip", CheckState.OK, f"into builds: {'; '.join(lines)}" if lines else "nothing configured: builds use PyPI"
    )
    for note in notes(pip):
        yield Check("pip", CheckState.WARN, note)


def _fix(machine: Machine, program: str) -> str:
    return "invoke setup" if machine.takes_packages else remedy(machine.system, program)
