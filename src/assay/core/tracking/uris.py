"""Addresses that clients write, as others read them after decoding: no place above comes of them."""

import re
from typing import Final
from urllib.parse import unquote

_BREAKS: Final = re.compile(r"[/?#;\\]")


def decoded(uri: str) -> tuple[str, ...]:
    """Return an address as it is, and as it reads after each of three decodings."""
    once = unquote(uri)
    twice = unquote(once)
    return uri, once, twice, unquote(twice)


def climbs(uri: str) -> bool:
    """Tell whether a part of an address is ``..``, decoded or not."""
    return any(".." in _BREAKS.split(seen) for seen in decoded(uri))


def is_unclear(uri: str) -> bool:
    """Tell whether an address has a backslash or control character, decoded or not."""
    return any(ord(letter) < 32 or letter == "\\" for seen in decoded(uri) for letter in seen)
