"""Transactions and their meter values, page by page, and as a table for a spreadsheet."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.responses import Response

from mcppd.server.api import encode
from mcppd.server.api.asking import Ask, answer, number_in_path
from mcppd.server.api.problems import refuse
from mcppd.server.api.query import CHARGE_POINT, CURSOR, Kind, Parameter, limit
from mcppd.server.api.services import Services
from mcppd.server.api.stream import Streamed

CSV_CHUNK = 500
"""Rows read at a time: an export is never one long read."""

FILTERS = (
    CHARGE_POINT,
    Parameter("open", Kind.FLAG, "only those that run, or only those that ended"),
    Parameter("id_tag", Kind.TEXT, "only of this tag"),
    Parameter("since", Kind.TIME, "only those started then or later"),
    Parameter("until", Kind.TIME, "only those started before then"),
)
LIST_PARAMETERS = (
    *FILTERS,
    Parameter("limit", Kind.COUNT, "how many at most; 100, or all as csv", low=1, high=1000),
    CURSOR,
    Parameter("format", Kind.CHOICE, "json, or csv: all pages in one", "json", choices=("json", "csv")),
)
READING_PARAMETERS = (limit(1000, 1000), CURSOR)

CSV_COLUMNS = (
    "id",
    "charge_point",
    "connector_id",
    "id_tag",
    "tag_status",
    "started_at",
    "stopped_at",
    "duration_s",
    "meter_start_wh",
    "meter_stop_wh",
    "energy_wh",
    "max_power_w",
    "stop_reason",
    "stop_id_tag",
    "recovery",
    "reservation_id",
)


async def list_transactions(services: Services, ask: Ask) -> Response:
    filters = {parameter.name: ask.query[parameter.name] for parameter in FILTERS}
    before_id, at_most = ask.query["cursor"], ask.query["limit"]
    if ask.query["format"] == "csv":
        lines = _csv(services, filters, before_id, at_most)
        disposition = {"content-disposition": 'attachment; filename="transactions.csv"'}
        return Streamed(lines, "text/csv; charset=utf-8", disposition)
    at_most = at_most or 100
    rows = await services.archive.transactions(**filters, before_id=before_id, limit=at_most + 1)
    return answer(encode.page(rows, at_most, encode.transaction))


async def show_transaction(services: Services, ask: Ask) -> Response:
    return answer(encode.transaction(await _known(services, ask)))


async def list_meter_values(services: Services, ask: Ask) -> Response:
    row = await _known(services, ask)
    at_most = ask.query["limit"]
    rows = await services.archive.meter_values(row.id, ask.query["cursor"], at_most + 1)
    return answer(encode.page(rows, at_most))


async def _known(services: Services, ask: Ask) -> Any:
    number = number_in_path(ask, "id", "transaction")
    row = await services.archive.transaction(number)
    if row is None:
        raise refuse(404, "TransactionUnknown", f"no transaction {number}; 'mcppctl transactions' shows those that are")
    return row


async def _csv(
    services: Services, filters: Mapping[str, Any], before_id: int | None, at_most: int | None
) -> AsyncIterator[bytes]:
    yield _line(CSV_COLUMNS)
    left = at_most
    while left is None or left > 0:
        size = CSV_CHUNK if left is None else min(CSV_CHUNK, left)
        rows = await services.archive.transactions(**filters, before_id=before_id, limit=size)
        if rows:
            encoded = map(encode.transaction, rows)
            yield b"".join(_line([row.get(column) for column in CSV_COLUMNS]) for row in encoded)
            before_id = rows[-1].id
        if len(rows) < size:
            return
        left = None if left is None else left - len(rows)


def _line(cells: Any) -> bytes:
    return (",".join(map(_cell, cells)) + "\r\n").encode("utf-8", "backslashreplace")


def _cell(value: Any) -> str:
    """RFC 4180; a text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = "'" + value if value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else value
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text
