"""The configuration from its sources: order, faults, what a reload can apply."""

from pathlib import Path

import pytest

from mcppd.config import load
from mcppd.model.charge_points import Registration
from mcppd.model.errors import ConfigurationError
from mcppd.model.settings import NEVER, Settings


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    return tmp_path / "mcppd.yaml"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def faults(path: Path | None, **sources: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(path, **sources)  # type: ignore[arg-type]
    return [str(fault) for fault in caught.value.faults]


class TestSources:
    def test_an_empty_file_gives_the_defaults(self, main: Path) -> None:
        assert load(write(main, "")) == Settings()

    def test_empty_sections_set_nothing(self, main: Path) -> None:
        assert load(write(main, "ocpp:\ncharge_points:\n  CP1:\nplugins:\nconfiguration:\n")).ocpp == Settings().ocpp

    def test_later_wins_file_conf_d_environment_flags(self, main: Path) -> None:
        write(main, "log: {rate: 11, level: error}\nstorage: {directory: /file}\nocpp: {inbox: 2, listen: 1}\n")
        write(main.parent / "conf.d" / "20-b.yaml", "log: {rate: 13}\n")
        write(main.parent / "conf.d" / "10-a.yaml", "log: {rate: 12}\nstorage: {directory: /a}\nocpp: {inbox: 3}\n")
        settings = load(
            main,
            environ={"MCPPD_STORAGE__DIRECTORY": "/environment", "MCPPD_OCPP__INBOX": "4"},
            overrides=["ocpp.inbox=5", "ocpp.inbox=6"],
        )
        assert (settings.log.level, settings.log.rate) == ("error", 13)
        assert settings.storage.directory == "/environment"
        assert (settings.ocpp.inbox, settings.ocpp.listen) == (6, "0.0.0.0:1")

    def test_only_yaml_files_of_conf_d_are_read(self, main: Path) -> None:
        write(main, "")
        write(main.parent / "conf.d" / "log.yaml.dpkg-old", "nonsense: 1\n")
        assert load(main) == Settings()

    def test_a_later_empty_section_undoes_nothing(self, main: Path) -> None:
        write(main, "log:\n  rate: 11\n")
        write(main.parent / "conf.d" / "a.yaml", "log:\n")
        assert load(main).log.rate == 11

    def test_a_named_file_must_be_there(self, main: Path) -> None:
        assert faults(main) == [f"{main}: cannot be read: No such file or directory"]

    def test_the_default_file_may_be_missing(self, main: Path) -> None:
        assert load(default_path=main) == Settings()
        write(main.parent / "conf.d" / "a.yaml", "log: {rate: 12}\n")
        assert load(default_path=main).log.rate == 12

    def test_the_default_file_is_read_when_it_is_there(self, main: Path) -> None:
        assert load(default_path=write(main, "log: {rate: 14}")).log.rate == 14

    def test_deeper_settings_come_from_the_environment_too(self) -> None:
        environ = {
            "MCPPD_CHARGE_POINTS__Cp1__AUTO_START__ENABLED": "off",
            "MCPPD_CHARGE_POINTS__Cp1__CONFIGURATION__MeterValueSampleInterval": "30",
            "MCPPD_CONFIGURATION__ClockAlignedDataInterval": "900",
            "MCPPD_PLUGINS__WEBHOOK__ENABLED": "true",
            "MCPPD_PLUGINS__WEBHOOK__URL": "http://127.0.0.1:8080/x",
        }
        settings = load(environ=environ, default_path=Path("/nonexistent/mcppd.yaml"))
        assert settings.auto_start_for("Cp1", 1).enabled is False
        assert settings.wanted_configuration("Cp1") == {
            "MeterValueSampleInterval": "30",
            "ClockAlignedDataInterval": "900",
        }
        assert settings.plugins.named == {"webhook": {"enabled": True, "url": "http://127.0.0.1:8080/x"}}

    def test_an_underscore_too_few_in_the_environment_is_not_ignored(self, main: Path) -> None:
        assert faults(write(main, ""), environ={"MCPPD_LOG_LEVEL": "debug"}) == [
            "MCPPD_LOG_LEVEL: must have two underscores between section and key: MCPPD_LOG__LEVEL"
        ]

    def test_other_variables_of_that_prefix_are_left_alone(self, main: Path) -> None:
        assert load(write(main, ""), environ={"MCPPD_VERSION": "1", "PATH": "/bin"}) == Settings()

    def test_a_variable_without_a_key_is_a_fault(self, main: Path) -> None:
        (fault,) = faults(write(main, ""), environ={"MCPPD_LOG__": "x"})
        assert fault == "MCPPD_LOG__: must name a section and a key, as in MCPPD_STORAGE__DIRECTORY"

    def test_a_name_with_dots_is_quoted_in_a_flag(self, main: Path) -> None:
        settings = load(write(main, ""), overrides=['charge_points."CP.1".boot.setup=off'])
        assert settings.setup("CP.1") is False

    def test_a_value_in_a_flag_may_hold_equals_signs(self, main: Path) -> None:
        assert load(write(main, ""), overrides=["storage.directory=/a=b"]).storage.directory == "/a=b"

    def test_an_ipv6_address_passes_through_a_flag(self, main: Path) -> None:
        assert load(write(main, ""), overrides=["ocpp.listen=[::1]:9000"]).ocpp.listen == "[::1]:9000"

    @pytest.mark.parametrize("flag", ["nonsense", "a..b=1", "=1", ""])
    def test_a_flag_of_another_form_is_a_fault(self, main: Path, flag: str) -> None:
        assert faults(write(main, ""), overrides=[flag]) == [f'--set: must be section.key=value (got "{flag}")']


class TestFaults:
    def test_all_faults_of_all_sources_come_at_once_with_their_places(self, main: Path) -> None:
        write(main, "ocpp:\n  lisen: x\n  inbox: 0\nlog:\n  level: loud\n")
        extra = write(main.parent / "conf.d" / "a.yaml", "\n\nboot: {timeout: soon}\n")
        found = faults(main, environ={"MCPPD_STORAGE__COMMIT_INTERVAL": "1y"}, overrides=["orphans.grace=0"])
        assert found == [
            f"{main}:3: ocpp.inbox: must be a whole number from 1 to 1024 (got 0)",
            f"{main}:2: ocpp.lisen: is no known setting; did you mean ocpp.listen?",
            f'{main}:5: log.level: must be debug, info, warning or error (got "loud")',
            f"{extra}:3: boot.timeout: "
            'must be a duration such as 30, 500ms, 5s, 10m, 2h or 7d from 1s to 1h (got "soon")',
            "MCPPD_STORAGE__COMMIT_INTERVAL: storage.commit_interval: "
            'must be a duration such as 30, 500ms, 5s, 10m, 2h or 7d from 0s to 1m (got "1y")',
            "--set: orphans.grace: must be a duration such as 30, 500ms, 5s, 10m, 2h or 7d from 1s to 1d (got 0)",
        ]

    def test_a_syntax_error_has_its_line_and_does_not_hide_the_rest(self, main: Path) -> None:
        write(main, "ocpp:\n  listen: a: b\nlog:\n")
        first, second = faults(main, overrides=["ocpp.inbox=x"])
        assert first.startswith(f"{main}:2: is not YAML: ")
        assert second.startswith("--set: ocpp.inbox: must be a whole number")

    @pytest.mark.parametrize("text", ["a: b: c", "\ta: 1", "a: 'x", "%YAML 9.9\n---\n", "a: \0", "- [", "a: *b", "? :"])
    def test_no_text_is_more_than_a_fault(self, main: Path, text: str) -> None:
        assert all(fault.startswith(str(main)) for fault in faults(write(main, text)))

    def test_a_second_document_is_a_fault(self, main: Path) -> None:
        assert "is not YAML" in faults(write(main, "log: {}\n---\nlog: {}\n"))[0]

    def test_duplicate_keys_are_a_fault_with_both_lines(self, main: Path) -> None:
        assert faults(write(main, "log:\n  rate: 11\n  rate: 12\nlog:\n  level: info\n")) == [
            f"{main}:3: log.rate: must be given once (first on line 2)",
            f"{main}:4: log: must be given once (first on line 1)",
        ]

    def test_a_file_that_is_no_map_is_a_fault(self, main: Path) -> None:
        assert faults(write(main, "- a\n")) == [f"{main}:1: must be sections such as `ocpp:` with settings under them"]

    def test_a_file_that_is_not_utf_8_is_a_fault(self, main: Path) -> None:
        main.write_bytes(b"log: {level: \xff}\n")
        assert faults(main) == [f"{main}: must be UTF-8 (byte 13 is not)"]

    def test_a_byte_order_mark_is_no_fault(self, main: Path) -> None:
        main.write_bytes(b"\xef\xbb\xbflog: {rate: 12}\n")
        assert load(main).log.rate == 12

    def test_a_directory_in_place_of_a_file_is_a_fault(self, main: Path) -> None:
        main.mkdir()
        assert faults(main) == [f"{main}: cannot be read: Is a directory"]

    def test_an_enormous_file_is_not_read(self, main: Path) -> None:
        assert faults(write(main, "#" * (1 << 20) + "\n")) == [f"{main}: is larger than 1048576 bytes"]

    def test_aliases_cannot_grow_without_bound(self, main: Path) -> None:
        lines = ["plugins: {x: {a0: &a0 [1,1,1,1,1,1,1,1,1,1],"]
        lines += [f" a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]," for n in range(1, 9)]
        assert "more than 50000 values" in faults(write(main, "\n".join([*lines, "}}\n"])))[0]

    def test_an_alias_of_itself_is_a_fault(self, main: Path) -> None:
        assert "an alias that holds itself" in faults(write(main, "plugins: {x: &a [*a]}\n"))[0]

    def test_deep_nesting_is_a_fault(self, main: Path) -> None:
        assert faults(write(main, "[" * 20000)) == [f"{main}: is nested too deeply"]

    @pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!mine", "!!binary", "!!set"])
    def test_tags_make_nothing(self, main: Path, tag: str) -> None:
        assert "must not carry the tag" in faults(write(main, f"plugins: {{x: {{y: {tag} 'abc'}}}}\n"))[0]

    def test_anchors_and_merge_keys_work(self, main: Path) -> None:
        text = """
            charge_points:
              A: &usual {boot: {setup: off}, heartbeat_interval: 1m}
              B: *usual
              C: {<<: *usual, heartbeat_interval: 2m}
            """
        settings = load(write(main, text))
        assert [settings.setup(identity) for identity in "ABC"] == [False] * 3
        assert [settings.heartbeat_interval(identity) for identity in "ABC"] == [60, 60, 120]

    def test_a_section_must_be_a_section_and_a_value_a_value(self, main: Path) -> None:
        assert faults(write(main, "ocpp: 9000\nlog: {rate: {a: 1}, level: [x]}\n")) == [
            f"{main}:1: ocpp: must be a section with settings under it (got 9000)",
            f"{main}:2: log.rate: must be a whole number from 10 to 1000000 (got a section)",
            f"{main}:2: log.level: must be debug, info, warning or error (got a list)",
        ]

    def test_a_setting_without_a_value_is_a_fault(self, main: Path) -> None:
        (fault,) = faults(write(main, "ocpp:\n  listen:\n"))
        assert fault == f"{main}:2: ocpp.listen: must be HOST:PORT, [IPV6]:PORT or PORT (got nothing)"

    def test_what_was_found_is_cut_and_printable(self, main: Path) -> None:
        (fault,) = faults(write(main, 'log: {level: "' + "x" * 100 + '"}\n'))
        assert fault.endswith(f'(got "{"x" * 60}...")')
        (fault,) = faults(write(main, 'log: {level: "a\\e[31m\\n"}\n'))
        assert fault.endswith(r'(got "a\x1b[31m\n")')

    def test_an_unknown_section_names_those_there_are(self, main: Path) -> None:
        (fault,) = faults(write(main, "zzz: {}\n"))
        assert "zzz: is no known setting; there are authorization, auto_start, boot" in fault


class TestChargePoints:
    def test_everything_can_differ_for_one_charge_point(self, main: Path) -> None:
        text = """
            auto_start: {delay: 5, retries: 2}
            configuration: {A: 1, B: true}
            charge_points:
              12345:
                registration: pending
                heartbeat_interval: 1h
                boot: {trigger_delay: never, setup: no}
                auto_start: {id_tag: HOUSE}
                configuration: {B: false}
                connectors: {2: {auto_start: {enabled: off, delay: 0}}}
            """
        settings = load(write(main, text))
        own = settings.of("12345")
        assert own.registration is Registration.PENDING
        assert (settings.heartbeat_interval("12345"), settings.trigger_delay("12345")) == (3600, NEVER)
        assert settings.wanted_configuration("12345") == {"A": "1", "B": "false"}
        second = settings.auto_start_for("12345", 2)
        assert (second.enabled, second.id_tag, second.delay, second.retries) == (False, "HOUSE", 0, 2)
        first = settings.auto_start_for("12345", 1)
        assert (first.enabled, first.id_tag, first.delay) == (True, "HOUSE", 5)

    @pytest.mark.parametrize("number", ["0", "256", "-1", "one", "1.5", "٣"])
    def test_a_connector_is_a_number(self, main: Path, number: str) -> None:
        (fault,) = faults(write(main, f'charge_points: {{A: {{connectors: {{"{number}": {{}}}}}}}}\n'))
        assert "must be the number of a connector, 1 to 255" in fault

    @pytest.mark.parametrize("identity", ['""', '" "', '"a\\tb"', "x" * 256])
    def test_an_identity_is_printable(self, main: Path, identity: str) -> None:
        (fault,) = faults(write(main, f"charge_points: {{? {identity} : {{}}}}\n"))
        assert "must be the identity of a charge point" in fault

    def test_unknown_keys_are_found_at_every_depth(self, main: Path) -> None:
        (fault,) = faults(write(main, "charge_points: {A: {auto_start: {enable: on}}}\n"))
        assert "charge_points.A.auto_start.enable: is no known setting; did you mean" in fault
        assert fault.endswith("charge_points.A.auto_start.enabled?")

    def test_never_is_only_taken_where_it_means_something(self, main: Path) -> None:
        assert load(write(main, "boot: {trigger_delay: never}\n")).trigger_delay("any") == NEVER
        assert "boot.timeout: must be a duration" in faults(write(main, "boot: {timeout: never}\n"))[0]


class TestPlugins:
    def test_a_plugin_gets_its_section_as_yaml_has_it(self, main: Path) -> None:
        text = (
            "plugins: {queue: 7, mine: {enabled: yes, n: 1, f: 1.5, t: x, l: [1, a], d: 2026-11-21, e: , m: {k: v}}}\n"
        )
        plugins = load(write(main, text)).plugins
        assert plugins.queue == 7
        assert plugins.named == {
            "mine": {
                "enabled": True,
                "n": 1,
                "f": 1.5,
                "t": "x",
                "l": [1, "a"],
                "d": "2026-11-21",
                "e": None,
                "m": {"k": "v"},
            }
        }

    def test_a_plugin_needs_a_section(self, main: Path) -> None:
        (fault,) = faults(write(main, "plugins: {decision_timout: 5}\n"))
        assert fault == (
            f"{main}:1: plugins.decision_timout: must be the section of a plugin (got 5); "
            "did you mean plugins.decision_timeout?"
        )

    def test_enabled_must_be_a_flag(self, main: Path) -> None:
        (fault,) = faults(write(main, "plugins: {mine: {enabled: maybe}}\n"))
        assert fault == f'{main}:1: plugins.mine.enabled: must be true or false (got "maybe")'
