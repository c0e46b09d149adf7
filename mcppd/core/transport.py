"""The seam between core and the door that charge points come through."""

from typing import Protocol


class Transport(Protocol):
    """What a link needs of its connection. Nothing here blocks but `probe`."""

    @property
    def remote_address(self) -> str: ...

    def send(self, text: str) -> None:
        """Send one text frame. A peer that takes nothing for `ocpp.send_timeout` is cut by the door itself.

        After the connection is gone this does nothing.
        """
        ...

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake with `code` (RFC 6455, 7.4); the door cuts a peer that does not join in."""
        ...

    def abort(self) -> None:
        """Cut the connection at once."""
        ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    async def probe(self, timeout_s: float) -> bool:
        """Ping the peer; whether any frame came from it within `timeout_s`."""
        ...
