"""Reading other registries: nothing leaves the named folders, no secret is said, no answer is trusted."""

import errno
import json
import os
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from assay.core.errors import BadInputError, DeniedError, NotFoundError, UnavailableError
from assay.core.moving import ForeignPlace
from assay.storage.moving.folder_files import FolderFiles
from assay.storage.moving.mlflow_calls import Login, MlflowCalls, without_login
from assay.storage.moving.mlflow_server import ServerRegistry, ServerTracking
from assay.storage.moving.mlflow_server_files import ServerFiles
from assay.storage.moving.mlflow_tables import MlflowTables
from assay.storage.moving.mlflow_words import number, span_of, whole

PLACE = ForeignPlace("mlflow-artifacts:/1/run/artifacts")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "top" / "1" / "run" / "artifacts"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"a")
    (folder / "deep").mkdir()
    (folder / "deep" / "b.txt").write_bytes(b"bb")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return tmp_path / "top"


def files_of(root, roots=None, mapped=None):
    return FolderFiles(root, mapped or {}, roots or {})


def test_files_are_found_and_read(root):
    files = files_of(root)
    found = list(files.files(PLACE))
    assert [(each.path, each.size_bytes) for each in found] == [("a.txt", 1), ("deep/b.txt", 2)]
    assert all(each.modified_at_ms > 0 and not each.problem for each in found)
    assert b"".join(files.read(PLACE, "deep/b.txt")) == b"bb"


def test_a_place_that_is_not_there_is_empty(root):
    assert list(files_of(root).files(ForeignPlace("mlflow-artifacts:/1/other/artifacts"))) == []


def test_a_place_may_be_one_file(root):
    place = ForeignPlace("mlflow-artifacts:/1/run/artifacts/a.txt")
    files = files_of(root)
    assert [each.path for each in files.files(place)] == ["a.txt"]
    assert b"".join(files.read(place, "a.txt")) == b"a"


@pytest.mark.parametrize("at", ["1/run/artifacts/link.txt", "1/run/artifacts/deep/link.txt"])
def test_a_link_to_a_file_is_not_followed(root, tmp_path, at):
    (root / at).symlink_to(tmp_path / "secret.txt")
    files = files_of(root)
    (link,) = [each for each in files.files(PLACE) if each.problem]
    assert "not followed" in link.problem
    with pytest.raises(NotFoundError):
        b"".join(files.read(PLACE, link.path))


def test_a_link_to_a_folder_is_not_followed(root, tmp_path):
    (root / "1/run/artifacts/out").symlink_to(tmp_path)
    files = files_of(root)
    assert [each.path for each in files.files(PLACE) if each.problem] == ["out"]
    with pytest.raises(NotFoundError):
        b"".join(files.read(PLACE, "out/secret.txt"))


def test_a_place_behind_a_link_is_not_followed(root, tmp_path):
    (root / "2").symlink_to(tmp_path)
    files = files_of(root)
    found = list(files.files(ForeignPlace("mlflow-artifacts:/2/top/1/run/artifacts")))
    assert [bool(each.problem) for each in found] == [True]
    with pytest.raises(NotFoundError):
        b"".join(files.read(ForeignPlace("mlflow-artifacts:/2"), "secret.txt"))


def test_a_pipe_does_not_block(root):
    os.mkfifo(root / "1/run/artifacts/pipe")
    files = files_of(root)
    assert [each.path for each in files.files(PLACE) if each.problem] == ["pipe"]
    with pytest.raises(NotFoundError):
        b"".join(files.read(PLACE, "pipe"))


@pytest.mark.parametrize(
    "place",
    [
        "mlflow-artifacts:/../..",
        "mlflow-artifacts:/1/../../..",
        "file:///etc",
        "file:///etc/%2e%2e/",
        "/etc",
        "",
        "s3://bucket/x",
        "runs:/x",
        "relative/path",
        "mlflow-artifacts://host/1",
    ],
)
def test_no_place_leads_out_of_the_folders(root, place):
    files = files_of(root)
    assert files.reach(ForeignPlace(place))
    with pytest.raises(NotFoundError):
        list(files.files(ForeignPlace(place)))


@pytest.mark.parametrize("path", ["../../../../secret.txt", "..", "", "/", "deep/../../x", "./a.txt"])
def test_no_path_leads_out_of_its_place(root, path):
    with pytest.raises(NotFoundError):
        b"".join(files_of(root).read(PLACE, path))


