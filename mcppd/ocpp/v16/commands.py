"""What we ask of a charge point of OCPP 1.6, and what it answers. Bodies read here have passed their schema."""

from collections.abc import Mapping
from typing import Any

from mcppd.model import commands
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.commands import Answer, ConfigurationAnswer, ConfigurationKey, StatusAnswer
from mcppd.ocpp.fields import text

Body = Mapping[str, Any]


def write_remote_start(command: commands.RemoteStartTransaction) -> dict[str, Any]:
    body: dict[str, Any] = {"idTag": command.id_tag}
    if command.connector is not None:
        body["connectorId"] = command.connector.number
    if command.charging_profile is not None:
        body["chargingProfile"] = dict(command.charging_profile)
    return body


def read_remote_start(body: Body) -> commands.RemoteStartTransaction:
    return commands.RemoteStartTransaction(body["idTag"], _connector(body), body.get("chargingProfile"))


def write_remote_stop(command: commands.RemoteStopTransaction) -> dict[str, Any]:
    return {"transactionId": command.transaction_id}


def read_remote_stop(body: Body) -> commands.RemoteStopTransaction:
    return commands.RemoteStopTransaction(body["transactionId"])


def write_trigger_message(command: commands.TriggerMessage) -> dict[str, Any]:
    body: dict[str, Any] = {"requestedMessage": command.requested}
    if command.connector is not None:
        body["connectorId"] = command.connector.number
    return body


def read_trigger_message(body: Body) -> commands.TriggerMessage:
    return commands.TriggerMessage(body["requestedMessage"], _connector(body))


def write_get_configuration(command: commands.GetConfiguration) -> dict[str, Any]:
    return {"key": list(command.keys)} if command.keys else {}


def read_get_configuration(body: Body) -> commands.GetConfiguration:
    return commands.GetConfiguration(tuple(body.get("key", ())))


def write_change_configuration(command: commands.ChangeConfiguration) -> dict[str, Any]:
    return {"key": command.key, "value": command.value}


def read_change_configuration(body: Body) -> commands.ChangeConfiguration:
    return commands.ChangeConfiguration(body["key"], body["value"])


def write_reset(command: commands.Reset) -> dict[str, Any]:
    return {"type": "Hard" if command.hard else "Soft"}


def read_reset(body: Body) -> commands.Reset:
    return commands.Reset(hard=body["type"] == "Hard")


def read_status_answer(payload: Mapping[str, Any]) -> Answer:
    return StatusAnswer(payload.get("status", ""))


def read_configuration_answer(payload: Mapping[str, Any]) -> Answer:
    """As much as can be told from lists that may be missing and entries that may be broken."""
    said, unknown = payload.get("configurationKey"), payload.get("unknownKey")
    return ConfigurationAnswer(
        keys=tuple(
            ConfigurationKey(
                key=entry["key"],
                value=text(entry.get("value"), 65_536) if "value" in entry else None,
                readonly=entry.get("readonly") is True,
            )
            for entry in (said if type(said) is list else ())
            if type(entry) is dict and text(entry.get("key"))
        ),
        unknown_keys=tuple(key for key in (unknown if type(unknown) is list else ()) if text(key)),
    )


def _connector(body: Body) -> ConnectorRef | None:
    return ConnectorRef.of_number(body["connectorId"]) if "connectorId" in body else None
