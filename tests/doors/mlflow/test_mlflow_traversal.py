"""A name that a client sends stays below what the client may reach, however it is written.

Every route that takes a path, a source or a location is tried as somebody of one team who wants a file
of another team's experiment, or of the server's disk.
"""

import itertools
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doors.mlflow.hole_world import SECRET, HoleWorld, Request, ask_all

DOTS = (
    "..",
    "%2e%2e",
    "%2E.",
    "%252e%252e",
    "%25252e%25252e",
    "..;",
    "..\0",
    ".\t.",
    "\uff0e\uff0e",
    "\u2025",
)
SLASHES = ("/", "%2f", "%252F", "\\", "%5c", "%255c", ";/", "//", "\u2215", "\uff0f")
ABSOLUTE = (
    "/etc/passwd",
    "//etc/passwd",
    "////etc/passwd",
    "%2fetc%2fpasswd",
    "C:/Windows/win.ini",
    "c:secret.txt",
    "C:\\Windows\\win.ini",
    "c%3a/secret.txt",
    "\\\\host\\share\\x",
    "file:///etc/passwd",
    "file:/etc/passwd",
    "~/.ssh/id_rsa",
    "$HOME/x",
)
ODD = (
    "",
    ".",
    "..",
    "/",
    "./x",
    "x/.",
    "x/..",
    "x//y",
    "a\0b",
    "a\r\nset-cookie: x=y",
    "a\x1bb",
    "a\x7fb",
    "a\ud800b",
    "a\u202etxt.exe",
    "model#/../../x",
    "model?/../../x",
    "model;/../../x",
    "model/%00/../x",
    "x" * 5000,
    "d/" * 3000 + "x",
    "%",
    "%zz",
    "%c0%ae%c0%ae/x",
    "%u002e%u002e/x",
)


def ways_to(secret, up=3):
    """Return the ways to write a path that climbs ``up`` folders and goes down to ``secret``."""
    folder, name = secret.split("/")
    climbs = [slash.join([dots] * up) + slash for dots, slash in itertools.product(DOTS, SLASHES)]
    return [climb + folder + slash + name for climb in climbs for slash in ("/",)]


