"""Metrics as a whole: the document tells the truth, and the text is what Prometheus reads."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mcppd.monitoring import metrics_table
from mcppd.monitoring.metrics_table import FAMILIES
from tests.equipment.measured_house import House, busy, charge_point

DOCUMENT = Path(metrics_table.__file__).with_name("METRICS.md")


class TestDocument:
    def rows(self) -> list[tuple[str, ...]]:
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", DOCUMENT.read_text(), re.MULTILINE)
        return [(name, kind, labels.replace("`", ""), meaning) for name, kind, labels, meaning in rows]

    def test_it_has_every_metric_with_type_labels_and_meaning_and_no_other(self) -> None:
        assert self.rows() == [(one.name, one.type, ", ".join(one.labels), one.help) for one in FAMILIES]

    def test_every_row_of_it_is_read(self) -> None:
        assert len(self.rows()) == sum(line.startswith("| `") for line in DOCUMENT.read_text().splitlines())

    def test_the_registry_has_what_the_document_has_even_of_an_empty_house(self) -> None:
        for house in (House(), busy()):
            collected = list(house.metrics.registry.collect())
            names = [one.name + "_total" * (one.type == "counter") for one in collected]
            assert sorted(names) == sorted(one.name for one in FAMILIES)
            assert len(set(names)) == len(names)

    def test_every_metric_has_samples_with_the_labels_of_the_document(self) -> None:
        families = {family.name: family for family in FAMILIES}
        for metric in busy().metrics.registry.collect():
            family = families[metric.name + "_total" * (metric.type == "counter")]
            assert metric.type == family.type
            assert metric.samples or family.name == "mcppd_process_write_bytes_total"
            for sample in metric.samples:
                assert set(sample.labels) - {"le"} == set(family.labels), family.name


class TestExposition:
    @pytest.mark.parametrize("house", [House(), busy()], ids=["empty", "busy"])
    def test_it_is_what_the_library_writes(self, house: House) -> None:
        collected = list(house.metrics.collect())
        house.metrics.collect = lambda: iter(collected)  # type: ignore[method-assign]
        assert house.metrics.exposition() == generate_latest(house.metrics.registry)

    def test_promtool_finds_nothing_to_say(self) -> None:
        promtool = shutil.which("promtool")
        assert promtool is not None, "promtool is needed: apt-get install prometheus"
        for house in (House(), busy()):
            checked = subprocess.run(
                [promtool, "check", "metrics"], input=house.metrics.exposition(), capture_output=True, check=False
            )
            assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")

    def test_a_parser_reads_back_what_was_meant(self) -> None:
        families = {family.name: family for family in text_string_to_metric_families(busy().text)}
        (sample,) = [one for one in families["mcppd_charge_point_boots"].samples if one.value == 2]
        assert sample.labels == {"charge_point": 'CP "1"\\ü\n'}

    def test_an_identity_that_is_no_unicode_does_no_harm(self) -> None:
        assert House(charge_point("CP\udc80")).has(r'mcppd_charge_point_connected{charge_point="CP\\udc80"} 0.0')
