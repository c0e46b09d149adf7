"""The log of OCPP messages, both ways: at DEBUG, or by `log.messages`. Costs one comparison where it is off."""

import logging

from mcppd.core.counters import Direction

log = logging.getLogger("mcppd.messages")


def log_message(direction: Direction, identity: str, text: str, message_id: str = "", action: str = "") -> None:
    """Log one frame as it is on the wire; the log's formatter redacts secrets and cuts it."""
    if log.isEnabledFor(logging.DEBUG):
        extra = {
            "category": "ocpp",
            "charge_point": identity,
            "direction": direction,
            "message_id": message_id,
            "action": action,
            "frame": text,
        }
        log.debug("message", extra=extra)
