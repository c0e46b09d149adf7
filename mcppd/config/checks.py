"""What no single setting can tell: checks over the whole of `Settings`, once it is read."""

from collections.abc import Iterator, Mapping

from mcppd.model.addresses import read_address
from mcppd.model.errors import Fault
from mcppd.model.settings import ChargePointSettings, Settings

MAX_SOCKET_PATH = 107
"""Bytes that fit into `sun_path` with its closing NUL (unix(7))."""

Wrong = tuple[str, str]
"""Path of the setting, and what it must be."""


def check(settings: Settings, places: Mapping[str, str], otherwise: str) -> list[Fault]:
    """Every fault; `places` says where a setting was written, `otherwise` what is named for one that was not."""
    wrongs = [*_listeners(settings), *_paths(settings), *_links(settings), *_tags(settings), *_keys(settings)]
    return [Fault(_place(path, places, otherwise), path, message) for path, message in wrongs]


def _listeners(settings: Settings) -> Iterator[Wrong]:
    http, ocpp = read_address(settings.http.listen), read_address(settings.ocpp.listen)
    if not http.loopback and not settings.http.token_file:
        yield (
            "http.listen",
            f"must be a loopback address unless http.token_file is set (got {settings.http.listen}): "
            "whoever reaches this port reads everything",
        )
    if http.port and http.port == ocpp.port and (http.host == ocpp.host or "0.0.0.0" in (http.host, ocpp.host)):
        yield "http.listen", f"must not be the port of ocpp.listen (got {settings.http.listen})"


def _paths(settings: Settings) -> Iterator[Wrong]:
    required = {"http.socket": settings.http.socket, "storage.directory": settings.storage.directory}
    for path, value in required.items():
        if not value:
            yield path, "must be a path (got nothing)"
    if len(settings.http.socket.encode(errors="replace")) > MAX_SOCKET_PATH:
        yield "http.socket", f"must be a path of at most {MAX_SOCKET_PATH} bytes, as every Unix socket"


def _links(settings: Settings) -> Iterator[Wrong]:
    if settings.ocpp.liveness_timeout <= settings.ocpp.ping_interval:
        yield (
            "ocpp.liveness_timeout",
            f"must be longer than ocpp.ping_interval (got {settings.ocpp.liveness_timeout:g} s, "
            f"pings come every {settings.ocpp.ping_interval:g} s)",
        )


def _tags(settings: Settings) -> Iterator[Wrong]:
    tags: dict[str, str | None] = {"auto_start.id_tag": settings.auto_start.id_tag}
    for identity, own in settings.charge_points.items():
        path = f"charge_points.{identity}"
        tags[f"{path}.auto_start.id_tag"] = own.auto_start.id_tag
        for number, connector in own.connectors.items():
            tags[f"{path}.connectors.{number}.auto_start.id_tag"] = connector.auto_start.id_tag
    for path, tag in tags.items():
        if tag is not None and not (tag.isascii() and tag.isprintable() and tag == tag.strip()):
            yield path, "must be printable ASCII characters, without blanks around them"


def _keys(settings: Settings) -> Iterator[Wrong]:
    """OCPP 1.6, 6.7: a key is a CiString50Type, its value a CiString500Type."""
    everywhere = ChargePointSettings(configuration=settings.configuration)
    for path, own in {"": everywhere, **settings.charge_points}.items():
        prefix = f"charge_points.{path}.configuration" if path else "configuration"
        for key, value in own.configuration.items():
            if not 1 <= len(key) <= 50:
                yield f"{prefix}.{key[:60]}", "must be the name of a configuration key, 1 to 50 characters"
            if len(value) > 500:
                yield f"{prefix}.{key[:60]}", f"must be a text of at most 500 characters (got {len(value)})"


def _place(path: str, places: Mapping[str, str], otherwise: str) -> str:
    """The nearest place that is known: of the setting itself, or of the section around it."""
    while path:
        if path in places:
            return places[path]
        path = path.rpartition(".")[0]
    return otherwise
