"""Whatever two charge points say in whatever order: memory, disk and bill say the same."""

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from mcppd.core.site import Site
from mcppd.model.views import ChargePointView, ConnectorView
from tests.equipment.house import House, Peer

NAMES = ("CP1", "CP2")
STATUSES = ("Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Faulted", "Unavailable", "Nonsense")


def mostly(usual: list[Any], *odd: Any) -> st.SearchStrategy[Any]:
    """Four times in five one of `usual`."""
    return st.integers(0, 4).flatmap(lambda n: st.sampled_from(usual if n else list(odd)))


who = mostly([0], 1)
places = mostly([1], 0, 2)
tags = mostly(["TAG"], "tag", "OTHER", "", None)
registers = mostly(["now"], 0, 50, 1000, 10**9, -5, 2**63 - 1, None)
"""Wh; now is where a meter stands that counts on with every step."""
times = mostly([0], -300, -15, -1, 1, 20, None, "1970-01-01T00:00:23Z", "rubbish")
"""Minutes from now, or what is said instead of a time."""
ids = mostly(["newest", "newest", "recovered"], "older", "foreign", "next", 0, -1, None, 2**31 - 1, 2**63 - 1)
elements = st.lists(st.tuples(registers, times, st.sampled_from([None, 0, 7000, "NaN"])), min_size=0, max_size=2)

steps = st.one_of(
    st.tuples(st.just("start"), who, places, tags, registers, times),
    st.tuples(st.just("start"), who, places, tags, registers, times),
    st.tuples(st.just("stop"), who, ids, tags, registers, times, elements),
    st.tuples(st.just("stop"), who, ids, tags, registers, times, elements),
    st.tuples(st.just("meter"), who, places, ids, elements),
    st.tuples(st.just("meter"), who, places, ids, elements),
    st.tuples(st.just("status"), who, places, st.sampled_from(STATUSES), times),
    st.tuples(st.just("status"), who, places, st.sampled_from(STATUSES), times),
    st.tuples(st.just("boot"), who),
    st.tuples(st.just("reconnect"), who),
    st.tuples(st.just("passes"), st.sampled_from([1, 60, 301, 4000])),
    st.just(("again",)),
    st.just(("restart",)),
)


BEGIN = ("start", 0, 1, "TAG", "now", 0)
STOP_OF_RECOVERED = ("stop", 0, "recovered", None, "now", 0, [])
LOW_STOP_OF_RECOVERED = ("stop", 0, "recovered", None, 1200, 0, [])
READING = ("meter", 0, 1, "newest", [("now", 0, 7000)])
AVAILABLE = ("status", 0, 1, "Available", 0)


@example([BEGIN, BEGIN, STOP_OF_RECOVERED, ("restart",), ("stop", 0, "newest", "TAG", "now", 0, [])])
@example([BEGIN, BEGIN, READING, BEGIN, READING, LOW_STOP_OF_RECOVERED, ("restart",), READING])
@example([("passes", 4000), BEGIN, ("passes", 60), BEGIN, READING, LOW_STOP_OF_RECOVERED, ("restart",)])
@example([BEGIN, ("boot", 0), ("meter", 0, 1, None, [("now", 0, 0)]), READING, ("restart",), READING, ("boot", 0)])
@example([BEGIN, READING, AVAILABLE, ("restart",), ("passes", 301), READING, STOP_OF_RECOVERED, ("again",)])
@example([BEGIN, READING, AVAILABLE, ("passes", 301), STOP_OF_RECOVERED])
@example([("meter", 0, 2, "next", [("now", 0, 7000)]), BEGIN, ("status", 0, 1, "Nonsense", 0), ("restart",), READING])
@example([BEGIN, ("stop", 1, "foreign", None, "now", 0, []), READING, READING])
@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(steps, min_size=10, max_size=30))
def test_memory_disk_and_bill_agree_after_every_step(sequence: list[tuple[Any, ...]]) -> None:
    asyncio.run(_play(sequence))


