"""mcppd-sim: simulated charge points on the command line."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence

from mcppd.simulator import sockets
from mcppd.simulator.arguments import identities, parser
from mcppd.simulator.clock import Clock, SystemClock
from mcppd.simulator.configuration import Configuration
from mcppd.simulator.printer import Printer
from mcppd.simulator.scenarios import SCENARIOS, Plan, Scenario
from mcppd.simulator.station import Station, StationSettings
from mcppd.simulator.vehicle import Vehicle


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 however it was ended; a wrong command line exits with 2."""
    options = parser().parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):  # before the signal handlers are there
        asyncio.run(simulate(options, SystemClock(), Printer(sys.stdout, quiet=options.quiet)))
    return 0


async def simulate(options: argparse.Namespace, clock: Clock, printer: Printer) -> None:
    """Run all charge points until their scenarios are over or SIGINT or SIGTERM comes."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    scenario = SCENARIOS[options.scenario]
    stations = [build(identity, options, clock, printer) for identity in identities(options.id, options.count)]
    async with asyncio.TaskGroup() as group:
        for station in stations:
            group.create_task(station.run())
        stories = group.create_task(_play_all(scenario, stations, options))
        ending = group.create_task(stopping.wait())
        await asyncio.wait({stories, ending}, return_when=asyncio.FIRST_COMPLETED)
        stories.cancel()
        ending.cancel()
        await asyncio.gather(*(station.close() for station in stations))


def build(identity: str, options: argparse.Namespace, clock: Clock, printer: Printer) -> Station:
    """One charge point as the command line wants it."""
    settings = StationSettings(
        identity=identity,
        vendor=options.vendor,
        model=options.model,
        firmware=options.firmware,
        connectors=options.connectors,
        speed=options.speed,
        keys={"MeterValueSampleInterval": str(options.meter_interval)},
        boot_on_reconnect=not options.reconnect_without_boot,
    )

    async def dial(keys: Configuration) -> sockets.WebSocket:
        ping_s = keys.count("WebSocketPingInterval") or None
        return await sockets.dial(options.url, identity, options.password, ping_s)

    trace = printer.trace(identity) if options.messages else None
    return Station(settings, dial, clock, printer.voice(identity), trace=trace)


async def _play_all(scenario: Scenario, stations: Sequence[Station], options: argparse.Namespace) -> None:
    plan = Plan(
        id_tag=options.tag,
        charge_s=options.charge_time,
        pause_s=options.pause,
        offline_s=options.offline_time,
        cycles=options.cycles,
        vehicle=Vehicle(
            capacity_wh=options.battery * 1000, state_of_charge=options.soc / 100, max_power_w=options.power * 1000
        ),
    )
    async with asyncio.TaskGroup() as group:
        for index, station in enumerate(stations):
            group.create_task(_play(scenario, station, plan, options.stagger * index))


async def _play(scenario: Scenario, station: Station, plan: Plan, delay_s: float) -> None:
    await station.clock.sleep(delay_s)
    await scenario.play(station, plan)
    if not scenario.ends:
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    sys.exit(main())
