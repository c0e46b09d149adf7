"""How mcppctl shows things: units, tables, and a sentence for each kind of event."""

from dataclasses import MISSING, fields

import pytest

from mcppd.cli import display
from mcppd.cli.sentences import SENTENCES, sentence
from mcppd.model.charge_points import BootIdentity, ConnectorRef
from mcppd.model.events import EVENTS
from mcppd.model.meter_values import Measured
from mcppd.model.transactions import ClosedTransaction
from mcppd.server.api import encode
from tests.equipment.site import EIGHT, running

CARRIED = {
    "identity": BootIdentity(vendor="V"),
    "connector": ConnectorRef(1),
    "measured": Measured(5000, 7400.0, {"L1": 16.0}, {}, 50.0),
    "connected_s": 3600.0,
    "duration_s": 0.5,
    "changed": True,
    "status": "Accepted",
}
CLOSED = ClosedTransaction(7, ConnectorRef(1), "TAG1", EIGHT, EIGHT.replace(hour=9), 0, 7400, 7400, "Local")


def made(name: str, kind: type) -> dict:
    """An event of `kind` with something in every field that must be given, as the API tells it."""
    values = {}
    for field in fields(kind):
        if field.name in CARRIED:
            values[field.name] = CARRIED[field.name]
        elif field.name == "transaction":
            values["transaction"] = running(1, 7) if name == "TransactionStarted" else CLOSED
        elif field.name != "at" and field.default is MISSING:
            values[field.name] = "x"
    return encode.event(kind(at=EIGHT, **values))


class TestSentences:
    @pytest.mark.parametrize(("name", "kind"), EVENTS.items())
    def test_every_kind_of_event_has_one(self, name, kind):
        assert name in SENTENCES
        assert len(sentence(made(name, kind))) > 10

    def test_a_kind_from_a_newer_daemon_is_told_by_its_name(self):
        assert sentence({"kind": "SunRisen"}) == "SunRisen"

    def test_a_changed_status_tells_the_old_one(self):
        event = {"connector_id": 1, "status": "Charging", "previous": "Preparing", "changed": True}
        said = sentence({"kind": "StatusReported", "error_code": "NoError", "info": None, **event})
        assert said == "connector 1 is Charging (was Preparing)"

    def test_a_stopped_transaction_tells_what_was_charged(self):
        event = made("TransactionStopped", EVENTS["TransactionStopped"])
        assert sentence(event) == "stopped (Local): transaction 7 at connector 1 of TAG1: 7.40 kWh in 1 h 00 min"


class TestUnits:
    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [
            (0, "0 s"),
            (59.9, "59 s"),
            (60, "1 min"),
            (3600, "1 h 00 min"),
            (90061, "1 d 1 h"),
            (-5, "0 s"),
            (None, None),
        ],
    )
    def test_durations(self, seconds, shown):
        assert display.duration(seconds) == shown

    def test_power_and_energy_are_kilowatts_and_kilowatt_hours(self):
        assert (display.power(7400), display.energy(12345)) == ("7.4 kW", "12.35 kWh")
        assert (display.power(None), display.energy(None)) == (None, None)

    @pytest.mark.parametrize(
        ("key", "value", "shown"),
        [
            ("power_w", 1500, "1.5 kW"),
            ("energy_total_wh", 1500, "1.50 kWh"),
            ("uptime_s", 7200, "2 h 00 min"),
            ("wal_bytes", 2048, "2.0 KiB"),
            ("database_bytes", 5 << 30, "5.0 GiB"),
            ("boots", 3, "3"),
            ("clock_skew_s", -12.34, "-12.3 s"),
            ("plugin", [{"name": "auto_start", "state": "running", "failures": 0}], "auto_start running"),
            ("ok", True, "yes"),
            ("nothing", None, "-"),
            ("plugins", ["a", "b"], "a, b"),
            ("charge_points", {"known": 2, "power_w": 1000}, "2 known, 1.0 kW power"),
        ],
    )
    def test_a_value_is_shown_by_the_unit_that_its_key_names(self, key, value, shown):
        assert display.humane(key, value) == shown


class TestTables:
    def test_numbers_are_right_aligned_and_nothing_is_a_dash(self):
        assert display.table(("NAME", " N"), [("a", 5), ("bcd", None), ("e", 100)]) == (
            "NAME    N\na       5\nbcd     -\ne     100"
        )

    def test_a_cell_cannot_break_its_line(self):
        assert display.table(("X",), [("a\nb\tc\u2028d\u200fe",)]) == "X\n" + r"a\nb\tc\u2028d\u200fe"
