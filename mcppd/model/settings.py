"""Every setting with its default, unit, bounds and meaning: the one definition that the configuration reader,
`etc/mcppd.yaml` and the tests hold on to.

Rules.

1. A section is a frozen dataclass; a setting is a field made by `option`. Nothing is read from anywhere else.
2. Durations are seconds; the reader also takes `5s`, `10m`, `2h`, `7d`.
3. What may differ per charge point is in `ChargePointSettings`: None there means "as in the section of that name".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcppd.model.charge_points import Registration
from mcppd.model.options import Kind as Kind
from mcppd.model.options import Option as Option
from mcppd.model.options import option as option

NEVER = -1.0
"""`boot.trigger_delay: never`."""


@dataclass(frozen=True, slots=True)
class OcppSettings:
    """Where charge points connect, and what a link may do."""

    listen: str = option("0.0.0.0:9000", Kind.ADDRESS, "address and port for charge points")
    max_charge_points: int = option(250, Kind.COUNT, "how many may be registered; more are refused", low=1, high=10000)
    heartbeat_interval: float = option(
        300.0, Kind.DURATION, "interval given in BootNotification.conf", low=10, high=86400, reload=True
    )
    call_timeout: float = option(
        30.0, Kind.DURATION, "how long a charge point may take to answer a call", low=1, high=600, reload=True
    )
    ping_interval: float = option(20.0, Kind.DURATION, "a WebSocket ping after this much silence", low=1, high=3600)
    liveness_timeout: float = option(
        180.0,
        Kind.DURATION,
        "a link is dead after this much silence, or three heartbeat intervals if longer",
        low=5,
        high=86400,
    )
    handshake_timeout: float = option(10.0, Kind.DURATION, "how long the opening handshake may take", low=1, high=60)
    send_timeout: float = option(10.0, Kind.DURATION, "a link that takes nothing for this long is cut", low=1, high=120)
    max_message_size: int = option(1 << 20, Kind.SIZE, "largest message taken", low=16384, high=16 << 20)
    inbox: int = option(32, Kind.COUNT, "messages of one link that may wait; then reading pauses", low=1, high=1024)


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Metrics, health and the API, and the control socket of mcppctl."""

    listen: str = option("127.0.0.1:9180", Kind.ADDRESS, "address and port of /metrics, /healthz and /api/v1")
    socket: str = option("/run/mcppd/control.sock", Kind.PATH, "control socket of mcppctl")
    token_file: str = option(
        "", Kind.PATH, "file with the token that commands over TCP need; empty: no commands over TCP"
    )
    allowed_hosts: tuple[str, ...] = option(
        (), Kind.TEXTS, "further host names by which the HTTP address may be called"
    )


@dataclass(frozen=True, slots=True)
class StorageSettings:
    directory: str = option("/var/lib/mcppd", Kind.PATH, "where the database lives")
    commit_interval: float = option(
        1.0,
        Kind.DURATION,
        "how long meter values may wait for company before they are synced and answered",
        low=0,
        high=60,
        reload=True,
    )
    meter_values_retention: float = option(
        365 * 86400.0,
        Kind.DURATION,
        "how long meter values outside transactions are kept",
        low=3600,
        high=3650 * 86400,
        reload=True,
    )


@dataclass(frozen=True, slots=True)
class LogSettings:
    level: str = option(
        "info",
        Kind.CHOICE,
        "least level that is logged",
        choices=("debug", "info", "warning", "error"),
        reload=True,
    )
    messages: bool = option(False, Kind.FLAG, "log every OCPP message, both ways", reload=True)
    rate: int = option(
        600,
        Kind.COUNT,
        "log lines a minute for one charge point; more are suppressed and counted",
        low=10,
        high=1000000,
        reload=True,
    )


