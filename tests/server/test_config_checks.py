"""The configuration as a whole: settings against one another, what a reload can apply, what it prints as."""

from pathlib import Path

import pytest

from mcppd.config import effective, load, needs_restart
from mcppd.model.errors import ConfigurationError
from mcppd.model.settings import Settings


@pytest.fixture
def main(tmp_path: Path) -> Path:
    return tmp_path / "mcppd.yaml"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def faults(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    return [str(fault) for fault in caught.value.faults]


class TestChecksAcrossSettings:
    @pytest.mark.parametrize(
        "listen", ["0.0.0.0:9180", "9180", ":9180", "[::]:9180", "192.168.1.5:9180", "box.lan:9180"]
    )
    def test_http_is_not_offered_to_the_network_without_a_token(self, main: Path, listen: str) -> None:
        (fault,) = faults(write(main, f"http:\n  listen: '{listen}'\n"))
        assert f"{main}:2: http.listen: must be a loopback address unless http.token_file is set" in fault
        assert load(main, overrides=["http.token_file=/etc/mcppd/token"]).http.token_file

    @pytest.mark.parametrize("listen", ["127.0.0.1:9180", "127.9.9.9:1", "[::1]:9180", "localhost:9180"])
    def test_loopback_needs_no_token(self, main: Path, listen: str) -> None:
        assert load(write(main, f"http: {{listen: '{listen}'}}\n")).http.listen == listen

    def test_the_two_listeners_do_not_share_a_port(self, main: Path) -> None:
        assert "must not be the port of ocpp.listen" in faults(write(main, "http: {listen: '127.0.0.1:9000'}\n"))[0]
        assert load(write(main, "http: {listen: '127.0.0.1:0'}\nocpp: {listen: 0}\n"))

    @pytest.mark.parametrize("tag", ["Ä", "a\\tb", " a", "a "])
    def test_tags_are_printable_ascii_on_every_level(self, main: Path, tag: str) -> None:
        text = f"""
            auto_start: {{id_tag: "{tag}"}}
            charge_points:
                A: {{auto_start: {{id_tag: "{tag}"}}, connectors: {{1: {{auto_start: {{id_tag: "{tag}"}}}}}}}}
            """
        found = faults(write(main, text))
        assert len(found) == 3
        assert found[2].startswith(f"{main}:4: charge_points.A.connectors.1.auto_start.id_tag: must be printable ASCII")

    @pytest.mark.parametrize("tag", ["", "x" * 17])
    def test_tags_have_1_to_16_characters(self, main: Path, tag: str) -> None:
        (fault,) = faults(write(main, f'auto_start: {{id_tag: "{tag}"}}\n'))
        assert "must be a text of 1 to 16 characters" in fault

    def test_configuration_keys_and_values_fit_their_types(self, main: Path) -> None:
        text = f"configuration: {{{'k' * 51}: 1}}\ncharge_points: {{A: {{configuration: {{B: {'v' * 501}}}}}}}\n"
        first, second = faults(write(main, text))
        assert "1 to 50 characters" in first
        assert "charge_points.A.configuration.B: must be a text of at most 500 characters (got 501)" in second

    def test_a_configuration_key_has_one_value(self, main: Path) -> None:
        found = faults(write(main, "configuration: {A: [1]}\ncharge_points: {A: {configuration: 1}}\n"))
        assert 'must have one value under each name ("A" has not)' in found[0]
        assert "must be a section of names and values (got 1)" in found[1]

    def test_paths_are_needed_and_fit(self, main: Path) -> None:
        found = faults(write(main, f"http: {{socket: /{'x' * 107}}}\nstorage: {{directory: ''}}\n"))
        assert "storage.directory: must be a path (got nothing)" in found[0]
        assert "http.socket: must be a path of at most 107 bytes" in found[1]

    def test_a_link_is_pinged_before_it_is_given_up(self, main: Path) -> None:
        assert "ocpp.liveness_timeout: must be longer" in faults(write(main, "ocpp: {ping_interval: 1h}\n"))[0]


class TestReload:
    def change(self, text: str, main: Path) -> list[str]:
        return needs_restart(Settings(), load(write(main, text)))

    def test_what_a_reload_applies_needs_no_restart(self, main: Path) -> None:
        assert (
            self.change("log: {level: debug}\nboot: {setup: off}\ncharge_points: {A: {boot: {setup: on}}}\n", main)
            == []
        )

    def test_the_rest_is_told_by_path(self, main: Path) -> None:
        text = "log: {rate: 99}\nocpp: {listen: 1, inbox: 3}\nplugins: {queue: 9, b: {enabled: on}, a: {}}\n"
        assert self.change(text, main) == ["ocpp.listen", "ocpp.inbox", "plugins.queue", "plugins.a", "plugins.b"]

    def test_nothing_changed_nothing_told(self) -> None:
        assert needs_restart(Settings(), Settings()) == []


class TestEffective:
    def test_it_reads_back_as_the_same_configuration(self, main: Path) -> None:
        text = """
            boot: {trigger_delay: never, resume_delay: 123ms}
            ocpp: {listen: '[::1]:9000', max_message_size: 64KiB, heartbeat_interval: 301.5}
            http: {allowed_hosts: [box.lan, other]}
            plugins: {mine: {enabled: true, deep: {list: [1, x]}}}
            configuration: {A: 1, B: 'true', C: ''}
            charge_points:
              "007": {registration: blocked, boot: {trigger_delay: 3}, connectors: {1: {auto_start: {delay: 90}}}}
            """
        settings = load(write(main, text))
        assert load(write(main, effective(settings))) == settings

    def test_secrets_are_hidden(self, main: Path) -> None:
        text = "configuration: {AuthorizationKey: s3cret}\nplugins: {m: {password: s3cret, d: {api_key: s3cret}}}\n"
        assert "s3cret" not in effective(load(write(main, text)))
