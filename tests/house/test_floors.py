"""The floors: who may import whom, and what no floor does."""

import pytest

from tests.house.architecture import (
    BROAD_EXCEPTS,
    DYNAMIC_IMPORTS,
    FLOORS,
    PROGRAM,
    ROOT,
    broad_excepts,
    import_violations,
    program_files,
    shape_violations,
    sql_violations,
    state_violations,
)

FILES = program_files()


def source(path: str) -> str:
    return (ROOT / path).read_text()


def violations(check) -> str:
    return "\n".join(found for path in FILES for found in check(path, source(path)))


def test_every_floor_imports_only_what_lies_below_it():
    assert violations(import_violations) == ""


def test_nothing_is_registered_and_no_state_is_kept_at_import_time():
    assert violations(state_violations) == ""


def test_only_the_database_floor_speaks_sql():
    assert violations(sql_violations) == ""


def test_every_file_has_a_telling_name_a_purpose_and_a_bearable_length():
    assert violations(shape_violations) == ""


def test_everything_is_caught_only_where_it_is_allowed_to_be():
    where = {path: lines for path in FILES if (lines := broad_excepts(source(path)))}
    assert {path: lines for path, lines in where.items() if path not in BROAD_EXCEPTS} == {}
    assert sorted(set(BROAD_EXCEPTS) - set(where)) == [], "no longer there: strike it from BROAD_EXCEPTS"


def test_the_tables_speak_of_files_and_floors_that_exist():
    assert [path for path in DYNAMIC_IMPORTS if path not in FILES] == []
    floors = {entry.name.removesuffix(".py") for entry in PROGRAM.iterdir() if not entry.name.startswith("__pycache__")}
    assert sorted(set(FLOORS) - floors) == []


@pytest.mark.parametrize("folder", sorted({str((ROOT / path).parent.relative_to(ROOT)) for path in FILES}))
def test_every_folder_of_the_program_is_a_package(folder):
    assert (ROOT / folder / "__init__.py").is_file()
