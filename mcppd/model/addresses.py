"""Addresses to listen on, as people write them."""

import re
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

EVERYWHERE = "0.0.0.0"
"""The host that `:9000` and `9000` mean."""

_ADDRESS = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s:\[\]/@]*):)?(?P<port>\d{1,5})", re.ASCII)


class Address(NamedTuple):
    """`host` without brackets; `port` 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_address(text: str) -> Address:
    """Read `HOST:PORT`, `[::1]:PORT`, `:PORT` or `PORT`. Raises ValueError, with what is wrong, for everything else."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be HOST:PORT, [IPV6]:PORT or PORT")
    port = int(match["port"])
    if port > 65535:
        raise ValueError("must have a port from 0 to 65535")
    host = match["host"] or EVERYWHERE
    if host.startswith("["):
        host = host[1:-1]
        try:
            IPv6Address(host)
        except ValueError:
            raise ValueError("must have an IPv6 address between the brackets") from None
    return Address(host, port)
