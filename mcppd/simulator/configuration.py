"""The configuration keys of a charge point (OCPP 1.6, 9): one table, and what may be done with each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcppd.simulator.meter import MEASURANDS


def _is_flag(text: str) -> bool:
    return text in ("true", "false")


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def _is_measurands(text: str) -> bool:
    return all(part.strip() in MEASURANDS for part in text.split(",")) if text else True


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    default: str
    valid: Callable[[str], bool] | None = None
    """None: read-only."""
    reboot: bool = False
    """A change takes effect at the next boot (RebootRequired)."""


KEYS = (
    Key("AllowOfflineTxForUnknownId", "true", _is_flag),
    Key("AuthorizationCacheEnabled", "false"),
    Key("AuthorizeRemoteTxRequests", "false", _is_flag),
    Key("ClockAlignedDataInterval", "0"),
    Key("ConnectionTimeOut", "60", _is_count),
    Key("ConnectorPhaseRotation", "NotApplicable"),
    Key("GetConfigurationMaxKeys", "100"),
    Key("HeartbeatInterval", "300", _is_count),
    Key("LocalAuthorizeOffline", "true"),
    Key("LocalPreAuthorize", "false"),
    Key("MeterValueSampleInterval", "60", _is_count),
    Key("MeterValuesAlignedData", ""),
    Key("MeterValuesSampledData", ",".join(MEASURANDS), _is_measurands),
    Key("NumberOfConnectors", "1"),
    Key("ResetRetries", "0"),
    Key("StopTransactionOnEVSideDisconnect", "true"),
    Key("StopTransactionOnInvalidId", "true", _is_flag),
    Key("StopTxnAlignedData", ""),
    Key("StopTxnSampledData", ""),
    Key("SupportedFeatureProfiles", "Core,RemoteTrigger"),
    Key("TransactionMessageAttempts", "3", _is_count),
    Key("TransactionMessageRetryInterval", "60", _is_count),
    Key("UnlockConnectorOnEVSideDisconnect", "true"),
    Key("WebSocketPingInterval", "20", _is_count, reboot=True),
)


class Configuration:
    """The keys of one charge point and their values."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._keys = {key.name: key for key in KEYS}
        self._names = {key.name.casefold(): key.name for key in KEYS}
        self._values = {key.name: values.get(key.name, key.default) for key in KEYS}
        self._at_next_boot: dict[str, str] = {}

    def text(self, name: str) -> str:
        return self._values[name]

    def count(self, name: str) -> int:
        return int(self._values[name])

    def flag(self, name: str) -> bool:
        return self._values[name] == "true"

    def measurands(self, name: str) -> list[str]:
        return [part.strip() for part in self._values[name].split(",") if part.strip()]

    def read(self, names: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
        """The known keys with their values, and the unknown ones; all keys if `names` is empty (OCPP 1.6, 5.8).

        Names are told apart without regard to case. A value that waits for a reboot is shown as it will be.
        """
        known = [self._names[name.casefold()] for name in names if name.casefold() in self._names]
        entries = [
            {
                "key": name,
                "readonly": self._keys[name].valid is None,
                "value": self._at_next_boot.get(name, self._values[name]),
            }
            for name in (known if names else self._keys)
        ]
        return entries, [name for name in names if name.casefold() not in self._names]

    def change(self, name: str, value: str) -> str:
        """Set a key: returns the ConfigurationStatus (OCPP 1.6, 7.22)."""
        if name.casefold() not in self._names:
            return "NotSupported"
        name = self._names[name.casefold()]
        key = self._keys[name]
        if key.valid is None or not key.valid(value):
            return "Rejected"
        if key.reboot:
            self._at_next_boot[name] = value
            return "RebootRequired"
        self._values[name] = value
        return "Accepted"

    def keep(self, name: str, value: str) -> None:
        """Set a key from within, whatever its rights."""
        self._values[name] = value

    def boot(self) -> None:
        """What waited for a reboot takes effect."""
        self._values.update(self._at_next_boot)
        self._at_next_boot.clear()
