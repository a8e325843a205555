"""The client: one object for one registry."""

import os
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

import httpx

from assay.client.audit_calls import AuditCalls
from assay.client.credentials import kept_for
from assay.client.governance_calls import GovernanceCalls
from assay.client.model_calls import ModelCalls
from assay.client.promotion_calls import PromotionCalls
from assay.client.quota_calls import QuotaCalls
from assay.client.registering import Details, Registered, prepare
from assay.client.sign_in_calls import SignInCalls
from assay.client.storage_calls import StorageCalls
from assay.client.transport import DEFAULT_URL, HEALTH, Transport
from assay.client.uploading import upload
from assay.client.webhook_calls import WebhookCalls
from assay.core.names import ModelName
from assay.wire.views import Health


class Client(
    ModelCalls,
    PromotionCalls,
    GovernanceCalls,
    AuditCalls,
    SignInCalls,
    WebhookCalls,
    StorageCalls,
    QuotaCalls,
):
    """Asks one registry. One method per route; every failure is a leaf of ``AssayError``.

    May be shared between threads. Close it, or use it in a ``with`` statement::

        with assay.Client() as registry:
            registered = registry.register("fraud/transactions", "model.skops", sample="sample.csv")
            promotion = registry.promote(registered.version.address, "staging")
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: of the registry; ``ASSAY_URL`` or ``http://127.0.0.1:8640`` when left out.
            token: ``assay_...``; when left out ``ASSAY_TOKEN``, else what ``assay login`` keeps for that
                registry, else none.
            timeout_s: how long to wait for an answer to begin or go on.
            transport: replaces the network, for tests.

        Raises:
            BadInputError: the address or the token cannot be used.
        """
        address = url or os.environ.get("ASSAY_URL") or DEFAULT_URL
        self._transport = Transport(
            address,
            _own_token(address) if token is None else token,
            timeout_s=timeout_s,
            transport=transport,
        )

    @property
    def url(self) -> str:
        """Where the registry is."""
        return self._transport.url

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def health(self) -> Health:
        """Ask whether server and database answer; needs no login.

        Raises:
            UnavailableError: they do not.
        """
        return self._transport.get(HEALTH, Health)

    def register(self, model: str, path: str | PathLike[str], **details: Unpack[Details]) -> Registered:
        """Register a file or a directory as a new version, with everything that can be captured.

        Git commit and dirtiness, the freeze of the running environment, the hardware, the
        estimator's hyperparameters and class names, the signature of a sample with the predictions
        recorded for it, and digests of the data files are found out here. What cannot be found out
        is left absent, never invented, and said in ``notes`` of the answer.

        Args:
            model: ``team/task``; created when it does not exist.
            path: a model file, or a directory with all its files.
            **details: see :class:`assay.client.registering.Details`.

        Returns:
            The version, and notes on what was not captured.

        Raises:
            AssayError: RefusedError for too small a step of the version number, or another leaf.
            TypeError: an unknown detail.
        """
        name = ModelName(model)
        with prepare(Path(path), details) as plan:
            counted = {entry.digest for entry in plan.wanted.files}
            for file in plan.uploads:
                meant_for = name if file.digest in counted else None
                upload(self._transport, file, plan.progress, meant_for)
        version, is_new = self.register_version(name, plan.wanted)
        return Registered(version, is_new, plan.notes)


def _own_token(url: str) -> str:
    """Return the token of the environment, else the one that is kept for the registry; "" for none."""
    if "ASSAY_TOKEN" in os.environ:
        return os.environ["ASSAY_TOKEN"]
    kept = kept_for(url)
    return kept.token if kept else ""
