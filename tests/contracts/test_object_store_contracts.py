"""What a store of objects must do beside what every store of blobs does."""

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
import obstore
import pytest

from assay.core.digests import digest_of
from assay.core.errors import BadInputError, NotFoundError, UnavailableError
from assay.core.object_places import ObjectPlace, object_place
from assay.storage.objects import blobs as module
from assay.storage.objects.answers import harmless
from assay.storage.objects.blobs import ObjectBlobs
from assay.storage.objects.copies import LocalCopies
from assay.storage.objects.opening import Patience, open_store
from assay.storage.objects.sending import PART_BYTES, part_bytes
from contracts.faulty_proxy import proxy
from contracts.stores import IMPATIENT, OBJECTS, listed, overwrite, place_of

MIB = 1 << 20


@pytest.fixture(params=sorted(OBJECTS))
def kind(request):
    return request.param


@pytest.fixture
def store(kind, tmp_path):
    return OBJECTS[kind](tmp_path)


def test_a_name_is_the_digest_below_its_first_two_digits(store):
    digest, _ = store.put([b"abc"])
    assert list(listed(store)) == [f"{digest.hex[:2]}/{digest.hex}"]


def test_a_missing_bucket_is_said_at_the_start(kind, tmp_path):
    place_of(kind, tmp_path)
    with pytest.raises(UnavailableError, match="there is no bucket or container for") as caught:
        ObjectBlobs(ObjectPlace(kind, "nobody-made-it", "x"), tmp_path, IMPATIENT)
    assert "setting blobs" in caught.value.hint


def test_a_store_that_does_not_answer_is_said_at_the_start(kind, tmp_path, monkeypatch):
    place = place_of(kind, tmp_path)
    for name in ("AWS_ENDPOINT_URL", "GOOGLE_BASE_URL", "AZURE_STORAGE_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/account")
    with pytest.raises(UnavailableError, match="cannot be reached"):
        ObjectBlobs(place, tmp_path, Patience(retries=0))


def test_stores_with_prefixes_of_their_own_do_not_see_each_other(kind, tmp_path):
    one, other = OBJECTS[kind](tmp_path / "one"), OBJECTS[kind](tmp_path / "other")
    digest, _ = one.put([b"abc"])
    assert other.size(digest) is None
    assert list(other.shelf.all()) == []


def test_the_shelf_shows_what_lies_there_in_the_order_of_digests(store):
    stored = {store.put([bytes([number])])[0]: 1 for number in range(20)}
    large, _ = store.put(bytes(MIB) for _ in range(9))
    stored[large] = 9 * MIB
    store.parts.put("up_1", 1, [b"part"])
    found = list(store.shelf.all())
    assert [each.digest for each in found] == sorted(stored)
    assert {each.digest: each.size_bytes for each in found} == stored
    now = datetime.now(UTC)
    assert all(abs(now - each.stored_at) < timedelta(minutes=5) for each in found)
    assert store.shelf.find(large) in found
    assert store.shelf.find(digest_of(b"nowhere")) is None


def test_what_is_removed_from_the_shelf_is_gone_and_can_come_back(store):
    digest, _ = store.put([b"abc"])
    for _ in range(2):
        store.shelf.remove(digest)
        assert store.size(digest) is None
        with pytest.raises(NotFoundError):
            store.open_path(digest)
    store.put([b"abc"], digest, 3)
    assert b"".join(store.read(digest)) == b"abc"


def test_a_check_reads_the_bytes_at_rest_past_all_memory(store):
    content = bytes(2 * MIB)
    digest, _ = store.put([content])
    assert store.shelf.check(digest)
    assert b"".join(store.read(digest, 1, 5)) == bytes(4)
    overwrite(store, digest, content[:-1] + b"!")
    assert not store.shelf.check(digest)
    store.put([content], digest, len(content))
    assert store.shelf.check(digest)
    with pytest.raises(NotFoundError):
        store.shelf.check(digest_of(b"nowhere"))


def test_a_blob_found_damaged_is_taken_again_by_any_process(store, kind, tmp_path):
    digest, _ = store.put([b"abc"])
    overwrite(store, digest, b"abd")
    assert not store.shelf.check(digest)
    assert OBJECTS[kind](tmp_path).put([b"abc"], digest, 3) == (digest, 3)
    assert list(listed(store)) == [f"{digest.hex[:2]}/{digest.hex}"]


def test_what_is_there_is_not_sent_again(tmp_path, monkeypatch):
    place = place_of("s3", tmp_path)
    content = bytes(20 * MIB)
    with proxy(os.environ["ASSAY_TESTS_S3"]) as (url, line):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        far = ObjectBlobs(place, tmp_path / "far", IMPATIENT)
        far.put([content], digest_of(content), len(content))
        assert any(method == "PUT" for method, _ in line.seen)
        line.seen.clear()
        far.put([content], digest_of(content), len(content))
        assert {method for method, _ in line.seen} == {"HEAD"}


