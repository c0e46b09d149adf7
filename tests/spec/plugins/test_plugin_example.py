"""The example plugin and what the README promises of the context."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from mcppd import hooks
from mcppd.core.plugin_loader import Found, load
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.commands import RemoteStopTransaction
from mcppd.model.errors import NoAnswer
from mcppd.model.events import MeterValuesReceived, TransactionStopped
from mcppd.model.meter_values import Measured
from mcppd.model.replies import AuthorizationStatus, DataTransferred, IdTagInfo
from mcppd.model.requests import DataTransfer
from mcppd.model.settings import PluginsSettings
from mcppd.model.transactions import ClosedTransaction, StopMatch

ROOT = Path(__file__).parents[3]
README = (ROOT / "mcppd/plugins/README.md").read_text()


def only(text: str, name: str, directory: Path) -> Found:
    """The plugin that this text is."""
    directory.chmod(0o755)
    path = directory / f"{name}.py"
    path.write_text(text)
    path.chmod(0o644)
    section = {"auto_start": {"enabled": False}, name: {"enabled": True}}
    (found,), unusable = load(PluginsSettings(directory=str(directory), named=section))
    assert unusable == []
    return found


class TestTheReadme:
    @pytest.mark.parametrize(
        "member", [name for name in vars(hooks.Context) if not name.startswith("_") and name != "register"]
    )
    def test_names_each_member_of_the_context(self, member: str) -> None:
        table = README.split("## The context")[1].split("##")[0]
        assert re.search(rf"`(await )?{member}\b", table)

    def test_signs_each_hook_as_it_is(self) -> None:
        for hook in hooks.HOOKS:
            arguments = ", ".join(list(inspect.signature(getattr(hooks.Plugin, hook)).parameters)[1:])
            assert f"| `{hook}({arguments})` |" in README

    def test_shows_a_plugin_that_can_be_used(self, tmp_path: Path) -> None:
        (text,) = re.findall(r"```python\n(.*?)```", README, re.S)
        assert only(text, "greeter", tmp_path).hooks == {"start", "on_event"}


class TestTheExample:
    @pytest.fixture
    async def example(self, site: Any, tmp_path: Path) -> Any:
        example: Any = only((ROOT / "etc/plugins.d/example.py").read_text(), "example", tmp_path).plugin
        site.config = {"tag_prefix": "auto", "limit_kwh": 1}
        site.on_data_transfer = lambda vendor, handler: site.handlers.update({vendor: handler})
        site.handlers = {}
        await example.start(site)
        return example

    async def test_accepts_the_tags_that_it_is_for(self, example: Any, site: Any) -> None:
        assert await example.authorize("CP1", "AUTO-1") == IdTagInfo(AuthorizationStatus.ACCEPTED)
        assert await example.authorize("CP1", "OTHER") is None
        site.config = {}
        assert await example.authorize("CP1", "AUTO-1") is None

    async def test_answers_its_vendor(self, example: Any, site: Any) -> None:
        handler = site.handlers["com.example"]
        assert handler("CP1", DataTransfer("com.example", "hello")) == DataTransferred("Accepted", "hello CP1")
        assert handler("CP1", DataTransfer("com.example")) == DataTransferred("UnknownMessageId")

    async def test_stops_a_transaction_at_its_limit_once(self, example: Any, site: Any) -> None:
        await self.charges(example, site, 999)
        assert site.sent == []
        await self.charges(example, site, 1000)
        await self.charges(example, site, 1001)
        assert site.sent == [RemoteStopTransaction(7)]

    async def test_tells_when_that_fails(self, example: Any, site: Any, told: Any) -> None:
        site.answers.append(NoAnswer("CP1", "RemoteStopTransaction", 30))
        await self.charges(example, site, 1000)
        assert len(told("example_not_stopped")) == 1

    async def test_tells_of_each_transaction_that_ended(self, example: Any, site: Any, told: Any) -> None:
        now = site.clock.now()
        closed = ClosedTransaction(7, ConnectorRef(1), "AUTOSTART", now, now, 0, 1000, 1000, "Local")
        event = TransactionStopped(charge_point="CP1", at=now, transaction=closed, match=StopMatch.BY_ID)
        await example.on_event(event)
        assert told("example_charge_ended")[0].energy_wh == 1000

    async def charges(self, example: Any, site: Any, energy_wh: int) -> None:
        site.has_open_transaction(energy_wh=energy_wh)
        event = MeterValuesReceived(
            charge_point="CP1",
            at=site.clock.now(),
            connector=ConnectorRef(1),
            measured=Measured(),
            transaction_id=7,
        )
        await example.on_event(event)
        await site.clock.advance(1)
