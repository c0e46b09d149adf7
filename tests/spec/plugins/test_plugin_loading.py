"""Finding plugins: from the configuration to what runs, and what is said of what does not."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from mcppd.core.bus import Bus
from mcppd.core.counters import Counters
from mcppd.core.plugin_host import PluginHost
from mcppd.core.plugin_loader import MAX_FILE, Found, Unusable, load, wanted
from mcppd.core.plugin_runner import PluginState
from mcppd.model.settings import PluginsSettings, Settings
from mcppd.plugins.auto_start import AutoStart
from tests.equipment.clock import FakeClock

ON = {"enabled": True}
OFF = {"enabled": False}

GOOD = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Listener:
    heard: list[str]
    def on_event(self, event):
        self.heard.append(event)

def plugin():
    return Listener([])
"""

Write = Callable[[str, str], Path]
Named = Callable[..., tuple[list[Found], list[Unusable]]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a plugin file."""

    def file(name: str, text: str) -> Path:
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        path.chmod(0o644)
        return path

    return file


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Named]:
    """Load these plugins, without auto_start unless it is named."""
    before = set(sys.modules)

    def load_them(**sections: Any) -> tuple[list[Found], list[Unusable]]:
        return load(PluginsSettings(directory=str(tmp_path), named={"auto_start": OFF, **sections}))

    yield load_them
    for name in set(sys.modules) - before:
        if name.startswith(("mcppd_plugin_", "installed_plugin")):
            del sys.modules[name]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str], str], None]:
    """Install a package `installed_plugin` with these entry points."""
    site = tmp_path / "site"

    def package(entry_points: Mapping[str, str], text: str) -> None:
        metadata = site / "installed_plugin-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-plugin\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {value}" for name, value in entry_points.items())
        (metadata / "entry_points.txt").write_text(f"[mcppd.plugins]\n{lines}\n")
        (site / "installed_plugin.py").write_text(text)
        monkeypatch.syspath_prepend(str(site))

    return package


class TestWhatIsSwitchedOn:
    @pytest.mark.parametrize(
        ("sections", "names"),
        [
            ({}, ("auto_start",)),
            ({"auto_start": OFF}, ()),
            ({"auto_start": {"colour": "green"}}, ("auto_start",)),
            ({"b": ON, "a": ON}, ("auto_start", "b", "a")),
            ({"b": OFF, "a": {"colour": "green"}}, ("auto_start",)),
        ],
    )
    def test_is_auto_start_and_what_says_enabled(self, sections: Mapping[str, Any], names: tuple[str, ...]) -> None:
        assert wanted(PluginsSettings(named=sections)) == names


class TestAFile:
    def test_is_a_plugin(self, named: Named, write: Write) -> None:
        path = write("good", GOOD)
        (found,), unusable = named(good=ON)
        assert (found.name, found.origin, found.hooks) == ("good", str(path), {"on_event"})
        assert unusable == []

    def test_leaves_no_bytecode_behind(self, named: Named, write: Write, tmp_path: Path) -> None:
        write("good", GOOD)
        named(good=ON)
        assert [entry.name for entry in tmp_path.iterdir()] == ["good.py"]

    def test_is_not_even_read_unless_switched_on(self, named: Named, write: Write) -> None:
        write("bad", "raise SystemExit('it was imported')")
        assert named(bad=OFF) == ([], [])

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("raise ValueError('x')", "it raised ValueError: x"),
            ("raise SystemExit(3)", "it raised SystemExit: 3"),
            ("def plugin(:", "it raised SyntaxError: invalid syntax"),
            ("", "has no function plugin()"),
            ("plugin = 7", "has no function plugin()"),
            ("def plugin(): return 7", "has none of the hooks"),
            ("def plugin(context): pass", "it raised TypeError"),
            ("#" * (MAX_FILE + 1), f"is larger than {MAX_FILE} bytes"),
        ],
        ids=range(8),
    )
    def test_that_cannot_be_used_is_told_and_hurts_nobody(
        self, named: Named, write: Write, text: str, reason: str
    ) -> None:
        write("good", GOOD)
        write("bad", text)
        (found,), (unusable,) = named(bad=ON, good=ON)
        assert found.name == "good"
        assert unusable.name == "bad"
        assert reason in unusable.reason
        assert "mcppd_plugin_good" in sys.modules
        assert "mcppd_plugin_bad" not in sys.modules or not text.startswith("raise")

    def test_that_anybody_may_write_to_is_refused(self, named: Named, write: Write) -> None:
        write("open", GOOD).chmod(0o646)
        _, (unusable,) = named(open=ON)
        assert "anybody may write to" in unusable.reason
        assert "chmod o-w" in unusable.reason

    def test_in_a_directory_that_anybody_may_write_to_is_refused(
        self, named: Named, write: Write, tmp_path: Path
    ) -> None:
        write("good", GOOD)
        tmp_path.chmod(0o777)
        _, (unusable,) = named(good=ON)
        assert "anybody may write to" in unusable.reason

    def test_that_is_none_is_refused(self, named: Named, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.py")
        _, (unusable,) = named(pipe=ON)
        assert "is not a file" in unusable.reason

    def test_that_is_not_there_is_told_with_what_to_do(self, named: Named, tmp_path: Path) -> None:
        _, (unusable,) = named(gone=ON)
        assert str(tmp_path / "gone.py") in unusable.reason
        assert "entry point 'gone' in the group mcppd.plugins" in unusable.reason
        assert "take plugins.gone out of the configuration" in unusable.reason

    @pytest.mark.parametrize("name", ["../good", "a/b", "", "1st", "a.b", "_a", "x" * 41, "gut\n", "grün"])
    def test_has_a_safe_name(self, named: Named, write: Write, name: str) -> None:
        write("good", GOOD)
        found, (unusable,) = named(**{name: ON})
        assert found == []
        assert "its name must be a letter" in unusable.reason

    @pytest.mark.parametrize("section", [True, {"enabled": "yes"}, {"enabled": 1}, "on", None])
    def test_is_configured_by_a_section(self, named: Named, write: Write, section: object) -> None:
        write("good", GOOD)
        found, (unusable,) = named(good=section)
        assert found == []
        assert unusable.reason == "plugins.good must be a section with `enabled: true` or `enabled: false`"


class TestAnInstalledPlugin:
    def test_is_found_by_its_entry_point(self, named: Named, install: Any) -> None:
        install({"far": "installed_plugin:make"}, GOOD.replace("def plugin", "def make"))
        (found,), unusable = named(far=ON)
        assert (found.name, found.origin) == ("far", "installed_plugin:make")
        assert unusable == []

    def test_that_cannot_be_imported_is_told(self, named: Named, install: Any) -> None:
        install({"far": "installed_plugin:missing"}, GOOD)
        _, (unusable,) = named(far=ON)
        assert unusable.reason.startswith("it raised AttributeError")

    def test_yields_to_a_file_of_its_name(self, named: Named, install: Any, write: Write) -> None:
        install({"far": "installed_plugin:plugin"}, GOOD)
        path = write("far", GOOD)
        (found,), _ = named(far=ON)
        assert found.origin == str(path)

    @pytest.mark.parametrize("own_first", [True, False])
    def test_takes_the_place_of_mcppds_own(
        self, named: Named, install: Any, monkeypatch: pytest.MonkeyPatch, own_first: bool
    ) -> None:
        install({}, GOOD)
        own = EntryPoint("auto_start", "mcppd.plugins.auto_start:plugin", "mcppd.plugins")
        far = EntryPoint("auto_start", "installed_plugin:plugin", "mcppd.plugins")
        listed = (own, far) if own_first else (far, own)
        monkeypatch.setattr("mcppd.core.plugin_loader.entry_points", lambda group: listed)
        (found,), _ = named(auto_start=ON)
        assert found.origin == "installed_plugin:plugin"


class TestMcppdsOwn:
    def test_is_found_without_any_metadata(self, named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
        """From a plain tree that nobody installed."""
        monkeypatch.setattr("mcppd.core.plugin_loader.entry_points", lambda group: ())
        (found,), unusable = named(auto_start={})
        assert isinstance(found.plugin, AutoStart)
        assert found.origin == "mcppd.plugins.auto_start"
        assert unusable == []


class TestTheHost:
    @pytest.fixture
    def host(self) -> PluginHost:
        async def send(identity: str, command: Any, *, caller: str, wait_s: float = 0.0) -> Any:
            raise AssertionError("nothing is sent here")

        return PluginHost(
            Bus(),
            FakeClock(),
            Counters(),
            Settings,
            charge_points=list,
            charge_point=lambda identity: None,
            send=send,
        )

    async def test_starts_auto_start_unless_told_otherwise(self, host: PluginHost, tmp_path: Path) -> None:
        assert host.load(PluginsSettings(directory=str(tmp_path))) == ("auto_start",)
        await host.start()
        (status,) = host.status()
        assert (status.name, status.state) == ("auto_start", PluginState.RUNNING)
        await host.stop()

    def test_tells_of_plugins_that_cannot_be_used_and_of_those_that_are_off(
        self, host: PluginHost, told: Any, tmp_path: Path
    ) -> None:
        sections = {"auto_start": OFF, "gone": ON, "quiet": {"colour": "green"}}
        assert host.load(PluginsSettings(directory=str(tmp_path), named=sections)) == ()
        (error,) = told("plugin_unusable")
        assert (error.levelno, error.plugin) == (logging.ERROR, "gone")
        assert sorted((record.plugin, record.reason) for record in told("plugin_off")) == [
            ("auto_start", "plugins.auto_start.enabled is not true"),
            ("quiet", "plugins.quiet.enabled is not true"),
        ]
        (status,) = host.status()
        assert (status.name, status.state, status.reason) == ("gone", PluginState.FAILED, error.reason)

    def test_tells_what_a_reload_cannot_switch(self, host: PluginHost, told: Any, tmp_path: Path) -> None:
        before = PluginsSettings(directory=str(tmp_path), named={"gone": ON})
        host.load(before)
        host.reload(Settings(plugins=before))
        assert told("plugin_needs_restart") == []
        host.reload(Settings(plugins=replace(before, named={"auto_start": OFF, "gone": ON, "new": ON})))
        assert [record.reason for record in told("plugin_needs_restart")] == [
            "plugins.auto_start was switched off; restart mcppd to apply that",
            "plugins.new was switched on; restart mcppd to apply that",
        ]
