"""Wait until every service of a system is up, or until one of them cannot come up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from slipway.compose.containers import Found, by_service
from slipway.compose.judge import UP, Judgement, Stage, judge
from slipway.compose.system import Service
from slipway.core.clock import CLOCK, Clock
from slipway.core.command import Result

#: In seconds: with no change in between, the next look is due after this time.
_PAUSE = 0.25
#: A service without a health check counts as up once it has run for this many seconds, without a restart.
SETTLE_SECONDS = 1.0

#: Returns the project's containers as they are now.
Look = Callable[[], Sequence[Found]]
#: Returns the result of ``docker compose up`` once it has ended.
Ended = Callable[[], Result | None]


@dataclass(frozen=True)
class Standing:
    """Hold a service's stage, and its containers.

    ``seconds``: when it got to this stage, or was last restarted in it, since the start of the wait.
    """

    judgement: Judgement
    seconds: float
    containers: tuple[Found, ...] = ()

    @property
    def stage(self) -> Stage:
        return self.judgement.stage

    @property
    def container(self) -> Found | None:
        """Return the container that the judgement is about."""
        return self.containers[self.judgement.container] if self.containers else None

    @property
    def restarts(self) -> int:
        """Return how often the engine has started its containers again."""
        return sum(one.state.restarts for one in self.containers)

    @property
    def last_probe(self) -> str:
        """Return the output of the container's last health check; empty while there is none."""
        return self.container.state.last_probe if self.container else ""


#: Receives each change of a service's stage, and of its health check's output.
Tell = Callable[[str, Standing], None]


@dataclass(frozen=True)
class Outcome:
    """Hold how each service stood at the end of a wait.

    ``started``: the result of ``docker compose up``; None if it still ran. ``in_time``: False when the deadline passed.
    """

    standings: Mapping[str, Standing]
    started: Result | None
    in_time: bool = True

    @property
    def ok(self) -> bool:
        return bool(self.started and self.started.ok) and all(one.stage in UP for one in self.standings.values())


def wait_until_up(
    services: Sequence[Service],
    look: Look,
    ended: Ended,
    tell: Tell,
    deadline: float,
    *,
    before: Collection[str] = (),
    clock: Clock = CLOCK,
) -> Outcome:
    """Wait until every service is up, one has failed, compose has failed, or ``deadline`` seconds have passed.

    ``before``: the ids of the containers that were there already. Compose may still replace them, so they do not count
    until compose has ended. ``clock``: its ``sleep`` may return earlier, after a change.
    """
    began = clock.now()
    standings: dict[str, Standing] = {}
    while True:
        started = ended()
        found = by_service(look())
        now = clock.now() - began
        for service in services:
            containers = tuple(one for one in found.get(service.name, ()) if started or one.id not in before)
            judgement = judge(service, [one.state for one in containers])
            earlier = standings.get(service.name)
            moved = earlier is None or earlier.stage is not judgement.stage
            standing = Standing(judgement, now, containers)
            if earlier and not moved and earlier.restarts == standing.restarts:
                standing = replace(standing, seconds=earlier.seconds)
            standings[service.name] = standing
            if moved or not earlier or standing.last_probe != earlier.last_probe:
                tell(service.name, standing)
        stages = {one.stage for one in standings.values()}
        if Stage.FAILED in stages or (started and not started.ok):
            return Outcome(standings, started)
        if started and stages <= UP and all(_settled(one, now) for one in standings.values()):
            return Outcome(standings, started)
        if now > deadline:
            return Outcome(standings, started, in_time=False)
        clock.sleep(_PAUSE)


def _settled(standing: Standing, now: float) -> bool:
    return standing.stage is not Stage.RUNNING or now - standing.seconds >= SETTLE_SECONDS
