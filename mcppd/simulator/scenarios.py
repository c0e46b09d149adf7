"""What can happen at a charge point, as `mcppd-sim --scenario` knows it: a table of small stories."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mcppd.simulator.clock import within
from mcppd.simulator.station import Station
from mcppd.simulator.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class Plan:
    """What the stories are about. Durations in seconds."""

    connector: int = 1
    id_tag: str = "LOCALTAG"
    charge_s: float = 60.0
    pause_s: float = 10.0
    offline_s: float = 20.0
    cycles: int = 0
    """0: for ever."""
    vehicle: Vehicle = field(default_factory=Vehicle)


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    help: str
    play: Callable[[Station, Plan], Awaitable[None]]
    ends: bool = True
    """Whether the program is over with it; otherwise the charge point stays until it is stopped."""


async def idle(station: Station, plan: Plan) -> None:
    """Nothing: commands may come."""


async def plug(station: Station, plan: Plan) -> None:
    station.plug(plan.connector, plan.vehicle)


async def charge(station: Station, plan: Plan) -> None:
    await _plug_and_wait(station, plan)
    await _charge_for(station, plan, plan.charge_s)
    await _finish(station, plan)


async def local(station: Station, plan: Plan) -> None:
    await station.online.wait()
    station.plug(plan.connector, plan.vehicle)
    await station.present_tag(plan.id_tag, plan.connector)
    await station.connectors[plan.connector].until(lambda connector: connector.transaction is not None)
    await _charge_for(station, plan, plan.charge_s)
    if station.connectors[plan.connector].transaction is not None:
        await station.present_tag(plan.id_tag, plan.connector)
    await _finish(station, plan)


async def cycle(station: Station, plan: Plan) -> None:
    done = 0
    while plan.cycles == 0 or done < plan.cycles:
        await charge(station, plan)
        done += 1
        await station.clock.sleep(plan.pause_s)


async def offline(station: Station, plan: Plan) -> None:
    await _plug_and_wait(station, plan)
    await _charge_for(station, plan, plan.charge_s / 2)
    await station.lose_network(plan.offline_s)
    await station.clock.sleep(plan.offline_s / 2)
    await _finish(station, plan)


async def reset(station: Station, plan: Plan) -> None:
    await _plug_and_wait(station, plan)
    await _charge_for(station, plan, plan.charge_s / 2)
    station.restart("Hard")
    await station.connectors[plan.connector].until(lambda connector: connector.transaction is None)
    await station.connectors[plan.connector].until(lambda connector: connector.transaction is not None)
    await _charge_for(station, plan, plan.charge_s / 2)
    await _finish(station, plan)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("idle", "connect and wait for commands", idle, ends=False),
        Scenario("plug", "plug a vehicle in and leave it there", plug, ends=False),
        Scenario("charge", "plug in, be started by the central system, charge, unplug; end", charge),
        Scenario("local", "plug in, start and stop with a tag at the reader, unplug; end", local),
        Scenario("cycle", "the same as charge, again and again with a pause", cycle),
        Scenario("offline", "lose the network while charging, unplug meanwhile, tell it afterwards; end", offline),
        Scenario("reset", "reboot hard while charging, be started again, charge, unplug; end", reset),
    )
}


async def _plug_and_wait(station: Station, plan: Plan) -> None:
    """Plug in, and wait until the central system has started a transaction."""
    station.plug(plan.connector, plan.vehicle)
    await station.connectors[plan.connector].until(lambda connector: connector.transaction is not None)


async def _charge_for(station: Station, plan: Plan, seconds: float) -> None:
    """Charge for `seconds`, or until someone stops it."""
    connector = station.connectors[plan.connector]
    await within(station.clock, seconds, connector.until(lambda connector: connector.transaction is None))


async def _finish(station: Station, plan: Plan) -> None:
    """Unplug, and wait until all is told."""
    station.unplug(plan.connector)
    await station.outbox.empty()