def test_an_artifact_root_that_was_copied_is_found_again(root):
    files = files_of(root, {"1": "/old/machine/mlruns/1", "2": "file:///old/machine/mlruns/2"})
    place = ForeignPlace("file:///old/machine/mlruns/1/run/artifacts")
    assert [each.path for each in files.files(place)] == ["a.txt", "deep/b.txt"]
    assert files.reach(ForeignPlace("/old/machine/elsewhere/1/run/artifacts"))


def test_other_places_are_mapped_to_folders(root):
    files = files_of(None, mapped={"s3://bucket/mlflow": root})
    place = ForeignPlace("s3://bucket/mlflow/1/run/artifacts")
    assert b"".join(files.read(place, "a.txt")) == b"a"
    assert files.reach(ForeignPlace("s3://bucket/mlflow-other/1"))


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInputError):
        files_of(tmp_path / "nowhere")


def test_what_is_no_database_of_mlflow_is_refused(tmp_path):
    with pytest.raises(BadInputError):
        MlflowTables(f"sqlite:///{tmp_path / 'none.db'}")
    sqlite3.connect(tmp_path / "other.db").close()
    (tmp_path / "text.db").write_text("no database" * 100)
    with pytest.raises(BadInputError):
        MlflowTables(f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(UnavailableError):
        MlflowTables(f"sqlite:///{tmp_path / 'text.db'}")
    for address in ("oracle://x/y", "nothing", "sqlite:///"):
        with pytest.raises(BadInputError):
            MlflowTables(address)


def test_a_missing_driver_is_named():
    with pytest.raises(BadInputError, match="pymysql"):
        MlflowTables("mysql://ada:secret@127.0.0.1:1/mlflow")


def test_a_database_is_never_written(tmp_path):
    path = tmp_path / "m.db"
    with sqlite3.connect(path) as database:
        for table in ("experiments", "runs", "metrics"):
            database.execute(f"create table {table} (x)")
    tables = MlflowTables(f"sqlite:///{path}")
    from sqlalchemy import text

    with pytest.raises(UnavailableError, match="readonly"):
        tables.rows(text("insert into runs values (1)"))
    tables.close()


@pytest.mark.parametrize("said", ["x", [], 2**70, 1e400])
def test_what_is_no_number_is_a_fault_of_the_source(said):
    with pytest.raises(UnavailableError):
        whole(said)


def test_numbers_come_in_all_their_forms():
    assert repr([number(each) for each in ("NaN", "-Infinity", 1, None)]) == "[nan, -inf, 1.0, nan]"


def test_spans_are_read_in_every_form():
    old = {
        "context": {"span_id": "0xab"},
        "parent_id": None,
        "name": "x",
        "start_time": 1,
        "status_code": "OK",
    }
    new = {"span_id": "AAAAAAAAAKs=", "parent_span_id": None, "name": "x", "start_time_unix_nano": 1}
    new |= {"status": {"code": "STATUS_CODE_OK"}, "attributes": {"a": '"json"'}}
    first, second = span_of(old, "tr-1"), span_of(new, "tr-1")
    assert first.span_id == second.span_id == "00000000000000ab"
    assert second.attributes == {"a": "json"}


class Answering(BaseHTTPRequestHandler):
    """Answers from a table: path -> list of (status, document or bytes), the last for ever; 206 breaks."""

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer()

    def answer(self):
        asked = urlsplit(self.path)
        self.server.asked.append((asked.path, parse_qs(asked.query), self.headers.get("Authorization")))
        answers = self.server.table.get(asked.path, [(404, {})])
        status, said = answers.pop(0) if len(answers) > 1 else answers[0]
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + (10 if status == 206 else 0)))
        self.end_headers()
        self.wfile.write(body)

    def send_response(self, code, message=None):
        super().send_response(200 if code == 206 else code, message)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as found:
        found.table, found.asked = {}, []
        found.url = f"http://127.0.0.1:{found.server_port}"
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def calls(server):
    found = MlflowCalls(server.url, Login(), pause_s=0.001)
    yield found
    found.close()


def test_a_question_is_repeated_where_that_helps(server, calls):
    server.table["/x"] = [(503, {}), (500, {}), (200, {"a": 1})]
    assert calls.get("x") == {"a": 1}
    assert len(server.asked) == 3


def test_a_file_that_breaks_off_is_read_on(server, calls):
    path = "/api/2.0/mlflow-artifacts/artifacts/1/run/artifacts/a"
    server.table[path] = [(206, b"0123"), (200, b"0123456789")]
    assert b"".join(ServerFiles(calls).read(PLACE, "a")) == b"0123456789"


