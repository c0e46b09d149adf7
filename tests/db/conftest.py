"""Real SQLite in a directory of its own, and the times and places that the tests speak of."""

import apsw
import pytest

from mcppd.db import charge_points, connection, migrations
from mcppd.db.database import Database
from mcppd.model.charge_points import Registration
from tests.equipment.stored import NOON


@pytest.fixture
def db(tmp_path):
    """A connection to an empty database, for the functions that are called on the writer's thread in real life."""
    path = tmp_path / "mcppd.db"
    connected = connection.connect(path, writable=True)
    migrations.migrate(connected, path, migrations.known())
    connected.pragma("synchronous", "off")
    yield connected
    connected.close()


@pytest.fixture
def cp(db: apsw.Connection) -> int:
    """A charge point."""
    return charge_points.register(db, "CP1", Registration.ACCEPTED, NOON).id


@pytest.fixture
def database(tmp_path):
    opened = Database.open(tmp_path, commit_interval_s=0)
    yield opened
    opened.close()
