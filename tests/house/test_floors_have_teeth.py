"""The checks of the house catch what they are for: each is fed an offender and an innocent."""

import pytest

from tests.house.architecture import (
    broad_excepts,
    import_violations,
    shape_violations,
    sql_violations,
    state_violations,
)


@pytest.mark.parametrize(
    ("path", "offence"),
    [
        ("mcppd/model/x.py", "import asyncio"),
        ("mcppd/model/x.py", "import json"),
        ("mcppd/model/x.py", "from time import monotonic"),
        ("mcppd/model/x.py", "import mcppd.ocpp.frame"),
        ("mcppd/model/x.py", "from mcppd import hooks"),
        ("mcppd/hooks.py", "from mcppd.core.bus import Bus"),
        ("mcppd/ocpp/x.py", "import socket"),
        ("mcppd/ocpp/x.py", "import threading"),
        ("mcppd/ocpp/v16/x.py", "from datetime import UTC\nimport time as clock"),
        ("mcppd/ocpp/x.py", "from mcppd.db import database"),
        ("mcppd/db/x.py", "from mcppd.ocpp.frame import Call"),
        ("mcppd/db/x.py", "from mcppd.core import link"),
        ("mcppd/core/x.py", "import json"),
        ("mcppd/core/x.py", "import apsw"),
        ("mcppd/core/x.py", "import apsw.ext"),
        ("mcppd/core/x.py", "from websockets.asyncio.server import serve"),
        ("mcppd/core/x.py", "from prometheus_client import Counter"),
        ("mcppd/core/x.py", "from mcppd.ocpp import v16"),
        ("mcppd/core/x.py", "from mcppd.ocpp.v16.tables import INCOMING"),
        ("mcppd/core/handlers/x.py", "from mcppd.ocpp import schemas"),
        ("mcppd/core/x.py", "from mcppd.server import websocket"),
        ("mcppd/core/x.py", "from ..server import websocket"),
        ("mcppd/core/x.py", "def late():\n    from mcppd.cli import main"),
        ("mcppd/core/x.py", "if TYPE_CHECKING:\n    from mcppd.server.http import Door"),
        ("mcppd/core/x.py", "import importlib\nimportlib.import_module('mcppd.server')"),
        ("mcppd/core/x.py", "__import__('socket')"),
        ("mcppd/server/x.py", "from mcppd.db import transactions"),
        ("mcppd/server/x.py", "from mcppd.ocpp.v16 import dialect"),
        ("mcppd/monitoring/x.py", "import apsw"),
        ("mcppd/plugins/x.py", "from mcppd.core.bus import Bus"),
        ("mcppd/cli/x.py", "from mcppd.server import http"),
        ("mcppd/simulator/x.py", "from mcppd.core import link"),
        ("mcppd/config/x.py", "from mcppd.core import link"),
        ("mcppd/core/x.py", "from mcppd.daemon import Daemon"),
        ("mcppd/cli/x.py", "import mcppd.daemon"),
        ("mcppd/daemon.py", "import sqlite3"),
        ("mcppd/server/x.py", "import yaml"),
        ("mcppd/attic/x.py", "import math"),
    ],
)
def test_a_forbidden_import_is_found(path, offence):
    assert len(import_violations(path, offence)) == 1


@pytest.mark.parametrize(
    ("path", "innocent"),
    [
        ("mcppd/model/x.py", "import re\nfrom mcppd.model.events import Event\nfrom . import errors"),
        ("mcppd/ocpp/v16/x.py", "from mcppd.ocpp.dialect import Dialect\nfrom ..frame import Call\nimport json"),
        ("mcppd/db/x.py", "import apsw\nimport json\nimport asyncio\nfrom mcppd.model import errors"),
        ("mcppd/core/x.py", "import asyncio\nfrom mcppd.ocpp.frame import Call\nfrom mcppd.ocpp import dialect"),
        ("mcppd/core/x.py", "from mcppd.db.database import Database\nfrom mcppd import __version__"),
        ("mcppd/server/x.py", "import websockets\nfrom mcppd.core.link import Link"),
        ("mcppd/simulator/x.py", "from ocpp.v16 import ChargePoint\nimport websockets"),
        ("mcppd/daemon.py", "from mcppd.ocpp.v16 import dialect\nimport mcppd.server.http"),
        ("mcppd/__main__.py", "from mcppd.daemon import run"),
        ("mcppd/core/plugin_loader.py", "import importlib\nimportlib.import_module('x')"),
    ],
)
def test_what_is_allowed_is_left_alone(path, innocent):
    assert import_violations(path, innocent) == []


@pytest.mark.parametrize(
    "offence",
    [
        "register('Heartbeat', None)",
        "links = {}",
        "_seen: set[str] = set()",
        "cache = defaultdict(list)",
        "@app.route('/')\ndef index(): ...",
        "@handles(Heartbeat)\nasync def heartbeat(): ...",
        "def count():\n    global n\n    n = 1",
    ],
)
def test_state_and_work_at_import_time_are_found(offence):
    assert len(state_violations("mcppd/core/x.py", offence)) == 1


def test_tables_and_constants_are_no_state():
    innocent = (
        '"""Doc."""\nTABLE = {"a": 1}\n_NAMES: set[str] = {"a"}\n__all__ = ["x"]\nlimit = 3\n'
        "@dataclass(frozen=True)\nclass A: ...\n@functools.cache\ndef f():\n    local = []\n    return local\n"
    )
    assert state_violations("mcppd/core/x.py", innocent) == []


def test_sql_is_found_outside_the_database_floor_only():
    offence = "db.execute('select * from transactions')"
    assert len(sql_violations("mcppd/core/x.py", offence)) == 1
    assert sql_violations("mcppd/db/x.py", offence) == []
    assert sql_violations("mcppd/core/x.py", "log('Selected the newest; update follows')") == []


@pytest.mark.parametrize(
    "caught", ["", " Exception", " BaseException as e", " (ValueError, Exception)", " builtins.Exception"]
)
def test_a_net_for_everything_is_found(caught):
    assert broad_excepts(f"try:\n    x()\nexcept{caught}:\n    pass") == [3]
    assert broad_excepts("try:\n    x()\nexcept (ValueError, OSError):\n    pass") == []


def test_a_file_without_shape_is_found():
    assert len(shape_violations("mcppd/core/utils.py", '"""What."""\n')) == 1
    assert len(shape_violations("mcppd/helpers/x.py", '"""What."""\n')) == 1
    assert len(shape_violations("mcppd/core/x.py", "import re\n")) == 1
    assert len(shape_violations("mcppd/core/x.py", '"""What."""\n' + "#\n" * 350)) == 1
    assert shape_violations("mcppd/core/x.py", '"""What."""\n' + "#\n" * 349) == []
