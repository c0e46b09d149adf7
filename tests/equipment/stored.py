"""Requests and readings as the database is given them, said briefly."""

from datetime import UTC, datetime, timedelta

from mcppd.db.meter_values import Reading
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.meter_values import Sample
from mcppd.model.requests import StartTransaction, StopTransaction
from mcppd.model.timestamps import ReportedTime, TimeQuality, read_time

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ONE = ConnectorRef(1)
TWO = ConnectorRef(2)


def after(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def told(minutes: float) -> ReportedTime:
    return read_time(after(minutes).isoformat())


def start_request(connector=ONE, id_tag="TAG", meter=1000, at=None, reservation_id=None) -> StartTransaction:
    return StartTransaction(connector, id_tag, meter, told(0) if at is None else at, reservation_id)


def stop_request(transaction_id, meter=3000, at=None, id_tag=None, reason=None) -> StopTransaction:
    return StopTransaction(transaction_id, meter, told(60) if at is None else at, id_tag, reason)


def reading(transaction_id, register_wh, energy_wh=None, minutes=1.0, connector=ONE, power_w=None, **more) -> Reading:
    at = after(minutes)
    samples = () if register_wh is None else (Sample(float(register_wh)),)
    return Reading(
        connector, transaction_id, at, TimeQuality.GOOD, at, samples, register_wh, energy_wh, power_w, **more
    )
