"""One text, one value: every kind of setting, what it takes and what it refuses."""

import pytest

from mcppd.config.tree import Listing, Scalar
from mcppd.config.values import duration_text, read_value, size_text
from mcppd.model.addresses import Address, read_address
from mcppd.model.options import Kind, Option
from mcppd.model.settings import NEVER


def read(text: str, kind: Kind, **bounds: object) -> object:
    return read_value(Scalar(text, "test"), Option(kind, "", **bounds))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5),
        ("0", 0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("500ms", 0.5),
        ("5s", 5),
        ("10m", 600),
        ("2h", 7200),
        ("7d", 604800),
        ("5 S", 5),
    ],
)
def test_durations_are_seconds_or_carry_a_unit(text: str, seconds: float) -> None:
    assert read(text, Kind.DURATION) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "-1", "5 minutes", "1y", "nan", "inf", "1e3", "5s5", "٥", "1:30", "never", "9" * 400]
)
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a duration"):
        read(text, Kind.DURATION)


def test_never_is_a_duration_where_the_option_says_so() -> None:
    assert read("Never", Kind.DURATION, never=True, low=0, high=9) == NEVER


@pytest.mark.parametrize(("text", "ok"), [("1s", True), ("10m", True), ("999ms", False), ("601", False)])
def test_bounds_are_inclusive(text: str, ok: bool) -> None:
    if ok:
        assert read(text, Kind.DURATION, low=1, high=600)
    else:
        with pytest.raises(ValueError, match="from 1s to 10m"):
            read(text, Kind.DURATION, low=1, high=600)


@pytest.mark.parametrize(
    ("text", "size"), [("65536", 65536), ("64KiB", 65536), ("1 mib", 1 << 20), ("1GiB", 1 << 30), ("7B", 7)]
)
def test_sizes_are_bytes_or_carry_a_unit(text: str, size: int) -> None:
    assert read(text, Kind.SIZE) == size


@pytest.mark.parametrize("text", ["", "-1", "1KB", "1.5MiB", "big", "9" * 30])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a number of bytes"):
        read(text, Kind.SIZE)


@pytest.mark.parametrize(
    ("text", "flag"), [("on", True), ("Yes", True), ("TRUE", True), ("off", False), ("no", False), ("false", False)]
)
def test_flags_are_words(text: str, flag: bool) -> None:
    assert read(text, Kind.FLAG) is flag


@pytest.mark.parametrize("text", ["", "1", "0", "y", "enabled"])
def test_other_flags_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be true or false"):
        read(text, Kind.FLAG)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1_000", "0x10", "²", "9" * 30])
def test_counts_are_digits(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a whole number"):
        read(text, Kind.COUNT)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:9000", Address("0.0.0.0", 9000)),
        ("box.lan:80", Address("box.lan", 80)),
        ("[::1]:9000", Address("::1", 9000)),
        ("[fe80::1%eth0]:9000", Address("fe80::1%eth0", 9000)),
        (":9000", Address("0.0.0.0", 9000)),
        ("9000", Address("0.0.0.0", 9000)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
    ],
)
def test_addresses_have_a_host_and_a_port(text: str, address: Address) -> None:
    assert read_address(text) == address
    assert read_address(str(address)) == address
    assert read(text, Kind.ADDRESS) == str(address)


@pytest.mark.parametrize(
    "text", ["", "host", "host:", "host:x", "::1:9000", "[::1]", "[x]:1", "[1.2.3]:1", "h:65536", "a b:1", "http://h:1"]
)
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must"):
        read(text, Kind.ADDRESS)


def test_a_choice_is_read_without_regard_to_case() -> None:
    assert read("accepted", Kind.CHOICE, choices=("Accepted", "Invalid")) == "Accepted"
    with pytest.raises(ValueError, match="must be Accepted or Invalid"):
        read("x", Kind.CHOICE, choices=("Accepted", "Invalid"))


def test_texts_are_a_list_or_separated_by_commas() -> None:
    assert read("a, b,", Kind.TEXTS) == ("a", "b")
    listing = Listing((Scalar("a", ""), Scalar("b", "")), "")
    assert read_value(listing, Option(Kind.TEXTS, "")) == ("a", "b")
    with pytest.raises(ValueError, match="must be a list of texts"):
        read_value(Listing((listing,), ""), Option(Kind.TEXTS, ""))


def test_a_path_has_no_nul() -> None:
    assert read("/a b/ü", Kind.PATH) == "/a b/ü"
    with pytest.raises(ValueError, match="must be a path"):
        read("/a\0", Kind.PATH)


@pytest.mark.parametrize("seconds", [0, 0.0001, 0.25, 1, 61, 90.5, 600, 7200, 86400, 31536000, NEVER, 1234567.25])
def test_a_duration_reads_back_from_its_text(seconds: float) -> None:
    assert read(duration_text(seconds), Kind.DURATION, never=True) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 1 << 20, 3 << 30])
def test_a_size_reads_back_from_its_text(size: int) -> None:
    assert read(size_text(size), Kind.SIZE) == size
