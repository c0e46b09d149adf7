"""What plugins decide, seen from the charge point: who is let in, whose tag is good, what a message was to say."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcppd.core.admission import Admission, Refusal
from mcppd.model.events import DataReceived, LinkRefused, MessageQuarantined, TransactionStarted
from tests.equipment.house import CallErrorAnswer, House, quiet_settings

PLUGIN = """
from mcppd.hooks import Verdict
from mcppd.model.replies import AuthorizationStatus, DataTransferred, IdTagInfo


class Decider:
    async def start(self, context):
        context.on_data_transfer("com.acme", self.acme)

    async def acme(self, charge_point, request):
        return DataTransferred("Accepted", data=f"{charge_point} {request.message_id} {request.data}")

    async def admit(self, candidate):
        if candidate.identity == "EVIL":
            return Verdict(admitted=False, status=403, reason="evil")
        if candidate.identity == "GONE":
            return Verdict(admitted=False, status=404)
        return Verdict(admitted=True) if candidate.identity == "GOOD" else None

    async def authorize(self, charge_point, id_tag):
        return IdTagInfo(AuthorizationStatus.BLOCKED) if id_tag == "BAD" else None

    async def repair(self, charge_point, action, payload):
        if action == "Heartbeat" or payload.get("connectorId") == 2:
            raise ValueError("nothing to repair here")
        if action == "StatusNotification" and payload.get("connectorId") == "the left one":
            return {**payload, "connectorId": 1}
        if action == "Authorize":
            return {"idTag": payload["tag"]}
        return None


def plugin():
    return Decider()
"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    directory = tmp_path / "plugins.d"
    directory.mkdir()
    (directory / "decider.py").write_text(PLUGIN)
    plugins = {"directory": str(directory), "named": {"decider": {"enabled": True}}}
    async with House(tmp_path, quiet_settings(plugins=plugins)) as house:
        yield house


class TestAdmission:
    @pytest.mark.parametrize(
        ("identity", "status", "reason"), [("EVIL", 403, "evil"), ("GONE", 404, "refused by a plugin")]
    )
    async def test_whoever_is_refused_leaves_no_row(
        self, house: House, identity: str, status: int, reason: str
    ) -> None:
        assert await house.admit(identity) == Refusal(status, reason)
        assert [event.status for event in house.happened(LinkRefused)] == [status]
        assert house.core.central.views() == []

    @pytest.mark.parametrize("identity", ["GOOD", "WHOEVER"])
    async def test_whoever_is_not_refused_is_let_in(self, house: House, identity: str) -> None:
        assert isinstance(await house.admit(identity), Admission)

    async def test_no_more_are_let_in_than_may_be_however_long_the_plugin_takes(self, house: House) -> None:
        house.settings = replace(house.settings, ocpp=replace(house.settings.ocpp, max_charge_points=2))
        outcomes = await asyncio.gather(*(house.admit(f"CP{number}") for number in range(9)))
        assert sum(isinstance(outcome, Admission) for outcome in outcomes) == 2
        assert len(house.core.central.views()) == 2


class TestTags:
    async def test_the_plugins_word_holds_for_authorize_and_for_transactions(self, house: House) -> None:
        cp = await house.connect("CP1")
        assert await cp.says("Authorize", idTag="BAD") == {"idTagInfo": {"status": "Blocked"}}
        assert await cp.says("Authorize", idTag="FINE") == {"idTagInfo": {"status": "Accepted"}}
        start = {"connectorId": 1, "idTag": "BAD", "meterStart": 0, "timestamp": "2026-11-21T08:00:00Z"}
        reply = await cp.says("StartTransaction", start)
        assert reply["idTagInfo"] == {"status": "Blocked"}
        assert reply["transactionId"] > 0, "also what is not authorized has an id"
        assert [event.status for event in house.happened(TransactionStarted)] == ["Blocked"]


class TestDataTransfer:
    async def test_it_is_answered_by_the_one_who_registered_for_the_vendor(self, house: House) -> None:
        cp = await house.connect("CP1")
        reply = await cp.says("DataTransfer", vendorId="com.acme", messageId="hello", data="you")
        assert reply == {"status": "Accepted", "data": "CP1 hello you"}
        [event] = house.happened(DataReceived)
        assert (event.vendor_id, event.message_id, event.status) == ("com.acme", "hello", "Accepted")


class TestRepair:
    async def test_a_message_that_does_not_fit_is_bettered_before_it_is_read(self, house: House) -> None:
        cp = await house.connect("CP1")
        said: dict[str, Any] = {"connectorId": "the left one", "status": "Charging", "errorCode": "NoError"}
        assert await cp.says("StatusNotification", said) == {}
        [connector] = house.core.central.view("CP1").connectors
        assert (str(connector.connector), connector.status) == ("1", "Charging")
        assert house.happened(MessageQuarantined) == []

    async def test_also_one_that_would_be_refused(self, house: House) -> None:
        cp = await house.connect("CP1")
        assert await cp.says("Authorize", tag="FINE") == {"idTagInfo": {"status": "Accepted"}}

    async def test_one_that_nobody_can_better_is_refused_as_ever(self, house: House) -> None:
        cp = await house.connect("CP1")
        with pytest.raises(CallErrorAnswer) as caught:
            await cp.says("BootNotification", {})
        assert caught.value.code == "OccurenceConstraintViolation"

    async def test_a_message_that_fits_is_not_touched(self, house: House) -> None:
        cp = await house.connect("CP1")
        said = {"connectorId": 2, "status": "Charging", "errorCode": "NoError"}
        assert await cp.says("StatusNotification", said) == {}
        assert await cp.says("Heartbeat", {})
        assert house.core.counters.plugin_failures == {}
