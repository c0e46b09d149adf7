"""The settings: which word wins, and that every setting says what it is."""

from dataclasses import fields, is_dataclass

import pytest

from mcppd.model.charge_points import Registration
from mcppd.model.options import Kind, Option
from mcppd.model.settings import (
    NEVER,
    AutoStartOverride,
    AutoStartSettings,
    BootOverride,
    BootSettings,
    ChargePointSettings,
    ConnectorSettings,
    OcppSettings,
    Settings,
)


def options(section: type, path: str = ""):
    """(path, default, Option) of every setting in `section` and below."""
    for field in fields(section):
        name = f"{path}{field.name}"
        if "option" in field.metadata:
            default = field.default_factory() if callable(field.default_factory) else field.default
            yield name, default, field.metadata["option"]
        elif is_dataclass(made := field.default_factory()):
            yield from options(type(made), f"{name}.")


ALL = [*options(Settings), *options(ChargePointSettings, "charge_points.ID.")]


class TestEverySetting:
    @pytest.mark.parametrize(("path", "default", "option"), ALL, ids=[path for path, _, _ in ALL])
    def test_says_what_it_is_and_defaults_within_its_bounds(self, path, default, option: Option):
        assert option.help
        assert not option.help[0].isspace()
        if default is None or default == "":
            return
        if option.kind is Kind.CHOICE:
            assert default in option.choices
        size = len(default) if option.kind is Kind.TEXT else default
        if option.low is not None:
            assert option.low <= size <= option.high

    @pytest.mark.parametrize(
        "path",
        [
            "ocpp.listen",
            "ocpp.max_charge_points",
            "http.listen",
            "http.socket",
            "storage.directory",
            "storage.commit_interval",
            "log.level",
            "log.messages",
            "boot.timeout",
            "boot.trigger_delay",
            "boot.setup",
            "auto_start.enabled",
            "orphans.grace",
            "authorization.mode",
            "onboarding.mode",
        ],
    )
    def test_the_fixed_keys_are_there(self, path):
        assert path in {name for name, _, _ in ALL}

    def test_two_configurations_never_share_a_map(self):
        one, two = Settings(), Settings()
        assert one.configuration is not two.configuration
        assert one == two


class TestTheNarrowestWordWins:
    def test_a_charge_point_nobody_speaks_of_is_as_the_sections_say(self):
        settings = Settings()
        assert settings.of("CP1") == ChargePointSettings()
        assert settings.trigger_delay("CP1") == BootSettings().trigger_delay
        assert settings.setup("CP1") is True
        assert settings.heartbeat_interval("CP1") == OcppSettings().heartbeat_interval
        assert settings.wanted_configuration("CP1") == {}
        assert settings.auto_start_for("CP1", 1) == AutoStartSettings()

    def test_its_own_words_win_and_touch_no_other(self):
        own = ChargePointSettings(
            registration=Registration.BLOCKED,
            heartbeat_interval=60.0,
            boot=BootOverride(trigger_delay=NEVER, setup=False),
            configuration={"A": "own", "B": "2"},
        )
        settings = Settings(configuration={"A": "1", "C": "3"}, charge_points={"CP1": own})
        assert settings.trigger_delay("CP1") == NEVER
        assert settings.setup("CP1") is False
        assert settings.heartbeat_interval("CP1") == 60.0
        assert settings.wanted_configuration("CP1") == {"A": "own", "B": "2", "C": "3"}
        assert settings.wanted_configuration("CP2") == {"A": "1", "C": "3"}
        assert settings.trigger_delay("CP2") == BootSettings().trigger_delay

    def test_zero_and_off_are_words_too(self):
        own = ChargePointSettings(boot=BootOverride(trigger_delay=0.0))
        assert Settings(charge_points={"CP1": own}).trigger_delay("CP1") == 0.0

    def test_automatic_start_goes_by_connector_then_charge_point_then_section(self):
        own = ChargePointSettings(
            auto_start=AutoStartOverride(id_tag="POINT", delay=5.0),
            connectors={2: ConnectorSettings(AutoStartOverride(enabled=False, id_tag="TWO"))},
        )
        settings = Settings(
            auto_start=AutoStartSettings(id_tag="SITE", retries=3, retry_delay=7.0), charge_points={"CP1": own}
        )
        assert settings.auto_start_for("CP1", 2) == AutoStartSettings(False, "TWO", 5.0, 3, 7.0)
        assert settings.auto_start_for("CP1", 1) == AutoStartSettings(True, "POINT", 5.0, 3, 7.0)
        assert settings.auto_start_for("CP2", 2) == AutoStartSettings(True, "SITE", 0.0, 3, 7.0)
