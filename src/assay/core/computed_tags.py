"""Tags that nobody sets: what the registry itself says of a version to clients that know only tags.

All keys that begin with ``assay.`` are the registry's own, so that what one of them says is always true.
"""

from collections.abc import Mapping
from typing import Final

from assay.core.errors import BadInputError, Reason
from assay.core.names import looks
from assay.core.search import VersionSummary

OWN: Final = "assay."
SEMVER_TAG: Final = "assay.semver"
DIGEST_TAG: Final = "assay.digest"
UNGATED_TAG: Final = "assay.ungated"
EXTERNAL_TAG: Final = "assay.external"
EXTERNAL: Final = "the bytes are elsewhere and nobody has read them"
BETWEEN_GATES: Final = ", "


def computed_tags(version: VersionSummary) -> dict[str, str]:
    """Return what the registry says of a version; searches find a version by each of them."""
    tags = {SEMVER_TAG: str(version.semver), DIGEST_TAG: str(version.digest)}
    if version.ungated:
        tags[UNGATED_TAG] = BETWEEN_GATES.join(version.ungated)
    if version.external:
        tags[EXTERNAL_TAG] = EXTERNAL
    return tags


def without_own(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that somebody set."""
    return {key: value for key, value in tags.items() if not key.startswith(OWN)}


def check_not_own(key: str) -> str:
    """Return ``key`` when somebody may set a tag of that name.

    Raises:
        BadInputError: it begins with ``assay.``, or people would read it so.
    """
    if looks(key).startswith(OWN):
        message = f"the tag {key[:100]} is computed and cannot be set: names in {OWN} are the registry's own"
        raise BadInputError(message, [Reason("tag.key", f"must not begin with {OWN}", repr(key)[:100])])
    return key
