"""Which transaction a StopTransaction means (OCPP 1.6, 4.10), when its id is right and when it is not.

Charge points that started offline, lost their memory or overflow an integer say 0, -1, nothing, or an id that was never
issued. Then connector, tag and meter must tell, among what is open on this charge point and nowhere else.
"""

from collections.abc import Sequence
from datetime import timedelta

import apsw

from mcppd.db import progress
from mcppd.db.meter_values import believable
from mcppd.db.progress import Kept
from mcppd.db.rows import every, first
from mcppd.db.times import to_ms, to_ms_or_none
from mcppd.model.authorization import fold_tag
from mcppd.model.meter_values import Series
from mcppd.model.requests import StopTransaction
from mcppd.model.timestamps import FUTURE_TOLERANCE, TimeQuality
from mcppd.model.transactions import StopMatch


def told_id(request: StopTransaction) -> int | None:
    """The id as told; None too for a number that no database can hold."""
    number = request.transaction_id
    return number if number is not None and abs(number) < 2**63 else None


def find_stopped(db: apsw.Connection, charge_point_id: int, request: StopTransaction) -> tuple[StopMatch, Kept | None]:
    """How the transaction was found, and the transaction; None if none fits."""
    number = told_id(request)
    if number is not None and number > 0:
        row = first(db, progress.SELECT + "t.id = ? AND t.charge_point_id = ?", (number, charge_point_id))
        if row is not None:
            kept = progress.kept(db, row)
            if kept.stopped_at is None:
                return StopMatch.BY_ID, kept
            return (StopMatch.REPEATED if kept.recovery is None else StopMatch.REPLACED), kept
    stopped = _stopped_so_before(db, charge_point_id, request)
    if stopped is not None and request.at.at is not None and request.at.quality is not TimeQuality.UNSET_CLOCK:
        return StopMatch.REPEATED, stopped
    rows = every(
        db, progress.SELECT + "t.charge_point_id = ? AND t.stopped_at IS NULL ORDER BY t.id DESC", (charge_point_id,)
    )
    chosen = _choose([progress.kept(db, row) for row in rows], request)
    if chosen is None and stopped is not None:  # without a time that tells, what runs comes first
        return StopMatch.REPEATED, stopped
    return (StopMatch.UNMATCHED if chosen is None else StopMatch.HEURISTIC), chosen


def _stopped_so_before(db: apsw.Connection, charge_point_id: int, request: StopTransaction) -> Kept | None:
    """The transaction that this very message stopped before, although its id was wrong then too."""
    row = first(
        db,
        progress.SELECT + "t.stop_match = 'heuristic' AND t.charge_point_id = ? AND t.stop_told_id IS ?"
        " AND t.meter_stop_told_wh IS ? AND t.stop_told_at IS ? AND t.stop_id_tag IS ? ORDER BY t.id DESC",
        (
            charge_point_id,
            told_id(request),
            believable(request.meter_stop_wh),
            to_ms_or_none(request.at.at),
            request.id_tag,
        ),
    )
    return None if row is None else progress.kept(db, row)


def _choose(running: Sequence[Kept], request: StopTransaction) -> Kept | None:
    """The one of `running` (newest first) that can be meant: by tag if that tells, and where meter and time fit."""
    told_tag = fold_tag(request.id_tag or "")
    if told_tag:
        same = [kept for kept in running if kept.tag_key == told_tag]
        if not same and len(running) > 1:
            return None
        running = same or running
    return next((kept for kept in running if _meter_fits(kept, request) and _time_fits(kept, request)), None)


def _meter_fits(kept: Kept, request: StopTransaction) -> bool:
    meter_stop = request.meter_stop_wh
    return meter_stop is None or meter_stop >= kept.meter_start_wh or kept.series == Series.SESSION


def _time_fits(kept: Kept, request: StopTransaction) -> bool:
    """Not if it says that it ended before this one began."""
    if request.at.at is None or request.at.quality not in (TimeQuality.GOOD, TimeQuality.MISSING_ZONE):
        return True
    return to_ms(request.at.at) >= kept.started_at - FUTURE_TOLERANCE // timedelta(milliseconds=1)