@dataclass(frozen=True, slots=True)
class BootSettings:
    timeout: float = option(
        30.0,
        Kind.DURATION,
        "a link is usable after this even without a BootNotification",
        low=1,
        high=3600,
        reload=True,
    )
    trigger_delay: float = option(
        5.0,
        Kind.DURATION,
        "ask a link without BootNotification for one after this; `never` for those that reboot on it",
        low=0,
        high=3600,
        reload=True,
        never=True,
    )
    setup: bool = option(
        True,
        Kind.FLAG,
        "after a boot: bring configuration keys to `configuration`, read them, ask for the status",
        reload=True,
    )
    setup_delay: float = option(
        2.0,
        Kind.DURATION,
        "wait between the answer to a BootNotification and the set-up",
        low=2,
        high=3600,
        reload=True,
    )
    resume_delay: float = option(
        0.25,
        Kind.DURATION,
        "wait between a link's being ready and its first command",
        low=0,
        high=60,
        reload=True,
    )
    require_time_sync: bool = option(
        False,
        Kind.FLAG,
        "answer Pending while this machine's clock was not synchronised since it started",
        reload=True,
    )


@dataclass(frozen=True, slots=True)
class AutoStartSettings:
    enabled: bool = option(True, Kind.FLAG, "start a transaction when a vehicle is plugged in", reload=True)
    id_tag: str = option(
        "AUTOSTART",
        Kind.TEXT,
        "tag of the transactions started so; 1 to 16 characters",
        low=1,
        high=16,
        reload=True,
    )
    delay: float = option(0.0, Kind.DURATION, "wait between plug-in and start", low=0, high=86400, reload=True)
    retries: int = option(
        5, Kind.COUNT, "further attempts when a start is rejected or unanswered", low=0, high=100, reload=True
    )
    retry_delay: float = option(
        10.0,
        Kind.DURATION,
        "wait before the first retry; it doubles each time, to ten minutes at most",
        low=1,
        high=3600,
        reload=True,
    )


@dataclass(frozen=True, slots=True)
class OrphansSettings:
    grace: float = option(
        300.0,
        Kind.DURATION,
        "a transaction on an Available connector is closed when no StopTransaction comes within this",
        low=1,
        high=86400,
        reload=True,
    )


@dataclass(frozen=True, slots=True)
class AuthorizationSettings:
    mode: str = option(
        "open",
        Kind.CHOICE,
        "open: every tag is accepted; list: only tags that were entered (so not auto_start's own)",
        choices=("open", "list"),
        reload=True,
    )
    fallback: str = option(
        "Accepted",
        Kind.CHOICE,
        "status of a tag when a plugin that should decide is too slow",
        choices=("Accepted", "Invalid"),
        reload=True,
    )


@dataclass(frozen=True, slots=True)
class OnboardingSettings:
    mode: str = option(
        "open",
        Kind.CHOICE,
        "open: unknown charge points are taken in at once; closed: they are refused",
        choices=("open", "closed"),
        reload=True,
    )


@dataclass(frozen=True, slots=True)
class PluginsSettings:
    directory: str = option("/etc/mcppd/plugins.d", Kind.PATH, "single-file plugins are looked for here")
    decision_timeout: float = option(
        0.5, Kind.DURATION, "how long a plugin may take over a decision", low=0.01, high=10, reload=True
    )
    queue: int = option(
        256,
        Kind.COUNT,
        "events that may wait for one plugin; more are dropped and counted",
        low=1,
        high=100000,
    )
    named: Mapping[str, Mapping[str, Any]] = option(
        {},
        Kind.NAMED_VALUES,
        "a section for each plugin by its name: `enabled: true` switches it on, the rest is its own",
    )


@dataclass(frozen=True, slots=True)
class AutoStartOverride:
    """`auto_start` of one charge point, or of one of its connectors."""

    enabled: bool | None = option(None, Kind.FLAG, "start a transaction when a vehicle is plugged in", reload=True)
    id_tag: str | None = option(
        None, Kind.TEXT, "tag of the transactions started so; 1 to 16 characters", low=1, high=16, reload=True
    )
    delay: float | None = option(None, Kind.DURATION, "wait between plug-in and start", low=0, high=86400, reload=True)


