"""uvicorn's connection class, without the command line that uvicorn's package brings along.

`import uvicorn` imports click, the reloader and multiprocessing: 2.6 MiB that a daemon never uses, a fifteenth of all
it has. They are kept out while the few modules are imported that are used, and nothing stays behind: whoever imports
click later gets click.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

_NOT_NEEDED = {
    "click": (),
    "uvicorn.main": ("Server", "main", "run"),
    "uvicorn.middleware.asgi2": ("ASGI2Middleware",),
    "uvicorn.middleware.message_logger": ("MessageLoggerMiddleware",),
    "uvicorn.middleware.proxy_headers": ("ProxyHeadersMiddleware",),
    "uvicorn.middleware.wsgi": ("WSGIMiddleware",),
}
"""What stays out, with the names that are imported from it."""


@contextmanager
def _kept_out(modules: Mapping[str, tuple[str, ...]]) -> Iterator[None]:
    """Empty modules in place of these, unless they are there already."""
    stand_ins = []
    for name, wanted in modules.items():
        if name not in sys.modules:
            stand_in = sys.modules[name] = ModuleType(name)
            stand_in.__dict__.update(dict.fromkeys(wanted))
            stand_ins.append(name)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


with _kept_out(_NOT_NEEDED):
    from uvicorn.config import Config
    from uvicorn.protocols.http.h11_impl import H11Protocol
    from uvicorn.server import ServerState

__all__ = ["Config", "H11Protocol", "ServerState"]
