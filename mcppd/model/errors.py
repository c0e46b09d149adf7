"""What can go wrong, said so that the reader knows what to do. The whole tree:

MCPPDError
├── ConfigurationError       the configuration cannot be used (exit 78)
├── StorageError             the database cannot be used
│   ├── StorageRefused       it must not be opened: newer than the code, damaged, in use (exit 78)
│   └── StorageUnavailable   it cannot be written now: disk full, read-only, I/O error
├── SchemaViolation          a message does not fit its schema
├── CallRefused              a command that was not sent
│   ├── ChargePointUnknown
│   ├── ActionUnknown
│   ├── ChargePointOffline
│   └── NotPermitted         the registration forbids it
└── CallFailed               a command that was sent and came to nothing
    ├── ConnectionClosed     the link went away before the answer
    ├── NoAnswer             the deadline passed
    ├── CallErrorReceived    the charge point answered with a CALLERROR
    └── BadAnswer            it answered something that cannot be read
"""

from collections.abc import Sequence
from dataclasses import dataclass


class MCPPDError(Exception):
    """The root: str() of any of these is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in the configuration: where, which setting, and what it must be."""

    source: str
    """File and line (`/etc/mcppd/mcppd.yaml:12`), environment variable, or flag."""
    path: str
    """Section and key, `ocpp.listen`."""
    message: str
    """`must be a port number (got "abc")`"""

    def __str__(self) -> str:
        return f"{self.source}: {self.path}: {self.message}" if self.path else f"{self.source}: {self.message}"


class ConfigurationError(MCPPDError):
    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, faults)))


class StorageError(MCPPDError):
    pass


class StorageRefused(StorageError):
    pass


class StorageUnavailable(StorageError):
    pass


class SchemaViolation(MCPPDError):
    """`path` as in `$.meterValue[0].timestamp`; `rule` is the broken keyword of the schema (`required`, ...)."""

    def __init__(self, action: str, path: str, rule: str, message: str) -> None:
        self.action, self.path, self.rule, self.message = action, path, rule, message
        super().__init__(f"{action}: {path}: {message}")


class CallRefused(MCPPDError):
    pass


class ChargePointUnknown(CallRefused):
    def __init__(self, identity: str) -> None:
        self.identity = identity
        super().__init__(f"no charge point {identity!r} is known; 'mcppctl list' shows those that are")


class ActionUnknown(CallRefused):
    def __init__(self, action: str, known: Sequence[str]) -> None:
        self.action, self.known = action, tuple(known)
        super().__init__(f"no action {action!r} can be sent; known are {', '.join(known)}")


class ChargePointOffline(CallRefused):
    def __init__(self, identity: str) -> None:
        self.identity = identity
        super().__init__(
            f"charge point {identity} is not connected; try again when it is, or let the call wait for it"
            " (mcppctl call --wait, or wait_seconds)"
        )


class NotPermitted(CallRefused):
    def __init__(self, identity: str, action: str, why: str) -> None:
        self.identity, self.action = identity, action
        super().__init__(f"{action} is not sent to {identity}: {why}")


class CallFailed(MCPPDError):
    pass


class ConnectionClosed(CallFailed):
    def __init__(self, identity: str, action: str) -> None:
        super().__init__(f"the link of {identity} closed before it answered {action}; it may or may not have acted")


class NoAnswer(CallFailed):
    def __init__(self, identity: str, action: str, seconds: float) -> None:
        super().__init__(f"{identity} did not answer {action} within {seconds:g} s; it may or may not have acted")


class CallErrorReceived(CallFailed):
    def __init__(self, identity: str, action: str, code: str, description: str) -> None:
        self.code, self.description = code, description
        super().__init__(f"{identity} answered {action} with the error {code}: {description or 'no description'}")


class BadAnswer(CallFailed):
    def __init__(self, identity: str, action: str, what: str) -> None:
        super().__init__(f"{identity} answered {action} with something that cannot be read: {what}")