@dataclass(frozen=True, slots=True)
class BootOverride:
    """`boot` of one charge point."""

    trigger_delay: float | None = option(
        None, Kind.DURATION, "as boot.trigger_delay", low=0, high=3600, reload=True, never=True
    )
    setup: bool | None = option(None, Kind.FLAG, "as boot.setup", reload=True)


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    auto_start: AutoStartOverride = field(default_factory=AutoStartOverride)


@dataclass(frozen=True, slots=True)
class ChargePointSettings:
    """`charge_points: {ID: ...}`."""

    registration: Registration | None = option(
        None,
        Kind.CHOICE,
        "accepted, pending or blocked",
        choices=("accepted", "pending", "blocked"),
        reload=True,
    )
    heartbeat_interval: float | None = option(
        None, Kind.DURATION, "as ocpp.heartbeat_interval", low=10, high=86400, reload=True
    )
    boot: BootOverride = field(default_factory=BootOverride)
    auto_start: AutoStartOverride = field(default_factory=AutoStartOverride)
    configuration: Mapping[str, str] = option(
        {},
        Kind.NAMED_VALUES,
        "configuration keys this charge point shall have, beside those under `configuration`",
        reload=True,
    )
    connectors: Mapping[int, ConnectorSettings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. Immutable: a reload makes another one."""

    ocpp: OcppSettings = field(default_factory=OcppSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    log: LogSettings = field(default_factory=LogSettings)
    boot: BootSettings = field(default_factory=BootSettings)
    auto_start: AutoStartSettings = field(default_factory=AutoStartSettings)
    orphans: OrphansSettings = field(default_factory=OrphansSettings)
    authorization: AuthorizationSettings = field(default_factory=AuthorizationSettings)
    onboarding: OnboardingSettings = field(default_factory=OnboardingSettings)
    plugins: PluginsSettings = field(default_factory=PluginsSettings)
    configuration: Mapping[str, str] = option(
        {}, Kind.NAMED_VALUES, "configuration keys that every charge point shall have", reload=True
    )
    charge_points: Mapping[str, ChargePointSettings] = field(default_factory=dict)

    def of(self, identity: str) -> ChargePointSettings:
        """What is set for one charge point; the defaults where nothing is."""
        return self.charge_points.get(identity) or _NOTHING_SET

    def trigger_delay(self, identity: str) -> float:
        """Seconds, or `NEVER`."""
        own = self.of(identity).boot.trigger_delay
        return self.boot.trigger_delay if own is None else own

    def setup(self, identity: str) -> bool:
        own = self.of(identity).boot.setup
        return self.boot.setup if own is None else own

    def heartbeat_interval(self, identity: str) -> float:
        own = self.of(identity).heartbeat_interval
        return self.ocpp.heartbeat_interval if own is None else own

    def wanted_configuration(self, identity: str) -> dict[str, str]:
        """The configuration keys that `identity` shall have."""
        return {**self.configuration, **self.of(identity).configuration}

    def auto_start_for(self, identity: str, connector: int) -> AutoStartSettings:
        """The narrowest word wins: connector, then charge point, then the section."""
        own = self.of(identity)
        levels = (own.connectors.get(connector, _NO_CONNECTOR).auto_start, own.auto_start, self.auto_start)

        def pick(name: str) -> Any:
            return next(value for level in levels if (value := getattr(level, name)) is not None)

        return AutoStartSettings(
            pick("enabled"),
            pick("id_tag"),
            pick("delay"),
            self.auto_start.retries,
            self.auto_start.retry_delay,
        )


_NOTHING_SET = ChargePointSettings()
_NO_CONNECTOR = ConnectorSettings()
