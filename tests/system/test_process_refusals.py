"""What the daemon does not start with: one clear word, the right exit code, and nothing touched."""

import hashlib
import os
import socket
import subprocess
from pathlib import Path

import apsw
import pytest

from tests.equipment.charge_point import ChargePoint
from tests.equipment.daemon import MCPPD, Daemon, clean_environment

EX_CONFIG = 78
BAD = """
ocpp:
  listen: nowhere
  max_charge_points: many
storage:
  comit_interval: 1
log:
  level: loud
"""


@pytest.fixture
def daemon(tmp_path: Path):
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.close()


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def one_clear_word(output: str, *words: str) -> None:
    assert "Traceback" not in output
    assert all(word in output for word in words), output


class TestConfiguration:
    @pytest.mark.parametrize("arguments", [(), ("--check",)])
    def test_a_faulty_file_ends_with_78_and_every_fault_by_file_and_line(self, daemon, arguments):
        daemon.config_file.write_text(BAD)
        daemon.arguments += arguments
        del daemon.settings["ocpp.listen"]
        code, output = daemon.refuses_to_start()
        assert code == EX_CONFIG
        where = str(daemon.config_file)
        one_clear_word(
            output,
            f"{where}:3: ocpp.listen: must be",
            f"{where}:4: ocpp.max_charge_points: must be",
            f"{where}:6: storage.comit_interval:",
            f"{where}:8: log.level: must be",
        )
        assert list(daemon.data.iterdir()) == []
        assert not daemon.control_socket.exists()

    def test_flags_and_the_environment_are_held_to_the_same(self, daemon):
        daemon.settings["boot.timeout"] = "soon"
        daemon.environment["MCPPD_ORPHANS__GRACE"] = "later"
        code, output = daemon.refuses_to_start()
        assert code == EX_CONFIG
        one_clear_word(output, "boot.timeout: must be", "orphans.grace: must be", "MCPPD_ORPHANS__GRACE")

    def test_a_file_that_is_not_there_is_said_by_name(self, daemon):
        daemon.config_file.unlink()
        code, output = daemon.refuses_to_start()
        assert code == EX_CONFIG
        one_clear_word(output, str(daemon.config_file))

    def test_check_says_that_a_sound_configuration_is_sound_and_touches_nothing(self, daemon):
        daemon.config_file.write_text("auto_start: {enabled: false}\n")
        daemon.arguments.append("--check")
        code, output = daemon.refuses_to_start()
        assert code == 0, output
        assert output.strip()
        assert list(daemon.data.iterdir()) == []

    def test_an_unknown_flag_is_a_usage_error(self, daemon):
        daemon.arguments.append("--chekc")
        assert daemon.refuses_to_start()[0] == 2

    def test_the_version_is_told(self, tmp_path):
        told = subprocess.run(
            [*MCPPD, "--version"], env=clean_environment(), cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert told.stdout.startswith("mcppd ")


class TestDatabase:
    @pytest.fixture
    def used(self, daemon):
        """A daemon that ran once and was stopped cleanly."""
        daemon.start()
        assert daemon.terminate() == 0
        return daemon

    def test_one_newer_than_the_code_is_refused_and_stays_as_it_is(self, used):
        database = apsw.Connection(str(used.database))
        database.execute("PRAGMA user_version = 9999")
        database.close()
        before = digest(used.database)
        code, output = used.refuses_to_start()
        assert code == EX_CONFIG
        one_clear_word(output, str(used.database), "9999", "newer")
        assert digest(used.database) == before

    @pytest.mark.parametrize("content", [b"this is no database\n" * 500, b"SQLite format 3\0" + bytes(range(256)) * 40])
    def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(self, daemon, content):
        daemon.database.write_bytes(content)
        code, output = daemon.refuses_to_start()
        assert code == EX_CONFIG
        one_clear_word(output, str(daemon.database))
        assert daemon.database.read_bytes() == content

    async def test_one_damaged_by_a_crash_is_refused_and_stays_as_it_is(self, daemon):
        daemon.start()
        async with ChargePoint.connect(daemon.ocpp_port, "CP1") as cp:
            await cp.says("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
            for connector in range(1, 30):
                await cp.says(
                    "StatusNotification", {"connectorId": connector, "status": "Available", "errorCode": "NoError"}
                )
        daemon.kill()
        database = apsw.Connection(str(daemon.database))
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = next(database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'connectors'"))
        (size,) = next(database.execute("PRAGMA page_size"))
        database.close()
        with daemon.database.open("r+b") as file:
            file.seek((page - 1) * size + 8)
            file.write(os.urandom(64))
        before = digest(daemon.database)
        code, output = daemon.refuses_to_start()
        assert code == EX_CONFIG
        one_clear_word(output, str(daemon.database))
        assert digest(daemon.database) == before

    def test_a_second_daemon_on_the_same_database_is_refused_and_the_first_goes_on(self, daemon, tmp_path):
        daemon.start()
        (tmp_path / "second").mkdir()
        second = Daemon(tmp_path / "second", {"storage.directory": str(daemon.data)})
        try:
            code, output = second.refuses_to_start()
        finally:
            second.close()
        assert code == EX_CONFIG
        one_clear_word(output, str(daemon.data))
        assert daemon.get("/healthz")[0] == 200
        assert daemon.terminate() == 0

    def test_after_a_kill_the_next_one_may_have_it_at_once(self, daemon):
        daemon.start()
        daemon.kill()
        daemon.start()
        assert daemon.terminate() == 0

    def test_a_file_in_the_way_of_the_directory_is_said_by_name(self, daemon):
        daemon.data.rmdir()
        daemon.data.write_text("in the way")
        code, output = daemon.refuses_to_start()
        assert code != 0
        one_clear_word(output, str(daemon.data))
        assert daemon.data.read_text() == "in the way"

    def test_a_directory_that_cannot_be_made_is_said_by_name(self, daemon):
        daemon.settings["storage.directory"] = "/proc/mcppd"
        code, output = daemon.refuses_to_start()
        assert code != 0
        one_clear_word(output, "/proc/mcppd")


class TestAddresses:
    @pytest.mark.parametrize("key", ["ocpp.listen", "http.listen"])
    def test_a_port_in_use_is_said_and_what_was_opened_is_closed_again(self, daemon, key):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            daemon.settings[key] = f"127.0.0.1:{port}"
            code, output = daemon.refuses_to_start()
        assert code not in (0, EX_CONFIG)
        one_clear_word(output, f"127.0.0.1:{port}")
        assert not daemon.control_socket.exists()
        daemon.settings[key] = "127.0.0.1:0"
        daemon.start()
        assert daemon.terminate() == 0

    def test_a_control_socket_that_cannot_be_made_is_said_by_name(self, daemon):
        daemon.settings["http.socket"] = "/proc/mcppd/control.sock"
        code, output = daemon.refuses_to_start()
        assert code != 0
        one_clear_word(output, "/proc/mcppd")

    def test_a_socket_that_a_killed_daemon_left_is_taken_over(self, daemon):
        daemon.start()
        daemon.kill()
        assert daemon.control_socket.exists()
        daemon.start()
        assert daemon.mcppctl("status").returncode == 0
