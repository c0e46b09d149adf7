"""Finding plugins: from the names in the configuration to objects with hooks.

Rules.

1. Only what is switched on is imported.
2. A file in `plugins.directory` comes before an installed plugin of its name, and that before mcppd's own, so that an
   operator can put something better in the place of what is shipped.
3. Nothing that a plugin does here can stop the daemon: whatever goes wrong becomes an `Unusable` with a sentence.
"""

import importlib
import importlib.util
import inspect
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from mcppd.hooks import HOOKS, Plugin
from mcppd.model.events import EVENTS
from mcppd.model.settings import PluginsSettings

GROUP = "mcppd.plugins"
"""Entry point group of installed plugins, and the package of mcppd's own."""

DEFAULT_ON = ("auto_start",)
"""On unless switched off: their own settings say what they do."""

MAX_FILE = 1 << 20

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that was made and not started yet."""

    name: str
    plugin: object
    origin: str
    """Where it is from, for the operator."""
    hooks: frozenset[str]
    kinds: tuple[type, ...]
    """The classes of the events that it wants; empty without `on_event`."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A plugin that is switched on and cannot be used."""

    name: str
    reason: str
    error: BaseException | None = None


class Refused(Exception):
    """A sentence why a plugin cannot be used."""


def wanted(plugins: PluginsSettings) -> tuple[str, ...]:
    """The names of the plugins that are switched on, mcppd's own first, then in the order of the configuration."""
    names = dict.fromkeys((*DEFAULT_ON, *plugins.named))
    return tuple(name for name in names if _switch(name, plugins.named.get(name, {})) is not False)


def load(plugins: PluginsSettings) -> tuple[list[Found], list[Unusable]]:
    """Import and make each plugin that is switched on. Blocks: called before the loop has anything else to do."""
    found: list[Found] = []
    unusable: list[Unusable] = []
    installed: Mapping[str, EntryPoint] | None = None
    for name in wanted(plugins):
        try:
            _check_section(name, plugins.named.get(name, {}))
            if installed is None:
                installed = _installed()
            factory, origin = _find(name, Path(plugins.directory), installed)
            found.append(made(name, factory, origin))
        except Refused as error:
            unusable.append(Unusable(name, str(error)))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            unusable.append(Unusable(name, f"it raised {type(error).__name__}: {error}", error))
    return found, unusable


def _switch(name: str, section: Any) -> object:
    """What `enabled` says; anything but true and false is complained about when the plugin is looked for."""
    return section.get("enabled", name in DEFAULT_ON) if isinstance(section, Mapping) else section


def _check_section(name: str, section: Any) -> None:
    if not _NAME.match(name):
        raise Refused("its name must be a letter, then at most 39 letters, digits and _")
    if not isinstance(section, Mapping) or not isinstance(section.get("enabled", True), bool):
        raise Refused(f"plugins.{name} must be a section with `enabled: true` or `enabled: false`")


def _installed() -> dict[str, EntryPoint]:
    """By name. mcppd's own come first, so that those of other packages replace them."""
    own_first = sorted(entry_points(group=GROUP), key=lambda entry: not entry.value.startswith(f"{GROUP}."))
    return {entry.name: entry for entry in own_first}


def _find(name: str, directory: Path, installed: Mapping[str, EntryPoint]) -> tuple[Callable[[], object], str]:
    path = directory / f"{name}.py"
    if (module := _from_file(name, path)) is not None:
        return _factory(getattr(module, "plugin", None), str(path)), str(path)
    if (entry := installed.get(name)) is not None:
        return _factory(entry.load(), entry.value), entry.value
    own = f"{GROUP}.{name}"
    if importlib.util.find_spec(own) is not None:
        return _factory(getattr(importlib.import_module(own), "plugin", None), own), own
    raise Refused(
        f"there is no {path}, and no installed package has an entry point {name!r} in the group {GROUP}; "
        f"install it, or take plugins.{name} out of the configuration"
    )


def _factory(made: Any, origin: str) -> Callable[[], object]:
    if not callable(made):
        raise Refused(f"{origin} has no function plugin()")
    function: Callable[[], object] = made
    return function


def _from_file(name: str, path: Path) -> object | None:
    """The module in `path`, or None if there is no such file. Leaves no bytecode behind."""
    try:
        source = _read(path)
    except FileNotFoundError:
        return None
    spec = ModuleSpec(f"mcppd_plugin_{name}", None, origin=str(path))
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[spec.name] = module  # dataclasses and pickle look a class's module up there
    with ExitStack() as undo:
        undo.callback(sys.modules.pop, spec.name, None)
        exec(compile(source, path, "exec"), module.__dict__)
        undo.pop_all()
    return module


def _read(path: Path) -> bytes:
    """The text of a file that only those may change who may change the daemon."""
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Refused(f"{path} is not a file")
        if (status.st_mode | path.parent.stat().st_mode) & stat.S_IWOTH:
            raise Refused(f"anybody may write to {path} or its directory; take that away with chmod o-w")
        source = file.read(MAX_FILE + 1)
    if len(source) > MAX_FILE:
        raise Refused(f"{path} is larger than {MAX_FILE} bytes")
    return source


def made(name: str, factory: Callable[[], object], origin: str) -> Found:
    """What `factory` makes, if it is a plugin. Raises whatever the factory does, and `Refused`."""
    plugin = factory()
    hooks = frozenset(hook for hook in HOOKS if _implements(plugin, hook))
    if not hooks:
        raise Refused(f"what plugin() in {origin} returns has none of the hooks {', '.join(HOOKS)}")
    kinds = getattr(plugin, "subscribes", tuple(EVENTS.values()))
    if not isinstance(kinds, tuple) or not all(kind in EVENTS.values() for kind in kinds):
        raise Refused("its `subscribes` must be a tuple of event classes of mcppd.model.events")
    return Found(name, plugin, origin, hooks, kinds if "on_event" in hooks else ())


def _implements(plugin: object, hook: str) -> bool:
    """Whether the plugin has a hook of its own: what it may inherit from the Protocol does nothing."""
    method = inspect.getattr_static(plugin, hook, None)
    return method is not None and method is not inspect.getattr_static(Plugin, hook) and callable(getattr(plugin, hook))