def test_a_part_of_a_large_blob_does_not_fetch_the_whole_each_time(tmp_path, monkeypatch):
    place = place_of("s3", tmp_path)
    content = bytes(range(256)) * (20 * 4096)
    digest, _ = OBJECTS["s3"](tmp_path).put([content])
    with proxy(os.environ["ASSAY_TESTS_S3"]) as (url, _line):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        far = ObjectBlobs(place, tmp_path / "far", IMPATIENT)
        fetched = []
        real = module.pieces
        monkeypatch.setattr(
            module, "pieces", lambda *words: fetched.append(words[4] - words[3]) or real(*words)
        )
        for start in range(0, 20 * MIB, 5 * MIB):
            assert b"".join(far.read(digest, start, start + 1000)) == content[start : start + 1000]
        assert fetched == [20 * MIB, 1000, 1000, 1000, 1000]


def test_what_one_request_cannot_copy_is_sent_again_instead(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_COPIED_AT_ONCE", PART_BYTES)
    store = OBJECTS["s3"](tmp_path)
    content = os.urandom(MIB) * 20
    digest, _ = store.put(content[start : start + MIB] for start in range(0, len(content), MIB))
    assert b"".join(store.read(digest)) == content
    assert list(listed(store).values()) == [len(content)]


def test_an_address_opens_the_blob_to_anybody_and_not_for_ever(store, kind):
    digest, _ = store.put([b"<html>abc"])
    address = store.address(digest, "page.html", 3600)
    answer = httpx.get(address)
    assert answer.content == b"<html>abc"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "html" not in answer.headers["content-type"]
    part = httpx.get(address, headers={"Range": "bytes=6-"})
    assert (part.status_code, part.content) == (206, b"abc")
    query = dict(httpx.URL(address).params)
    if kind == "azure":
        begins, ends = (datetime.fromisoformat(query[name]) for name in ("st", "se"))
        assert ends - begins <= timedelta(minutes=15)
    else:
        assert int(query["X-Amz-Expires" if kind == "s3" else "X-Goog-Expires"]) <= 900


def test_where_nothing_can_be_signed_there_is_no_address(tmp_path, monkeypatch):
    place = place_of("azure", tmp_path)
    store = ObjectBlobs(place, tmp_path, IMPATIENT)
    digest, _ = store.put([b"abc"])
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_KEY", "sv=2021&sig=x")
    store._store = open_store(place, IMPATIENT)
    assert store.address(digest, "x", 60) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://bucket", ObjectPlace("s3", "bucket")),
        ("s3://my.bucket-1/some/where/", ObjectPlace("s3", "my.bucket-1", "some/where")),
        ("gs://bucket/x", ObjectPlace("gcs", "bucket", "x")),
        ("az://container/x", ObjectPlace("azure", "container", "x")),
        ("abfs://container", ObjectPlace("azure", "container")),
        ("/srv/blobs", None),
        ("blobs", None),
        ("", None),
    ],
)
def test_places_are_read(text, place):
    assert object_place(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "s3://",
        "s3:///x",
        "ftp://bucket",
        "http://bucket/x",
        "s3://key:secret@bucket",
        "s3://bucket?secret=1",
        "s3://bucket/x#secret",
        "s3://bucket/../x",
        "s3://bucket//x",
        "s3://bucket/.hidden",
        "s3://bu cket",
        "gs://bucket/\x00",
        "az://c/" + "x" * 500,
    ],
)
def test_what_is_no_place_is_refused_and_not_repeated(text):
    with pytest.raises(BadInputError, match="blobs") as caught:
        object_place(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("named", "allowed", "good"),
    [
        ("http://127.0.0.1:9000", "", True),
        ("http://[::1]:9000", "", True),
        ("http://localhost:9000", "", True),
        ("https://minio.example.org", "", True),
        ("http://minio.example.org", "", False),
        ("http://127.0.0.1.example.org", "", False),
        ("HTTP://minio.example.org", "", False),
        ("http://minio.example.org", "true", True),
        ("http://minio.example.org", "false", False),
    ],
)
def test_without_tls_only_this_machine_is_spoken_to(named, allowed, good):
    environ = {"AWS_ENDPOINT_URL": named, "AWS_ALLOW_HTTP": allowed}
    place = ObjectPlace("s3", "bucket")
    if good:
        open_store(place, IMPATIENT, environ)
        return
    with pytest.raises(BadInputError, match="AWS_ALLOW_HTTP"):
        open_store(place, IMPATIENT, environ)


