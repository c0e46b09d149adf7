import pytest

from tests.equipment.clock import FakeClock
from tests.spec.simulator.central import Central


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def central(clock: FakeClock) -> Central:
    return Central(clock)
