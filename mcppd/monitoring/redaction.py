"""What must never stand in a log, and how it is taken out: keys, passwords and tokens in frames, headers and addresses.

Rules.

1. Redaction comes before cutting: half a secret is a secret.
2. A frame in which a secret may stand is read and written again; if it cannot be read, it is not shown at all.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "(hidden)"

_SECRET = re.compile(
    r"^(proxy-?)?authorization$|authorization[_-]?key|(api|private|shared|access)[_-]?key"
    r"|passw|passphrase|secret|psk|(?<!id)token$",
    re.I,
)
_SUSPICIOUS = re.compile(
    r"authorization|(api|private|shared|access)[_-]?key|passw|passphrase|secret|psk|token|\\u", re.I
)
_WORTH_A_LOOK = re.compile(r":(?:\\?/){2}|authorization|basic\s|bearer\s", re.I)
"""Found in every text that any of the three below changes: most texts need no closer look."""
_USERINFO = re.compile(r"(:(?:\\?/){2})[^\s\"'<>/\\]+@")
_HEADER = re.compile(r"(authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer|digest)\s+)?[^\s\"',]+", re.I)
_SCHEME = re.compile(r"\b(basic|bearer)\s+[A-Za-z0-9+/._~-]{16,}=*", re.I)


def is_secret(name: str) -> bool:
    """Whether the value under `name` must not be shown."""
    return _is_secret(name) if len(name) <= 64 else _SECRET.search(name) is not None


@lru_cache(maxsize=256)
def _is_secret(name: str) -> bool:
    """Lines have the same few names all day."""
    return _SECRET.search(name) is not None


def redact_text(text: str) -> str:
    """`text` without the user and password of URLs, and without what stands in an Authorization header."""
    if _WORTH_A_LOOK.search(text) is None:
        return text
    text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
    return _SCHEME.sub(rf"\1 {HIDDEN}", _HEADER.sub(rf"\1{HIDDEN}", text))


def redact_pairs(pairs: Mapping[Any, Any]) -> dict[Any, Any]:
    """`pairs` without the values of secret names, and without the `value` beside a `key` that names a secret."""
    key = pairs.get("key")
    named = isinstance(key, str) and is_secret(key)
    return {
        name: HIDDEN if entry is not None and (is_secret(str(name)) or (named and name == "value")) else entry
        for name, entry in pairs.items()
    }


def redact_frame(text: str) -> str:
    """One OCPP frame as it was on the wire, without its secrets: AuthorizationKey and its like, passwords in URLs."""
    if _SUSPICIOUS.search(text):
        try:
            text = json.dumps(_redacted(json.loads(text, strict=False)), separators=(",", ":"))
        except (ValueError, RecursionError):
            return HIDDEN
    return redact_text(text)


def _redacted(value: Any) -> Any:
    match value:
        case dict():
            return {name: _redacted(entry) for name, entry in redact_pairs(value).items()}
        case list():
            return [_redacted(item) for item in value]
    return value
