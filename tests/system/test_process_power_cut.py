"""kill -9 at any point loses nothing that was acknowledged, and the charge goes on."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.equipment.charge_point import ChargePoint
from tests.equipment.daemon import Daemon

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
QUIET = {"boot.setup": "false", "boot.trigger_delay": "never", "auto_start.enabled": "false"}


@pytest.fixture
def daemon(tmp_path: Path):
    with Daemon(tmp_path, {**QUIET, "storage.commit_interval": "0.05"}) as daemon:
        yield daemon


def now(after_s: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=after_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def started(meter_start: int = 1000) -> dict:
    return {"connectorId": 1, "idTag": "TAG", "meterStart": meter_start, "timestamp": now()}


def measured(transaction_id: int, register_wh: int) -> dict:
    value = {"value": str(register_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    return {
        "connectorId": 1,
        "transactionId": transaction_id,
        "meterValue": [{"timestamp": now(), "sampledValue": [value]}],
    }


def status(name: str) -> dict:
    return {"connectorId": 1, "status": name, "errorCode": "NoError", "timestamp": now()}


async def registers(daemon: Daemon, transaction_id: int) -> list[int]:
    """The register values stored for a transaction, in order, through the API and its cursor."""
    found, cursor = [], None
    while True:
        page = await asyncio.to_thread(
            daemon.api, f"transactions/{transaction_id}/meter-values?limit=500{f'&cursor={cursor}' if cursor else ''}"
        )
        found += [item["register_wh"] for item in page["items"]]
        if not (cursor := page["next"]):
            return found


async def test_a_charge_goes_on_after_a_kill_without_a_new_boot(daemon):
    async with ChargePoint.connect(daemon.ocpp_port, "CP1") as cp:
        await cp.says("BootNotification", BOOT)
        await cp.says("StatusNotification", status("Preparing"))
        start = started()
        transaction_id = (await cp.says("StartTransaction", start))["transactionId"]
        await cp.says("StatusNotification", status("Charging"))
        for register in (1100, 1200, 1300):
            await cp.says("MeterValues", measured(transaction_id, register))
        await asyncio.to_thread(daemon.kill)

    await asyncio.to_thread(daemon.start)
    shown = await asyncio.to_thread(daemon.api, "charge-points/CP1")
    (connector,) = [one for one in shown["connectors"] if one["connector_id"] == 1]
    assert connector["status"] == "Charging"
    assert connector["transaction"]["id"] == transaction_id
    assert connector["transaction"]["energy_wh"] == 300
    assert await asyncio.to_thread(daemon.metric, "mcppd_connector_transaction_active", charge_point="CP1") == 1

    async with ChargePoint.connect(daemon.ocpp_port, "CP1") as cp:
        assert await cp.says("StartTransaction", start) == {
            "transactionId": transaction_id,
            "idTagInfo": {"status": "Accepted"},
        }, "a start said twice is one transaction"
        await cp.says("MeterValues", measured(transaction_id, 1500))
        await cp.says(
            "StopTransaction",
            {"transactionId": transaction_id, "meterStop": 1600, "timestamp": now(), "reason": "Local"},
        )

    (transaction,) = (await asyncio.to_thread(daemon.api, "transactions"))["items"]
    assert (transaction["id"], transaction["energy_wh"]) == (transaction_id, 600)
    assert await registers(daemon, transaction_id) == [1100, 1200, 1300, 1500]


async def test_what_was_said_before_the_kill_and_is_said_again_after_it_is_stored_once(daemon):
    async with ChargePoint.connect(daemon.ocpp_port, "CP1") as cp:
        await cp.says("BootNotification", BOOT)
        transaction_id = (await cp.says("StartTransaction", started()))["transactionId"]
        said = measured(transaction_id, 1100)
        await cp.says("MeterValues", said)
        stop = {"transactionId": transaction_id, "meterStop": 1200, "timestamp": now(), "idTag": "TAG"}
        await cp.says("StopTransaction", stop)
        await asyncio.to_thread(daemon.kill)

    await asyncio.to_thread(daemon.start)
    async with ChargePoint.connect(daemon.ocpp_port, "CP1") as cp:
        await cp.says("MeterValues", said)
        assert await cp.says("StopTransaction", stop) == {"idTagInfo": {"status": "Accepted"}}
    (transaction,) = (await asyncio.to_thread(daemon.api, "transactions"))["items"]
    assert transaction["energy_wh"] == 200
    assert await registers(daemon, transaction_id) == [1100]


@dataclass
class Told:
    """What a charge point was told of one transaction, and what it had said."""

    sent: set[int] = field(default_factory=set)
    acknowledged: list[int] = field(default_factory=list)
    stopped: bool = False


@pytest.mark.slow
async def test_a_kill_at_the_very_answer_loses_nothing_acknowledged_and_doubles_nothing(daemon):
    """Five charge points talk as fast as they can; the daemon is killed as one of them reads an answer."""
    chance = random.Random(16)
    transactions: dict[int, Told] = {}
    fuse = 0

    def answered() -> None:
        nonlocal fuse
        fuse -= 1
        if fuse == 0:
            daemon.process.kill()

    async def talk(identity: str, port: int) -> None:
        cp = await ChargePoint.dial(port, identity)
        try:
            while True:
                transaction_id = (await cp.says("StartTransaction", started()))["transactionId"]
                assert transaction_id not in transactions, "an id was given twice"
                told = transactions[transaction_id] = Told()
                answered()
                for register in range(1010, 1040, 10):
                    told.sent.add(register)
                    await cp.says("MeterValues", measured(transaction_id, register))
                    told.acknowledged.append(register)
                    answered()
                await cp.says(
                    "StopTransaction", {"transactionId": transaction_id, "meterStop": 1060, "timestamp": now()}
                )
                told.stopped = True
                answered()
        finally:
            await cp.vanishes()

    for _ in range(12):
        fuse = chance.randint(1, 40)
        port = daemon.ocpp_port
        ends = await asyncio.gather(*(talk(f"CP{n}", port) for n in range(5)), return_exceptions=True)
        assert all("the connection ended" in str(end) or isinstance(end, OSError) for end in ends), ends
        await asyncio.to_thread(daemon.wait)
        await asyncio.to_thread(daemon.start)

    assert any(told.stopped for told in transactions.values())
    for transaction_id, told in transactions.items():
        stored = await asyncio.to_thread(daemon.api, f"transactions/{transaction_id}")
        assert (stored["stopped_at"] is not None) or not told.stopped
        readings = await registers(daemon, transaction_id)
        assert [register for register in readings if register in told.acknowledged] == told.acknowledged
        assert set(readings) <= told.sent
        assert len(readings) == len(set(readings))
