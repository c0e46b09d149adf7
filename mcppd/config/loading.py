"""From files, environment and flags to `Settings`: the order of the sources, and what happens to what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from mcppd.config.checks import check
from mcppd.config.outside import read_environment, read_overrides
from mcppd.config.reading import Places, read_settings
from mcppd.config.tree import Section, merge
from mcppd.config.yaml_text import read_yaml
from mcppd.model.errors import ConfigurationError, Fault
from mcppd.model.settings import Settings

DEFAULT_PATH = Path("/etc/mcppd/mcppd.yaml")
MAX_FILE_BYTES = 1 << 20


def load(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    default_path: Path = DEFAULT_PATH,
) -> Settings:
    """Read the configuration. Later wins: `path`, `conf.d/*.yaml` beside it by name, `environ`, `overrides`.

    Without `path` it is `default_path`, which may be missing. Raises `ConfigurationError` with every fault of every
    source at once; the check of settings against one another only runs on what could be read.
    """
    faults: list[Fault] = []
    main = default_path if path is None else path
    tree = Section(str(main))
    for file in _files(main, required=path is not None):
        tree = merge(tree, _read_file(file, faults))
    sections = [field.name for field in fields(Settings)]
    tree = merge(tree, read_environment(environ or {}, sections, faults))
    tree = merge(tree, read_overrides(overrides, faults))
    places = Places()
    settings = read_settings(tree, places, faults)
    faults.extend(check(settings, places, str(main)))
    if faults:
        raise ConfigurationError(faults)
    return settings


def _files(main: Path, *, required: bool) -> list[Path]:
    first = [main] if required or main.exists() else []
    return first + sorted(main.parent.glob("conf.d/*.yaml"), key=lambda file: file.name)


def _read_file(file: Path, faults: list[Fault]) -> Section:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        if len(content) <= MAX_FILE_BYTES:
            return read_yaml(content.decode("utf-8-sig"), str(file), faults)
        faults.append(Fault(str(file), "", f"is larger than {MAX_FILE_BYTES} bytes"))
    except OSError as error:
        faults.append(Fault(str(file), "", f"cannot be read: {error.strerror}"))
    except UnicodeDecodeError as error:
        faults.append(Fault(str(file), "", f"must be UTF-8 (byte {error.start} is not)"))
    return Section(str(file))
