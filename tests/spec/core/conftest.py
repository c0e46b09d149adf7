"""The house, and a charge point in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.equipment.house import House, Peer


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path) as house:
        yield house


@pytest.fixture
async def cp(house: House) -> Peer:
    return await house.connect("CP1")


@pytest.fixture
async def ready(house: House, cp: Peer) -> Peer:
    """CP1, booted and ready for commands."""
    await cp.says("BootNotification", chargePointVendor="Acme", chargePointModel="AC22")
    await house.passes(seconds=1)
    return cp
