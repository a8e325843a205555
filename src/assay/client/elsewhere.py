"""Fetching from where the registry sends to: the object store that has the bytes.

The registry's token never goes there, nor any other header of the registry's own: the address is the right.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

ASKING: Final = {"Assay-Redirect": "follow"}
STAYING: Final = {"Assay-Redirect": "never"}
# Of the headers that ask for a file, those that mean the same to any server. The entity tags of the registry
# are not those of the store; that the bytes are the right ones is seen by their digest.
_PASSED_ON: Final = ("accept", "accept-encoding", "range")
_GOOD: Final = (200, 206, 416)


class Elsewhere:
    """Connections to stores, made when the first redirect comes."""

    def __init__(self, timeout: httpx.Timeout, transport: httpx.BaseTransport | None, *, plain: bool) -> None:
        """Keep the means; nothing is sent yet.

        Args:
            timeout: how long to wait.
            transport: replaces the network, for tests.
            plain: the registry itself is spoken to without TLS, so that a store may be, too.
        """
        self._timeout = timeout
        self._transport = transport
        self._plain = plain
        self._clients: dict[str, httpx.Client] = {}

    def close(self) -> None:
        """Give the connections back."""
        for client in self._clients.values():
            client.close()

    @contextmanager
    def opened(self, location: str, headers: Mapping[str, str]) -> Iterator[httpx.Response | None]:
        """Open what a redirect leads to; None when it cannot be fetched there.

        Args:
            location: where to, as the registry said.
            headers: that the registry was asked with.
        """
        response = self._send(location, headers)
        try:
            yield response
        finally:
            if response is not None:
                response.close()

    def _send(self, location: str, headers: Mapping[str, str]) -> httpx.Response | None:
        try:
            url = httpx.URL(location)
            if not (url.scheme == "https" or (url.scheme == "http" and self._plain)) or url.userinfo:
                return None
            kept = {name: value for name, value in headers.items() if name.lower() in _PASSED_ON}
            client = self._client(url.scheme)
            response = client.send(client.build_request("GET", url, headers=kept), stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            return None
        if response.status_code in _GOOD:
            return response
        response.close()
        return None

    def _client(self, scheme: str) -> httpx.Client:
        if scheme not in self._clients:
            self._clients[scheme] = httpx.Client(
                headers={"User-Agent": "assay-client"},
                timeout=self._timeout,
                verify=scheme == "https",
                transport=self._transport,
                # What a netrc file holds for a host would break the right that the address carries.
                auth=_nothing,
            )
        return self._clients[scheme]


def _nothing(request: httpx.Request) -> httpx.Request:
    return request
