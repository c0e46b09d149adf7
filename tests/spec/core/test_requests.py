"""Every other request of OCPP 1.6 and its security extension: answered, stored, told."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mcppd.db import jobs, security
from mcppd.model.charge_points import ConnectorRef, ConnectorStatus
from mcppd.model.events import (
    CertificateRequested,
    DataReceived,
    JobProgressed,
    MessageQuarantined,
    SecurityEventReported,
    StatusReported,
    TagPresented,
)
from tests.equipment.house import CallErrorAnswer, House, Peer, quiet_settings


class TestAuthorize:
    async def test_open_mode_accepts_every_tag_and_remembers_it(self, house: House, cp: Peer) -> None:
        assert await cp.says("Authorize", idTag="ABC") == {"idTagInfo": {"status": "Accepted"}}
        assert [(event.id_tag, event.status) for event in house.happened(TagPresented)] == [("ABC", "Accepted")]
        assert [tag.id_tag for tag in await house.core.archive.id_tags(None, 10)] == ["ABC"]

    async def test_list_mode_refuses_what_nobody_entered(self, tmp_path: Path) -> None:
        async with House(tmp_path, quiet_settings(authorization={"mode": "list"})) as house:
            cp = await house.connect("CP1")
            assert await cp.says("Authorize", idTag="ABC") == {"idTagInfo": {"status": "Invalid"}}


class TestStatusNotification:
    async def test_it_is_stored_and_told(self, house: House, cp: Peer) -> None:
        said = {"connectorId": 1, "status": "Faulted", "errorCode": "GroundFailure", "info": "wet"}
        assert await cp.says("StatusNotification", said) == {}
        [event] = house.happened(StatusReported)
        assert (event.status, event.previous, event.changed) == (
            ConnectorStatus.FAULTED,
            ConnectorStatus.UNKNOWN,
            True,
        )
        await house.restart()
        connector = house.core.central.view("CP1").connector(ConnectorRef(1))
        assert (connector.status, connector.error_code, connector.info) == ("Faulted", "GroundFailure", "wet")

    async def test_the_same_again_is_no_change(self, house: House, cp: Peer) -> None:
        for _ in range(2):
            await cp.says("StatusNotification", _status("Available"))
        assert [event.changed for event in house.happened(StatusReported)] == [True, False]

    async def test_order_is_the_order_of_arrival(self, house: House, cp: Peer) -> None:
        await cp.says("StatusNotification", {**_status("Available"), "timestamp": "2026-11-21T10:00:00Z"})
        await cp.says("StatusNotification", {**_status("Preparing"), "timestamp": "2026-11-21T08:00:00Z"})
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).status == "Preparing"

    @pytest.mark.parametrize(
        ("said", "meant"), [("charging", "Charging"), ("Occupied", "Preparing"), ("Nonsense", "Available")]
    )
    async def test_odd_spellings_are_understood(self, house: House, cp: Peer, said: str, meant: str) -> None:
        await cp.says("StatusNotification", _status("Available"))
        assert await cp.says("StatusNotification", _status(said)) == {}
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).status == meant

    async def test_occupied_is_charging_while_a_transaction_runs(self, house: House, cp: Peer) -> None:
        said = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-11-21T08:00:00Z"}
        await cp.says("StartTransaction", said)
        await cp.says("StatusNotification", _status("Occupied"))
        assert house.core.central.view("CP1").connector(ConnectorRef(1)).status == "Charging"

    async def test_connector_0_is_the_charge_point_itself(self, house: House, cp: Peer) -> None:
        await cp.says("StatusNotification", _status("Available"))
        await cp.says("StatusNotification", {**_status("Unavailable"), "connectorId": 0})
        view = house.core.central.view("CP1")
        assert view.connector(ConnectorRef(0, 0)).status == "Unavailable"
        assert view.connector(ConnectorRef(1)).status == "Available"

    async def test_the_skew_of_its_clock_is_known(self, house: House, cp: Peer) -> None:
        await cp.says("StatusNotification", {**_status("Available"), "timestamp": "2026-11-21T08:00:40Z"})
        assert house.core.central.view("CP1").clock_skew_s == 40.0

    async def test_more_connectors_than_are_kept_are_quarantined_and_answered(self, house: House, cp: Peer) -> None:
        for number in range(70):
            assert await cp.says("StatusNotification", {**_status("Available"), "connectorId": number}) == {}
        assert len(house.core.central.view("CP1").connectors) == 64
        assert len(house.happened(MessageQuarantined)) == 6


class TestDataTransfer:
    async def test_an_unknown_vendor_is_told_so(self, house: House, cp: Peer) -> None:
        assert await cp.says("DataTransfer", vendorId="com.acme", data="x") == {"status": "UnknownVendorId"}
        assert [event.status for event in house.happened(DataReceived)] == ["UnknownVendorId"]


class TestJobs:
    @pytest.mark.parametrize(
        ("action", "payload", "kind"),
        [
            ("DiagnosticsStatusNotification", {"status": "Uploaded"}, "diagnostics"),
            ("FirmwareStatusNotification", {"status": "Installed"}, "firmware"),
            ("SignedFirmwareStatusNotification", {"status": "Installed", "requestId": 7}, "firmware"),
            ("LogStatusNotification", {"status": "Uploaded", "requestId": 7}, "log"),
        ],
    )
    async def test_every_status_is_answered_stored_and_told(
        self, house: House, cp: Peer, action: str, payload: dict[str, Any], kind: str
    ) -> None:
        assert await cp.says(action, payload) == {}
        [event] = house.happened(JobProgressed)
        assert (event.kind, event.status, event.request_id) == (kind, payload["status"], payload.get("requestId"))
        [job] = await house.database.read(jobs.page)
        assert (job.kind, job.status, job.request_id) == (kind, payload["status"], payload.get("requestId"))


class TestSecurity:
    async def test_a_security_event_is_answered_stored_and_told(self, house: House, cp: Peer) -> None:
        said = {"type": "FirmwareUpdated", "timestamp": "2026-11-21T07:59:00Z", "techInfo": "2.0"}
        assert await cp.says("SecurityEventNotification", said) == {}
        [stored] = await house.core.archive.security_events(None, 10)
        assert (stored.type, stored.tech_info, stored.own) == ("FirmwareUpdated", "2.0", False)
        assert stored.at == stored.received_at - timedelta(minutes=1)
        assert len(house.happened(SecurityEventReported)) == 1

    async def test_a_certificate_request_is_accepted_and_kept(self, house: House, cp: Peer) -> None:
        assert await cp.says("SignCertificate", csr="-----BEGIN") == {"status": "Accepted"}
        assert len(house.happened(CertificateRequested)) == 1
        assert [kept.csr for kept in await house.database.read(security.certificate_requests)] == ["-----BEGIN"]


class TestRepairs:
    async def test_what_is_mended_without_loss_is_counted_and_not_quarantined(self, house: House, cp: Peer) -> None:
        assert await cp.says("StatusNotification", {**_status("Available"), "connectorId": "1"}) == {}
        assert house.core.counters.repairs.total() == 1
        assert house.happened(MessageQuarantined) == []

    async def test_a_quirk_is_said_once_a_link_and_then_only_counted(
        self, house: House, cp: Peer, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            await cp.says("StatusNotification", {**_status("Available"), "connectorId": "1"})
        assert sum(record.message == "message_repaired" for record in caplog.records) == 1
        assert house.core.counters.repairs.total() == 3

    async def test_what_loses_something_is_quarantined_and_answered(self, house: House, cp: Peer) -> None:
        assert await cp.says("StatusNotification", {**_status("Available"), "info": "x" * 500}) == {}
        assert len(house.happened(MessageQuarantined)) == 1
        [kept] = await house.core.archive.quarantine(None, 10)
        assert "x" * 500 in kept.raw

    async def test_a_request_that_cannot_be_read_is_refused_with_a_legal_code(self, cp: Peer) -> None:
        with pytest.raises(CallErrorAnswer) as caught:
            await cp.says("BootNotification", {})
        assert caught.value.code == "OccurenceConstraintViolation"

    @pytest.mark.parametrize("action", ["StartTransaction", "StopTransaction", "MeterValues", "StatusNotification"])
    @pytest.mark.parametrize("payload", [{}, [], "x", 17, {"connectorId": {"a": []}, "timestamp": 12, "idTag": None}])
    async def test_transaction_messages_are_answered_whatever_they_hold(
        self, cp: Peer, action: str, payload: Any
    ) -> None:
        reply = await cp.answer_to(cp.sends(action, payload))
        assert isinstance(reply, dict)


def _status(name: str) -> dict[str, Any]:
    return {"connectorId": 1, "status": name, "errorCode": "NoError"}
