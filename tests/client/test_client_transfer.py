"""Bytes on their way: streamed, sent once, resumed, verified, and never outside the folder."""

import fcntl
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.client import Client, downloading
from assay.client.downloading import place_inside
from assay.client.uploading import CHUNK_BYTES, collect_files, hash_file
from assay.core.digests import FileEntry, digest_of
from assay.core.errors import BadInputError, ConflictError, NotFoundError, UnavailableError
from assay.wire.requests import NewVersion

ADDRESS = "team/task/v1.0.0"


def serve(fake, **files: bytes) -> None:
    """Let the fake have one version with these files."""
    entries = []
    for name, content in files.items():
        digest = digest_of(content)
        fake.blobs[digest] = content
        entries.append(FileEntry(name.replace("__", "/"), digest, len(content)))
    fake.received = NewVersion(tuple(entries))


def methods(fake) -> list[str]:
    return [request.method for request in fake.asked]


def test_a_file_is_sent_once_and_never_again(client, fake, tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    first, second = client.upload_blob(path), client.upload_blob(path)
    assert first.digest == second.digest == digest_of(b"weights")
    assert methods(fake) == ["HEAD", "PUT", "HEAD"]


def test_an_empty_file_is_sent_too(client, fake, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    client.upload_blob(tmp_path / "empty")
    assert fake.blobs == {digest_of(b""): b""}


def test_progress_grows_to_the_whole_size(client, tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(bytes(3 * CHUNK_BYTES + 5))
    seen = []
    client.upload_blob(path, lambda *report: seen.append(report))
    done = [report[0] for report in seen]
    assert done == sorted(done)
    assert seen[0] == (0, 3 * CHUNK_BYTES + 5, "model.bin")
    assert seen[-1] == (3 * CHUNK_BYTES + 5, 3 * CHUNK_BYTES + 5, "model.bin")


def test_a_file_is_read_in_pieces(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2 * CHUNK_BYTES + 1)
    sizes = []

    class Watching(httpx.BaseTransport):
        def handle_request(self, request):
            if request.method == "HEAD":
                return httpx.Response(404)
            sizes.extend(len(chunk) for chunk in request.stream)
            return httpx.Response(201, content=b"{}")

    with Client("http://registry.test", "", transport=Watching()) as client:
        client.upload_blob(path)
    assert sizes == [CHUNK_BYTES, CHUNK_BYTES, 1]


@pytest.mark.parametrize("other", [b"short", b"a longer content than before"])
def test_a_file_that_changes_under_way_is_refused(other, tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"the content before")

    class Changing(httpx.BaseTransport):
        def handle_request(self, request):
            if request.method == "HEAD":
                path.write_bytes(other)
                return httpx.Response(404)
            return httpx.Response(201, content=request.read())

    with (
        Client("http://registry.test", "", transport=Changing()) as client,
        pytest.raises(BadInputError, match="must not change"),
    ):
        client.upload_blob(path)


@pytest.mark.parametrize("what", ["missing", "folder", "pipe"])
def test_what_cannot_be_read_is_named(what, client, tmp_path):
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    if what == "pipe":
        os.mkfifo(path)
    with pytest.raises(BadInputError, match=what):
        client.upload_blob(path)


def test_a_folder_is_collected_by_name_without_version_control_and_caches(tmp_path):
    for name in ("b/two", "a", ".git/config", "b/__pycache__/x.pyc", ".hidden"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "linked").symlink_to(tmp_path / "a")
    assert [each.name for each in collect_files(tmp_path)] == [".hidden", "a", "b/two", "linked"]


def test_a_linked_folder_is_refused(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "loop").symlink_to(tmp_path)
    with pytest.raises(BadInputError, match="links to folders"):
        collect_files(tmp_path / "model")


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_nothing_to_register_is_refused(make, tmp_path):
    make(tmp_path / "model")
    with pytest.raises(BadInputError, match="path"):
        collect_files(tmp_path / "model")


def test_a_version_arrives_whole_below_the_folder(client, fake, tmp_path):
    serve(fake, model=b"weights", sub__vocabulary=b"words")
    version = client.download(ADDRESS, tmp_path / "out")
    assert version.semver.major == 1
    found = {
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert found == {"model", "sub/vocabulary"}
    assert (tmp_path / "out/sub/vocabulary").read_bytes() == b"words"


def test_what_is_there_already_is_not_fetched_again(client, fake, tmp_path):
    serve(fake, model=b"weights")
    client.download(ADDRESS, tmp_path)
    asked = len(fake.asked)
    client.download(ADDRESS, tmp_path)
    assert len(fake.asked) == asked + 1


def test_another_file_in_the_way_is_kept_unless_told_otherwise(client, fake, tmp_path):
    serve(fake, model=b"weights")
    (tmp_path / "model").write_bytes(b"precious")
    with pytest.raises(ConflictError):
        client.download(ADDRESS, tmp_path)
    assert (tmp_path / "model").read_bytes() == b"precious"
    client.download(ADDRESS, tmp_path, overwrite=True)
    assert (tmp_path / "model").read_bytes() == b"weights"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(content=st.binary(min_size=1, max_size=300), cut=st.integers(0, 300), ranges=st.booleans())
def test_a_broken_download_goes_on_and_ends_with_the_same_bytes(
    content, cut, ranges, client, fake, tmp_path_factory
):
    place = tmp_path_factory.mktemp("out") / "model"
    serve(fake, model=content)
    fake.ranges, fake.cut_at = ranges, min(cut, len(content) - 1)
    fake.asked.clear()
    client.download_file(ADDRESS, "model", place)
    assert place.read_bytes() == content
    asked = [request.headers.get("range") for request in fake.asked if "/files/" in request.url.path]
    expected = f"bytes={min(cut, len(content) - 1)}-" if min(cut, len(content) - 1) else None
    assert asked == [None, expected]
    assert [path.name for path in place.parent.iterdir()] == ["model"]


def test_a_later_call_takes_up_what_an_earlier_one_left(fake, tmp_path):
    serve(fake, model=b"0123456789")
    digest = digest_of(b"0123456789")
    (tmp_path / f".model.{digest.short}.partial").write_bytes(b"0123")
    with Client("http://registry.test", "", transport=httpx.MockTransport(fake)) as client:
        client.download_file(ADDRESS, "model", tmp_path / "model")
    assert fake.asked[-1].headers["range"] == "bytes=4-"
    assert (tmp_path / "model").read_bytes() == b"0123456789"


@pytest.mark.parametrize("left", [b"XXXX", b"0123456789 and much more than there is"])
def test_a_leftover_that_does_not_fit_is_thrown_away(left, client, fake, tmp_path):
    serve(fake, model=b"0123456789")
    digest = digest_of(b"0123456789")
    (tmp_path / f".model.{digest.short}.partial").write_bytes(left)
    client.download_file(ADDRESS, "model", tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == b"0123456789"


def test_damaged_bytes_never_get_the_files_name(client, fake, tmp_path):
    serve(fake, model=b"weights")
    fake.damaged = True
    with pytest.raises(UnavailableError, match="damaged"):
        client.download_file(ADDRESS, "model", tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../b", "a\\b", "C:x", "", "a//b", "a/./b"])
def test_no_path_leads_outside(path, tmp_path):
    with pytest.raises(BadInputError):
        place_inside(tmp_path, path)


def test_no_link_leads_outside(client, fake, tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "sub").symlink_to(outside)
    serve(fake, sub__model=b"weights")
    with pytest.raises(BadInputError, match="inside"):
        client.download(ADDRESS, inside)
    assert list(outside.iterdir()) == []


def test_a_link_in_place_of_the_file_is_not_followed(client, fake, tmp_path):
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/model").symlink_to(tmp_path / "target")
    serve(fake, model=b"weights")
    with pytest.raises(BadInputError):
        client.download(ADDRESS, tmp_path / "out", overwrite=True)
    assert (tmp_path / "target").read_bytes() == b"precious"


def test_a_place_that_cannot_be_written_to_is_named(client, fake, tmp_path):
    serve(fake, model=b"weights")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInputError, match="destination"):
        client.download_file(ADDRESS, "model", tmp_path / "file" / "model")


def test_a_file_that_the_version_does_not_have_is_not_found(client, fake, tmp_path):
    serve(fake, model=b"weights")
    with pytest.raises(NotFoundError) as caught:
        client.download_file(ADDRESS, "other", tmp_path / "other")
    assert "model" in caught.value.hint


def test_a_downloaded_file_is_an_ordinary_one(client, fake, tmp_path):
    serve(fake, model=b"weights")
    client.download_file(ADDRESS, "model", tmp_path / "model")
    mode = stat.S_IMODE((tmp_path / "model").stat().st_mode)
    assert not mode & 0o111


@given(content=st.binary(max_size=2000))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_the_digest_is_that_of_the_bytes(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("in") / "f"
    path.write_bytes(content)
    found = hash_file(path)
    assert (found.digest, found.size_bytes) == (digest_of(content), len(content))


@pytest.fixture
def held(fake, tmp_path):
    """The hidden file of a download, as another process holds it that has written rubbish into it."""
    serve(fake, model=b"0123456789")
    path = tmp_path / f".model.{digest_of(b'0123456789').short}.partial"
    path.write_bytes(b"01xx")
    with path.open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        yield other, path


def test_two_downloads_of_one_file_do_not_write_into_each_others(fake, tmp_path, held):
    other, path = held
    real = fake.__call__

    def interfering(request):
        other.seek(0)
        other.write(b"xxxxxxxxxx")
        other.flush()
        return real(request)

    with Client("http://registry.test", "", transport=httpx.MockTransport(interfering)) as client:
        client.download_file(ADDRESS, "model", tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == b"0123456789"
    assert path.read_bytes() == b"xxxxxxxxxx"
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, "model"]


def test_a_download_of_ones_own_leaves_nothing_behind(client, fake, tmp_path, held):
    fake.damaged = True
    with pytest.raises(UnavailableError):
        client.download_file(ADDRESS, "model", tmp_path / "model")
    assert [each.name for each in tmp_path.iterdir()] == [held[1].name]


def test_many_at_once_all_get_the_right_bytes(fake, tmp_path):
    content = bytes(range(256)) * 400
    serve(fake, model=content)
    place = tmp_path / "model"

    def fetch(_):
        with Client("http://registry.test", "", transport=httpx.MockTransport(fake)) as client:
            client.download_file(ADDRESS, "model", place)
        return place.read_bytes() == content

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(fetch, range(24)))
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_where_nothing_can_be_locked_each_download_is_one_of_its_own(client, fake, tmp_path, monkeypatch):
    monkeypatch.setattr(downloading, "library", lambda name: None)
    serve(fake, model=b"0123456789")
    client.download_file(ADDRESS, "model", tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == b"0123456789"
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