def test_parts_are_large_enough_for_any_file_a_store_takes():
    for size in (0, 1, PART_BYTES, 1 << 30, 100 << 30, 5 << 40):
        assert part_bytes(size) >= PART_BYTES
        assert part_bytes(size) % MIB == 0
        assert -(-size // part_bytes(size)) <= 10_000
    assert part_bytes(1 << 30) == PART_BYTES


def test_what_a_store_says_goes_to_the_log_without_secrets():
    said = (
        "Generic error: GET https://x/y?X-Amz-Signature=abc&sig=def&prefix=z "
        "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIA</AWSAccessKeyId>"
        "<StringToSign>AWS4 hush</StringToSign></Error>\n\nDebug source:\nheaders: hush"
    )
    told = harmless(said)
    assert "SignatureDoesNotMatch" in told
    assert "prefix=z" in told
    for secret in ("abc", "def", "AKIA", "hush"):
        assert secret not in told


def test_copies_give_way_to_others_when_there_are_too_many(tmp_path):
    copies = LocalCopies(tmp_path / "copies", most_bytes=250, kept_s=0.0)
    made = {}
    for number in range(5):
        content = bytes([number]) * 100
        made[number] = copies.path(digest_of(content), 100, lambda content=content: [content])
        os.utime(made[number], ns=(number * 10**9, number * 10**9))
    assert [made[number].exists() for number in range(5)] == [False, False, False, True, True]
    content = bytes(100)
    assert copies.path(digest_of(content), 100, lambda: [content]).read_bytes() == content


def test_copies_that_somebody_may_be_reading_stay_whatever_the_bound(tmp_path):
    copies = LocalCopies(tmp_path / "copies", most_bytes=250, kept_s=3600.0)
    contents = [bytes([number]) * 100 for number in range(5)]
    paths = [copies.path(digest_of(each), 100, lambda each=each: [each]) for each in contents]
    assert [path.read_bytes() for path in paths] == contents


def test_a_copy_is_fetched_once_and_a_damaged_one_again(tmp_path):
    fetched = []

    def fetch():
        fetched.append(1)
        return [b"abc"]

    for _ in range(2):
        path = LocalCopies(tmp_path).path(digest_of(b"abc"), 3, fetch)
    assert len(fetched) == 1
    path.chmod(0o644)
    path.write_bytes(b"abd")
    assert LocalCopies(tmp_path).path(digest_of(b"abc"), 3, fetch).read_bytes() == b"abc"
    assert len(fetched) == 2


MEMORY = """
import resource, sys, tempfile
from pathlib import Path
sys.path.insert(0, {tests!r})
from contracts.stores import OBJECTS
store = OBJECTS["s3"](Path({root!r}))
store.put(bytes(1 << 20) for _ in range(32))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
digest, size = store.put(number.to_bytes(2, "big") * (1 << 19) for number in range({count}))
for _ in store.read(digest):
    pass
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(after - before)
"""


def test_memory_stays_flat_in_the_library_too(tmp_path):
    OBJECTS["s3"](tmp_path)
    tests = str(__import__("pathlib").Path(__file__).resolve().parents[1])
    script = MEMORY.format(tests=tests, root=str(tmp_path), count=320)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 128 * 1024, "KiB more than for a tenth of it"


def test_a_registry_on_a_disk_does_not_load_the_provider_library(tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom assay.app.registry import open_registry\n"
        "from assay.app.settings import Settings\n"
        f"with open_registry(Settings(data=Path({str(tmp_path / 'data')!r}))):\n    pass\n"
        "assert 'obstore' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_without_the_provider_library_it_is_said_what_to_install(tmp_path, monkeypatch):
    from assay.app.registry import open_blobs
    from assay.app.settings import Settings

    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(UnavailableError) as caught:
        open_blobs(Settings(data=tmp_path, blobs="s3://bucket"))
    assert caught.value.hint == "pip install 'obstore>=0.8,<0.13'"


def test_the_store_is_a_folder_where_the_setting_names_one(tmp_path):
    from assay.app.registry import open_blobs
    from assay.app.settings import Settings

    digest, _ = open_blobs(Settings(data=tmp_path, blobs=str(tmp_path / "elsewhere"))).put([b"abc"])
    assert (tmp_path / "elsewhere" / digest.hex[:2] / digest.hex).read_bytes() == b"abc"


def test_nothing_secret_is_logged_when_a_store_is_opened(kind, tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        OBJECTS[kind](tmp_path).put([b"x"])
    for name in ("AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "GOOGLE_SERVICE_ACCOUNT_KEY"):
        assert os.environ.get(name, "-never-") not in caplog.text


def test_leftovers_of_the_living_stay(store):
    left = f"{store._root}.tmp/abc"
    obstore.put(store._store, left, b"half")
    store._clear_leftovers(datetime.now(UTC) - timedelta(hours=1))
    assert list(listed(store)) == [".tmp/abc"]