async def _play(sequence: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with House(Path(directory)) as house:
            site = Played(house)
            await site.connect()
            for step in sequence:
                await site.play(step)


@dataclass
class Played:
    """Two charge points that say what they are told to, and what must hold after everything they say."""

    house: House
    peers: list[Peer] = field(default_factory=list)
    told: list[list[int]] = field(default_factory=lambda: [[], []])
    """The ids that each was given, oldest first."""
    owner: dict[int, int] = field(default_factory=dict)
    said: tuple[int, str, dict[str, Any]] | None = None
    shown: Counter[Any] = field(default_factory=Counter)
    rows: dict[int, Any] = field(default_factory=dict)
    register: int = 1000

    async def connect(self) -> None:
        self.peers = [await self.house.connect(name) for name in NAMES]

    async def play(self, step: tuple[Any, ...]) -> None:
        self.register += 137
        speaker: int | None = None
        match step:
            case "start", speaker, place, tag, meter, at:
                await self._say(speaker, "StartTransaction", _start(place, tag, self._register(meter), self._time(at)))
            case "stop", speaker, wanted, tag, meter, at, data:
                said = {
                    "transactionId": self._id(speaker, wanted),
                    "meterStop": self._register(meter),
                    "timestamp": self._time(at),
                }
                said |= {} if tag is None else {"idTag": tag}
                said |= {"transactionData": self._elements(data)} if data else {}
                await self._say(speaker, "StopTransaction", said)
            case "meter", speaker, place, wanted, data:
                said = {"connectorId": place, "meterValue": self._elements(data)}
                named = self._id(speaker, wanted)
                await self._say(speaker, "MeterValues", said | ({} if named is None else {"transactionId": named}))
            case "status", speaker, place, name, at:
                said = {"connectorId": place, "status": name, "errorCode": "NoError", "timestamp": self._time(at)}
                await self._say(speaker, "StatusNotification", said)
            case "boot", speaker:
                await self._say(speaker, "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
            case "reconnect", speaker:
                self.peers[speaker].leaves()
                self.peers[speaker] = await self.house.connect(NAMES[speaker])
            case ("again",) if self.said is not None:
                before = await self._transactions()
                speaker, action, said = self.said
                await self._say(speaker, action, said)
                if action == "StartTransaction":
                    assert (await self._transactions()).keys() == before.keys(), "one start, one transaction"
            case "passes", seconds:
                await self.house.passes(seconds)
            case ("restart",):
                await self.house.restart()
                await self.connect()
        await self._check(speaker)

    async def _say(self, speaker: int, action: str, said: dict[str, Any]) -> None:
        reply = await self.peers[speaker].says(action, said)
        self.said = speaker, action, said
        if action == "StartTransaction":
            given_id = reply["transactionId"]
            assert 1 <= given_id < 2**31
            assert self.owner.setdefault(given_id, speaker) == speaker, "an id was given to two charge points"
            self.told[speaker].append(given_id)

    def _id(self, speaker: int, wanted: Any) -> Any:
        mine, others = self.told[speaker], self.told[1 - speaker]
        match wanted:
            case "newest":
                return mine[-1] if mine else 1
            case "older":
                return mine[-2] if len(mine) > 1 else 1
            case "recovered":
                made_up = [row for row in self.rows.values() if row.recovery and row.charge_point == NAMES[speaker]]
                return max((row.id for row in made_up), default=1)
            case "foreign":
                return others[-1] if others else 1
            case "next":
                return max(self.owner, default=0) + 1
        return wanted

    def _time(self, at: Any) -> Any:
        return (self.house.clock.now() + timedelta(minutes=at)).isoformat() if isinstance(at, int) else at

    def _register(self, meter: Any) -> Any:
        return self.register if meter == "now" else meter

    def _elements(self, data: list[tuple[Any, Any, Any]]) -> list[dict[str, Any]]:
        made = []
        for register, at, power in data:
            samples = [
                {"value": str(self._register(register))},
                {"value": str(power), "measurand": "Power.Active.Import", "unit": "W"},
            ]
            made.append({"timestamp": self._time(at), "sampledValue": samples})
        return made

    # What must hold

    async def _check(self, speaker: int | None) -> None:
        now = self.house.core.central.views()
        restored = Site()
        restored.restore(self.house.database, self.house.clock.now())
        kept = [_kept(charge_point.view(None)) for charge_point in restored]
        assert [_kept(view) for view in now] == kept, "memory and disk differ"
        rows = await self._transactions()
        self._bill(now, rows)
        for transaction_id, before in self.rows.items():
            settled = before.stopped_at is not None and before.recovery is None
            if settled or (speaker is not None and before.charge_point != NAMES[speaker]):
                assert rows[transaction_id] == before, (
                    "nobody but its charge point changes it, and its stop is the last"
                )
        self.rows = rows

    def _bill(self, views: list[ChargePointView], rows: dict[int, Any]) -> None:
        running = Counter((row.charge_point, row.connector) for row in rows.values() if row.stopped_at is None)
        assert max(running.values(), default=0) <= 1
        assert all(row.energy_wh >= 0 for row in rows.values())
        assert all(
            row.stopped_at is None or row.recovery is None or row.stopped_at >= row.started_at for row in rows.values()
        )
        billed: Counter[Any] = Counter()
        for row in rows.values():
            billed[row.charge_point, row.connector] += row.energy_wh
        for view in views:
            for connector in view.connectors:
                key = view.identity, connector.connector
                assert (connector.transaction is not None) == bool(running[key])
                assert connector.energy_total_wh >= max(billed[key], self.shown[key]), "a counter went down"
                self.shown[key] = connector.energy_total_wh
                charge_point = self.house.core.central.charge_point(view.identity)
                held = charge_point.connector(connector.connector)
                assert held.energy_closed_wh + (held.transaction.energy_wh if held.transaction else 0) == billed[key]

    async def _transactions(self) -> dict[int, Any]:
        return {row.id: row for row in await self.house.core.archive.transactions(limit=1000)}


def _start(place: int, tag: str | None, meter: Any, at: Any) -> dict[str, Any]:
    return {"connectorId": place, "idTag": tag, "meterStart": meter, "timestamp": at}


def _kept(view: ChargePointView) -> ChargePointView:
    """What of `view` outlives a restart: not the link, not when it was last seen, not live values."""
    return replace(
        view,
        protocol=None,
        connected=False,
        ready=False,
        generation=0,
        remote_address=None,
        connected_since=None,
        last_seen_at=None,
        last_connect_at=None,
        last_disconnect_at=None,
        last_heartbeat_at=None,
        reconnects=0,
        clock_skew_s=None,
        connectors=tuple(_stored(connector) for connector in view.connectors),
    )


def _stored(view: ConnectorView) -> ConnectorView:
    return replace(view, power_w=0.0, current_a={}, voltage_v={}, state_of_charge_percent=None)
