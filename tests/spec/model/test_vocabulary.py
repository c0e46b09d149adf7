"""Connectors, boots, tags, transactions, errors, histograms: the small rules of the vocabulary."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from mcppd.model.authorization import IdTag, decide, fold_tag
from mcppd.model.charge_points import (
    BootIdentity,
    BootMeaning,
    ConnectorRef,
    ConnectorStatus,
    Registration,
    boot_meaning,
)
from mcppd.model.commands import ConfigurationAnswer, StatusAnswer
from mcppd.model.errors import (
    ActionUnknown,
    BadAnswer,
    CallErrorReceived,
    CallFailed,
    CallRefused,
    ChargePointOffline,
    ChargePointUnknown,
    ConfigurationError,
    ConnectionClosed,
    Fault,
    MCPPDError,
    NoAnswer,
    NotPermitted,
    SchemaViolation,
    StorageError,
    StorageRefused,
    StorageUnavailable,
)
from mcppd.model.events import EVENTS, Event
from mcppd.model.meter_values import EnergyRegister
from mcppd.model.replies import AuthorizationStatus, IdTagInfo
from mcppd.model.statistics import SECONDS, SIZES, Histogram
from mcppd.model.transactions import ClosedTransaction, OpenTransaction
from mcppd.model.views import ChargePointView, ConnectorView

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class TestConnectors:
    def test_connector_n_of_1_6_is_evse_n_connector_1(self):
        assert ConnectorRef.of_number(2) == ConnectorRef(2, 1) == ConnectorRef(2)
        assert ConnectorRef.of_number(2).number == 2

    def test_connector_0_is_the_charge_point_itself(self):
        assert ConnectorRef.of_number(0) == ConnectorRef(0, 0)
        assert ConnectorRef.of_number(0).is_charge_point
        assert not ConnectorRef.of_number(1).is_charge_point

    def test_it_reads_as_its_number_unless_an_evse_has_several(self):
        assert [str(ConnectorRef(*at)) for at in ((0, 0), (2, 1), (2, 2))] == ["0", "2", "2.2"]

    def test_they_sort_by_evse_and_connector(self):
        assert sorted([ConnectorRef(2), ConnectorRef(1, 2), ConnectorRef(1)])[0] == ConnectorRef(1)

    @pytest.mark.parametrize("status", ConnectorStatus)
    def test_a_cable_is_in_from_preparing_to_finishing(self, status):
        plugged = {"Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing"}
        assert status.plugged is (status.value in plugged)

    @pytest.mark.parametrize("status", ConnectorStatus)
    def test_no_power_flows_while_available_or_suspended(self, status):
        assert status.idle is (status.value in {"Available", "SuspendedEVSE", "SuspendedEV"})


class TestBoots:
    """The four rows of the boot handshake's table."""

    ME = BootIdentity("Acme", "One", firmware="1.0")

    @pytest.mark.parametrize("last", [None, ME, BootIdentity("Acme", "One", firmware="0.9")])
    def test_a_spontaneous_one_is_a_reboot_whatever_it_says(self, last):
        meaning = boot_meaning(solicited=False, said=self.ME, last=last)
        assert meaning is BootMeaning.REBOOT
        assert meaning.is_boot

    def test_a_solicited_one_that_is_the_first_ever_is_first_contact(self):
        meaning = boot_meaning(solicited=True, said=self.ME, last=None)
        assert meaning is BootMeaning.FIRST_CONTACT
        assert meaning.is_boot

    def test_a_solicited_one_that_says_what_we_know_is_a_plain_reconnect(self):
        meaning = boot_meaning(solicited=True, said=self.ME, last=BootIdentity("Acme", "One", firmware="1.0"))
        assert meaning is BootMeaning.RECONNECT
        assert not meaning.is_boot

    @pytest.mark.parametrize("field", BootIdentity.__dataclass_fields__)
    def test_a_solicited_one_that_says_something_new_is_a_reboot_as_the_answer(self, field):
        said = BootIdentity(**{field: "new"})
        meaning = boot_meaning(solicited=True, said=said, last=BootIdentity())
        assert meaning is BootMeaning.REBOOT_AS_ANSWER
        assert meaning.is_boot

    def test_an_identity_is_known_once_anything_was_said(self):
        assert not BootIdentity().known
        assert BootIdentity(iccid="1").known


