"""The door for charge points is tested on both event loops that it runs on: asyncio's own, and uvloop where it has a
wheel. Their transports differ in what they buffer, and in when they tell of it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import uvloop

BOTH = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
ONE = {"asyncio": asyncio.SelectorEventLoop}


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], Any]]:
    return BOTH if item.path.name.startswith("test_websocket_") else ONE
