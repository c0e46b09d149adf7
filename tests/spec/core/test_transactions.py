"""Transactions: idempotent starts and stops, recovery of what charge points leave open, across links and restarts."""

from pathlib import Path
from typing import Any

import pytest

from mcppd.model.charge_points import ConnectorRef
from mcppd.model.events import (
    MessageQuarantined,
    TransactionInterrupted,
    TransactionRecovered,
    TransactionStarted,
    TransactionStopped,
)
from mcppd.model.transactions import Recovery, StopMatch
from tests.equipment.house import House, Peer, quiet_settings

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "AC22"}


def start(connector: int = 1, tag: str = "TAG", meter: int = 1000, at: str = "2026-11-21T08:00:00Z") -> dict[str, Any]:
    return {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": at}


def stop(transaction_id: int, meter: int = 1500, at: str = "2026-11-21T08:30:00Z", **more: Any) -> dict[str, Any]:
    return {"transactionId": transaction_id, "meterStop": meter, "timestamp": at, **more}


def meter(transaction_id: int | None, wh: int, at: str, **more: Any) -> dict[str, Any]:
    named = {} if transaction_id is None else {"transactionId": transaction_id}
    value = {"timestamp": at, "sampledValue": [{"value": str(wh), **more}]}
    return {"connectorId": 1, **named, "meterValue": [value]}


def status(connector: int, name: str) -> dict[str, Any]:
    return {"connectorId": connector, "status": name, "errorCode": "NoError"}


async def started(cp: Peer, **more: Any) -> int:
    reply = await cp.says("StartTransaction", start(**more))
    return reply["transactionId"]


async def row(house: House, transaction_id: int) -> Any:
    found = await house.core.archive.transaction(transaction_id)
    assert found is not None
    return found


class TestStart:
    async def test_it_is_answered_with_an_id_and_the_tags_status(self, house: House, cp: Peer) -> None:
        reply = await cp.says("StartTransaction", start())
        assert reply["idTagInfo"] == {"status": "Accepted"}
        assert 1 <= reply["transactionId"] <= 2**31 - 1
        assert [event.transaction.id for event in house.happened(TransactionStarted)] == [reply["transactionId"]]

    @pytest.mark.parametrize("again", ["same link", "new link", "restart"])
    async def test_said_again_with_a_new_message_id_it_is_the_same_transaction(
        self, house: House, cp: Peer, again: str
    ) -> None:
        first = await started(cp)
        if again == "new link":
            cp.leaves()
            cp = await house.connect("CP1")
        elif again == "restart":
            await house.restart()
            cp = await house.connect("CP1")
        house.events.clear()
        assert await started(cp) == first
        assert len(await house.core.archive.transactions()) == 1
        assert house.happened(TransactionStarted) == []

    async def test_said_again_after_its_stop_it_is_still_the_same_and_stays_stopped(
        self, house: House, cp: Peer
    ) -> None:
        first = await started(cp)
        await cp.says("StopTransaction", stop(first))
        assert await started(cp) == first
        assert (await row(house, first)).stopped_at is not None
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).transaction is None

    async def test_an_invalid_tag_still_gets_an_id_with_its_real_status(self, tmp_path: Path) -> None:
        async with House(tmp_path, quiet_settings(authorization={"mode": "list"})) as house:
            cp = await house.connect("CP1")
            reply = await cp.says("StartTransaction", start(tag="NOBODY"))
            assert reply["idTagInfo"]["status"] == "Invalid"
            assert reply["transactionId"] > 0

    async def test_two_charge_points_never_share_an_id(self, house: House, cp: Peer) -> None:
        other = await house.connect("CP2")
        assert await started(cp) != await started(other)


