"""How a transaction ends: by its StopTransaction, or by what is known when none came."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import apsw

from mcppd.db import progress
from mcppd.db.matching import told_id
from mcppd.db.meter_values import Reading, believable, record
from mcppd.db.progress import Kept
from mcppd.db.rows import first
from mcppd.db.times import to_ms, told
from mcppd.model.meter_values import EnergyRegister
from mcppd.model.requests import StartTransaction, StopTransaction
from mcppd.model.timestamps import settle
from mcppd.model.transactions import ClosedTransaction, Recovery, StopMatch

_REASON_RECOVERED = "Other"
_REASON_DEFAULT = "Local"
"""What a StopTransaction without a reason means (OCPP 1.6, 6.49)."""


def left_open(db: apsw.Connection, charge_point_id: int, kept: Kept, now: datetime) -> ClosedTransaction:
    """Close a transaction that nobody stopped: with its last counted reading; without one, where it began, when the
    connector's status last changed.
    """
    stopped_at = kept.counted_at
    if stopped_at is None:
        row = first(
            db,
            "SELECT since FROM connectors WHERE charge_point_id = ? AND evse_id = ? AND connector_id = ?",
            (charge_point_id, kept.evse_id, kept.connector_id),
        )
        stopped_at = (row and row[0]) or kept.started_at
    return _recover(db, charge_point_id, kept, kept.counted_wh, stopped_at, Recovery.LEFT_OPEN, now)


def supersede(
    db: apsw.Connection, charge_point_id: int, standing: Kept, request: StartTransaction, now: datetime
) -> ClosedTransaction:
    """Close the transaction that was open: with its last counted reading, else where the next one begins if that is not
    lower and can be, else where it began.
    """
    energy_wh, stopped_at = standing.counted_wh, standing.counted_at
    if stopped_at is None:
        stopped_at = standing.started_at
        meter_start = believable(request.meter_start_wh)
        if meter_start is not None and meter_start >= standing.meter_start_wh:
            at = settle(request.at, now)[0]
            energy_wh, suspect = standing.register.stopped(meter_start, at)
            if not suspect:
                stopped_at = to_ms(at)
    return _recover(db, charge_point_id, standing, energy_wh, stopped_at, Recovery.SUPERSEDED, now)


def stop(
    db: apsw.Connection,
    charge_point_id: int,
    kept: Kept,
    match: StopMatch,
    request: StopTransaction,
    now: datetime,
    readings: Sequence[Reading],
) -> ClosedTransaction:
    """Close a transaction with its StopTransaction, or replace by it what recovery had made up."""
    register = kept.register
    max_power_w = kept.max_power_w
    if readings:
        counted = []
        for reading in readings:
            reading, register = _count(replace(reading, transaction_id=kept.id, connector=kept.connector), register)
            max_power_w = max(max_power_w, reading.power_w or 0.0)
            counted.append(reading)
        record(db, charge_point_id, counted)
    at, quality = settle(request.at, now)
    told_wh = believable(request.meter_stop_wh)
    energy_wh, suspect = register.stopped(told_wh, at)
    suspect = suspect or told_wh != request.meter_stop_wh
    closed = replace(
        kept,
        stopped_at=to_ms(at),
        meter_stop_wh=kept.meter_start_wh + energy_wh if told_wh is None else told_wh,
        energy_wh=energy_wh,
        stop_reason=request.reason or _REASON_DEFAULT,
        max_power_w=max_power_w,
        recovery=None,
    )
    told_at, told_text = told(request.at)
    db.execute(
        "UPDATE transactions SET stopped_at = ?, stop_told_at = ?, stop_told_text = ?, stop_told_id = ?,"
        " stop_quality = ?, stop_received_at = ?, stop_id_tag = ?, meter_stop_wh = ?, meter_stop_told_wh = ?,"
        " stop_suspect = ?, stop_reason = ?, stop_match = ?, recovery = NULL, energy_wh = ?, max_power_w = ?,"
        " last_reading_id = (SELECT max(id) FROM meter_values) WHERE id = ?",
        (
            closed.stopped_at,
            told_at,
            told_text,
            None if request.transaction_id == kept.id else told_id(request),
            quality.value,
            to_ms(now),
            request.id_tag,
            closed.meter_stop_wh,
            told_wh,
            suspect,
            closed.stop_reason,
            match.value,
            energy_wh,
            max_power_w,
            kept.id,
        ),
    )
    _add_energy(db, charge_point_id, kept, energy_wh)
    db.execute("UPDATE charge_points SET last_tx_stop_at = ? WHERE id = ?", (to_ms(now), charge_point_id))
    return closed.as_closed()


def _recover(
    db: apsw.Connection,
    charge_point_id: int,
    kept: Kept,
    energy_wh: int,
    stopped_at: int,
    recovery: Recovery,
    now: datetime,
) -> ClosedTransaction:
    meter_stop = kept.meter_start_wh + energy_wh
    stopped_at = max(stopped_at, kept.started_at)  # a reading may be from just before the start
    db.execute(
        "UPDATE transactions SET stopped_at = ?, stop_received_at = ?, meter_stop_wh = ?, energy_wh = ?,"
        " stop_reason = ?, recovery = ?, max_power_w = ?,"
        " last_reading_id = (SELECT max(id) FROM meter_values) WHERE id = ?",
        (
            stopped_at,
            to_ms(now),
            meter_stop,
            energy_wh,
            _REASON_RECOVERED,
            recovery.value,
            kept.max_power_w,
            kept.id,
        ),
    )
    _add_energy(db, charge_point_id, kept, energy_wh)
    closed = replace(
        kept,
        stopped_at=stopped_at,
        meter_stop_wh=meter_stop,
        energy_wh=energy_wh,
        stop_reason=_REASON_RECOVERED,
        recovery=recovery.value,
    )
    return closed.as_closed()


def _count(reading: Reading, register: EnergyRegister) -> tuple[Reading, EnergyRegister]:
    """The reading with what it adds to the transaction, and the register after it."""
    if reading.register_wh is None:
        return reading, register
    after = register.advance(reading.register_wh, reading.at)
    if after is None:
        return replace(reading, energy_wh=None, suspect=True), register
    return replace(reading, energy_wh=after.energy_at(reading.register_wh), suspect=False), after


def _add_energy(db: apsw.Connection, charge_point_id: int, kept: Kept, energy_wh: int) -> None:
    """Bring the connector's total up to what the transaction is now said to have had; `kept` is as it was before."""
    place = (charge_point_id, kept.evse_id, kept.connector_id)
    added_wh = energy_wh - (kept.energy_wh or 0)
    if added_wh < 0:
        running = progress.open_on(db, *place)
        db.execute(
            "UPDATE connectors SET energy_shown_wh = max(energy_shown_wh, energy_total_wh + ?)"
            " WHERE charge_point_id = ? AND evse_id = ? AND connector_id = ?",
            (0 if running is None else running.counted_wh, *place),
        )
    db.execute(
        "UPDATE connectors SET energy_total_wh = energy_total_wh + ?, last_register_wh = ?"
        " WHERE charge_point_id = ? AND evse_id = ? AND connector_id = ?",
        (added_wh, kept.meter_start_wh + energy_wh, *place),
    )
