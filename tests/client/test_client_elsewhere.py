"""A registry that sends to a store for bytes: the token stays at home, and only right bytes are kept."""

import re

import httpx
import pytest

from assay.client import Client
from assay.core.digests import FileEntry, digest_of
from assay.core.errors import UnavailableError
from assay.wire.requests import NewVersion

CONTENT = bytes(range(256)) * 500
ADDRESS = "team/task/v1.0.0"


class Store:
    """An object store that knows an address; what is asked of it is kept."""

    def __init__(self, content=CONTENT):
        self.content = content
        self.asked = []
        self.status = None
        self.cut_at = []

    def __call__(self, request):
        self.asked.append(request)
        if self.status is not None:
            return httpx.Response(self.status, content=b"<Error/>")
        if self.cut_at == ["gone"]:
            raise httpx.ConnectError("no route")
        start, status, headers = 0, 200, {"ETag": '"of the store"'}
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if asked:
            start, status = int(asked[1]), 206
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        content = self.content[start:]
        if self.cut_at:
            return httpx.Response(status, headers=headers, stream=Cut(content[: self.cut_at.pop()]))
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


class Cut(httpx.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, content):
        self._content = content

    def __iter__(self):
        yield self._content
        raise httpx.ReadError("connection reset")


class Sending:
    """The registry in front of it."""

    def __init__(self, fake, store, location="https://store.test/bytes?right=1"):
        self.fake, self.store, self.location = fake, store, location
        self.redirected = 0

    def __call__(self, request):
        if request.url.host == "store.test":
            return self.store(request)
        if "/files/" in request.url.path and request.headers.get("assay-redirect") == "follow":
            self.redirected += 1
            self.fake.asked.append(request)
            return httpx.Response(307, headers={"Location": self.location})
        return self.fake(request)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def sending(fake, store):
    digest = digest_of(CONTENT)
    fake.blobs[digest] = CONTENT
    fake.received = NewVersion((FileEntry("model.bin", digest, len(CONTENT)),))
    return Sending(fake, store)


def download(sending, tmp_path, url="http://registry.test"):
    with Client(url, "assay_secret", transport=httpx.MockTransport(sending)) as client:
        client.download(ADDRESS, tmp_path / "out")
    return (tmp_path / "out" / "model.bin").read_bytes()


def from_the_registry(sending):
    """How often the registry itself sent the bytes."""
    return sum("/files/" in each.url.path for each in sending.fake.asked) - sending.redirected


def test_bytes_come_from_the_store_and_the_token_does_not_go_there(sending, store, tmp_path):
    assert download(sending, tmp_path) == CONTENT
    assert from_the_registry(sending) == 0
    (asked,) = store.asked
    assert "authorization" not in asked.headers
    assert "assay-redirect" not in asked.headers
    assert "if-range" not in asked.headers
    assert "secret" not in str(asked.headers) + str(asked.url)
    assert asked.headers["accept-encoding"] == "identity"


def test_a_download_from_a_store_goes_on_where_it_broke_off(sending, store, tmp_path):
    store.cut_at = [5000]
    assert download(sending, tmp_path) == CONTENT
    assert [each.headers.get("range") for each in store.asked] == [None, "bytes=5000-"]
    assert from_the_registry(sending) == 0


def test_false_bytes_of_a_store_are_not_kept_and_the_registry_is_asked_at_last(sending, store, tmp_path):
    store.content = bytes(len(CONTENT))
    assert download(sending, tmp_path) == CONTENT
    assert (len(store.asked), from_the_registry(sending)) == (2, 1)


def test_when_the_registry_has_false_bytes_too_nothing_is_kept(sending, store, tmp_path):
    store.content = bytes(len(CONTENT))
    sending.fake.damaged = True
    with pytest.raises(UnavailableError, match="damaged"):
        download(sending, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("status", [302, 403, 404, 500, 503])
def test_where_a_store_refuses_the_registry_is_asked(sending, store, tmp_path, status):
    store.status = status
    assert download(sending, tmp_path) == CONTENT
    assert from_the_registry(sending) == 1


def test_where_a_store_cannot_be_reached_the_registry_is_asked(sending, store, tmp_path):
    store.cut_at = ["gone"]
    assert download(sending, tmp_path) == CONTENT
    assert from_the_registry(sending) == 1


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://registry.test", "http://store.test/bytes"),
        ("http://registry.test", "ftp://store.test/bytes"),
        ("http://registry.test", "file:///etc/passwd"),
        ("http://registry.test", "http://me:pass@store.test/bytes"),
        ("http://registry.test", "/elsewhere"),
        ("http://registry.test", ""),
        ("http://registry.test", "http://[half"),
    ],
)
def test_addresses_that_are_not_to_be_followed_are_not(sending, store, tmp_path, url, location):
    sending.location = location
    assert download(sending, tmp_path, url) == CONTENT
    assert store.asked == []
    assert from_the_registry(sending) == 1
