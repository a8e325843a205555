"""Making the provider's client: bucket and patience from us, credentials from the provider's own variables.

The provider library reads ``AWS_*``, ``GOOGLE_*`` and ``AZURE_*`` itself, and asks the machine's own
identity where none is set. Nothing of it passes through the registry's settings.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from assay.core.errors import BadInputError
from assay.core.object_places import ObjectPlace
from assay.storage.objects.answers import harmless

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

Store = S3Store | GCSStore | AzureStore
_ENDPOINTS: Final = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gcs": ("GOOGLE_BASE_URL",),
    "azure": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_ALLOW_HTTP: Final = {"s3": "AWS_ALLOW_HTTP", "gcs": "GOOGLE_ALLOW_HTTP", "azure": "AZURE_ALLOW_HTTP"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a store is waited for.

    Attributes:
        connect_s: for a connection.
        silence_s: for the next byte of an answer.
        request_s: for one request that sends or asks something of a set size.
        retries: how often a request is sent again that failed for a reason that may pass (5xx, a broken
            connection, silence).
        retry_s: no more is tried after so long.
        first_pause_s: before the second try; it doubles with each, with jitter, up to ten seconds.
    """

    connect_s: float = 10.0
    silence_s: float = 60.0
    request_s: float = 300.0
    retries: int = 6
    retry_s: float = 60.0
    first_pause_s: float = 0.2


def open_store(place: ObjectPlace, patience: Patience, environ: Mapping[str, str] | None = None) -> Store:
    """Return a client for a bucket; nothing is sent yet.

    Args:
        place: provider and bucket; the prefix is left to the caller.
        patience: how long to wait, and how often to try again.
        environ: where endpoints are looked up; the process's own by default.

    Raises:
        BadInputError: the provider's variables contradict each other, or name an address without TLS that
            is not of this machine.
    """
    client, retry = _client(place, patience, os.environ if environ is None else environ), _retry(patience)
    try:
        if place.kind == "s3":
            return _open_s3(place.bucket, client, retry)
        if place.kind == "gcs":
            return GCSStore(place.bucket, client_options=client, retry_config=retry)
        return AzureStore(place.bucket, client_options=client, retry_config=retry)
    except (BaseError, ValueError, OSError) as error:
        rule = "must be a place that the environment variables of its provider have credentials for"
        raise BadInputError.of("blobs", rule, f"{place}: {harmless(str(error))}") from None


def _open_s3(bucket: str, client: "ClientConfig", retry: "RetryConfig") -> S3Store:
    # The store compares what arrives with this, part by part, and refuses what was damaged on the way.
    if "AWS_CHECKSUM_ALGORITHM" in os.environ:
        return S3Store(bucket, client_options=client, retry_config=retry)
    return S3Store(bucket, client_options=client, retry_config=retry, checksum_algorithm="SHA256")


def _client(place: ObjectPlace, patience: Patience, environ: Mapping[str, str]) -> "ClientConfig":
    return {
        "allow_http": _may_be_plain(place, environ),
        "connect_timeout": timedelta(seconds=patience.connect_s),
        "read_timeout": timedelta(seconds=patience.silence_s),
        "timeout": timedelta(seconds=patience.request_s),
        "user_agent": "assay",
        # What is not to be shown by a browser, whatever it looks like.
        "default_content_type": "application/octet-stream",
    }


def _retry(patience: Patience) -> "RetryConfig":
    return {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.retry_s),
        "backoff": {
            "init_backoff": timedelta(seconds=patience.first_pause_s),
            "max_backoff": timedelta(seconds=max(10.0, patience.first_pause_s)),
            "base": 2,
        },
    }


def _may_be_plain(place: ObjectPlace, environ: Mapping[str, str]) -> bool:
    """Tell whether the store may be spoken to without TLS: on this machine, or where somebody says so."""
    if environ.get(_ALLOW_HTTP[place.kind], "").lower() in ("1", "true", "yes", "on"):
        return True
    named = [environ[name] for name in _ENDPOINTS[place.kind] if environ.get(name)]
    plain = [each for each in named if each.lower().startswith("http://")]
    if not plain:
        return place.kind == "azure" and "AZURE_STORAGE_USE_EMULATOR" in environ
    if not all(map(_is_loopback, plain)):
        rule = f"must be https, unless {_ALLOW_HTTP[place.kind]} is true"
        raise BadInputError.of(next(name for name in _ENDPOINTS[place.kind] if environ.get(name)), rule)
    return True


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
