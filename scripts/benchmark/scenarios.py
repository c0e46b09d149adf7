"""What is measured: the table of scenarios. A new one is a row here and, if it says something new, a script.

A script is what one charge point does over and over: an iterator of payloads to say. What a payload needs from the
answers before it (a transaction id) it takes from the `Memory` that the client keeps.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(slots=True)
class Memory:
    """What one charge point remembers: its own number, its register (Wh), the transaction it is in."""

    number: int
    register_wh: int = 100_000
    transaction_id: int = 0


Say = tuple[str, str]
"""Action and JSON payload."""
Script = Callable[[Memory], Iterator[Say]]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def boot(memory: Memory) -> Iterator[Say]:
    """What every charge point says first, in every scenario; not measured."""
    yield (
        "BootNotification",
        '{"chargePointVendor":"Bench","chargePointModel":"B1","firmwareVersion":"1.0",'
        f'"chargePointSerialNumber":"B-{memory.number}"}}',
    )
    for connector in (0, 1):
        yield "StatusNotification", _status(connector, "Available")


def charge(memory: Memory) -> Iterator[Say]:
    """One transaction: Start, Status, ten MeterValues of four samples, Stop."""
    start = memory.register_wh
    yield (
        "StartTransaction",
        f'{{"connectorId":1,"idTag":"TAG{memory.number}","meterStart":{start},"timestamp":"{now()}"}}',
    )
    yield "StatusNotification", _status(1, "Charging")
    for _ in range(10):
        memory.register_wh += 60
        yield "MeterValues", _meter_values(memory)
    yield (
        "StopTransaction",
        f'{{"transactionId":{memory.transaction_id},"meterStop":{memory.register_wh},"timestamp":"{now()}",'
        f'"idTag":"TAG{memory.number}","reason":"Local"}}',
    )


def heartbeat(memory: Memory) -> Iterator[Say]:
    yield "Heartbeat", "{}"


def meter_values(memory: Memory) -> Iterator[Say]:
    memory.register_wh += 60
    yield "MeterValues", _meter_values(memory)


def _status(connector: int, status: str) -> str:
    return f'{{"connectorId":{connector},"errorCode":"NoError","status":"{status}","timestamp":"{now()}"}}'


def _meter_values(memory: Memory) -> str:
    transaction = f'"transactionId":{memory.transaction_id},' if memory.transaction_id else ""
    return (
        f'{{"connectorId":1,{transaction}"meterValue":[{{"timestamp":"{now()}","sampledValue":['
        f'{{"value":"{memory.register_wh}","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"}},'
        '{"value":"11040","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"},'
        '{"value":"16.0","context":"Sample.Periodic","measurand":"Current.Import","phase":"L1","unit":"A"},'
        '{"value":"230.1","context":"Sample.Periodic","measurand":"Voltage","phase":"L1-N","unit":"V"}]}]}'
    )


SCRIPTS: dict[str, Script] = {
    "charge": charge,
    "heartbeat": heartbeat,
    "meter_values": meter_values,
}


@dataclass(frozen=True, slots=True)
class Load:
    """CPU per message: `links` charge points repeat `script`, each saying the next thing once the last is answered."""

    name: str
    what: str
    script: str
    links: int = 50
    settings: dict[str, str] = field(default_factory=dict)
    """For mcppd, beside QUIET."""
    most_of_baseline: float | None = None
    """The share of the baseline's CPU per message that is allowed."""


LOADS = (
    Load(
        "transactions",
        "50 charge points in closed loop: Start, Status, 10 MeterValues of four samples, Stop; none waits for company",
        "charge",
        settings={"storage.commit_interval": "0"},
        most_of_baseline=0.2,
    ),
    Load(
        "transactions-default",
        "the same with the default settings: meter values wait up to a second for company",
        "charge",
        most_of_baseline=0.2,
    ),
    Load("heartbeats", "50 charge points in closed loop: Heartbeat", "heartbeat", most_of_baseline=0.2),
)

QUIET = {"boot.setup": "false", "boot.trigger_delay": "never"}
"""mcppd asks nothing of the charge points here, as the baseline does not."""

IDLE_LINKS = 200
STARTS = 5

MOST_IDLE_MIB = 40.0
MOST_KIB_PER_LINK = 30.0
MOST_START_S = 1.5
