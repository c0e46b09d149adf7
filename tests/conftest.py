"""What holds for every test: nothing is skipped unseen, and no failure of a task goes unheard."""

import logging
from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails the run")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not session.config.getoption("--no-skips"):
        return
    if skipped := [name for kind in ("skipped", "xfailed") for name in reporter.stats.get(kind, [])]:
        reporter.write_line(f"{len(skipped)} skipped, and nothing may be: {skipped[0].nodeid}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class _LostFailures(logging.Handler):
    """Keeps what asyncio says of failures that nobody looked at."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(logging.Formatter().format(record))


@pytest.fixture(autouse=True)
def no_failure_goes_unheard() -> Iterator[None]:
    """Fails a test that leaves a task whose exception was never retrieved, or that was destroyed while pending."""
    handler, logger = _LostFailures(), logging.getLogger("asyncio")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    assert handler.messages == []
