"""Which OCPP version a link speaks, by what its charge point offered (OCPP-J 1.6, 3.1.2; RFC 6455, 4.2.2)."""

from collections.abc import Sequence

from mcppd.ocpp.dialect import Dialect


def choose(offered: Sequence[str], dialects: Sequence[Dialect]) -> tuple[Dialect, str | None] | None:
    """The first of `dialects` (our order of preference) that was offered, and the token to echo, spelled as offered.

    A charge point that offers nothing speaks the first of them. None if it offers only what we do not speak.
    """
    if not offered:
        return dialects[0], None
    for dialect in dialects:
        for token in offered:
            if _folded(token) == _folded(dialect.subprotocol):
                return dialect, token
    return None


def _folded(token: str) -> str:
    """`OCPP1.6`, `ocpp1.6j`, `ocpp16` and `ocpp1.6-J` all mean ocpp1.6."""
    folded = token.lower().replace("-", "").replace(" ", "").replace(".", "")
    return folded.removesuffix("j")
