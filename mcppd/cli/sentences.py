"""A sentence for each kind of event: what `watch` says of it."""

from collections.abc import Callable
from typing import Any

from mcppd.cli import display

Event = dict[str, Any]


def _place(event: Event) -> str:
    number = event.get("connector_id")
    return f"connector {number}" if number else "charge point"


def _status(event: Event) -> str:
    said = event["status"] + _note(event, "error_code", "NoError") + _note(event, "info")
    if not event["changed"]:
        return f"{_place(event)} is still {said}"
    return f"{_place(event)} is {said} (was {event['previous']})"


def _note(event: Event, key: str, nothing: str = "") -> str:
    value = event.get(key)
    return f", {value}" if value and value != nothing else ""


def _measured(event: Event) -> str:
    told = [
        display.power(event["power_w"]),
        " ".join(f"{phase} {amperes:g} A" for phase, amperes in event["current_a"].items()),
        f"register {display.energy(event['register_wh'])}" if event["register_wh"] is not None else None,
        f"battery {event['state_of_charge_percent']:g} %" if event["state_of_charge_percent"] is not None else None,
        "suspect, not counted" if event["suspect"] else None,
    ]
    return f"{_place(event)} measures {', '.join(filter(None, told)) or 'nothing that can be read'}"


def _ended(event: Event) -> str:
    spent = f"{display.energy(event['energy_wh'])} in {display.duration(event['duration_s'])}"
    return f"transaction {event['transaction_id']} at {_place(event)} of {event['id_tag']}: {spent}"


def _booted(event: Event) -> str:
    who = " ".join(str(event[key]) for key in ("vendor", "model", "firmware") if event[key])
    return f"booted ({event['meaning']}){': ' + who if who else ''}"


def _missed(event: Event) -> str:
    count = "some" if event["missed"] is None else event["missed"]
    return f"{count} events went by too fast to be shown"


SENTENCES: dict[str, Callable[[Event], str]] = {
    "CertificateRequested": lambda event: "asks for a certificate; the request is kept",
    "ChargePointBooted": _booted,
    "ChargePointConnected": lambda event: (
        f"connected from {event['remote_address']} with {event['protocol']}"
        + (", replacing its old link" if event["replaced"] else "")
    ),
    "ChargePointDisconnected": lambda event: (
        f"disconnected after {display.duration(event['connected_s'])}: {event['reason']}"
    ),
    "ChargePointReady": lambda event: f"is ready (by {event['by']})",
    "ChargePointRegistered": lambda event: f"is new here; registration {event['registration']}",
    "CommandCompleted": lambda event: (
        f"{event['action']} for {event['caller']}: {event['outcome']} after {event['duration_s']:.1f} s"
    ),
    "DataReceived": lambda event: f"sent data for vendor {event['vendor_id']}: answered {event['status']}",
    "EventsMissed": _missed,
    "JobProgressed": lambda event: f"{event['job']} is {event['status']}",
    "LinkRefused": lambda event: f"refused from {event['remote_address']} ({event['status']}): {event['reason']}",
    "MessageQuarantined": lambda event: f"{event['action']} was put into quarantine: {event['reason']}",
    "MeterValuesReceived": _measured,
    "PluginPaused": lambda event: f"plugin {event['plugin']} is paused: {event['reason']}",
    "SecurityEventReported": lambda event: f"security: {event['type']}{_note(event, 'tech_info')}",
    "StatusReported": _status,
    "TagPresented": lambda event: f"tag {event['id_tag']} was presented: {event['status']}",
    "TransactionInterrupted": lambda event: (
        f"rebooted while transaction {event['transaction_id']} ran at {_place(event)}"
    ),
    "TransactionRecovered": lambda event: f"closed what was left open ({event['recovery']}): {_ended(event)}",
    "TransactionStarted": lambda event: (
        f"transaction {event['transaction_id']} started at {_place(event)} under {event['id_tag']} ({event['status']})"
    ),
    "TransactionStopped": lambda event: f"stopped ({event['reason']}): {_ended(event)}",
}


def sentence(event: Event) -> str:
    """What happened, without the charge point's name. A kind that is not known here is told by its name."""
    say = SENTENCES.get(event["kind"])
    return str(event["kind"]) if say is None else say(event)
