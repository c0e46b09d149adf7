"""kill -9 at any point loses nothing that was acknowledged, and the charge goes on."""

import asyncio
import random
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


@pytest.mark.slow
async def test_kills_at_any_moment_lose_nothing_acknowledged_and_double_nothing(daemon):
    """Five charge points talk as fast as they can; the daemon is killed again and again."""
    chance = random.Random(16)
    identities = [f"CP{n}" for n in range(5)]
    acknowledged: dict[int, list[int]] = {}
    sent: dict[int, set[int]] = {}

    async def talk(identity: str) -> None:
        cp = await ChargePoint.dial(daemon.ocpp_port, identity)
        try:
            while True:
                transaction_id = (await cp.says("StartTransaction", started()))["transactionId"]
                assert transaction_id not in acknowledged, "an id was given twice"
                acknowledged[transaction_id], sent[transaction_id] = [], set()
                for register in range(1010, 1060, 10):
                    sent[transaction_id].add(register)
                    await cp.says("MeterValues", measured(transaction_id, register))
                    acknowledged[transaction_id].append(register)
                await cp.says(
                    "StopTransaction", {"transactionId": transaction_id, "meterStop": 1060, "timestamp": now()}
                )
        finally:
            await cp.vanishes()

    for _ in range(6):
        talking = [asyncio.create_task(talk(identity)) for identity in identities]
        await asyncio.sleep(chance.uniform(0.05, 0.6))
        await asyncio.to_thread(daemon.kill)
        ends = await asyncio.gather(*talking, return_exceptions=True)
        assert all("the connection ended" in str(end) or isinstance(end, OSError) for end in ends), ends
        await asyncio.to_thread(daemon.start)

    assert len(acknowledged) > len(identities)
    for transaction_id, told in acknowledged.items():
        stored = await registers(daemon, transaction_id)
        assert [register for register in stored if register in told] == told, "acknowledged, in order, once"
        assert set(stored) <= sent[transaction_id]
        assert len(stored) == len(set(stored))
