"""Transactions: their whole life, from StartTransaction to the last correction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.db.meter_values import Reading
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.meter_values import Sample
from mcppd.model.replies import IdTagInfo
from mcppd.model.requests import StartTransaction, StopTransaction
from mcppd.model.timestamps import TimeQuality
from mcppd.model.transactions import ClosedTransaction, OpenTransaction, Recovery, StopMatch


@dataclass(frozen=True, slots=True)
class StartRecorded:
    transaction: OpenTransaction
    info: IdTagInfo
    repeated: bool
    superseded: ClosedTransaction | None = None
    ended: bool = False
    """A repeat of a start whose transaction has ended meanwhile: it is not open."""


@dataclass(frozen=True, slots=True)
class StopRecorded:
    match: StopMatch
    transaction: ClosedTransaction | None
    info: IdTagInfo | None
    """None if no tag was given."""


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A transaction for people to read. What belongs to the stop is None while it is open."""

    id: int
    charge_point: str
    connector: ConnectorRef
    id_tag: str
    tag_status: str
    started_at: datetime
    start_received_at: datetime
    start_time_quality: TimeQuality
    meter_start_wh: int
    meter_start_told_wh: int | None
    reservation_id: int | None
    interrupted: bool
    energy_wh: int
    max_power_w: float
    stopped_at: datetime | None
    stop_received_at: datetime | None
    stop_time_quality: TimeQuality | None
    meter_stop_wh: int | None
    meter_stop_told_wh: int | None
    stop_suspect: bool
    stop_reason: str | None
    stop_id_tag: str | None
    match: StopMatch | None
    recovery: Recovery | None


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """A reading for people to read. `id` is the cursor."""

    id: int
    connector: ConnectorRef
    at: datetime
    quality: TimeQuality
    received_at: datetime
    register_wh: int | None
    energy_wh: int | None
    power_w: float | None
    suspect: bool
    samples: tuple[Sample, ...]


def load_open(db: apsw.Connection) -> list[tuple[int, OpenTransaction]]:
    raise NotImplementedError


def start(
    db: apsw.Connection,
    charge_point_id: int,
    request: StartTransaction,
    *,
    now: datetime,
    open_to_all: bool,
    verdict: IdTagInfo | None = None,
) -> StartRecorded:
    raise NotImplementedError


def stop(
    db: apsw.Connection,
    charge_point_id: int,
    request: StopTransaction,
    *,
    now: datetime,
    open_to_all: bool,
    verdict: IdTagInfo | None = None,
    readings: Sequence[Reading] = (),
) -> StopRecorded:
    raise NotImplementedError


def recover(
    db: apsw.Connection, charge_point_id: int, transaction_id: int, *, now: datetime
) -> ClosedTransaction | None:
    raise NotImplementedError


def find(db: apsw.Connection, transaction_id: int) -> TransactionRow | None:
    raise NotImplementedError


def page(
    db: apsw.Connection,
    *,
    charge_point: str | None = None,
    open: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    id_tag: str | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[TransactionRow]:
    """Newest first; `charge_point` is the identity; `since` <= started_at < `until`."""
    raise NotImplementedError


def meter_values(db: apsw.Connection, transaction_id: int, after_id: int = 0, limit: int = 1000) -> list[ReadingRow]:
    raise NotImplementedError
