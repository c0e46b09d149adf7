"""Two clients nobody here wrote drive the real daemon: test-ocpp, and ocpp-rpc in strict mode."""

import json
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.equipment.daemon import Daemon

OCPP_RPC = Path(__file__).parent / "ocpp_rpc"


@pytest.fixture
def daemon(tmp_path: Path):
    with Daemon(tmp_path, {"storage.commit_interval": "0.05", "auto_start.id_tag": "PLUGGED-IN"}) as daemon:
        yield daemon


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, cwd=OCPP_RPC
    )


def run_test_ocpp(daemon: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    where = f"ws://127.0.0.1:{daemon.ocpp_port}/ocpp"
    return run([sys.executable, "-m", "test_ocpp", *arguments, where, "ELSEWHERE-1"])


def run_ocpp_rpc(daemon: Daemon, identity: str = "RPC 1") -> dict:
    done = run(["node", "charge.js", f"ws://127.0.0.1:{daemon.ocpp_port}/ocpp", identity])
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert (told["violations"], done.returncode) == ([], 0)
    return told


class TestTestOcpp:
    def test_it_boots_and_its_heart_beats(self, daemon):
        done = run_test_ocpp(daemon)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Accepted" in done.stdout
        shown = daemon.api("charge-points/ELSEWHERE-1")
        assert (shown["id"], shown["vendor"] is not None) == ("ELSEWHERE-1", True)

    def test_a_version_that_is_not_spoken_is_refused(self, daemon):
        done = run_test_ocpp(daemon, "--ocpp", "2.0.1")
        assert done.returncode != 0


class TestOcppRpc:
    """A whole charge: every answer held against the schemas by the other side."""

    def test_every_answer_fits_its_schema_and_says_what_it_must(self, daemon):
        answers = run_ocpp_rpc(daemon)["answers"]
        assert answers["BootNotification"][0]["interval"] == 300
        assert answers["Authorize"] == [{"idTagInfo": {"status": "Accepted"}}]
        assert answers["DataTransfer"] == [{"status": "UnknownVendorId"}]
        assert answers["StartTransaction"][0]["transactionId"] > 0
        assert answers["StartTransaction"][0]["idTagInfo"] == {"status": "Accepted"}
        assert answers["MeterValues"] == [{}, {}, {}]
        assert answers["StopTransaction"] == [{"idTagInfo": {"status": "Accepted"}}]

    def test_it_is_started_by_itself_with_the_configured_tag(self, daemon):
        heard = dict(run_ocpp_rpc(daemon)["heard"])
        assert heard["RemoteStartTransaction"] == {"connectorId": 1, "idTag": "PLUGGED-IN"}

    def test_the_transaction_is_in_the_api_the_metrics_and_mcppctl(self, daemon):
        transaction_id = run_ocpp_rpc(daemon)["answers"]["StartTransaction"][0]["transactionId"]

        listed = daemon.api("transactions")["items"]
        assert [one["id"] for one in listed] == [transaction_id]
        assert listed[0]["charge_point"] == "RPC 1"
        assert listed[0]["energy_wh"] == 500
        assert len(daemon.api(f"transactions/{transaction_id}/meter-values")["items"]) >= 3

        labels = {"charge_point": "RPC 1", "connector": "1"}
        assert daemon.metric("mcppd_connector_transactions_total", **labels) == 1
        assert daemon.metric("mcppd_connector_energy_wh_total", **labels) == 500

        shown = daemon.mcppctl("transactions", "--json")
        assert shown.returncode == 0, shown.stderr
        assert [one["id"] for one in json.loads(shown.stdout)["items"]] == [transaction_id]
        table = daemon.mcppctl("transactions").stdout
        assert str(transaction_id) in table
        assert "RPC 1" in table

    def test_the_transaction_is_in_the_database_that_is_left(self, daemon):
        transaction_id = run_ocpp_rpc(daemon)["answers"]["StartTransaction"][0]["transactionId"]
        assert daemon.terminate() == 0

        database = apsw.Connection(
            f"file:{daemon.database}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
        try:
            rows = list(
                database.execute(
                    "SELECT t.id, p.identity, t.id_tag, t.energy_wh FROM transactions t"
                    " JOIN charge_points p ON p.id = t.charge_point_id"
                )
            )
            assert rows == [(transaction_id, "RPC 1", "PLUGGED-IN", 500)]
            (readings,) = next(database.execute("SELECT count(*) FROM meter_values"))
            assert readings >= 3
        finally:
            database.close()

    def test_what_it_said_of_itself_outlives_the_daemon(self, daemon):
        run_ocpp_rpc(daemon)
        daemon.kill()
        daemon.start()
        shown = daemon.api("charge-points/RPC%201")
        assert shown["model"] == "RPC"
        assert not shown["connected"]