def test_a_file_that_one_road_cannot_send_comes_on_the_other(server, calls):
    server.table["/api/2.0/mlflow-artifacts/artifacts/1/run/artifacts/a"] = [(206, b"")]
    server.table["/get-artifact"] = [(200, b"whole")]
    place = ForeignPlace(PLACE.root, run_id="run")
    assert b"".join(ServerFiles(calls).read(place, "a")) == b"whole"
    with pytest.raises(NotFoundError, match="breaks off"):
        b"".join(ServerFiles(calls).read(PLACE, "a"))


def test_a_store_that_the_server_cannot_read_is_no_fault_of_the_server(server, calls):
    server.table["/get-artifact"] = [(500, {"message": "no credentials"})]
    place = ForeignPlace("s3://bucket/run", run_id="r")
    with pytest.raises(NotFoundError, match="no credentials"):
        b"".join(ServerFiles(calls).read(place, "a"))


def test_pages_in_a_circle_end(server, calls):
    server.table["/x"] = [(200, {"items": [{}], "next_page_token": "same"})]
    with pytest.raises(UnavailableError, match="circle"):
        list(calls.pages("GET", "x", "items"))


@pytest.mark.parametrize("said", [b"<html>", b"[]", b"\xff"])
def test_what_is_no_answer_is_said_so(server, calls, said):
    server.table["/x"] = [(200, said)]
    with pytest.raises(UnavailableError, match="MLflow"):
        calls.get("x")


@pytest.mark.parametrize("said", [{"runs": [{}]}, {"runs": [1]}, {"runs": [{"info": {"start_time": "x"}}]}])
def test_an_answer_of_another_form_is_said_so(server, calls, said):
    server.table["/api/2.0/mlflow/runs/search"] = [(200, said)]
    with pytest.raises(UnavailableError):
        list(ServerTracking(calls, ServerFiles(calls)).runs("1"))


def test_a_redirect_is_not_followed(server, calls):
    server.table["/x"] = [(302, {})]
    with pytest.raises(UnavailableError, match="302"):
        calls.get("x")


@pytest.mark.parametrize("listed", ["../up", "/etc/passwd", "deep/x", "..", "", "other/a"])
def test_a_listing_that_leads_elsewhere_is_told(server, calls, listed):
    server.table["/api/2.0/mlflow/artifacts/list"] = [(200, {"files": [{"path": listed, "is_dir": True}]})]
    place = ForeignPlace("file:///x", run_id="r")
    assert [bool(each.problem) for each in ServerFiles(calls).files(place)] == [True]


def test_folders_without_end_do_end(server, calls):
    path = "/api/2.0/mlflow-artifacts/artifacts"
    server.table[path] = [(200, {"files": [{"path": "again", "is_dir": True}]})]
    (found,) = ServerFiles(calls).files(PLACE)
    assert "deeper" in found.problem


@pytest.mark.parametrize("path", ["../x", "a/../../b", "/etc/passwd", "%2e%2e/x"])
def test_no_name_becomes_another_address(server, calls, path):
    with pytest.raises(NotFoundError):
        list(ServerFiles(calls).read(PLACE, path))
    assert not server.asked


def test_logins_are_sent_and_never_said(server):
    server.table["/x"] = [(401, {})]
    address = server.url.replace("http://", "http://ada:s3cret@")
    environ = {"MLFLOW_TRACKING_TOKEN": "t0ken"}
    calls = MlflowCalls(address, Login.read(address, environ), pause_s=0.001)
    with pytest.raises(DeniedError) as caught:
        calls.get("x")
    assert server.asked[0][2].startswith("Basic ")
    assert "s3cret" not in f"{caught.value} {caught.value.hint} {calls.name}"
    calls.close()
    calls = MlflowCalls(server.url, Login.read(server.url, environ), pause_s=0.001)
    with pytest.raises(DeniedError):
        calls.get("x")
    assert server.asked[-1][2] == "Bearer t0ken"
    calls.close()


def test_an_address_is_named_without_its_login():
    assert without_login("https://a:b@Host.example:5000/base/?token=x#y") == "https://host.example:5000/base"
    for address in ("ftp://x", "http://", "http://[", "http://x:99999"):
        with pytest.raises(BadInputError):
            without_login(address)


def test_a_server_that_is_not_there_is_unavailable():
    calls = MlflowCalls("http://127.0.0.1:9", Login(), pause_s=0.001)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9"):
        calls.get("x")
    calls.close()


