"""`etc/mcppd.yaml` is the reference: every setting with its default and bounds, and nothing that does not exist."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcppd.config import load
from mcppd.config.values import duration_text, size_text
from mcppd.model.options import Kind, Option
from mcppd.model.settings import ChargePointSettings, ConnectorSettings, Settings

REFERENCE = Path(__file__).parents[2] / "etc" / "mcppd.yaml"
TEXT = REFERENCE.read_text()
OPTION = re.compile(r"  #(\w+): (.*)")


@dataclass(frozen=True, slots=True)
class Written:
    section: str
    name: str
    value: str
    comment: str

    @property
    def path(self) -> str:
        return f"{self.section}.{self.name}"


def written() -> Iterator[Written]:
    section, comment = "", ""
    for line in TEXT.splitlines():
        if match := re.fullmatch(r"(\w+):", line):
            section = match[1]
        elif match := OPTION.fullmatch(line):
            yield Written(section, match[1], match[2], comment)
            comment = ""
        elif line.startswith("  # "):
            comment += line[4:] + " "


def options(section: type, path: str = "") -> Iterator[tuple[str, Option, Any]]:
    for field in fields(section):
        option = field.metadata.get("option")
        if option is None:
            if isinstance(field.type, type):
                yield from options(field.type, f"{path}{field.name}.")
        elif option.kind is not Kind.NAMED_VALUES:
            yield f"{path}{field.name}", option, field.default
        else:
            assert field.default_factory is not MISSING


WRITTEN = {entry.path: entry for entry in written()}
OPTIONS = {path: (option, default) for path, option, default in options(Settings)}


def test_as_it_is_it_sets_nothing() -> None:
    assert load(REFERENCE) == Settings()


def test_it_has_every_setting_and_no_other_in_the_order_of_the_code() -> None:
    assert list(WRITTEN) == list(OPTIONS)


def test_it_has_every_section() -> None:
    assert re.findall(r"^(\w+):$", TEXT, re.MULTILINE) == [field.name for field in fields(Settings)]


def test_with_every_comment_sign_removed_it_is_still_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "mcppd.yaml"
    file.write_text(re.sub(r"^  #(\w+: )", r"  \1", TEXT, flags=re.MULTILINE))
    document = yaml.safe_load(file.read_text())
    assert all(document[path.split(".")[0]][path.split(".")[1]] is not None for path in OPTIONS)
    assert load(file) == Settings()


@pytest.mark.parametrize("path", OPTIONS)
def test_the_comment_tells_the_bounds_and_whether_a_reload_applies_it(path: str) -> None:
    option, _ = OPTIONS[path]
    comment = WRITTEN[path].comment
    assert len(comment) > 20
    assert ("[reload]" in comment) is option.reload
    for choice in option.choices:
        assert choice in comment
    if option.never:
        assert "`never`" in comment
    if option.low is not None and option.high is not None:
        shown = {Kind.DURATION: duration_text, Kind.SIZE: size_text}.get(option.kind, "{:g}".format)
        bounds = f"{shown(option.low)} to {shown(option.high) if option.kind is not Kind.COUNT else int(option.high)}"
        assert bounds in comment.replace("; ", " ")


def test_the_examples_can_be_uncommented_too_and_show_every_setting_of_a_charge_point(tmp_path: Path) -> None:
    file = tmp_path / "mcppd.yaml"
    examples = re.sub(r"^  ## [A-Z].*$", "", TEXT, flags=re.MULTILINE)
    file.write_text(re.sub(r"^  ##( *\S)", r"  \1", examples, flags=re.MULTILINE))
    settings = load(file)
    assert settings.plugins.named["webhook"]["enabled"] is True
    assert settings.configuration
    example = yaml.safe_load(file.read_text())["charge_points"]["CP-1"]
    shown = {
        f"{key}.{sub}" if isinstance(entry, dict) else key
        for key, entry in example.items()
        for sub in (entry if isinstance(entry, dict) else [""])
    }
    expected = {path for path, _, _ in options(ChargePointSettings)}
    assert {path for path in shown if not path.startswith(("configuration.", "connectors."))} == expected
    connector = {f"auto_start.{key}" for key in example["connectors"][2]["auto_start"]}
    assert connector == {path for path, _, _ in options(ConnectorSettings)}