class TestAuthorization:
    """OCPP 1.6, 3.4 and 4.1; PROTOCOL, authorization."""

    def decide(self, tag, *, running=0, open_to_all=False):
        return decide(tag, now=NOON, running=running, open_to_all=open_to_all)

    def test_tags_compare_without_case_and_blanks(self):
        assert fold_tag(" aBc1 ") == fold_tag("ABC1")

    def test_an_unknown_tag_is_accepted_in_open_mode_and_invalid_in_list_mode(self):
        assert self.decide(None, open_to_all=True) == IdTagInfo(AuthorizationStatus.ACCEPTED)
        assert self.decide(None) == IdTagInfo(AuthorizationStatus.INVALID)

    @pytest.mark.parametrize("open_to_all", [True, False])
    @pytest.mark.parametrize("status", [s for s in AuthorizationStatus if s is not AuthorizationStatus.ACCEPTED])
    def test_the_operators_word_stands_in_both_modes(self, status, open_to_all):
        assert self.decide(IdTag("A", status), open_to_all=open_to_all).status is status

    def test_parent_and_expiry_are_told(self):
        tag = IdTag("A", parent_id_tag="P", expires_at=NOON + HOUR)
        assert self.decide(tag) == IdTagInfo(AuthorizationStatus.ACCEPTED, "P", NOON + HOUR)

    @pytest.mark.parametrize("past", [timedelta(0), HOUR])
    def test_a_tag_expires_at_its_expiry(self, past):
        told = self.decide(IdTag("A", expires_at=NOON - past))
        assert told == IdTagInfo(AuthorizationStatus.EXPIRED, None, NOON - past)

    def test_an_expired_tag_is_accepted_in_open_mode_and_not_told_its_expiry(self):
        told = self.decide(IdTag("A", expires_at=NOON - HOUR), open_to_all=True)
        assert told == IdTagInfo(AuthorizationStatus.ACCEPTED)

    @pytest.mark.parametrize(
        ("running", "status"),
        [
            (0, AuthorizationStatus.ACCEPTED),
            (1, AuthorizationStatus.CONCURRENT_TX),
            (2, AuthorizationStatus.CONCURRENT_TX),
        ],
    )
    def test_a_tag_runs_as_many_transactions_as_it_may(self, running, status):
        assert self.decide(IdTag("A", max_transactions=1), running=running).status is status

    def test_expiry_comes_before_concurrency(self):
        tag = IdTag("A", expires_at=NOON - HOUR, max_transactions=0)
        assert self.decide(tag).status is AuthorizationStatus.EXPIRED

    def test_nothing_limits_a_tag_in_open_mode(self):
        assert self.decide(IdTag("A", max_transactions=0), running=9, open_to_all=True).status is (
            AuthorizationStatus.ACCEPTED
        )


class TestTransactions:
    def test_an_open_one_has_the_energy_of_its_register(self):
        register = EnergyRegister(100, NOON, energy_wh=42)
        assert OpenTransaction(1, ConnectorRef(1), "A", NOON, NOON, register).energy_wh == 42

    @pytest.mark.parametrize(("length_s", "duration_s"), [(3600, 3600.0), (0, 0.0), (-5, 0.0)])
    def test_a_closed_one_never_lasted_less_than_nothing(self, length_s, duration_s):
        stopped = NOON + timedelta(seconds=length_s)
        closed = ClosedTransaction(1, ConnectorRef(1), "A", NOON, stopped, 0, 10, 10, "Local")
        assert closed.duration_s == duration_s


class TestAnswers:
    @pytest.mark.parametrize("status", ["Accepted", "Unlocked", "RebootRequired", "Scheduled"])
    def test_what_the_charge_point_will_do_is_accepted(self, status):
        assert StatusAnswer(status).accepted

    @pytest.mark.parametrize("status", ["Rejected", "NotSupported", "UnlockFailed", "Failed", "accepted", ""])
    def test_all_else_is_not(self, status):
        assert not StatusAnswer(status).accepted

    def test_a_configuration_is_always_an_acceptance(self):
        assert ConfigurationAnswer((), ("Nonsense",)).accepted


