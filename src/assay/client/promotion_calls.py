"""What the client can ask about evidence, checks, promotions and stages."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from assay.client.downloading import Wanted, download
from assay.client.routes import model_route, part, version_route
from assay.client.transport import Transport
from assay.client.uploading import LocalFile, Progress, blob_size, hash_file, no_progress, upload
from assay.core.digests import Digest
from assay.core.errors import NotFoundError
from assay.core.jobs import Job
from assay.core.names import Address, ModelName
from assay.core.promotions import Promotion, StageMove
from assay.wire.requests import NewEvidence, NewPromotion, Rollback, RunCheck, Statement
from assay.wire.views import FiledEvidence


class PromotionCalls:
    """Evidence, checks, promotions, stages. Every method raises any leaf of ``AssayError``."""

    _transport: Transport

    def upload_blob(self, path: str | PathLike[str], progress: Progress = no_progress) -> LocalFile:
        """Hash a file and send its bytes unless the registry has them.

        Raises:
            AssayError: any leaf.
        """
        file = hash_file(Path(path))
        upload(self._transport, file, progress)
        return file

    def blob_size(self, digest: Digest) -> int | None:
        """Return the size in bytes of a stored blob; None when it is not there.

        Raises:
            AssayError: any leaf but NotFoundError.
        """
        return blob_size(self._transport, digest)

    def evidence(self, address: str | Address) -> tuple[FiledEvidence, ...]:
        """List everything measured or reported about a version, oldest first.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(f"{version_route(address)}/evidence", tuple[FiledEvidence, ...])

    def report_evidence(self, address: str | Address, evidence: NewEvidence) -> FiledEvidence:
        """Report what was measured elsewhere; it stays marked as reported for ever.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.post(f"{version_route(address)}/evidence", FiledEvidence, evidence)

    def download_attachment(
        self,
        address: str | Address,
        evidence: Digest,
        name: str,
        destination: str | PathLike[str],
        *,
        overwrite: bool = False,
    ) -> Path:
        """Fetch a file that belongs to evidence.

        Args:
            address: of the version.
            evidence: digest of the evidence.
            name: of the attachment.
            destination: the new file's own name.
            overwrite: replace another file that is there.

        Raises:
            AssayError: NotFoundError when there is no such evidence or attachment, or another leaf.
        """
        for filed in self.evidence(address):
            for kept in filed.evidence.measurement.attachments:
                if filed.digest == evidence and kept.name == name:
                    route = f"{version_route(address)}/evidence/{part(evidence)}/attachments/{part(name)}"
                    wanted = Wanted(route, name, kept.digest, kept.size_bytes)
                    download(self._transport, wanted, Path(destination), overwrite=overwrite)
                    return Path(destination)
        raise NotFoundError(f"{address} has no evidence {evidence} with an attachment {name!r}")

    def run_check(self, address: str | Address, check: str, settings: Mapping[str, Any] | None = None) -> Job:
        """Queue a check for a worker; without settings it takes those of the applying policy.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.post(f"{version_route(address)}/checks", Job, RunCheck(check, settings))

    def checks(self, address: str | Address) -> tuple[Job, ...]:
        """List the queued, running and finished checks of a version.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(f"{version_route(address)}/checks", tuple[Job, ...])

    def promote(self, address: str | Address, stage: str, comment: str = "") -> Promotion:
        """Request a change of stage. Look at ``state``: a refusal is an answer here, not an error.

        Raises:
            AssayError: RefusedError when there is no such step, or another leaf.
        """
        route = f"{version_route(address)}/promotions"
        return self._transport.post(route, Promotion, NewPromotion(stage, comment))

    def promotions(self, model: str = "", *, only_open: bool = False) -> tuple[Promotion, ...]:
        """List the promotions of a model, newest first; without one only the open ones of all models.

        Raises:
            AssayError: any leaf.
        """
        params = [("model", str(ModelName(model)))] if model else []
        params += [("open", "true")] if only_open else []
        return self._transport.get("/promotions", tuple[Promotion, ...], params)

    def promotion(self, promotion_id: str) -> Promotion:
        """Show one promotion.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(f"/promotions/{part(promotion_id)}", Promotion)

    def approve(
        self, promotion_id: str, comment: str = "", *, request_digest: Digest | None = None
    ) -> Promotion:
        """Say yes to one promotion; ``request_digest`` binds the yes to what was looked at.

        Raises:
            AssayError: ConflictError when something else is asked for by now, or another leaf.
        """
        return self._decide(promotion_id, "approve", Statement(comment, request_digest))

    def reject(
        self, promotion_id: str, comment: str = "", *, request_digest: Digest | None = None
    ) -> Promotion:
        """Say no to one promotion.

        Raises:
            AssayError: any leaf.
        """
        return self._decide(promotion_id, "reject", Statement(comment, request_digest))

    def cancel(self, promotion_id: str, comment: str = "") -> Promotion:
        """Withdraw a promotion.

        Raises:
            AssayError: any leaf.
        """
        return self._decide(promotion_id, "cancel", Statement(comment))

    def demote(self, address: str | Address, comment: str = "") -> StageMove:
        """Take a version from Staging back to Development.

        Raises:
            AssayError: any leaf.
        """
        return self._move(address, "demote", comment)

    def archive(self, address: str | Address, comment: str = "") -> StageMove:
        """Retire a version.

        Raises:
            AssayError: any leaf.
        """
        return self._move(address, "archive", comment)

    def restore(self, address: str | Address, comment: str = "") -> StageMove:
        """Bring an archived version back to Development.

        Raises:
            AssayError: any leaf.
        """
        return self._move(address, "restore", comment)

    def roll_back(self, model: str, *, to: str = "", comment: str = "") -> StageMove:
        """Bring the previous Production version back, or the one that ``to`` names.

        Raises:
            AssayError: RefusedError when there is none, or another leaf.
        """
        return self._transport.post(f"{model_route(model)}/rollback", StageMove, Rollback(to, comment))

    def _decide(self, promotion_id: str, verb: str, statement: Statement) -> Promotion:
        return self._transport.post(f"/promotions/{part(promotion_id)}/{verb}", Promotion, statement)

    def _move(self, address: str | Address, verb: str, comment: str) -> StageMove:
        return self._transport.post(f"{version_route(address)}/{verb}", StageMove, Statement(comment))