TREE = "2.0/mlflow-artifacts"
# How a name comes into a request: below the run's own folder, or as the whole path.
ROUTES = {
    "get": lambda w, p: Request("GET", f"{TREE}/artifacts/{w.base}/{p}"),
    "get whole": lambda w, p: Request("GET", f"{TREE}/artifacts/{p}"),
    "head": lambda w, p: Request("HEAD", f"{TREE}/artifacts/{w.base}/{p}"),
    "put": lambda w, p: Request("PUT", f"{TREE}/artifacts/{w.base}/{p}", body=b"planted"),
    "put whole": lambda w, p: Request("PUT", f"{TREE}/artifacts/{p}", body=b"planted"),
    "delete": lambda w, p: Request("DELETE", f"{TREE}/artifacts/{w.base}/{p}"),
    "delete whole": lambda w, p: Request("DELETE", f"{TREE}/artifacts/{p}"),
    "list": lambda w, p: Request("GET", f"{TREE}/artifacts", {"path": f"{w.base}/{p}"}),
    "list whole": lambda w, p: Request("GET", f"{TREE}/artifacts", {"path": p}),
    "presign": lambda w, p: Request("GET", f"{TREE}/presigned/{w.base}/{p}"),
    "begin in folder": lambda w, p: Request("POST", f"{TREE}/mpu/create/{w.base}/{p}", body={"path": "x"}),
    "begin by name": lambda w, p: Request("POST", f"{TREE}/mpu/create/{w.base}", body={"path": p}),
    "begin local": lambda w, p: Request(
        "POST", f"{TREE}/mpu/create/{w.base}", body={"path": f"C:\\t\\{p}", "num_parts": 2}
    ),
    "complete in folder": lambda w, p: Request(
        "POST", f"{TREE}/mpu/complete/{w.base}/{p}", body={"path": "x", "upload_id": "up_1", "parts": []}
    ),
    "complete by name": lambda w, p: Request(
        "POST", f"{TREE}/mpu/complete/{w.base}", body={"path": p, "upload_id": "up_1", "parts": []}
    ),
    "complete upload": lambda w, p: Request(
        "POST", f"{TREE}/mpu/complete/{w.base}", body={"path": "x", "upload_id": p, "parts": []}
    ),
    "abort by name": lambda w, p: Request(
        "POST", f"{TREE}/mpu/abort/{w.base}", body={"path": p, "upload_id": "up_1"}
    ),
    "abort upload": lambda w, p: Request(
        "POST", f"{TREE}/mpu/abort/{w.base}", body={"path": "x", "upload_id": p}
    ),
    "part": lambda w, p: Request("PUT", f"{TREE}/parts/{p}/1", w.right, b"planted"),
    "part number": lambda w, p: Request("PUT", f"{TREE}/parts/up_1/{p}", w.right, b"planted"),
    "signed": lambda w, p: Request("GET", f"{TREE}/signed/{w.base}/{p}", w.right),
    "signed whole": lambda w, p: Request("GET", f"{TREE}/signed/{p}", w.right),
    "list of run": lambda w, p: Request("GET", "2.0/mlflow/artifacts/list", {"run_id": w.run_id, "path": p}),
    "list of run by id": lambda w, p: Request("GET", "2.0/mlflow/artifacts/list", {"run_id": p}),
    "get of run": lambda w, p: Request("GET", "/get-artifact", {"run_id": w.run_id, "path": p}),
    "get of run by id": lambda w, p: Request("GET", "/get-artifact", {"run_id": p, "path": "model/MLmodel"}),
    "get of version": lambda w, p: Request(
        "GET", "/model-versions/get-artifact", {"name": "fraud", "version": "1", "path": p}
    ),
    "get of version by name": lambda w, p: Request(
        "GET", "/model-versions/get-artifact", {"name": p, "version": "1", "path": "MLmodel"}
    ),
    "upload": lambda w, p: Request(
        "POST", "2.0/mlflow/upload-artifact", {"run_id": w.run_id, "path": p}, b"planted"
    ),
    "files of logged model": lambda w, p: Request(
        "GET", f"2.0/mlflow/logged-models/{w.model_id}/artifacts/files", {"artifact_file_path": p}
    ),
    "folders of logged model": lambda w, p: Request(
        "GET", f"2.0/mlflow/logged-models/{w.model_id}/artifacts/directories", {"artifact_directory_path": p}
    ),
    "location": lambda w, p: Request(
        "POST", "2.0/mlflow/experiments/create", body={"name": f"x{hash(p)}", "artifact_location": p}
    ),
    "location in tree": lambda w, p: Request(
        "POST",
        "2.0/mlflow/experiments/create",
        body={"name": f"y{hash(p)}", "artifact_location": f"mlflow-artifacts:/{p}"},
    ),
    "location elsewhere": lambda w, p: Request(
        "POST",
        "2.0/mlflow/experiments/create",
        body={"name": f"z{hash(p)}", "artifact_location": f"s3://bucket/{p}"},
    ),
    **{
        f"source {scheme or 'bare'}": lambda w, p, scheme=scheme: Request(
            "POST",
            "2.0/mlflow/model-versions/create",
            body={"name": "fraud", "source": scheme.format(w=w) + p, "run_id": ""},
        )
        for scheme in (
            "",
            "runs:/{w.run_id}/",
            "runs:/",
            "models:/",
            "models:/fraud/",
            "models:/{w.model_id}/",
            "mlflow-artifacts:/{w.base}/",
            "mlflow-artifacts:/",
            "s3://bucket/",
            "dbfs:/",
        )
    },
    "source with run": lambda w, p: Request(
        "POST",
        "2.0/mlflow/model-versions/create",
        body={"name": "fraud", "source": f"runs:/{w.run_id}/{p}", "run_id": w.run_id},
    ),
}


