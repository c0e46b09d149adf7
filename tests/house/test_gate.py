"""The gate itself: least coverage, counts, skips."""

import json

import pytest

from tests.house.architecture import ROOT

pytest_plugins = ["pytester"]


def load(name: str) -> dict:
    space: dict = {"__name__": name}
    exec(compile((ROOT / "scripts" / f"{name}.py").read_text(), name, "exec"), space)
    return space


GATE, COUNTS = load("coverage_gate"), load("test_counts")


def file(lines: int, branches: int) -> dict:
    """A file of 100 lines and 50 branches, of which so many were run."""
    return {
        "summary": {
            "num_statements": 100,
            "covered_lines": lines,
            "num_branches": 50,
            "covered_branches": branches,
            "percent_covered": lines,
        }
    }


def report(**changes: dict) -> dict:
    files = {f"{floor}x.py": file(95, 46) for floor in GATE["FLOORS"]} | {"mcppd/cli/x.py": file(0, 0)}
    return {"files": files | {f"mcppd/{floor}/x.py": value for floor, value in changes.items()}}


class TestCoverage:
    def passes(self, tmp_path, told: dict) -> bool:
        path = tmp_path / "coverage.json"
        path.write_text(json.dumps(told))
        return GATE["main"](str(path)) == 0

    def test_all_four_floors_above_the_least_pass_whatever_the_others_have(self, tmp_path):
        assert self.passes(tmp_path, report())

    @pytest.mark.parametrize("floor", ["model", "ocpp", "db", "core"])
    def test_one_floor_short_of_lines_fails(self, tmp_path, floor):
        assert not self.passes(tmp_path, report(**{floor: file(89, 50)}))

    @pytest.mark.parametrize("floor", ["model", "ocpp", "db", "core"])
    def test_one_floor_short_of_branches_fails(self, tmp_path, floor):
        assert not self.passes(tmp_path, report(**{floor: file(100, 44)}))

    def test_a_floor_that_was_not_measured_fails(self, tmp_path):
        told = report()
        del told["files"]["mcppd/db/x.py"]
        assert not self.passes(tmp_path, told)


def test_the_counts_are_those_of_the_run(tmp_path):
    junit = tmp_path / "junit.xml"
    junit.write_text('<testsuites><testsuite errors="1" failures="2" skipped="3" tests="10"/></testsuites>')
    assert COUNTS["counts"](junit) == "4 passed, 3 failed, 3 skipped"
    junit.write_text('<testsuites><testsuite errors="0" failures="0" skipped="0" tests="10"/></testsuites>')
    assert COUNTS["counts"](junit) == "10 passed, 0 failed"


class TestTripwires:
    """The repository's own conftest, in a run of its own."""

    @pytest.fixture
    def run(self, pytester: pytest.Pytester):
        pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text())
        pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")

        def run(test: str, *options: str) -> pytest.RunResult:
            pytester.makepyfile(f"import asyncio\nimport pytest\n{test}")
            return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

        return run

    def test_a_skip_fails_the_whole_run_and_only_it(self, run):
        test = "def test_a(): pytest.skip('no')\ndef test_b(): pass"
        assert run(test).ret == 0
        assert run(test, "--no-skips").ret == 1
        assert run("def test_b(): pass", "--no-skips").ret == 0

    def test_a_failure_of_a_task_that_nobody_looks_at_is_an_error(self, run):
        lost = """
            async def fail(): raise RuntimeError("lost")
            async def test_a():
                task = asyncio.ensure_future(fail())
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                del task
        """
        run(_dedent(lost)).assert_outcomes(passed=1, errors=1)


def _dedent(text: str) -> str:
    return "\n".join(line.removeprefix(" " * 12) for line in text.splitlines())
