"""How what the daemon knows looks as JSON: the one place where its names and forms are made.

Rules.

1. Snake case; times ISO 8601 in UTC with milliseconds and Z; energy in `..._wh`, power in `..._w`.
2. A place is `connector_id`, the number that OCPP 1.6 gives it.
3. Where an object is a transaction its number is `id`; elsewhere, as in events, it is `transaction_id`.
4. Bytes never: what is stored raw is text before it comes here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any

import msgspec.json

from mcppd.model.charge_points import BootIdentity, ConnectorRef
from mcppd.model.events import Event
from mcppd.model.meter_values import Measured
from mcppd.model.transactions import ClosedTransaction, OpenTransaction
from mcppd.model.views import ChargePointView, ConnectorView

_RENAMED = {"connector": "connector_id"}
_OF_EVERY_EVENT = ("charge_point", "at", "correlation_id")
_EVENT_RENAMED = {"kind": "job"}
_SECRET_KEYS = frozenset({"authorizationkey"})
_REDACTED = "********"

to_bytes = msgspec.json.encode


def time_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """Anything of the model or the archive as what JSON has. Raises TypeError for what has no place there."""
    match value:
        case None | bool() | float():
            return value
        case Enum():
            return value.value
        case str() | int():
            return value
        case datetime():
            return time_text(value)
        case ConnectorRef():
            return value.number
        case Mapping():
            return {_key(key, item): plain(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return {_RENAMED.get(key, key): plain(item) for key, item in value._asdict().items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case set() | frozenset():
            return sorted(plain(item) for item in value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {key: plain(getattr(value, name)) for name, key in _keys(type(value))}
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _key(key: Any, value: Any) -> str:
    return _RENAMED.get(key, key) if isinstance(value, ConnectorRef) else str(plain(key))


@cache
def _keys(kind: type) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, _RENAMED.get(field.name, field.name)) for field in fields(kind))


def page(rows: Sequence[Any], limit: int, form: Callable[[Any], Any] = plain) -> dict[str, Any]:
    """A list's answer from up to `limit` + 1 rows: the one too many only tells that there is a next page."""
    shown = rows[:limit]
    following = str(shown[-1].id) if len(rows) > limit else None
    return {"items": [form(row) for row in shown], "next": following}


def whole(items: Iterable[Any]) -> dict[str, Any]:
    """The answer of a list that has one page only."""
    return {"items": [plain(item) for item in items], "next": None}


def charge_point(view: ChargePointView) -> dict[str, Any]:
    return {
        "id": view.identity,
        "registration": view.registration.value,
        "connected": view.connected,
        "ready": view.ready,
        **plain(view.boot),
        "protocol": view.protocol,
        "remote_address": view.remote_address,
        "generation": view.generation,
        "connected_since": plain(view.connected_since),
        "last_seen_at": plain(view.last_seen_at),
        "last_boot_at": plain(view.last_boot_at),
        "last_connect_at": plain(view.last_connect_at),
        "last_disconnect_at": plain(view.last_disconnect_at),
        "last_heartbeat_at": plain(view.last_heartbeat_at),
        "boots": view.boots,
        "reconnects": view.reconnects,
        "clock_skew_s": view.clock_skew_s,
        "connectors": [_connector(connector) for connector in view.connectors],
    }


def _connector(view: ConnectorView) -> dict[str, Any]:
    shown = {key: plain(getattr(view, name)) for name, key in _keys(ConnectorView) if name != "transaction"}
    shown["transaction"] = None if view.transaction is None else _running(view.transaction, "id")
    return shown


def _running(transaction: OpenTransaction, id_key: str) -> dict[str, Any]:
    return {
        id_key: transaction.id,
        "connector_id": transaction.connector.number,
        "id_tag": transaction.id_tag,
        "started_at": time_text(transaction.started_at),
        "meter_start_wh": transaction.register.meter_start_wh,
        "energy_wh": transaction.energy_wh,
        "max_power_w": transaction.max_power_w,
        "interrupted": transaction.interrupted,
        "reservation_id": transaction.reservation_id,
    }


def transaction(row: Any) -> dict[str, Any]:
    """A transaction of the archive, with `duration_s` where it has ended."""
    encoded: dict[str, Any] = plain(row)
    if "duration_s" not in encoded:
        started, stopped = getattr(row, "started_at", None), getattr(row, "stopped_at", None)
        whole_span = None if started is None or stopped is None else (stopped - started).total_seconds()
        encoded["duration_s"] = None if whole_span is None else max(0.0, whole_span)
    return encoded


def id_tag(row: Any) -> dict[str, Any]:
    """An id tag, flat; `entered` is whether an operator entered it, or it only came by."""
    encoded: dict[str, Any] = {"id": row.id, "id_tag": row.id_tag, "entered": row.entered is not None}
    if row.entered is not None:
        encoded |= {key: value for key, value in plain(row.entered).items() if key != "id_tag"}
    return encoded | {"first_seen_at": plain(row.first_seen_at), "last_seen_at": plain(row.last_seen_at)}


def configuration_key(row: Any) -> dict[str, Any]:
    """A configuration key; the value of one that is a secret is not shown."""
    encoded: dict[str, Any] = plain(row)
    if str(encoded.get("key", "")).lower() in _SECRET_KEYS and encoded.get("value") is not None:
        encoded["value"] = _REDACTED
    return encoded


def event(happened: Event) -> dict[str, Any]:
    """An event with the fields of what it carries beside its own: flat, so that one look-up finds them."""
    encoded: dict[str, Any] = {
        "kind": type(happened).__name__,
        "charge_point": happened.charge_point,
        "at": time_text(happened.at),
        "correlation_id": happened.correlation_id,
    }
    kind: type = type(happened)
    for name, key in _keys(kind):
        if name not in _OF_EVERY_EVENT:
            encoded.update(_flat(_EVENT_RENAMED.get(key, key), getattr(happened, name)))
    return encoded


def _flat(key: str, value: Any) -> dict[str, Any]:
    match value:
        case OpenTransaction():
            return _running(value, "transaction_id")
        case ClosedTransaction():
            number: dict[str, Any] = {"transaction_id": value.id}
            return number | {k: v for k, v in plain(value).items() if k != "id"} | {"duration_s": value.duration_s}
        case Measured():
            return {("register_wh" if k == "energy_wh" else k): v for k, v in plain(value).items()}
        case BootIdentity():
            encoded: dict[str, Any] = plain(value)
            return encoded
    return {key: plain(value)}
