"""The outcome of a handshake, before any link is opened."""

from dataclasses import dataclass

from mcppd.ocpp.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Admission:
    """Let in. `subprotocol` is what the charge point offered, spelled as it did; None if it offered none."""

    identity: str
    dialect: Dialect
    subprotocol: str | None
    remote_address: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Turned away with HTTP `status` and `reason`.

    `status` 101 is the case of OCPP-J 1.6, 3.1.4: no common subprotocol. The handshake is completed without one and
    the connection closed at once with 1002.
    """

    status: int
    reason: str