class TestErrors:
    """Each says what is wrong and what to do."""

    @pytest.mark.parametrize(
        ("error", "parents", "words"),
        [
            (ChargePointUnknown("CP1"), (CallRefused,), ["'CP1'", "mcppctl list"]),
            (ActionUnknown("Dance", ["Reset", "GetLog"]), (CallRefused,), ["'Dance'", "Reset, GetLog"]),
            (ChargePointOffline("CP1"), (CallRefused,), ["CP1", "not connected", "wait_seconds"]),
            (NotPermitted("CP1", "Reset", "it is pending"), (CallRefused,), ["CP1", "Reset", "it is pending"]),
            (ConnectionClosed("CP1", "Reset"), (CallFailed,), ["CP1", "Reset", "may or may not"]),
            (NoAnswer("CP1", "Reset", 30.0), (CallFailed,), ["CP1", "Reset", "30 s", "may or may not"]),
            (
                CallErrorReceived("CP1", "Reset", "InternalError", ""),
                (CallFailed,),
                ["InternalError", "no description"],
            ),
            (CallErrorReceived("CP1", "Reset", "X", "why"), (CallFailed,), ["why"]),
            (BadAnswer("CP1", "Reset", "no status"), (CallFailed,), ["CP1", "Reset", "no status"]),
            (SchemaViolation("Reset", "$.type", "enum", "not one of"), (), ["Reset: $.type: not one of"]),
            (StorageRefused("in use"), (StorageError,), ["in use"]),
            (StorageUnavailable("full"), (StorageError,), ["full"]),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    def test_each_is_a_sentence_with_its_data_in_it(self, error, parents, words):
        assert all(isinstance(error, parent) for parent in (MCPPDError, *parents))
        assert all(word in str(error) for word in words)

    def test_a_configuration_error_names_every_fault_on_its_own_line(self):
        error = ConfigurationError(
            [
                Fault("mcppd.yaml:3", "ocpp.listen", 'must be HOST:PORT (got "x")'),
                Fault("mcppd.yaml", "", "is no YAML"),
            ]
        )
        assert str(error) == 'mcppd.yaml:3: ocpp.listen: must be HOST:PORT (got "x")\nmcppd.yaml: is no YAML'


class TestEvents:
    def test_every_event_is_found_by_its_name(self):
        assert {kind.__name__: kind for kind in get_args(Event)} == EVENTS
        assert EVENTS

    @pytest.mark.parametrize("kind", get_args(Event))
    def test_every_event_says_of_whom_when_and_why(self, kind):
        assert {"charge_point", "at", "correlation_id"} <= set(kind.__dataclass_fields__)
        assert kind.__dataclass_params__.frozen
        assert not hasattr(kind, "__dict__") or "__slots__" in vars(kind)


class TestViews:
    def test_a_connector_is_found_by_its_place(self):
        one = ConnectorView(
            connector=ConnectorRef(1),
            status=ConnectorStatus.AVAILABLE,
            error_code="NoError",
            info=None,
            since=None,
            transaction=None,
            plugged_in_at=None,
            served=False,
            reserved_for=None,
            power_w=0.0,
            current_a={},
            voltage_v={},
            state_of_charge_percent=None,
            energy_total_wh=0,
            transactions=0,
            status_changes=0,
        )
        nothing = dict.fromkeys(
            name
            for name in ChargePointView.__dataclass_fields__
            if name not in ("identity", "registration", "boot", "connectors")
        )
        view = ChargePointView("CP1", Registration.ACCEPTED, BootIdentity(), **nothing, connectors=(one,))
        assert view.connector(ConnectorRef(1)) is one
        assert view.connector(ConnectorRef(2)) is None


class TestHistogram:
    def test_an_observation_on_the_bound_is_within(self):
        histogram = Histogram((1, 2, 5))
        for observed in (0.5, 1, 1.5, 5, 6):
            histogram.observe(observed)
        assert histogram.counts == [2, 1, 1, 1]
        assert histogram.cumulative() == [(1, 2), (2, 3), (5, 4), (float("inf"), 5)]
        assert (histogram.count, histogram.total) == (5, 14.0)

    @pytest.mark.parametrize("bounds", [SECONDS, SIZES])
    def test_the_bounds_ascend(self, bounds):
        assert list(bounds) == sorted(set(bounds))
