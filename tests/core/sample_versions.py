"""Versions for tests of core."""

from datetime import UTC, datetime

from assay.core.digests import FileEntry, digest_of
from assay.core.names import ModelName
from assay.core.provenance import Provenance
from assay.core.semver import SemVer
from assay.core.versions import Version

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DIGEST = digest_of(b"x")


def version_of(signature=None, provenance=Provenance(), semver=SemVer(1, 0, 0), number=1):  # noqa: B008 - values
    return Version(
        model=ModelName("team/task"),
        number=number,
        semver=semver,
        digest=DIGEST,
        size_bytes=1,
        files=(FileEntry("m", DIGEST, 1),),
        formats=(),
        entrypoint="m",
        signature=signature,
        provenance=provenance,
        bump_reasons=(),
        registered_at=NOON,
        registered_by="ada",
    )
