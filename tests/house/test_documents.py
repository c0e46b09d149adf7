"""What the documents promise of the code is there, and what must not be in the repository is not."""

import ast
import inspect
import re
import subprocess
import tomllib
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from mcppd import hooks
from tests.house.architecture import ROOT

KINDS = {"life": hooks.LIFE, "event": hooks.EVENTS, "decision": hooks.DECISIONS}


def repository_files() -> list[Path]:
    """All files that are in the repository or would be by the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    files = (ROOT / name.decode() for name in listed.stdout.split(b"\0") if name)
    return [file for file in files if file.is_file() and not file.is_symlink()]


class TestHooks:
    @pytest.mark.parametrize("name", hooks.HOOKS)
    def test_every_hook_says_what_it_is_for(self, name):
        document = inspect.getdoc(getattr(hooks.Plugin, name))
        assert document
        kind = next(kind for kind, names in KINDS.items() if name in names)
        assert document.lower().startswith(f"{kind}:")

    def test_every_method_of_a_plugin_is_listed_as_a_hook(self):
        methods = {name for name, value in vars(hooks.Plugin).items() if inspect.isfunction(value) and name[0] != "_"}
        assert methods == set(hooks.HOOKS)

    def test_the_table_of_the_plugins_readme_has_exactly_the_hooks(self):
        rows = re.findall(
            r"^\|\s*`(\w+)(?:\([^`]*\))?`\s*\|\s*(\w+)\s*\|", (ROOT / "mcppd/plugins/README.md").read_text(), re.M
        )
        assert sorted((kind, name) for name, kind in rows if kind in KINDS) == sorted(
            (kind, name) for kind, names in KINDS.items() for name in names
        )


class TestReadme:
    @pytest.mark.parametrize("command", ["scripts/run", "scripts/test"])
    def test_both_commands_stand_on_its_first_screen(self, command):
        first_screen = (ROOT / "README.md").read_text().splitlines()[:60]
        assert any(command in line for line in first_screen)

    def test_every_script_it_names_is_there_and_can_be_run(self):
        for name in set(re.findall(r"\bscripts/[a-z-]+\b", (ROOT / "README.md").read_text())):
            assert (ROOT / name).stat().st_mode & 0o111, name

    def test_every_file_a_readme_links_to_is_there(self):
        for readme in ROOT.glob("mcppd/**/README.md"):
            for target in re.findall(r"\]\(([^)#:]+)\)", readme.read_text()):
                assert (readme.parent / target).exists(), f"{readme}: {target}"
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
            assert (ROOT / target).exists(), target


class TestRepository:
    PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    @pytest.mark.parametrize(
        "entry", [*PROJECT["scripts"].values(), *PROJECT["entry-points"]["mcppd.plugins"].values()]
    )
    def test_every_entry_point_leads_somewhere(self, entry):
        module, _, name = entry.partition(":")
        assert callable(getattr(import_module(module), name))

    def test_nothing_names_a_machine_or_a_registry(self):
        forbidden = re.compile(
            "|".join(
                [
                    r"/" + r"work/(main|shared|\.library)",
                    r"/" + r"tmp/v\b",
                    r"/" + r"root/",
                    r"https?://[^\s\"'>)]*(regis" + r"try\.|pypi\.|pythonhos" + r"ted|deb\.deb" + r"ian)",
                    r'"resol' + r'ved":\s*"http',
                    r"\bassist" + r"ant\b",
                ]
            )
        )
        found = []
        for file in repository_files():
            text = file.read_bytes().decode("utf-8", "replace")
            found += [f"{file.relative_to(ROOT)}: {match[0]}" for match in forbidden.finditer(text)]
        assert found == []

    def test_no_two_test_files_share_a_name(self):
        names = Counter(file.name for file in (ROOT / "tests").rglob("test_*.py") if "node_modules" not in file.parts)
        assert [name for name, count in names.items() if count > 1] == []

    @pytest.mark.parametrize("program", ["scripts/test", "scripts/bench", ".ci/run"])
    def test_the_programs_can_be_run(self, program):
        assert (ROOT / program).stat().st_mode & 0o111


class TestTests:
    FILES = sorted(file for file in (ROOT / "tests").rglob("*.py") if "node_modules" not in file.parts)

    def test_no_test_is_skipped_or_expected_to_fail(self):
        assert self.found({"skip", "skipif", "xfail", "importorskip", "skipTest"}) == []

    def test_nothing_is_mocked_that_can_be_run(self):
        assert self.found({"mock", "MagicMock", "AsyncMock", "Mock"}) == []

    def found(self, names: set[str]) -> list[str]:
        found = []
        for file in self.FILES:
            for node in ast.walk(ast.parse(file.read_text())):
                match node:
                    case ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name) if name in names:
                        found.append(f"{file.relative_to(ROOT)}:{node.lineno}: {name}")
        return found