class TraversalWorld(HoleWorld):
    """Adds a model, and an address that is signed for another file."""

    def __init__(self, root):
        super().__init__(root)
        self.version()
        address = self.good("GET", f"{TREE}/presigned/{self.base}/model/MLmodel")["url"]
        self.right = dict(parse_qsl(urlsplit(address).query))

    def try_all(self, make, paths):
        """Send an attack with each path as ``eve``, and look at what came of it."""
        requests = [make(self, path) for path in paths]
        for each in requests:
            each.token = self.eve
        for request, reply in zip(requests, ask_all(self.app, requests), strict=True):
            self.check_reply(reply, request)
            assert SECRET not in reply.body, request
            assert b"root:x:" not in reply.body, request
        self.check_untouched()

    def check_untouched(self):
        """The other team's file is as it was, every other name lies in eve's team, and no file is stray."""
        tables = self.tables()
        names = {row[0] for row in tables["files"]} | {row[1] for row in tables["uploads"]}
        theirs = {name for name in names if not any(name.startswith(f"{each}/") for each in self.own(tables))}
        assert theirs == {self.secret}
        for name in names:
            assert not {"", ".", ".."} & set(name.split("/")), name
            assert not {"\\", "\0", "\n", "\r"} & set(name), name
        assert self.send("GET", f"{TREE}/artifacts/{self.secret}").body == SECRET
        self.check_folder()

    def own(self, tables):
        """Return the ids of the default team's experiments."""
        return [str(row[0]) for row in tables["experiments"] if "default" in row]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One for all: nothing that is tried here may leave anything that disturbs the next."""
    one = TraversalWorld(tmp_path_factory.mktemp("traversal"))
    yield one
    one.close()


@pytest.mark.parametrize("route", ROUTES)
def test_no_way_of_writing_a_path_leads_out_of_ones_own_experiments(world, route):
    climbing = ways_to(world.secret)[:: 3 if route in _CLIMBED else 17]
    whole = [
        world.secret,
        f"/{world.secret}",
        quote(world.secret, safe=""),
        f"{world.mine}/../{world.secret}",
    ]
    world.try_all(ROUTES[route], [*climbing, *whole, *ABSOLUTE, *ODD])


# The routes that differ in how a path is read; on the others some of the ways are enough.
_CLIMBED = (
    "get",
    "put",
    "list",
    "begin by name",
    "get of run",
    "location in tree",
    "source runs:/{w.run_id}/",
)


_PIECES = st.sampled_from(
    [*DOTS, *SLASHES, "model", "MLmodel", "2", "secret.txt", "registry", "#", "?", "%", ":", " "]
)
_PATHS = st.lists(st.one_of(_PIECES, st.text(max_size=3)), max_size=8).map("".join)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(route=st.sampled_from(sorted(ROUTES)), paths=st.lists(_PATHS, min_size=5, max_size=20))
def test_no_generated_path_leads_out_either(world, route, paths):
    world.try_all(ROUTES[route], paths)


@given(path=_PATHS)
@settings(max_examples=15, deadline=None)
def test_what_is_stored_is_read_back_under_its_literal_name_only(world, path):
    wanted = f"2.0/mlflow-artifacts/artifacts/{world.base}/{path}"
    stored, read = ask_all(
        world.app,
        [Request("PUT", wanted, body=path.encode(errors="replace")), Request("GET", wanted)],
    )
    if stored.status == 200:
        assert read.body == path.encode()
        assert f"{world.base}/{path}" in {row[0] for row in world.tables()["files"]}


def test_a_signed_address_is_good_for_its_own_file_and_bytes_only(world):
    address = urlsplit(world.good("GET", f"{TREE}/presigned/{world.base}/model/MLmodel")["url"])
    right = dict(parse_qsl(address.query))
    whole = Request("GET", address.path, right)
    other_end = "1" if right["signature"].endswith("0") else "0"
    forged = [
        Request("GET", f"{TREE}/signed/{world.secret}", right),
        Request("GET", f"{TREE}/signed/{world.base}/model/model.pkl", right),
        Request("GET", address.path, {**right, "digest": "sha256:" + "0" * 64}),
        Request("GET", address.path, {**right, "size": "1"}),
        Request("GET", address.path, {**right, "expires": str(int(right["expires"]) + 60)}),
        Request("GET", address.path, {**right, "signature": right["signature"][:-1] + other_end}),
        Request("GET", address.path, {**right, "signature": ""}),
        Request("GET", address.path, {**right, "signature": "\u00e9"}),
        Request("GET", address.path, {**right, "key": "key_none"}),
        Request("GET", address.path, {**right, "expires": "9" * 18}),
        Request("GET", address.path, {}),
    ]
    first, *rest = ask_all(world.app, [whole, *forged])
    assert first.status == 200
    for request, reply in zip(forged, rest, strict=True):
        world.check_reply(reply, request)
        assert reply.status in (400, 403), request


def test_a_symbolic_link_in_an_upload_is_just_bytes(world):
    """A link can only be sent as what a client reads through it; a file named like one is a file."""
    world.put(f"{world.base}/link", b"/etc/passwd")
    assert world.send("GET", f"{TREE}/artifacts/{world.base}/link").body == b"/etc/passwd"
    assert world.bad("GET", f"{TREE}/artifacts/{world.base}/link/x")[0] == 404
    world.check_folder()