class TestStop:
    async def test_it_ends_the_transaction_with_its_energy(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        assert await cp.says("StopTransaction", stop(transaction_id)) == {}
        ended = await row(house, transaction_id)
        assert (ended.energy_wh, ended.stop_reason) == (500, "Local")
        [event] = house.happened(TransactionStopped)
        assert (event.match, event.transaction.energy_wh) == (StopMatch.BY_ID, 500)

    async def test_a_tag_is_answered_with_its_status(self, cp: Peer) -> None:
        transaction_id = await started(cp)
        reply = await cp.says("StopTransaction", stop(transaction_id, idTag="TAG"))
        assert reply == {"idTagInfo": {"status": "Accepted"}}

    async def test_a_repeat_changes_nothing(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        for _ in range(3):
            await cp.says("StopTransaction", stop(transaction_id))
        assert len(house.happened(TransactionStopped)) == 1
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).energy_total_wh == 500

    @pytest.mark.parametrize("wrong", [0, -1, 2**31 - 1, 2**63 - 1])
    async def test_a_wrong_id_is_resolved_within_the_charge_point(self, house: House, cp: Peer, wrong: int) -> None:
        transaction_id = await started(cp)
        await cp.says("StopTransaction", stop(wrong, idTag="TAG"))
        assert (await row(house, transaction_id)).stopped_at is not None

    async def test_a_missing_id_is_resolved_too(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says(
            "StopTransaction", {"meterStop": 1500, "timestamp": "2026-11-21T08:30:00Z", "transactionId": None}
        )
        assert (await row(house, transaction_id)).stopped_at is not None

    async def test_what_fits_nothing_is_quarantined_and_answered(self, house: House, cp: Peer) -> None:
        assert await cp.says("StopTransaction", stop(12345)) == {}
        assert len(house.happened(MessageQuarantined)) == 1
        [kept] = await house.core.archive.quarantine(None, 10)
        assert kept.action == "StopTransaction"
        assert "12345" in kept.raw

    async def test_another_charge_points_transaction_is_untouchable(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        other = await house.connect("CP2")
        assert await other.says("StopTransaction", stop(transaction_id)) == {}
        assert (await row(house, transaction_id)).stopped_at is None

    async def test_transaction_data_is_kept_with_the_transaction(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        data = [
            {"timestamp": "2026-11-21T08:30:00Z", "sampledValue": [{"value": "1500", "context": "Transaction.End"}]}
        ]
        await cp.says("StopTransaction", stop(transaction_id, transactionData=data))
        [reading] = await house.core.archive.meter_values(transaction_id, None, 10)
        assert reading.register_wh == 1500


class TestRecovery:
    async def test_a_new_transaction_closes_the_open_one_on_its_connector(self, house: House, cp: Peer) -> None:
        old = await started(cp)
        await house.passes(seconds=600)
        await cp.says("MeterValues", meter(old, 1400, "2026-11-21T08:10:00Z"))
        await house.passes(seconds=3000)
        new = await started(cp, meter=1600, at="2026-11-21T09:00:00Z")
        closed = await row(house, old)
        assert (closed.meter_stop_wh, closed.energy_wh, closed.stop_reason) == (1400, 400, "Other")
        assert closed.stopped_at.isoformat() == "2026-11-21T08:10:00+00:00"
        assert closed.recovery is Recovery.SUPERSEDED
        assert [event.transaction.id for event in house.happened(TransactionRecovered)] == [old]
        running = house.core.central.view("CP1").connector(ConnectorRef(1)).transaction
        assert running is not None
        assert running.id == new

    async def test_without_readings_the_new_meter_start_is_the_old_stop(self, house: House, cp: Peer) -> None:
        old = await started(cp)
        await started(cp, meter=1600, at="2026-11-21T09:00:00Z")
        assert (await row(house, old)).energy_wh == 600

    async def test_a_lower_meter_start_is_not_used(self, house: House, cp: Peer) -> None:
        old = await started(cp)
        await started(cp, meter=0, at="2026-11-21T09:00:00Z")
        assert (await row(house, old)).energy_wh == 0

    async def test_an_available_connector_closes_it_after_the_grace(self, house: House, cp: Peer) -> None:
        old = await started(cp)
        await cp.says("MeterValues", meter(old, 1400, "2026-11-21T08:10:00Z"))
        await cp.says("StatusNotification", status(1, "Available"))
        await house.passes(seconds=299)
        assert (await row(house, old)).stopped_at is None
        await house.passes(seconds=2)
        closed = await row(house, old)
        assert (closed.recovery, closed.energy_wh) == (Recovery.LEFT_OPEN, 400)
        assert len(house.happened(TransactionRecovered)) == 1

    async def test_the_grace_goes_on_after_a_restart(self, house: House, cp: Peer) -> None:
        old = await started(cp)
        await cp.says("StatusNotification", status(1, "Available"))
        await house.restart()
        await house.passes(seconds=301)
        assert (await row(house, old)).recovery is Recovery.LEFT_OPEN

    async def test_a_stop_within_the_grace_ends_it_properly(self, house: House, cp: Peer) -> None:
        old = await started(cp)
        await cp.says("StatusNotification", status(1, "Available"))
        await cp.says("StopTransaction", stop(old))
        await house.passes(seconds=600)
        assert (await row(house, old)).recovery is None
        assert house.happened(TransactionRecovered) == []

    async def test_a_connector_in_use_again_within_the_grace_leaves_it_open(self, house: House, cp: Peer) -> None:
        old = await started(cp)
        await cp.says("StatusNotification", status(1, "Available"))
        await cp.says("StatusNotification", status(1, "Charging"))
        await house.passes(seconds=600)
        assert (await row(house, old)).stopped_at is None

    async def test_a_late_real_stop_replaces_the_recovered_values(self, house: House, cp: Peer) -> None:
        old = await started(cp)
        await cp.says("StatusNotification", status(1, "Available"))
        await house.passes(seconds=301)
        await cp.says("StopTransaction", stop(old, meter=1900, reason="EVDisconnected"))
        ended = await row(house, old)
        assert (ended.energy_wh, ended.stop_reason) == (900, "EVDisconnected")
        assert house.happened(TransactionStopped)[0].match is StopMatch.REPLACED
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).energy_total_wh == 900


class TestReboot:
    async def test_a_reboot_marks_it_interrupted_and_keeps_it_open(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("BootNotification", BOOT)
        assert [event.transaction_id for event in house.happened(TransactionInterrupted)] == [transaction_id]
        running = house.core.central.view("CP1").connector(ConnectorRef(1)).transaction
        assert running is not None
        assert running.interrupted

    async def test_meter_values_take_it_up_again(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("BootNotification", BOOT)
        await cp.says("MeterValues", meter(transaction_id, 1100, "2026-11-21T08:05:00Z"))
        running = house.core.central.view("CP1").connector(ConnectorRef(1)).transaction
        assert running is not None
        assert not running.interrupted

    async def test_one_that_reconnects_without_boot_carries_on_after_a_restart(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("MeterValues", meter(transaction_id, 1100, "2026-11-21T08:05:00Z"))
        await house.restart()
        cp = await house.connect("CP1")
        await cp.says("MeterValues", meter(transaction_id, 1300, "2026-11-21T08:10:00Z"))
        running = house.core.central.view("CP1").connector(ConnectorRef(1)).transaction
        assert running is not None
        assert (running.id, running.energy_wh) == (transaction_id, 300)
        await cp.says("StopTransaction", stop(transaction_id))
        assert (await row(house, transaction_id)).energy_wh == 500


class TestMetering:
    async def test_live_values_by_phase_and_the_peak(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        samples = [
            {"value": "1250"},
            {"value": "11.0", "unit": "kW", "measurand": "Power.Active.Import"},
            *({"value": "16", "unit": "A", "measurand": "Current.Import", "phase": f"L{n}"} for n in (1, 2, 3)),
            *({"value": "230", "unit": "V", "measurand": "Voltage", "phase": f"L{n}-N"} for n in (1, 2, 3)),
        ]
        values = {"connectorId": 1, "transactionId": transaction_id}
        await cp.says(
            "MeterValues", {**values, "meterValue": [{"timestamp": "2026-11-21T08:00:00Z", "sampledValue": samples}]}
        )
        connector = house.core.central.view("CP1").connector(ConnectorRef(1))
        assert connector.power_w == 11000.0
        assert connector.current_a == {"L1": 16.0, "L2": 16.0, "L3": 16.0}
        assert connector.voltage_v == {"L1": 230.0, "L2": 230.0, "L3": 230.0}
        assert (connector.transaction.energy_wh, connector.transaction.max_power_w) == (250, 11000.0)

    @pytest.mark.parametrize("name", ["Available", "SuspendedEV", "SuspendedEVSE"])
    async def test_live_power_goes_to_zero_when_no_power_flows(self, house: House, cp: Peer, name: str) -> None:
        await cp.says("MeterValues", meter(None, 7000, "2026-11-21T08:00:00Z", measurand="Power.Active.Import"))
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).power_w == 7000
        await cp.says("StatusNotification", status(1, name))
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).power_w == 0

    async def test_and_at_the_stop(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        power = {"measurand": "Power.Active.Import", "unit": "W"}
        await cp.says("MeterValues", meter(transaction_id, 7000, "2026-11-21T08:00:00Z", **power))
        await cp.says("StopTransaction", stop(transaction_id))
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).power_w == 0

    async def test_a_negative_step_is_stored_and_never_counted(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp, meter=100_000)
        for wh, at in ((101_000, "08:01:00"), (90_000_000, "08:02:00"), (102_000, "08:03:00")):
            await cp.says("MeterValues", meter(transaction_id, wh, f"2026-11-21T{at}Z"))
        readings = await house.core.archive.meter_values(transaction_id, None, 10)
        assert [(reading.energy_wh, reading.suspect) for reading in readings] == [
            (1000, False),
            (None, True),
            (2000, False),
        ]
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).transaction.energy_wh == 2000

    async def test_meter_values_without_an_id_belong_to_the_open_transaction(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("MeterValues", meter(None, 1200, "2026-11-21T08:05:00Z"))
        assert len(await house.core.archive.meter_values(transaction_id, None, 10)) == 1

    async def test_after_the_stop_they_revive_nothing(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("StopTransaction", stop(transaction_id))
        power = {"measurand": "Power.Active.Import", "unit": "W"}
        await cp.says("MeterValues", meter(transaction_id, 7000, "2026-11-21T08:31:00Z", **power))
        assert (await row(house, transaction_id)).stopped_at is not None
        connector = house.core.central.view("CP1").connector(ConnectorRef(1))
        assert connector.transaction is None
        assert connector.power_w == 0

    async def test_the_same_message_said_again_is_stored_once_also_after_a_restart(
        self, house: House, cp: Peer
    ) -> None:
        transaction_id = await started(cp)
        said = meter(transaction_id, 1200, "2026-11-21T08:05:00Z")
        await cp.says("MeterValues", said)
        await cp.says("MeterValues", said)
        await house.restart()
        cp = await house.connect("CP1")
        assert await cp.says("MeterValues", said) == {}
        assert len(await house.core.archive.meter_values(transaction_id, None, 10)) == 1

    async def test_old_values_are_history_and_not_live(self, house: House, cp: Peer) -> None:
        power = {"measurand": "Power.Active.Import", "unit": "W"}
        await cp.says("MeterValues", meter(None, 7000, "2026-11-21T05:00:00Z", **power))
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).power_w == 0

    async def test_bad_parts_are_quarantined_and_the_rest_counts(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        values = [
            {"timestamp": "2026-11-21T08:05:00Z", "sampledValue": [{"value": "1200"}, {"value": "NaN"}, 17]},
            "nonsense",
        ]
        reply = await cp.says("MeterValues", connectorId=1, transactionId=transaction_id, meterValue=values)
        assert reply == {}
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).transaction.energy_wh == 200
        assert len(await house.core.archive.quarantine(None, 10)) == 1
