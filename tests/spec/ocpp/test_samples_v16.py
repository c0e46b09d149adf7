"""OCPP 1.6, 7.33 and 7.43: MeterValue and SampledValue, and what stands in their place in the field."""

import pytest

from mcppd.model import requests
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.meter_values import Sample
from mcppd.ocpp import v16
from mcppd.ocpp.dialect import Dialect
from mcppd.ocpp.frame import Call

NOON_TEXT = "2026-11-21T12:00:00Z"
ONE = ConnectorRef(1, 1)


@pytest.fixture(scope="module")
def dialect() -> Dialect:
    return v16.dialect()


class TestSamples:
    """7.43, SampledValue."""

    def read(self, dialect, *sampled, **element):
        payload = {"connectorId": 1, "meterValue": [{"timestamp": NOON_TEXT, "sampledValue": list(sampled)} | element]}
        return dialect.read(Call("1", "MeterValues", payload))

    def samples(self, dialect, *sampled):
        values = self.read(dialect, *sampled).request.values
        return [sample for value in values for sample in value.samples]

    def test_a_bare_value_is_energy_in_wh_at_the_outlet(self, dialect):
        assert self.samples(dialect, {"value": "12.5"}) == [
            Sample(12.5, "Energy.Active.Import.Register", "Wh", None, "Outlet", "Sample.Periodic")
        ]

    def test_every_field_is_read(self, dialect):
        said = {
            "value": "7.2",
            "context": "Trigger",
            "format": "Raw",
            "measurand": "Power.Active.Import",
            "phase": "L1-N",
            "location": "Cable",
            "unit": "kW",
        }
        assert self.samples(dialect, said) == [Sample(7200.0, "Power.Active.Import", "W", "L1-N", "Cable", "Trigger")]

    @pytest.mark.parametrize("value", ["", " ", "NaN", "nan", "inf", "-Infinity", "1e999", "--", "null", "１２"])
    def test_a_value_that_is_no_number_is_nothing_and_not_zero(self, dialect, value):
        assert self.samples(dialect, {"value": value}) == []
        assert self.read(dialect, {"value": value}).request.values == ()

    @pytest.mark.parametrize(("value", "number"), [(" 2.3", 2.3), ("12,5", 12.5), ("0", 0.0), ("-4", -4.0)])
    def test_numbers_are_read_in_any_spelling(self, dialect, value, number):
        assert [sample.value for sample in self.samples(dialect, {"value": value})] == [number]

    def test_signed_data_is_kept_as_it_came(self, dialect):
        said = {"value": "OCMF|{}" + "x" * 3000, "format": "SignedData", "unit": "Wh"}
        (sample,) = self.samples(dialect, said)
        assert sample.value is None
        assert sample.raw == said["value"][:2500]
        (sample,) = self.samples(dialect, {"value": "12", "format": "SignedData"})
        assert (sample.value, sample.raw) == (None, "12")

    def test_a_text_that_nobody_understands_is_kept_as_it_came(self, dialect):
        assert self.samples(dialect, {"value": "12 apples"}) == [Sample(None, unit="", raw="12 apples")]

    def test_siblings_of_a_bad_sample_are_read(self, dialect):
        reading = self.read(dialect, {"value": ""}, {"value": "7"}, None, {"measurand": "Voltage"}, 5, {"value": {}})
        assert not reading.fits
        values = [sample.value for value in reading.request.values for sample in value.samples]
        assert values == [7.0, None]  # the last was an object: kept as text

    def test_an_unknown_context_is_kept_and_flagged(self, dialect):
        """An Alfen's context "CurrentMax" with no measurand."""
        reading = self.read(dialect, {"value": "16", "context": "CurrentMax"})
        assert not reading.fits
        assert reading.request.values[0].samples[0].context == "CurrentMax"

    def test_words_are_cut(self, dialect):
        reading = self.read(dialect, {"value": "16", "context": "C" * 10_000})
        assert reading.request.values[0].samples[0].context == "C" * 64

    def test_elements_without_samples_are_left_out(self, dialect):
        reading = self.read(dialect)
        assert reading.request == requests.MeterValues(ONE, ())
        assert not reading.fits

    def test_the_dozens_of_elements_of_a_stop_keep_their_order(self, dialect):
        data = [{"timestamp": f"2026-11-21T12:00:{n:02}Z", "sampledValue": [{"value": str(n)}]} for n in range(60)]
        said = {"transactionId": 7, "meterStop": 1, "timestamp": NOON_TEXT, "transactionData": data}
        values = dialect.read(Call("1", "StopTransaction", said)).request.values
        assert [value.samples[0].value for value in values] == [float(n) for n in range(60)]