def test_prompts_are_asked_for_and_nothing_comes_twice(server, calls):
    path = "/api/2.0/mlflow/registered-models/search"
    server.table[path] = [(200, {"registered_models": [{"name": "m"}]})]
    assert [each.name for each in ServerRegistry(calls).models()] == ["m"]
    assert any("is_prompt" in str(query) for _, query, _ in server.asked)


@pytest.fixture
def troubled(monkeypatch):
    """Let the system refuse to open folders of the name ``shut``, with an error that can be chosen."""
    real, trouble = os.open, {"errno": errno.EACCES}

    def opened(path, flags, *rest, **more):
        if str(path).rpartition("/")[2] == "shut":
            raise OSError(trouble["errno"], os.strerror(trouble["errno"]))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", opened)
    return trouble


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT, errno.ESTALE])
def test_a_folder_that_cannot_be_opened_is_told_and_stops_no_other(root, troubled, number):
    (root / "1/run/artifacts/shut").mkdir()
    (root / "1/run/artifacts/z.txt").write_bytes(b"z")
    troubled["errno"] = number
    found = list(files_of(root).files(PLACE))
    assert [each.path for each in found] == ["a.txt", "deep/b.txt", "shut", "z.txt"]
    assert [each.path for each in found if each.problem] == ["shut"]
    assert found[2].curable


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_does_not_answer_stops_the_import(root, troubled, number):
    (root / "1/run/artifacts/shut").mkdir()
    troubled["errno"] = number
    with pytest.raises(UnavailableError):
        list(files_of(root).files(PLACE))


def test_a_place_that_may_not_be_read_is_no_place(root, troubled):
    (root / "shut").mkdir()
    with pytest.raises(NotFoundError, match="Permission denied"):
        list(files_of(root).files(ForeignPlace("mlflow-artifacts:/shut")))


def test_folders_of_a_disk_that_lie_too_deep_are_told(root):
    deep = root / "1/run/artifacts" / "/".join(["d"] * 80)
    deep.mkdir(parents=True)
    (told,) = [each for each in files_of(root).files(PLACE) if each.problem]
    assert "deeper" in told.problem


def trace(number):
    return {"trace_id": f"tr-{number}", "request_time": "2026-01-01T00:00:00Z", "state": "OK"}


V3, V2 = "/api/3.0/mlflow/traces/search", "/api/2.0/mlflow/traces"
LOGGED_MODELS = "/api/2.0/mlflow/logged-models/search"


def test_only_the_first_page_tells_an_older_server(server, calls):
    server.table[V2] = [(200, {"traces": [{"request_id": "old", "timestamp_ms": 1, "status": "OK"}]})]
    tracking = ServerTracking(calls, ServerFiles(calls))
    assert [each.trace.id for each in tracking.traces("1")] == ["old"]
    server.table[V3] = [(200, {"traces": [trace(1)], "next_page_token": "2"}), (404, {})]
    server.asked.clear()
    with pytest.raises(UnavailableError, match="break off"):
        list(tracking.traces("1"))
    assert V2 not in [path for path, _, _ in server.asked]


def test_spans_that_a_server_says_it_has_are_no_reason_to_begin_anew(server, calls):
    kept = {**trace(1), "tags": {"mlflow.trace.spansLocation": "TRACKING_STORE"}}
    server.table[V3] = [(200, {"traces": [kept]})]
    with pytest.raises(UnavailableError, match="spans"):
        list(ServerTracking(calls, ServerFiles(calls)).traces("1"))
    assert V2 not in [path for path, _, _ in server.asked]


def test_logged_models_that_break_off_are_not_all(server, calls):
    tracking = ServerTracking(calls, ServerFiles(calls))
    assert list(tracking.logged_models("1")) == []
    model = {"info": {"model_id": "m-1", "name": "m"}}
    server.table[LOGGED_MODELS] = [(200, {"models": [model], "next_page_token": "2"}), (404, {})]
    with pytest.raises(UnavailableError, match="break off"):
        list(tracking.logged_models("1"))


def test_what_a_server_keeps_and_is_not_moved_is_counted(server, calls):
    tracking = ServerTracking(calls, ServerFiles(calls))
    names = [each.name for each in tracking.left_out()]
    assert "webhooks" not in names
    server.table["/api/2.0/mlflow/webhooks"] = [(200, {"webhooks": [{}, {}]})]
    server.table["/api/3.0/mlflow/datasets/search"] = [(403, {})]
    told = {each.name: each.what for each in tracking.left_out()}
    assert told["webhooks"] == "2 are not moved"
    assert told["evaluation data sets"] == "an unknown number of them are not moved"
    assert all(each.explained for each in tracking.left_out())
