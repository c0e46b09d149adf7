"""kill -9 at any moment: what was answered is there afterwards, once, and the database is sound."""

import signal
import subprocess
import sys
from pathlib import Path

from mcppd.db import transactions
from mcppd.db.database import Database

WRITER = """
import asyncio, os, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from mcppd.db import charge_points, meter_values, transactions
from mcppd.db.database import Database
from mcppd.model.charge_points import Registration
from tests.equipment.stored import ONE, ConnectorRef, reading, start_request, stop_request, told

def say(word, number):
    os.write(1, f"{word} {number}\\n".encode())  # at once and in one piece

async def charge(database, cp, connector, base):
    for n in range(base, base + 10_000):
        request = start_request(connector, meter=n, at=told(n))
        at = told(n).at
        started = await database.write(transactions.start, cp, request, now=at, open_to_all=True)
        say("start", started.transaction.id)
        await database.write(
            meter_values.record, cp, [reading(started.transaction.id, n, 0, n, connector)], urgent=False
        )
        say("reading", started.transaction.id)
        stop = stop_request(started.transaction.id, n, told(n))
        await database.write(transactions.stop, cp, stop, now=at, open_to_all=True)
        say("stop", started.transaction.id)

async def main():
    database = Database.open(Path(sys.argv[1]), commit_interval_s=0.002)
    cp = await database.write(charge_points.register, "CP1", Registration.ACCEPTED, datetime.now(UTC))
    await asyncio.gather(*(charge(database, cp.id, ConnectorRef(n), int(sys.argv[2])) for n in range(1, 5)))

asyncio.run(main())
"""

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_that_was_answered_is_lost(tmp_path):
    answered: list[tuple[str, int]] = []
    for kill in range(5):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(kill * 10_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
            for count, line in enumerate(writer.stdout):
                word, number = line.split()
                answered.append((word, int(number)))
                if count == 100 + 37 * kill:
                    writer.send_signal(signal.SIGKILL)
        assert writer.returncode == -signal.SIGKILL
    database = Database.open(tmp_path)

    def everything(db):
        rows = {row[0]: row[1] for row in db.execute("SELECT id, stopped_at IS NOT NULL FROM transactions")}
        readings = [row[0] for row in db.execute("SELECT transaction_id FROM meter_values")]
        return (
            rows,
            readings,
            db.execute("PRAGMA integrity_check").get,
            db.execute("PRAGMA foreign_key_check").fetchall(),
        )

    rows, readings, integrity, dangling = database.read_now(everything)
    assert (integrity, dangling) == ("ok", [])
    assert len(answered) > 800
    assert len({number for word, number in answered if word == "start"}) == sum(word == "start" for word, _ in answered)
    for word, number in answered:
        match word:
            case "start":
                assert number in rows
            case "stop":
                assert rows[number]
            case "reading":
                assert readings.count(number) == 1
    opened = {transaction.id for _, transaction in database.read_now(transactions.load_open)}
    assert opened == {number for number, stopped in rows.items() if not stopped}
    assert len(opened) <= 4
    database.close()
