"""Digests in headers, RFC 9530: ``Content-Digest: sha-256=:<base64>:``, other algorithms beside it."""

import base64
import binascii
import re
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import BadInputError

CONTENT_DIGEST: Final = "Content-Digest"
# A member of a dictionary of structured fields (RFC 8941) whose value is a byte sequence.
_MEMBER: Final = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):\s*")
_RULE: Final = "must be sha-256=:<base64 of 32 bytes>: (RFC 9530)"


def content_digest(text: str | None) -> Digest:
    """Return the SHA-256 that a ``Content-Digest`` header says; other algorithms are passed over.

    Raises:
        BadInputError: the header is missing, says no SHA-256, or is not of that form.
    """
    found = None
    for member in (text or "").split(","):
        match = _MEMBER.fullmatch(member)
        if match is None:
            raise BadInputError.of(CONTENT_DIGEST, _RULE, (text or "")[:200])
        if match[1] == "sha-256":
            found = match[2]
    try:
        content = base64.b64decode(found or "", validate=True)
    except binascii.Error:
        content = b""
    if len(content) != 32:
        raise BadInputError.of(CONTENT_DIGEST, _RULE, (text or "")[:200])
    return Digest(f"sha256:{content.hex()}")
