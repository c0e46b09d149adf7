"""What charge points say of transactions, said briefly, and what then stands of it in the house."""

from typing import Any

from mcppd.model.charge_points import ConnectorRef
from mcppd.model.views import ConnectorView
from tests.equipment.house import House, Peer

ONE, TWO = ConnectorRef(1), ConnectorRef(2)
BOOT = {"chargePointVendor": "Acme", "chargePointModel": "AC22"}
POWER = {"measurand": "Power.Active.Import", "unit": "W"}


def clock(minutes: float) -> str:
    """So many minutes after the fake clock's start."""
    seconds = round(8 * 3600 + minutes * 60)
    return f"2026-11-21T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


def start(
    connector: int = 1, tag: str = "TAG", meter: Any = 1000, at: str | None = clock(0), **more: Any
) -> dict[str, Any]:
    return {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": at, **more}


def stop(transaction_id: Any, meter: Any = 1500, at: str | None = clock(30), **more: Any) -> dict[str, Any]:
    return {"transactionId": transaction_id, "meterStop": meter, "timestamp": at, **more}


def element(at: str | None, *samples: dict[str, Any] | int) -> dict[str, Any]:
    return {"timestamp": at, "sampledValue": [{"value": str(s)} if isinstance(s, int) else s for s in samples]}


def watts(value: float) -> dict[str, Any]:
    return {"value": str(value), **POWER}


def values(transaction_id: int | None, *elements: dict[str, Any], connector: int = 1) -> dict[str, Any]:
    named = {} if transaction_id is None else {"transactionId": transaction_id}
    return {"connectorId": connector, **named, "meterValue": list(elements)}


def status(connector: int, name: str, at: str | None = None) -> dict[str, Any]:
    timed = {} if at is None else {"timestamp": at}
    return {"connectorId": connector, "status": name, "errorCode": "NoError", **timed}


async def started(cp: Peer, **more: Any) -> int:
    reply = await cp.says("StartTransaction", start(**more))
    return reply["transactionId"]


async def row(house: House, transaction_id: int) -> Any:
    found = await house.core.archive.transaction(transaction_id)
    assert found is not None
    return found


async def readings(house: House, transaction_id: int) -> list[Any]:
    return await house.core.archive.meter_values(transaction_id, None, 100)


def place(house: House, ref: ConnectorRef = ONE, identity: str = "CP1") -> ConnectorView:
    view = house.core.central.view(identity)
    assert view is not None
    connector = view.connector(ref)
    assert connector is not None
    return connector
