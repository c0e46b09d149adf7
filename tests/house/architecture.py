"""The rules of the house as a table, and what in a source file breaks them.

Rules are per floor, a floor being a package or module directly under `mcppd`. Everything here works on syntax trees:
nothing of the program is imported, so a broken program is still told what is wrong with its imports.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "mcppd"


@dataclass(frozen=True, slots=True)
class Floor:
    """What a floor may import of mcppd beside itself, and what it must never import of anything else."""

    may: tuple[str, ...]
    never: tuple[str, ...] = ()


_IO = ("socket", "ssl", "select", "selectors", "subprocess", "urllib", "http")
_FRAMES = ("mcppd.ocpp.frame", "mcppd.ocpp.exchange", "mcppd.ocpp.dialect")

FLOORS: dict[str, Floor] = {
    "model": Floor((), ("asyncio", "json", "msgspec", "time", "threading", "os", "io", "pathlib", "logging", *_IO)),
    "hooks": Floor(("mcppd.model",), ("asyncio", "json", "time", "threading", *_IO)),
    "ocpp": Floor(("mcppd.model",), ("asyncio", "time", "threading", "logging", *_IO)),
    "db": Floor(("mcppd.model",), _IO),
    "core": Floor(("mcppd.model", "mcppd.db", "mcppd.hooks", *_FRAMES), ("json", "msgspec", *_IO)),
    "server": Floor(("mcppd.core", "mcppd.model", "mcppd.hooks")),
    "monitoring": Floor(("mcppd.core", "mcppd.model", "mcppd.hooks")),
    "config": Floor(("mcppd.model",), ("asyncio", *_IO)),
    "plugins": Floor(("mcppd.hooks", "mcppd.model")),
    "cli": Floor(("mcppd.model",)),
    "simulator": Floor(("mcppd.model",)),
    "daemon": Floor(("mcppd",)),
    "__main__": Floor(("mcppd.daemon", "mcppd.config", "mcppd.model")),
    "__init__": Floor(()),
}
"""Every floor that exists must stand here: a new one is a decision."""

OWNERS: dict[str, tuple[str, ...]] = {
    "apsw": ("db",),
    "fastjsonschema": ("ocpp",),
    "ocpp": ("ocpp", "simulator"),
    "prometheus_client": ("monitoring",),
    "sdnotify": ("monitoring", "daemon"),
    "sqlite3": (),
    "starlette": ("server",),
    "uvicorn": ("server",),
    "uvloop": ("daemon", "simulator"),
    "websockets": ("server", "simulator"),
    "yaml": ("config",),
}
"""Libraries that only these floors may import. `sqlite3` none: two copies of SQLite in one process break its locks."""

DYNAMIC_IMPORTS = {
    "mcppd/core/plugin_loader.py": "plugins are found by name",
}

BROAD_EXCEPTS: dict[str, str] = {
    "mcppd/core/answering.py": "a bug in a handler costs one answer, not the link",
    "mcppd/core/plugin_calls.py": "what a plugin raises is thrown where it is awaited",
    "mcppd/core/plugin_loader.py": "a plugin may raise anything when it is imported or made",
    "mcppd/core/plugin_threads.py": "what a plain hook raises is handed to whoever waits",
    "mcppd/db/database.py": "what was opened so far is closed, and the error goes on",
    "mcppd/db/migrations.py": "what was begun is undone, and the error goes on",
    "mcppd/db/writer.py": "what a write raises belongs to its caller",
    "mcppd/server/api/app.py": "the one place where the HTTP door turns errors into answers",
    "mcppd/server/ws_connection.py": "a bug behind the WebSocket door costs one connection",
    "mcppd/simulator/speech.py": "the ocpp package lets through what its own checks trip over",
}
"""Where `except Exception` may stand, and why there."""

BAD_MODULE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc"}
LONGEST_FILE = 350

_SQL = re.compile(
    r"^\s*(SELECT\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+TABLE\s|PRAGMA\s)", re.I
)
_DECORATORS = {
    "dataclass",
    "contextmanager",
    "coroutine",
    "asynccontextmanager",
    "cache",
    "lru_cache",
    "overload",
    "runtime_checkable",
    "final",
}
_MUTABLE_MAKERS = {"list", "dict", "set", "defaultdict", "deque", "Counter", "bytearray"}


def floor_of(path: str) -> str:
    """The floor of a file such as `mcppd/core/link.py`: `core`."""
    return Path(path).parts[1].removesuffix(".py")


def imports(path: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, full name) of everything imported anywhere in the file; `from a import b` is both `a` and `a.b`."""
    package = list(Path(path).parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def import_violations(path: str, source: str) -> list[str]:
    """Every import in `source` that the floor of `path` may not make."""
    name = floor_of(path)
    if name not in FLOORS:
        return [f"{path}: no rules for a floor {name!r}; decide what it may import and say so in FLOORS"]
    floor, tree, found = FLOORS[name], ast.parse(source), []
    allowed = (f"mcppd.{name}", "mcppd.__version__", *floor.may)
    for line, imported in imports(path, tree):
        where = f"{path}:{line}: {name} must not import {imported}"
        top = imported.partition(".")[0]
        if within(imported, "mcppd.daemon") and name != "__main__":
            found.append(f"{where}: only __main__ imports the daemon")
        elif top == "mcppd":
            if imported != "mcppd" and not any(within(imported, package) for package in allowed):
                found.append(f"{where}: it may import {', '.join(floor.may) or 'nothing of mcppd'}")
        elif any(within(imported, package) for package in floor.never):
            found.append(f"{where}: this floor does without")
        elif name not in OWNERS.get(top, (name,)):
            found.append(f"{where}: only {', '.join(OWNERS[top]) or 'nobody'} may")
    if path not in DYNAMIC_IMPORTS:
        found += [
            f"{path}:{node.lineno}: {called} goes round the import rules"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and (called := _last_name(node.func)) in ("import_module", "__import__")
        ]
    return found


def state_violations(path: str, source: str) -> list[str]:
    """Work done and state kept at import time, and `global`."""
    tree = ast.parse(source)
    found = [
        f"{path}:{node.lineno}: global {', '.join(node.names)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Global)
    ]
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
            found.append(f"{path}:{node.lineno}: a call at import time")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found += [
                f"{path}:{node.lineno}: {node.name} is registered at import time by @{_last_name(decorator)}"
                for decorator in node.decorator_list
                if _last_name(decorator) not in _DECORATORS
            ]
        elif isinstance(node, ast.Assign | ast.AnnAssign) and _is_mutable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [
                f"{path}:{node.lineno}: {target.id} is mutable global state; a table is spelled in capitals"
                for target in targets
                if isinstance(target, ast.Name) and not target.id.isupper() and not target.id.startswith("__")
            ]
    return found


def sql_violations(path: str, source: str) -> list[str]:
    """SQL outside `db/`."""
    if floor_of(path) == "db":
        return []
    tree = ast.parse(source)
    return [
        f"{path}:{node.lineno}: SQL outside db"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.match(node.value)
    ]


def broad_excepts(source: str) -> list[int]:
    """Lines of `except:`, `except Exception` and `except BaseException`."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or _last_name(kind) in ("Exception", "BaseException") for kind in kinds):
                lines.append(node.lineno)
    return lines


def shape_violations(path: str, source: str) -> list[str]:
    """Names that say nothing, files that have taken another's work, modules that do not say what they are."""
    found = []
    bad = BAD_MODULE_NAMES & {part.removesuffix(".py") for part in Path(path).parts[1:]}
    found += [f"{path}: a module named {name} says nothing of what is in it" for name in bad]
    lines = source.count("\n")
    if lines > LONGEST_FILE:
        found.append(f"{path}: {lines} lines, more than {LONGEST_FILE}: it has taken another's work")
    if source.strip() and ast.get_docstring(ast.parse(source)) is None:
        found.append(f"{path}: does not say what it is")
    return found


def _last_name(node: ast.AST) -> str:
    """`b` of `a.b`, of `a.b(...)` and of `a.b[...]`."""
    match node:
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return _last_name(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _is_mutable(value: ast.AST | None) -> bool:
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    return isinstance(value, ast.Call) and _last_name(value) in _MUTABLE_MAKERS


def program_files() -> list[str]:
    return sorted(str(file.relative_to(ROOT)) for file in PROGRAM.rglob("*.py"))
