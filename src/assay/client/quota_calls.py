"""Questions about quotas: what teams and models may store, and what they use."""

from assay.client.transport import Transport
from assay.core.quotas import Quota
from assay.wire.quotas import QuotaChange, Recounted


class QuotaCalls:
    """The part of the client for whoever shares out the room of the store."""

    _transport: Transport

    def quotas(self, team: str = "") -> tuple[Quota, ...]:
        """List what every team uses, and every quota, by name.

        Args:
            team: list this team and each of its models instead.

        Raises:
            AssayError: DeniedError, or another leaf.
        """
        return self._transport.get("/quotas", tuple[Quota, ...], [("team", team)] if team else ())

    def set_quota(self, owner: str, limit_bytes: int) -> Quota:
        """Set how many bytes a team, or a model (``team/task``), may store in all.

        Raises:
            AssayError: BadInputError, or another leaf.
        """
        return self._transport.change("PUT", "/quotas", Quota, QuotaChange(owner, limit_bytes))

    def remove_quota(self, owner: str) -> None:
        """Take the quota of a team or model away.

        Raises:
            AssayError: NotFoundError when none is set, or another leaf.
        """
        self._transport.delete("/quotas", [("owner", owner)])

    def recount_quotas(self) -> tuple[Recounted, ...]:
        """Count anew what is used; needed after servers ran that did not count.

        Raises:
            AssayError: DeniedError, or another leaf.
        """
        return self._transport.post("/quotas/recount", tuple[Recounted, ...])
