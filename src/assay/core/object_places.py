"""Where blobs lie when not on a disk: a bucket of a provider, and a prefix of the names in it."""

import re
from dataclasses import dataclass
from typing import Final

from assay.core.errors import BadInputError

_SCHEMES: Final = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "az": "azure",
    "azure": "azure",
    "abfs": "azure",
    "abfss": "azure",
}
_RULE: Final = "must be a folder, s3://BUCKET[/PREFIX], gs://BUCKET[/PREFIX] or az://CONTAINER[/PREFIX]"
_BUCKET: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,220}[A-Za-z0-9])?")
_PART: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._=-]{0,99}")


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """A place for objects.

    Attributes:
        kind: ``s3``, ``gcs`` or ``azure``.
        bucket: bucket or container.
        prefix: what every name in it begins with, without a slash at either end; may be empty.
    """

    kind: str
    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        scheme = {"s3": "s3", "gcs": "gs", "azure": "az"}[self.kind]
        return f"{scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def object_place(text: str) -> ObjectPlace | None:
    """Return the place that a setting names, None when it names a folder.

    Raises:
        BadInputError: it is no place: another scheme, no bucket, or more than bucket and prefix. What was
            given is not repeated: somebody may have put a password into it.
    """
    scheme, there, rest = text.partition("://")
    if not there:
        return None
    kind = _SCHEMES.get(scheme.lower())
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.removesuffix("/")
    if kind is None:
        raise BadInputError.of("blobs", _RULE, f"scheme {scheme[:20]!r}")
    if "@" in rest or "?" in rest or "#" in rest:
        rule = "must hold no credentials: they are read from the provider's own environment variables"
        raise BadInputError.of("blobs", rule, f"{scheme.lower()}://...")
    parts = prefix.split("/") if prefix else []
    if not _BUCKET.fullmatch(bucket) or len(prefix) > 400 or not all(map(_PART.fullmatch, parts)):
        raise BadInputError.of("blobs", _RULE, "bucket and prefix are of letters, digits and . _ - =")
    return ObjectPlace(kind, bucket, prefix)
