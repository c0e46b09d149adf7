"""Times as charge points tell them (OCPP-J 1.6, 3.14; any ISO 8601 form is taken)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcppd.model.timestamps import (
    FUTURE_TOLERANCE,
    MISSING_TIME,
    ReportedTime,
    TimeQuality,
    read_time,
    settle,
)

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class TestForms:
    @pytest.mark.parametrize(
        ("text", "at"),
        [
            ("2026-11-21T12:00:00Z", NOON),
            ("2026-11-21t12:00:00z", NOON),
            ("2026-11-21 12:00:00Z", NOON),
            ("2026-11-21T12:00Z", NOON),
            ("  2026-11-21T12:00:00Z\n", NOON),
            ("2026-11-21T12:00:00 Z", NOON),
            ("2026-11-21T12:00:00.5Z", NOON + timedelta(microseconds=500_000)),
            ("2026-11-21T12:00:00,25Z", NOON + timedelta(microseconds=250_000)),
            ("2026-11-21T12:00:00.123456789Z", NOON + timedelta(microseconds=123_456)),
            ("2026-11-21T13:00:00+01:00", NOON),
            ("2026-11-21T13:00:00+0100", NOON),
            ("2026-11-21T13:00:00+01", NOON),
            ("2026-11-21T06:30:00-05:30", NOON),
            ("2026-11-21T12:00:00-00:00", NOON),
            ("2026-11-22T01:45:00+13:45", NOON),
            ("20261121T120000Z", NOON),
            ("2026-W47-6T12:00:00Z", NOON),
        ],
    )
    def test_every_iso_8601_form_with_a_zone_is_a_good_time(self, text, at):
        assert read_time(text) == ReportedTime(at, TimeQuality.GOOD, text.strip())

    def test_a_time_without_zone_is_read_as_utc_and_says_so(self):
        assert read_time("2026-11-21T12:00:00") == ReportedTime(NOON, TimeQuality.MISSING_ZONE, "2026-11-21T12:00:00")

    def test_the_rarer_forms_without_zone_say_so_too(self):
        assert read_time("20261121T120000").quality is TimeQuality.MISSING_ZONE

    def test_24_00_is_midnight_at_the_end_of_the_day(self):
        assert read_time("2026-12-31T24:00:00Z").at == datetime(2027, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["2026-12-31T24:00:01Z", "2026-12-31T24:01:00Z", "2026-12-31T25:00:00Z"])
    def test_nothing_comes_after_24_00(self, text):
        assert read_time(text) == ReportedTime(None, TimeQuality.UNREADABLE, text)

    def test_a_leap_second_is_the_first_of_the_next_minute(self):
        assert read_time("2026-12-31T23:59:60Z").at == datetime(2027, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize("value", [1795262400, 1795262400.0, 1795262400000])
    def test_seconds_and_milliseconds_since_1970_are_read(self, value):
        assert read_time(value) == ReportedTime(NOON, TimeQuality.GOOD, str(value))


class TestWhatCannotBeRead:
    @pytest.mark.parametrize("value", [None, ""])
    def test_nothing_said_is_a_missing_time(self, value):
        assert read_time(value) == MISSING_TIME

    @pytest.mark.parametrize(
        "text",
        [
            "x",
            " ",
            "now",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-11-21T12:60:00Z",
            "2026-11-21T12:00:61Z",
            "2026-11-21T12:00:00+25:00",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T24:00:00Z",
            "2026-11-21",
            "20261121",
            "12:00:00",
            "1795262400",
            "２０２６-11-21T12:00:00Z",
        ],
    )
    def test_an_unreadable_text_is_kept_without_a_time(self, text):
        assert read_time(text) == ReportedTime(None, TimeQuality.UNREADABLE, text.strip())

    @pytest.mark.parametrize(
        "value",
        [True, False, [], {}, float("nan"), float("inf"), -float("inf"), 10**400, -(10**5000), 10**14 * 9],
        ids=lambda value: type(value).__name__,
    )
    def test_anything_else_is_unreadable_and_never_raises(self, value):
        assert read_time(value).at is None
        assert read_time(value).quality is TimeQuality.UNREADABLE

    def test_what_was_said_is_kept_to_64_characters(self):
        assert read_time("y" * 1000).text == "y" * 64

    @given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.text())))
    def test_no_value_whatever_raises(self, value):
        reported = read_time(value)
        assert len(reported.text) <= 64
        assert reported.at is None or reported.at.utcoffset() == timedelta(0)

    @given(st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([+-][0-9]{2}:[0-9]{2}|Z)?"))
    def test_no_text_that_looks_like_a_time_raises(self, text):
        read_time(text)

    @given(st.datetimes(min_value=datetime(2020, 1, 2), max_value=datetime(9000, 1, 1), timezones=st.timezones()))
    def test_what_isoformat_writes_is_read_back(self, at):
        told = at.replace(microsecond=0)
        if told.utcoffset().total_seconds() % 60 == 0:
            assert read_time(told.isoformat()).at == told.astimezone(UTC)


class TestWhichTimeIsUsed:
    def test_a_believable_time_is_used_as_told(self):
        told = NOON - timedelta(hours=4)
        assert settle(ReportedTime(told, TimeQuality.GOOD), NOON) == (told, TimeQuality.GOOD)

    def test_a_time_without_zone_is_used_and_stays_flagged(self):
        assert settle(read_time("2026-11-21T11:00:00"), NOON) == (
            NOON - timedelta(hours=1),
            TimeQuality.MISSING_ZONE,
        )

    @pytest.mark.parametrize("text", ["1970-01-01T00:03:12Z", "2019-12-31T23:59:59Z", "2000-01-01T00:00:00"])
    def test_a_clock_that_was_never_set_gives_way_to_the_arrival(self, text):
        assert read_time(text).quality is TimeQuality.UNSET_CLOCK
        assert settle(read_time(text), NOON) == (NOON, TimeQuality.UNSET_CLOCK)

    def test_the_first_of_2020_is_believed(self):
        assert read_time("2020-01-01T00:00:00Z").quality is TimeQuality.GOOD

    def test_a_time_within_the_tolerance_ahead_is_used(self):
        told = NOON + FUTURE_TOLERANCE
        assert settle(ReportedTime(told, TimeQuality.GOOD), NOON) == (told, TimeQuality.GOOD)

    def test_a_time_further_ahead_gives_way_to_the_arrival(self):
        told = NOON + FUTURE_TOLERANCE + timedelta(seconds=1)
        assert settle(ReportedTime(told, TimeQuality.GOOD), NOON) == (NOON, TimeQuality.FUTURE)

    @pytest.mark.parametrize("value", [None, "x"])
    def test_without_a_time_the_arrival_is_used(self, value):
        assert settle(read_time(value), NOON) == (NOON, read_time(value).quality)
