"""Charge points and their connectors: who they are, how they stand with us, what they last said of themselves."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class ConnectorRef:
    """A place on a charge point, in the terms of OCPP 2.x.

    OCPP 1.6 ``connectorId`` n is ``(n, 1)``; 0, the charge point itself, is ``(0, 0)``.
    """

    evse_id: int
    connector_id: int = 1

    @classmethod
    def of_number(cls, number: int) -> Self:
        """The place that OCPP 1.6 calls ``connectorId`` `number` (>= 0)."""
        return cls(number, 1 if number else 0)

    @property
    def number(self) -> int:
        """What OCPP 1.6 calls ``connectorId``."""
        return self.evse_id

    @property
    def is_charge_point(self) -> bool:
        return self.evse_id == 0

    def __str__(self) -> str:
        return str(self.evse_id) if self.connector_id <= 1 else f"{self.evse_id}.{self.connector_id}"


WHOLE = ConnectorRef(0, 0)
"""The charge point itself."""


class Registration(StrEnum):
    """How a charge point stands with us: decides the status in BootNotification.conf (OCPP 1.6, 4.2)."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    BLOCKED = "blocked"


class ConnectorStatus(StrEnum):
    """ChargePointStatus (OCPP 1.6, 7.7), and UNKNOWN for a connector that has not been reported yet."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"
    UNKNOWN = "Unknown"

    @property
    def plugged(self) -> bool:
        """Whether this status says that a cable is in."""
        return self in _PLUGGED

    @property
    def idle(self) -> bool:
        """Whether no power flows in this status: live power is 0 here whatever was last measured."""
        return self in _IDLE


_PLUGGED = {
    ConnectorStatus.PREPARING,
    ConnectorStatus.CHARGING,
    ConnectorStatus.SUSPENDED_EVSE,
    ConnectorStatus.SUSPENDED_EV,
    ConnectorStatus.FINISHING,
}
_IDLE = {ConnectorStatus.AVAILABLE, ConnectorStatus.SUSPENDED_EVSE, ConnectorStatus.SUSPENDED_EV}


@dataclass(frozen=True, slots=True)
class BootIdentity:
    """What a charge point says of itself in BootNotification. Two unequal ones: hardware or firmware changed."""

    vendor: str | None = None
    model: str | None = None
    charge_point_serial: str | None = None
    charge_box_serial: str | None = None
    firmware: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial: str | None = None

    @property
    def known(self) -> bool:
        """Whether anything was ever said."""
        return any(getattr(self, field.name) is not None for field in fields(self))


class BootMeaning(StrEnum):
    """What a BootNotification means, by who asked for it and what it says."""

    REBOOT = "reboot"
    FIRST_CONTACT = "first_contact"
    RECONNECT = "reconnect"
    REBOOT_AS_ANSWER = "reboot_as_answer"

    @property
    def is_boot(self) -> bool:
        """Whether the charge point really (re)started: announced as ChargePointBooted, set-up runs."""
        return self is not BootMeaning.RECONNECT


def boot_meaning(*, solicited: bool, said: BootIdentity, last: BootIdentity | None) -> BootMeaning:
    """Tell a reboot from an answer to our own TriggerMessage.

    `last` is the identity of the last BootNotification ever received, None if there was none.
    """
    if not solicited:
        return BootMeaning.REBOOT
    if last is None:
        return BootMeaning.FIRST_CONTACT
    return BootMeaning.RECONNECT if said == last else BootMeaning.REBOOT_AS_ANSWER
