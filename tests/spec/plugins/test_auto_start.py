"""Automatic start: a car is plugged in and charges, whatever the charge point makes of it."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from mcppd.model.charge_points import ConnectorStatus, Registration
from mcppd.model.errors import (
    BadAnswer,
    CallErrorReceived,
    ChargePointOffline,
    ConnectionClosed,
    NoAnswer,
    SchemaViolation,
)
from mcppd.model.events import ChargePointReady
from mcppd.model.settings import AutoStartOverride, ChargePointSettings, ConnectorSettings
from mcppd.plugins.auto_start import FORM_ERRORS, START_BOUND_S
from tests.equipment.clock import settle

ONE = ("AUTOSTART", 1)
LONG = 100_000.0


def reason(record: Any) -> str:
    text: str = record.reason
    return text


class TestAPlugIn:
    async def test_is_answered_by_a_remote_start_in_its_least_form(self, site: Any) -> None:
        await site.plugs_in()
        assert site.starts == [ONE]

    async def test_starts_the_connector_that_it_is_in(self, site: Any) -> None:
        await site.plugs_in(2)
        assert site.starts == [("AUTOSTART", 2)]

    async def test_on_two_connectors_starts_both(self, site: Any) -> None:
        await site.plugs_in(1)
        await site.plugs_in(2)
        assert site.starts == [ONE, ("AUTOSTART", 2)]

    async def test_does_not_hold_up_the_events_behind_it(self, site: Any) -> None:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        site.answers.append(answer)
        await asyncio.wait_for(site.plugs_in(), 1)  # it returned, though the charge point has not answered
        assert site.starts == [ONE]
        assert site.at_work == 1

    async def test_of_the_charge_point_itself_is_none(self, site: Any) -> None:
        await site.plugs_in(0)
        await site.becomes_ready()
        assert site.starts == []

    async def test_of_a_charge_point_or_connector_that_is_gone_is_ignored(self, site: Any) -> None:
        site.configure(delay=60.0)
        await site.plugs_in()
        said = site.preparing(1)
        site.view = replace(site.view, connectors=site.view.connectors[:1])
        await site.happens(said)
        await site.clock.advance(60)
        site.view = None
        await site.happens(said)
        await site.happens(ChargePointReady(charge_point="CP1", at=site.clock.now(), generation=2, by="boot"))
        assert site.starts == []

    async def test_waits_for_the_delay(self, site: Any) -> None:
        site.configure(delay=60.0)
        await site.plugs_in()
        await site.clock.advance(59.9)
        assert site.starts == []
        await site.clock.advance(0.1)
        assert site.starts == [ONE]

    async def test_that_ends_within_the_delay_starts_nothing(self, site: Any) -> None:
        site.configure(delay=60.0)
        await site.plugs_in()
        await site.clock.advance(30)
        await site.unplugs()
        await site.clock.advance(LONG)
        assert site.starts == []
        assert site.at_work == 0

    async def test_that_charges_otherwise_within_the_delay_starts_nothing(self, site: Any, told: Any) -> None:
        site.configure(delay=60.0)
        await site.plugs_in()
        await site.says(ConnectorStatus.SUSPENDED_EV)
        await site.clock.advance(60)
        assert site.starts == []
        assert [reason(record) for record in told("auto_start_skipped")] == ["the connector is SuspendedEV"]
        await site.plugs_in()
        assert site.starts == [ONE]

    async def test_takes_the_narrowest_settings_as_they_are_now(self, site: Any) -> None:
        site.configure(delay=60.0, id_tag="SITE")
        await site.plugs_in()
        own = ChargePointSettings(
            auto_start=AutoStartOverride(id_tag="CP"),
            connectors={1: ConnectorSettings(AutoStartOverride(id_tag="CONNECTOR"))},
        )
        site.settings = replace(site.settings, charge_points={"CP1": own})
        await site.clock.advance(60)
        assert site.starts == [("CONNECTOR", 1)]

    async def test_is_logged_from_the_start_to_its_success(self, site: Any, told: Any) -> None:
        await site.plugs_in()
        await site.starts_transaction()
        accepted, served = told("auto_start_accepted")[0], told("auto_start_served")[0]
        assert (accepted.charge_point, accepted.connector, accepted.category) == ("CP1", "1", "transaction")
        assert served.transaction == 7


class TestNothingIsStarted:
    @pytest.mark.parametrize("reserved", ["OTHER", "autostarter"])
    async def test_while_the_connector_is_reserved_for_another_tag(self, site: Any, told: Any, reserved: str) -> None:
        site.set_connector(1, reserved_for=reserved)
        await site.plugs_in()
        assert site.starts == []
        assert [reason(record) for record in told("auto_start_skipped")] == [
            "the connector is reserved for another tag"
        ]

    async def test_but_the_reservation_may_be_for_its_own_tag(self, site: Any) -> None:
        site.set_connector(1, reserved_for="autostart")
        await site.plugs_in()
        assert site.starts == [ONE]

    async def test_while_it_is_switched_off(self, site: Any, told: Any) -> None:
        site.configure(enabled=False)
        await site.plugs_in()
        assert site.starts == []
        (skipped,) = told("auto_start_skipped")
        assert (skipped.levelno, reason(skipped)) == (logging.DEBUG, "auto_start.enabled is false")

    async def test_where_it_is_switched_off_for_one_connector(self, site: Any) -> None:
        own = ChargePointSettings(connectors={1: ConnectorSettings(AutoStartOverride(enabled=False))})
        site.settings = replace(site.settings, charge_points={"CP1": own})
        await site.plugs_in(1)
        await site.plugs_in(2)
        assert site.starts == [("AUTOSTART", 2)]

    async def test_once_it_was_switched_off_within_the_delay(self, site: Any) -> None:
        site.configure(delay=60.0)
        await site.plugs_in()
        site.configure(enabled=False, delay=60.0)
        await site.clock.advance(60)
        assert site.starts == []

    @pytest.mark.parametrize("registration", [Registration.PENDING, Registration.BLOCKED])
    async def test_unless_the_charge_point_is_accepted(self, site: Any, registration: Registration) -> None:
        site.set(registration=registration)
        await site.plugs_in()
        assert site.starts == []
        site.set(registration=Registration.ACCEPTED)
        await site.plugs_in()
        assert site.starts == [ONE]

    async def test_while_a_transaction_is_open_there(self, site: Any, told: Any) -> None:
        site.has_open_transaction()
        await site.plugs_in()
        assert site.starts == []
        assert [reason(record) for record in told("auto_start_skipped")] == ["transaction 7 is open"]

    async def test_but_a_transaction_that_a_reboot_left_behind_does_not_block(self, site: Any) -> None:
        await site.plugs_in()
        await site.starts_transaction()
        await site.reboots()
        await site.plugs_in()
        assert site.starts == [ONE, ONE]

    async def test_twice_is_why_it_is_not_told_twice(self, site: Any, told: Any) -> None:
        site.set_connector(1, reserved_for="OTHER")
        await site.plugs_in()
        await site.plugs_in()
        assert [record.levelno for record in told("auto_start_skipped")] == [logging.INFO, logging.DEBUG]


class TestOnePlugInIsServedOnce:
    async def test_no_second_start_while_an_accepted_one_is_pending(self, site: Any) -> None:
        """ABB Terra AC and others: Accepted, then Preparing again (Q-STAT-07)."""
        await site.plugs_in()
        for _ in range(3):
            await site.plugs_in()
            await site.clock.advance(1)
        assert site.starts == [ONE]

    async def test_two_preparings_within_a_second_are_one(self, site: Any) -> None:
        """ZJ BENY (Q-STAT-07): the second comes before the answer to the RemoteStart."""
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        site.answers.append(answer)
        await site.plugs_in()
        await site.plugs_in()
        answer.set_result("Accepted")
        await settle()
        assert site.starts == [ONE]

    async def test_accepted_is_not_success(self, site: Any, told: Any) -> None:
        await site.plugs_in()
        await site.clock.advance(START_BOUND_S)
        assert len(told("auto_start_without_effect")) == 1
        await site.clock.advance(10)
        assert site.starts == [ONE, ONE]

    async def test_the_start_is(self, site: Any) -> None:
        await site.plugs_in()
        await site.starts_transaction()
        await site.clock.advance(LONG)
        assert site.starts == [ONE]
        assert site.at_work == 0

    async def test_even_if_it_comes_before_the_accepted(self, site: Any) -> None:
        site.answers.append(asyncio.get_running_loop().create_future())
        await site.plugs_in()
        await site.starts_transaction()
        assert site.at_work == 0
        await site.clock.advance(LONG)
        assert site.starts == [ONE]

    async def test_also_if_somebody_else_started_it(self, site: Any) -> None:
        site.configure(delay=60.0)
        await site.plugs_in()
        await site.starts_transaction()
        await site.clock.advance(LONG)
        assert site.starts == []

    async def test_not_again_after_the_transaction_while_the_cable_is_in(self, site: Any, told: Any) -> None:
        await site.plugs_in()
        await site.starts_transaction()
        await site.stops_transaction()
        await site.plugs_in()
        assert site.starts == [ONE]
        assert [reason(record) for record in told("auto_start_skipped")] == ["it was served"]

    async def test_not_again_after_a_restart_of_the_daemon(self, site: Any) -> None:
        site.set_connector(1, served=True, plugged_in_at=site.clock.now(), status=ConnectorStatus.PREPARING)
        await site.becomes_ready()
        await site.plugs_in()
        assert site.starts == []

    async def test_the_next_car_is_another(self, site: Any) -> None:
        await site.plugs_in()
        await site.starts_transaction()
        await site.stops_transaction()
        await site.unplugs()
        await site.clock.advance(60)
        await site.plugs_in()
        assert site.starts == [ONE, ONE]

    async def test_the_next_car_is_known_even_if_the_unplugging_went_unheard(self, site: Any) -> None:
        await site.plugs_in()
        await site.says(ConnectorStatus.FINISHING)
        await site.clock.advance(60)
        site.set_connector(1, plugged_in_at=site.clock.now())
        await site.plugs_in()
        assert site.starts == [ONE, ONE]

    async def test_the_next_car_ends_the_wait_for_the_last_one(self, site: Any) -> None:
        await site.plugs_in()
        await site.clock.advance(60)
        site.set_connector(1, plugged_in_at=site.clock.now())
        await site.plugs_in()
        assert site.starts == [ONE, ONE]
        assert site.at_work == 1

    async def test_unplugging_ends_the_wait_for_the_start(self, site: Any) -> None:
        await site.plugs_in()
        await site.unplugs()
        assert site.at_work == 0
        await site.clock.advance(LONG)
        assert site.starts == [ONE]

    async def test_unplugging_ends_the_attempt_in_flight(self, site: Any) -> None:
        site.answers.append(asyncio.get_running_loop().create_future())
        await site.plugs_in()
        await site.unplugs()
        assert site.at_work == 0

    async def test_a_start_of_another_connector_is_none_of_this_one(self, site: Any) -> None:
        await site.plugs_in(1)
        await site.starts_transaction(2)
        await site.clock.advance(START_BOUND_S + 10)
        assert site.starts == [ONE, ONE]


class TestAFailedAttempt:
    FAILURES = (
        "Rejected",
        NoAnswer("CP1", "RemoteStartTransaction", 30),
        CallErrorReceived("CP1", "RemoteStartTransaction", "InternalError", ""),
        BadAnswer("CP1", "RemoteStartTransaction", "no status"),
        SchemaViolation("RemoteStartTransaction", "$.idTag", "maxLength", "is too long"),
    )

    @pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
    async def test_is_repeated(self, site: Any, failure: Any) -> None:
        site.answers.append(failure)
        await site.plugs_in()
        await site.clock.advance(9.9)
        assert site.starts == [ONE]
        await site.clock.advance(0.1)
        assert site.starts == [ONE, ONE]

    async def test_waits_twice_as_long_each_time_and_ends_with_the_retries(self, site: Any, told: Any) -> None:
        site.configure(retries=3, retry_delay=10.0)
        site.answers.extend(["Rejected"] * 9)
        await site.plugs_in()
        for wait_s in (10, 20, 40):
            sent = len(site.starts)
            await site.clock.advance(wait_s - 0.1)
            assert len(site.starts) == sent
            await site.clock.advance(0.1)
            assert len(site.starts) == sent + 1
        await site.clock.advance(LONG)
        assert len(site.starts) == 4
        (given_up,) = told("auto_start_given_up")
        assert given_up.attempts == 4

    async def test_waits_ten_minutes_at_most(self, site: Any) -> None:
        site.configure(retries=9, retry_delay=400.0)
        site.answers.extend(["Rejected"] * 9)
        await site.plugs_in()
        await site.clock.advance(400)
        await site.clock.advance(600)
        await site.clock.advance(600)
        assert len(site.starts) == 4

    async def test_is_not_repeated_where_retries_are_none(self, site: Any) -> None:
        site.configure(retries=0)
        site.answers.append("Rejected")
        await site.plugs_in()
        await site.clock.advance(LONG)
        assert site.starts == [ONE]

    async def test_once_given_up_is_given_up_until_the_cable_was_out(self, site: Any) -> None:
        site.configure(retries=0)
        site.answers.append("Rejected")
        await site.plugs_in()
        await site.says(ConnectorStatus.SUSPENDED_EV)
        await site.plugs_in()
        await site.disconnects()
        await site.comes_back()
        assert site.starts == [ONE]
        await site.unplugs()
        await site.plugs_in()
        assert site.starts == [ONE, ONE]

    async def test_is_not_repeated_once_the_cable_is_out(self, site: Any) -> None:
        site.answers.append("Rejected")
        await site.plugs_in()
        await site.unplugs()
        await site.clock.advance(LONG)
        assert site.starts == [ONE]

    async def test_is_not_repeated_while_the_connector_says_something_else(self, site: Any) -> None:
        site.answers.append("Rejected")
        await site.plugs_in()
        await site.says(ConnectorStatus.FAULTED)
        await site.clock.advance(LONG)
        assert site.starts == [ONE]

    async def test_is_not_hastened_by_another_preparing(self, site: Any) -> None:
        site.answers.extend(["Rejected", "Rejected"])
        await site.plugs_in()
        await site.says(ConnectorStatus.SUSPENDED_EV)
        await site.clock.advance(10)
        await site.plugs_in()
        await site.clock.advance(9.9)
        assert site.starts == [ONE]
        await site.clock.advance(0.1)
        assert site.starts == [ONE, ONE]

    async def test_ends_for_good_with_finishing(self, site: Any) -> None:
        """EN+ AC7000, Ocular, Autel: Finishing, and every start rejected until the cable is out (Q-STAT-04)."""
        site.answers.extend(["Rejected"] * 3)
        await site.plugs_in()
        await site.says(ConnectorStatus.FINISHING)
        await site.says(ConnectorStatus.FINISHING)
        await site.clock.advance(LONG)
        await site.plugs_in()
        await site.becomes_ready()
        await site.clock.advance(LONG)
        assert site.starts == [ONE]
        await site.unplugs()
        await site.plugs_in()
        assert site.starts == [ONE, ONE]

    async def test_that_was_not_even_sent_does_not_count(self, site: Any, told: Any) -> None:
        site.configure(retries=0)
        site.answers.append(ChargePointOffline("CP1"))
        await site.plugs_in()
        await site.becomes_ready()
        assert site.starts == [ONE, ONE]
        assert reason(told("auto_start_skipped")[0]) == str(ChargePointOffline("CP1"))


class TestAChargePointThatDislikesTheForm:
    def dislikes(self, code: str) -> CallErrorReceived:
        return CallErrorReceived("CP1", "RemoteStartTransaction", code, "validation failed")

    @pytest.mark.parametrize("code", sorted(FORM_ERRORS))
    async def test_is_asked_without_connector_if_it_has_but_one(self, site: Any, code: str) -> None:
        """Wallbox Pulsar Plus and others (Q-CMD-05)."""
        site.view = replace(site.view, connectors=site.view.connectors[:2])
        site.answers.append(self.dislikes(code))
        await site.plugs_in()
        assert site.starts == [ONE, ("AUTOSTART", None)]

    async def test_is_asked_so_once_a_plug_in_and_then_always_so(self, site: Any) -> None:
        site.view = replace(site.view, connectors=site.view.connectors[:2])
        site.answers.extend([self.dislikes("ProtocolError")] * 3)
        await site.plugs_in()
        assert len(site.starts) == 2
        await site.clock.advance(10)
        assert site.starts[2:] == [("AUTOSTART", None)]

    async def test_is_not_asked_so_if_it_has_several(self, site: Any) -> None:
        site.answers.append(self.dislikes("ProtocolError"))
        await site.plugs_in()
        assert site.starts == [ONE]

    async def test_is_not_asked_so_for_an_error_of_another_kind(self, site: Any) -> None:
        site.view = replace(site.view, connectors=site.view.connectors[:2])
        site.answers.append(self.dislikes("InternalError"))
        await site.plugs_in()
        assert site.starts == [ONE]


class TestTheLink:
    async def test_that_is_down_or_not_ready_when_the_cable_goes_in_starts_when_it_is_ready(self, site: Any) -> None:
        site.set(ready=False)
        await site.plugs_in()
        assert site.starts == []
        await site.becomes_ready()
        assert site.starts == [ONE]

    async def test_that_goes_within_the_delay_starts_when_it_is_back(self, site: Any) -> None:
        site.configure(delay=60.0)
        await site.plugs_in()
        await site.disconnects()
        await site.clock.advance(100)
        assert site.starts == []
        await site.becomes_ready()
        assert site.starts == [ONE]

    async def test_that_comes_and_goes_within_the_delay_does_not_matter(self, site: Any) -> None:
        site.configure(delay=60.0)
        await site.plugs_in()
        await site.disconnects()
        await site.comes_back()
        await site.clock.advance(60)
        assert site.starts == [ONE]

    async def test_that_closes_on_an_attempt_counts_and_goes_on_when_it_is_back(self, site: Any) -> None:
        site.configure(retries=1)
        closed = ConnectionClosed("CP1", "RemoteStartTransaction")
        site.answers.extend([closed, closed, closed])
        await site.plugs_in()
        await site.disconnects()
        await site.clock.advance(100)
        await site.comes_back()
        assert site.starts == [ONE]
        await site.clock.advance(10)
        assert site.starts == [ONE, ONE]
        await site.becomes_ready()
        await site.clock.advance(LONG)
        assert site.starts == [ONE, ONE]

    async def test_that_closes_after_the_accepted_keeps_the_wait_for_the_start(self, site: Any) -> None:
        await site.plugs_in()
        await site.disconnects()
        await site.comes_back()
        await site.plugs_in()
        await site.clock.advance(START_BOUND_S - 1)
        assert site.starts == [ONE]
        await site.starts_transaction()
        await site.clock.advance(LONG)
        assert site.starts == [ONE]

    async def test_that_comes_back_to_a_cable_known_from_before_the_daemons_restart_starts_it(self, site: Any) -> None:
        site.set_connector(1, status=ConnectorStatus.PREPARING, plugged_in_at=site.clock.now())
        await site.becomes_ready()
        assert site.starts == [ONE]

    async def test_that_comes_back_to_an_empty_connector_starts_nothing(self, site: Any) -> None:
        await site.becomes_ready()
        assert site.starts == []


class TestAReboot:
    async def test_is_followed_by_nothing_until_the_status_is_told_afresh(self, site: Any) -> None:
        await site.plugs_in()
        await site.reboots()
        assert site.at_work == 0
        await site.clock.advance(LONG)
        assert site.starts == [ONE]
        await site.plugs_in()
        assert site.starts == [ONE, ONE]

    async def test_leaves_what_was_said_on_the_same_link(self, site: Any) -> None:
        """A charge point meets mcppd, says Preparing, and only then answers the trigger for a BootNotification."""
        await site.connects()
        await site.plugs_in()
        assert site.starts == []
        await site.boots()
        assert site.starts == [ONE]
        await site.plugs_in()
        await site.clock.advance(1)
        assert site.starts == [ONE]

    async def test_begins_the_attempts_anew(self, site: Any) -> None:
        site.configure(retries=0)
        site.answers.append("Rejected")
        await site.plugs_in()
        await site.reboots()
        await site.plugs_in()
        assert site.starts == [ONE, ONE]
