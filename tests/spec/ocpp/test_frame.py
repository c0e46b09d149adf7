"""OCPP-J 1.6, section 4: what is a frame, what is none, and what its sender is told."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcppd.ocpp.frame import (
    CONTROL_CHARACTERS,
    FRAME_SYNTAX,
    KINDS,
    MAX_CALL_ERROR_BYTES,
    Call,
    CallError,
    CallResult,
    Frame,
    FrameError,
    read_frame,
    write_frame,
)

LONG_ID = "x" * 40


def nested(levels: int) -> str:
    """A CALL whose deepest array is at `levels` (the frame itself is level 1)."""
    return '[2,"1","DataTransfer",{"data":' + "[" * (levels - 2) + "]" * (levels - 2) + "}]"


def outcome(text: str) -> Frame | FrameError:
    try:
        return read_frame(text)
    except FrameError as error:
        return error


class TestTheThreeTypes:
    """4.2: CALL, CALLRESULT and CALLERROR."""

    def test_a_call(self):
        assert read_frame('[2,"19","Authorize",{"idTag":"A"}]') == Call("19", "Authorize", {"idTag": "A"})

    def test_a_call_result(self):
        assert read_frame('[3,"19",{"status":"Accepted"}]') == CallResult("19", {"status": "Accepted"})

    def test_a_call_error(self):
        frame = read_frame('[4,"19","InternalError","it broke",{"at":1}]')
        assert frame == CallError("19", "InternalError", "it broke", {"at": 1})

    @pytest.mark.parametrize("payload", ["", ",null", ',""', ",[]", ',"null"', ",{}"])
    def test_a_payload_that_says_nothing_is_empty(self, payload):
        assert read_frame(f'[2,"1","Heartbeat"{payload}]') == Call("1", "Heartbeat", {})
        assert read_frame(f'[3,"1"{payload}]') == CallResult("1", {})

    @pytest.mark.parametrize(("payload", "value"), [("5", 5), ("0", 0), ("false", False), ('"x"', "x"), ("[1]", [1])])
    def test_any_other_payload_is_left_for_the_schema_to_judge(self, payload, value):
        frame = read_frame(f'[2,"1","Heartbeat",{payload}]')
        assert isinstance(frame, Call)
        assert frame.payload == value
        assert type(frame.payload) is type(value)

    @pytest.mark.parametrize(
        ("text", "frame"),
        [
            ('[4,""]', CallError("", "")),
            ('[4,null,"X"]', CallError("", "X")),
            ('[4,-1,"ProtocolError"]', CallError("-1", "ProtocolError")),
            ('[4,"7",5,null,null]', CallError("7", "")),
            ('[4,"7","X","y",[],"more"]', CallError("7", "X", "y")),
        ],
    )
    def test_a_call_error_is_read_whatever_it_lacks(self, text, frame):
        assert read_frame(text) == frame

    def test_what_a_call_error_says_is_cut(self):
        frame = read_frame(json.dumps([4, "1", "c" * 1000, "d" * 1000, {}]))
        assert frame == CallError("1", "c" * 64, "d" * 255)

    def test_the_last_of_two_equal_keys_counts_in_both_decoders(self):
        for text in ('[2,"1","A",{"a":1,"a":2}]', '[2,"1","A",{"a":1,"a":2}]\0'):
            frame = read_frame(text)
            assert isinstance(frame, Call)
            assert frame.payload == {"a": 2}


class TestTolerance:
    """What other decoders stumble over and a charge point should not suffer for."""

    def test_blanks_and_line_ends_between_tokens(self):
        assert read_frame('\r\n [ 2 ,\n\t"1" , "Heartbeat" , { } ]\n') == Call("1", "Heartbeat", {})

    @pytest.mark.parametrize(("before", "after"), [("\ufeff", ""), ("", "\0\0"), ("\0", "\0\n"), ("", "\v")])
    def test_a_byte_order_mark_and_nuls_around_the_text(self, before, after):
        text = f'{before}[2,"1","Heartbeat",{{}}]{after}'
        assert read_frame(text) == Call("1", "Heartbeat", {}, (FRAME_SYNTAX,))

    def test_raw_control_characters_in_strings_go_away(self):
        frame = read_frame('[2,"1","Authorize",{"idTag":"BA86\x10\x0e"}]')
        assert frame == Call("1", "Authorize", {"idTag": "BA86"}, (FRAME_SYNTAX, CONTROL_CHARACTERS))

    def test_escaped_control_characters_in_strings_go_away(self):
        frame = read_frame(r'[2,"1","Authorize",{"id\u0000Tag":["BA86\u0000\u007f"]}]')
        assert frame == Call("1", "Authorize", {"idTag": ["BA86"]}, (CONTROL_CHARACTERS,))

    def test_line_ends_and_tabs_stay(self):
        frame = read_frame(r'[2,"1","SignCertificate",{"csr":"a\r\n\tb\u00e9"}]')
        assert frame == Call("1", "SignCertificate", {"csr": "a\r\n\tbé"})

    def test_the_message_id_goes_back_as_it_came(self):
        frame = read_frame(r'[2,"a\u0001","Heartbeat",{}]')
        assert isinstance(frame, Call)
        assert frame.id == "a\x01"


class TestBounds:
    """No text makes the reader fail otherwise than by FrameError, or keep it busy."""

    @pytest.mark.parametrize(
        ("text", "kind", "message_id"),
        [
            ("", "not_json", None),
            ("hello", "not_json", None),
            ('[2,"1","Heartbeat",{}', "not_json", "1"),
            ('[2,"1","MeterValues",{"a":[,{}]}]', "not_json", "1"),
            ('[3,"1",{"a":]}]', "not_json", None),
            ('[2,"1","Heartbeat",{}] trailing', "not_json", "1"),
            ("{}", "not_a_frame", None),
            ('"2"', "not_a_frame", None),
            ("null", "not_a_frame", None),
            ("17", "not_a_frame", None),
            ("[]", "not_a_frame", None),
            ("[2]", "not_a_frame", None),
            ("[4]", "not_a_frame", None),
            ('[2,"1"]', "not_a_frame", "1"),
            ('[2,"1","Heartbeat",{},{}]', "not_a_frame", "1"),
            ('[3,"1","X",{}]', "not_a_frame", "1"),
            ('[5,"1",{}]', "unknown_type", None),
            ('[2.0,"1","Heartbeat",{}]', "unknown_type", None),
            ('[true,"1","Heartbeat",{}]', "unknown_type", None),
            ('["2","1","Heartbeat",{}]', "unknown_type", None),
            ('[[2],"1","Heartbeat",{}]', "unknown_type", None),
            ('[2,1,"Heartbeat",{}]', "bad_message_id", None),
            ('[2,"","Heartbeat",{}]', "bad_message_id", None),
            ('[2,null,"Heartbeat",{}]', "bad_message_id", None),
            ('[2,["1"],"Heartbeat",{}]', "bad_message_id", None),
            (f'[2,"{LONG_ID}","Heartbeat",{{}}]', "bad_message_id", LONG_ID[:36]),
            (f'[3,"{LONG_ID}",{{}}]', "bad_message_id", LONG_ID[:36]),
            (f'[4,"{LONG_ID}","X","",{{}}]', "bad_message_id", None),
            ('[4,{},"X","",{}]', "bad_message_id", None),
            ('[2,"1",5,{}]', "bad_action", "1"),
            ('[2,"1","",{}]', "bad_action", "1"),
            ('[2,"1",["Heartbeat"],{}]', "bad_action", "1"),
            ('[2,"1","' + "A" * 65 + '",{}]', "bad_action", "1"),
            ('[2,"1","A",{"x":9223372036854775808}]', "number_range", "1"),
            ('[2,"1","A",{"x":-9223372036854775809}]', "number_range", "1"),
            ('[2,"1","A",{"x":' + "9" * 5000 + "}]", "number_range", "1"),
            ('[2,"1","A",{"x":1e400}]', "number_range", "1"),
            ('[2,"1","A",{"x":NaN}]', "number_range", "1"),
            ('[2,"1","A",{"x":-Infinity}]', "number_range", "1"),
            ('[3,"1",{"x":1e400}]', "number_range", None),
            (r'[2,"1","A",{"x":"\ud800"}]', "bad_text", "1"),
            (r'[2,"1","A",{"x":"\udc00 and some more"}]', "bad_text", "1"),
            ('[2,"1","A",{"x":"\ud800"}]', "bad_text", "1"),
            (r'[3,"\ud800",{}]', "bad_text", None),
            (nested(33), "too_deep", "1"),
            (nested(33) + "\0", "too_deep", "1"),
            (nested(5000), "too_deep", "1"),
            ("[" * 200_000, "too_deep", None),
            ('{"a":' * 3000 + "1" + "}" * 3000, "too_deep", None),
        ],
    )
    def test_what_is_no_frame(self, text, kind, message_id):
        with pytest.raises(FrameError) as raised:
            read_frame(text)
        assert raised.value.kind == kind
        assert raised.value.message_id == message_id
        awaited = raised.value.is_call and raised.value.message_id is not None
        assert awaited == (message_id is not None and text[1] == "2")

    @pytest.mark.parametrize("levels", [3, 8, 9, 31, 32])
    def test_thirty_two_levels_are_read(self, levels):
        frame = read_frame(nested(levels))
        assert isinstance(frame, Call)
        assert frame.mended == ()
        assert frame == Call("1", "DataTransfer", json.loads(nested(levels))[3])

    @pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, 1e300, -0.5])
    def test_numbers_within_their_range_are_read(self, number):
        frame = read_frame(json.dumps([2, "1", "A", {"x": number}]))
        assert isinstance(frame, Call)
        assert frame.payload["x"] == number

    def test_pairs_of_surrogates_are_characters(self):
        frame = read_frame(r'[2,"1","A",{"x":"\ud83d\ude00","y":[[[[[[[[[["\ud83d\ude00"]]]]]]]]]]}]')
        assert isinstance(frame, Call)
        assert frame.payload["x"] == "😀"

    @pytest.mark.parametrize(
        "text",
        [
            '[2,"1","A",{"x":"' + "é" * 2_000_000 + '"}]',
            '[2,"1","A",[' + "[]," * 500_000 + "[]]]",
            '[2,"1","A",{"x":' + "1" * 4_000_000 + "}]",
            '[2,"1","A",{"x":"' + "\\u0001" * 500_000 + '"}]',
            '[2,"' + "x" * 4_000_000,
            " " * 4_000_000 + "[",
            '[2,"1","A",{"x":' + "[" * 2_000_000,
        ],
        ids=["long string", "many arrays", "long number", "many escapes", "no end", "blanks", "depth bomb"],
    )
    def test_megabytes_are_read_or_refused(self, text):
        assert isinstance(outcome(text), Call | FrameError)

    def test_the_text_of_an_error_tells_nothing_of_the_frame(self):
        with pytest.raises(FrameError) as raised:
            read_frame('[2,"1","Secret' + "A" * 65 + '",{}]')
        assert "Secret" not in str(raised.value)


class TestWriting:
    """4.2: what we send is compact and ASCII, so that the least of decoders can read it."""

    def test_there_is_no_blank_outside_strings(self):
        assert write_frame(Call("1", "Reset", {"type": "Hard"})) == '[2,"1","Reset",{"type":"Hard"}]'
        assert write_frame(CallResult("1", {"a": [1, 2]})) == '[3,"1",{"a":[1,2]}]'

    def test_everything_beyond_ascii_is_escaped(self):
        text = write_frame(Call("1", "DataTransfer", {"data": "é😀"}))
        assert text == r'[2,"1","DataTransfer",{"data":"\u00e9\ud83d\ude00"}]'

    def test_half_a_surrogate_pair_is_not_sent(self):
        with pytest.raises(ValueError):
            write_frame(CallResult("1", {"data": "\ud800"}))

    def test_a_call_error_has_no_details(self):
        frame = CallError("1", "NotImplemented", "not known", {"secret": 1})
        assert write_frame(frame) == '[4,"1","NotImplemented","not known",{}]'

    def test_the_description_is_cut_at_255(self):
        text = write_frame(CallError("1", "InternalError", "d" * 300))
        assert json.loads(text) == [4, "1", "InternalError", "d" * 255, {}]

    @given(st.text(), st.text(), st.text())
    @example("\ud800", "InternalError", "x")
    @example("😀" * 36, "OccurenceConstraintViolation", "d" * 255)
    @example("1", "😀" * 64, "")
    @example("1", "X", "\x00" * 255)
    @example("1", "X", "😀" * 255)
    def test_a_call_error_is_at_most_512_bytes_whatever_is_in_it(self, message_id, code, description):
        text = write_frame(CallError(message_id, code, description))
        assert len(text.encode("ascii")) <= MAX_CALL_ERROR_BYTES
        assert json.loads(text)[0] == 4
        assert len(json.loads(text)) == 5


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=8), part, max_size=4),
    max_leaves=12,
)


class TestArbitraryText:
    @given(st.text())
    def test_any_text_is_a_frame_or_a_frame_error(self, text):
        self.read(text)

    @given(st.lists(json_values, max_size=6), st.sampled_from(["", "\0", "]"]))
    def test_any_json_is_a_frame_or_a_frame_error(self, value, tail):
        self.read(json.dumps(value) + tail)

    @given(st.sampled_from([2, 3, 4]), st.text(max_size=50), json_values, json_values)
    def test_anything_shaped_as_a_frame_is_one_or_a_frame_error(self, kind, message_id, action, payload):
        self.read(json.dumps([kind, message_id, action, payload], ensure_ascii=False))

    @given(st.text(min_size=1, max_size=36), st.text(max_size=12), st.integers(-(2**63), 2**63 - 1))
    def test_what_is_written_is_read_again(self, message_id, text, number):
        try:
            (message_id + text).encode()
        except UnicodeEncodeError:
            return
        payload = {"text": "".join(c for c in text if c >= " " and c != "\x7f"), "number": number}
        for frame in (Call(message_id, "Action", payload), CallResult(message_id, payload)):
            assert read_frame(write_frame(frame)) == frame

    def read(self, text):
        frame = outcome(text)
        if isinstance(frame, FrameError):
            assert frame.kind in KINDS
            assert frame.message_id is None or 0 < len(frame.message_id) <= 36
