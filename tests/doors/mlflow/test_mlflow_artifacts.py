import hashlib
from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest

from assay.wire.quotas import QuotaChange
from doors.mlflow.hole_world import MODEL_FILES
from doors.mlflow.mlflow_world import MlflowWorld

TREE = "2.0/mlflow-artifacts/artifacts"
PARTS = "2.0/mlflow-artifacts/mpu"


class Files:
    """A run and what is done with its files; every path is below the run's own folder."""

    def __init__(self, world):
        self.world = world
        self.home = world.experiment()
        self.run = world.run(self.home)
        self.base = f"{self.home}/{self.run}/artifacts"

    def send(self, method, path, body=None, **more):
        return self.world.send(method, f"{TREE}/{self.base}/{quote(path)}", body, **more)

    def put(self, path, content):
        answer = self.send("PUT", path, content)
        assert (answer.status, answer.body) == (200, b""), answer.body
        return answer

    def bytes_of(self, path):
        answer = self.send("GET", path)
        assert answer.status == 200, answer.body
        return answer.body

    def listed(self, folder=""):
        place = f"{self.base}/{folder}".rstrip("/")
        found = self.world.good("GET", f"{TREE}?path={quote(place)}").get("files", [])
        return [(each["path"], each["is_dir"], each.get("file_size")) for each in found]

    def register(self):
        """Make a version from ``model`` of this run; return its source."""
        for name, content in MODEL_FILES.items():
            self.put(f"model/{name}", content)
        self.world.good("POST", "2.0/mlflow/registered-models/create", {"name": "m"})
        said = {"name": "m", "source": f"runs:/{self.run}/model", "run_id": self.run}
        return self.world.good("POST", "2.0/mlflow/model-versions/create", said)["model_version"]["source"]

    def begin(self, name, count):
        said = {"path": name, "num_parts": count}
        return self.world.good("POST", f"{PARTS}/create/{self.base}", said)

    def send_part(self, address, content):
        parts = urlsplit(address)
        return self.world.send("PUT", f"{parts.path}?{parts.query}", content)

    def complete(self, name, upload_id, parts):
        named = [{"part_number": number, "etag": etag} for number, etag in parts]
        said = {"path": name, "upload_id": upload_id, "parts": named}
        return self.world.send("POST", f"{PARTS}/complete/{self.base}", said)


@pytest.fixture
def world(tmp_path):
    one = MlflowWorld(tmp_path)
    yield one
    one.close()


@pytest.fixture
def files(world):
    return Files(world)


def test_a_file_comes_back_as_it_was_sent_and_is_never_a_page(files):
    files.put("deep/er/page.html", b"<script>alert(1)</script>")
    answer = files.send("GET", "deep/er/page.html")
    assert answer.body == b"<script>alert(1)</script>"
    assert answer.headers["content-disposition"] == "attachment; filename=page.html"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    head = files.send("HEAD", "deep/er/page.html")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "25")


def test_a_file_that_is_written_again_has_the_new_bytes(files):
    files.put("a.txt", b"one")
    before = files.send("GET", "a.txt").headers["etag"]
    files.put("a.txt", b"two")
    assert files.bytes_of("a.txt") == b"two"
    assert files.send("GET", "a.txt").headers["etag"] != before


@pytest.mark.parametrize(
    ("wanted", "status", "body", "said"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_range_of_a_file_can_be_asked_for(files, wanted, status, body, said):
    files.put("a.txt", b"0123456789")
    answer = files.send("GET", "a.txt", headers=[("range", wanted)])
    assert (answer.status, answer.body, answer.headers.get("content-range")) == (status, body, said)


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=5-2", "bytes=x-y", "bytes=-0"])
def test_a_range_outside_the_file_is_refused(files, wanted):
    files.put("a.txt", b"0123456789")
    assert files.send("GET", "a.txt", headers=[("range", wanted)]).status == 416


def test_a_listing_shows_what_lies_directly_in_a_folder(files):
    for path in ("b.txt", "empty", "a/one", "a/b/two", "ü ö/x"):
        files.put(path, b"" if path == "empty" else b"12")
    assert files.listed() == [
        ("a", True, None),
        ("b.txt", False, 2),
        ("empty", False, None),
        ("ü ö", True, None),
    ]
    assert files.listed("a") == [("b", True, None), ("one", False, 2)]
    assert files.listed("none") == files.listed("b.txt") == []
    of_run = files.world.good("GET", f"2.0/mlflow/artifacts/list?run_id={files.run}&path=a")
    assert of_run["root_uri"] == f"mlflow-artifacts:/{files.base}"
    assert [each["path"] for each in of_run["files"]] == ["a/b", "a/one"]


def test_only_an_experiment_that_nobody_may_know_of_is_not_listed_empty(world):
    for place in ("", "nothing", "a;../x"):
        assert world.good("GET", f"{TREE}?path={quote(place)}") == {}
    assert world.bad("GET", f"{TREE}?path=99/x")[0] == 404


def test_a_missing_file_a_folder_and_a_bad_path_are_told_apart(files):
    files.put("a/one", b"1")
    assert files.send("GET", "none").status == 404
    folder = files.send("GET", "a")
    assert (folder.status, folder.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "refers to a directory" in folder.json["message"]
    for path in ("../x", "/etc", "a//b", "a\\b", "%2e%2e/x"):
        answer = files.world.send("GET", f"{TREE}?path={quote(f'{files.base}/{path}')}")
        assert (answer.status, answer.json["message"]) == (400, "Invalid path")
    assert files.world.send("GET", f"{TREE}?path=/etc").json["message"] == "Invalid path"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("images/k%step%1%timestamp%1795000000000%g0.png", "images/k%step%1%timestamp%1795000000000%g0.png"),
        ("images/k%step%41%timestamp%1795000000000%g0", "images/k%stepA%timestamp%1795000000000%g0"),
        ("a%17b", "a%17b"),
        ("a%0ab", "a%0ab"),
        ("a%7f", "a%7f"),
        ("100%25.txt", "100%.txt"),
        ("a%2541b", "aAb"),
    ],
)
def test_a_name_that_looks_encoded_is_kept_and_found_by_what_clients_read_in_a_listing(files, name, read):
    files.put(name, b"image")
    folder, _, last = name.rpartition("/")
    assert files.listed(folder) == [(last, False, 5)]
    assert files.bytes_of(name) == files.bytes_of(read) == b"image"
    of_run = f"/get-artifact?run_id={files.run}&path={quote(read)}"
    assert files.world.send("GET", of_run).body == b"image"
    files.put(read, b"other")
    assert files.bytes_of(read) == b"other"


def test_a_version_keeps_names_that_look_encoded(files):
    files.put("model/a%41b", b"image")
    files.register()
    place = "registry/default/m/1"
    for name in ("a%41b", "aAb"):
        answer = files.world.send("GET", f"{TREE}/{place}/{quote(name)}")
        assert (answer.status, answer.body) == (200, b"image")


@pytest.mark.parametrize("name", ["a#b", "a%23b", "a%2523b", "deep/#/x"])
def test_a_name_with_a_number_sign_is_refused_for_no_client_could_list_its_folder(files, name):
    answer = files.send("PUT", name, b"x")
    assert (answer.status, answer.json["message"]) == (400, "Invalid path")
    assert files.listed() == []


def test_removing_takes_a_file_or_a_folder_and_twice_is_no_error(files):
    for path in ("a/one", "a/b/two", "c"):
        files.put(path, b"1")
    for path in ("a", "a", "none"):
        assert files.send("DELETE", path).status == 200
    assert files.listed() == [("c", False, 1)]


def test_a_folder_and_a_file_cannot_have_one_name(files):
    files.put("a/one", b"1")
    assert files.send("PUT", "a", b"x").status == 409
    assert files.send("PUT", "a/one/two", b"x").status == 409
    assert files.listed("a") == [("one", False, 1)]


def test_an_upload_that_breaks_off_leaves_nothing(files):
    answer = files.send("PUT", "a.txt", chunks=(b"half",), whole=False)
    assert answer.status == 400
    assert files.listed() == []


def test_what_a_version_was_made_from_does_not_change(files):
    files.register()
    refused = files.send("PUT", "model/MLmodel", b"other")
    assert (refused.status, refused.json["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert "version was made from" in refused.json["message"]
    for path in ("model/MLmodel", "model", ""):
        assert files.send("DELETE", path).status in (400, 409)
    files.put("model/MLmodel", MODEL_FILES["MLmodel"])
    assert files.bytes_of("model/MLmodel") == MODEL_FILES["MLmodel"]
    files.put("beside", b"free")


def test_what_a_quota_does_not_allow_is_refused_in_words_and_leaves_what_was_there(files):
    files.put("a.txt", b"12345")
    world = files.world
    world.use.quotas.set(world.local, QuotaChange("default", 8))
    begun = files.begin("b.txt", 1)
    etag = files.send_part(begun["credentials"][0]["url"], b"6789")
    assert etag.status == 200
    parts = [(1, etag.headers["etag"])]
    for refused in (
        files.send("PUT", "b.txt", b"6789"),
        files.complete("b.txt", begun["upload_id"], parts),
    ):
        assert (refused.status, refused.json["error_code"]) == (400, "INVALID_STATE")
        said = refused.json["message"]
        assert "the quota of team default is 8 bytes: 5 are used, and 4 more were asked for" in said
        assert "Delete versions or artifacts that nobody needs" in said
    assert files.listed() == [("a.txt", False, 5)]
    files.put("b.txt", b"678")


def test_a_version_that_a_quota_does_not_allow_is_refused_in_words(files):
    world = files.world
    size = sum(map(len, MODEL_FILES.values()))
    world.use.quotas.set(world.local, QuotaChange("default/m", size - 1))
    for name, content in MODEL_FILES.items():
        files.put(f"model/{name}", content)
    world.good("POST", "2.0/mlflow/registered-models/create", {"name": "m"})
    said = {"name": "m", "source": f"runs:/{files.run}/model", "run_id": files.run}
    status, code, message = world.bad("POST", "2.0/mlflow/model-versions/create", said)
    assert (status, code) == (400, "INVALID_STATE")
    assert f"the quota of model default/m is {size - 1} bytes" in message


def test_files_of_a_version_are_read_and_never_written(files):
    files.register()
    place = files.world.good("GET", "2.0/mlflow/model-versions/get-download-uri?name=m&version=1")
    path = place["artifact_uri"].removeprefix("mlflow-artifacts:/")
    assert path.startswith("registry/")
    listed = files.world.good("GET", f"{TREE}?path={path}")["files"]
    assert {each["path"] for each in listed} >= set(MODEL_FILES)
    assert files.world.send("GET", f"{TREE}/{path}/MLmodel").body == MODEL_FILES["MLmodel"]
    for method in ("PUT", "DELETE"):
        assert files.world.send(method, f"{TREE}/{path}/MLmodel", b"other").status == 400
    assert files.world.send("GET", f"{TREE}/{path}/MLmodel").body == MODEL_FILES["MLmodel"]


def test_a_file_in_parts_is_whole_in_the_order_of_its_parts(files):
    begun = files.begin("big.bin", 3)
    etags = {}
    for number in (3, 1, 2):
        address = begun["credentials"][number - 1]
        assert address["part_number"] == number
        etags[number] = files.send_part(address["url"], bytes([number]) * 4).headers["etag"]
    assert files.complete("big.bin", begun["upload_id"], sorted(etags.items())).status == 200
    assert files.bytes_of("big.bin") == b"\x01\x01\x01\x01\x02\x02\x02\x02\x03\x03\x03\x03"


def test_a_part_that_is_missing_is_named(files):
    begun = files.begin("big.bin", 2)
    etag = files.send_part(begun["credentials"][0]["url"], b"one").headers["etag"]
    refused = files.complete("big.bin", begun["upload_id"], [(1, etag)])
    assert refused.status == 400
    assert "part 2: has not come" in refused.json["message"]
    assert files.listed() == []
    other = files.send_part(begun["credentials"][1]["url"], b"two").headers["etag"]
    assert files.complete("big.bin", begun["upload_id"], [(1, etag), (2, other)]).status == 200


def test_a_part_sent_again_counts_and_the_one_before_does_not(files):
    begun = files.begin("big.bin", 1)
    address = begun["credentials"][0]["url"]
    before = files.send_part(address, b"first").headers["etag"]
    after = files.send_part(address, b"second").headers["etag"]
    refused = files.complete("big.bin", begun["upload_id"], [(1, before)])
    assert refused.status == 400
    assert "part 1: must be the one that was stored" in refused.json["message"]
    assert files.complete("big.bin", begun["upload_id"], [(1, after)]).status == 200
    assert files.bytes_of("big.bin") == b"second"


def test_an_upload_that_is_completed_twice_stays_as_it_is(files):
    begun = files.begin("big.bin", 1)
    address = begun["credentials"][0]["url"]
    etag = files.send_part(address, b"whole").headers["etag"]
    for _ in range(2):
        assert files.complete("big.bin", begun["upload_id"], [(1, etag)]).status == 200
    assert files.send_part(address, b"late").status == 400
    assert files.bytes_of("big.bin") == b"whole"


def test_an_upload_that_was_given_up_takes_no_part(files):
    begun = files.begin("big.bin", 1)
    said = {"path": "big.bin", "upload_id": begun["upload_id"]}
    for _ in range(2):
        assert files.world.good("POST", f"{PARTS}/abort/{files.base}", said) == {}
    assert files.send_part(begun["credentials"][0]["url"], b"late").status == 404
    assert files.complete("big.bin", begun["upload_id"], [(1, "x")]).status == 404
    assert files.listed() == []


@pytest.mark.parametrize("broken", ["signature", "number", "upload", "expires", "key"])
def test_the_address_of_a_part_is_good_for_that_part_alone(files, broken):
    one, other = files.begin("one", 2), files.begin("other", 2)
    address = one["credentials"][0]["url"]
    changed = {
        "signature": address[:-1] + ("0" if address[-1] != "0" else "1"),
        "number": address.replace("/1?", "/2?"),
        "upload": address.replace(one["upload_id"], other["upload_id"]),
        "expires": address.replace("expires=", "expires=9"),
        "key": address.replace("key=", "key=x"),
    }[broken]
    assert changed != address
    assert files.send_part(changed, b"foreign").status == 403
    assert files.send_part(address, b"own").status == 200


def test_the_address_of_a_part_expires(files):
    begun = files.begin("big.bin", 1)
    files.world.clock.at += timedelta(hours=24, seconds=1)
    refused = files.send_part(begun["credentials"][0]["url"], b"late")
    assert refused.status == 403
    assert "has expired" in refused.json["message"]


def test_an_upload_that_nobody_goes_on_with_is_forgotten(files):
    begun = files.begin("big.bin", 1)
    files.send_part(begun["credentials"][0]["url"], b"one")
    files.world.clock.at += timedelta(hours=1)
    files.begin("another", 1)
    assert files.complete("big.bin", begun["upload_id"], [(1, "x")]).status == 404


def test_parts_cannot_be_put_together_over_a_frozen_name(files):
    files.register()
    place = f"{files.base}/model"
    said = {"path": "MLmodel", "num_parts": 1}
    begun = files.world.good("POST", f"{PARTS}/create/{place}", said)
    etag = files.send_part(begun["credentials"][0]["url"], b"other").headers["etag"]
    said = {"path": "MLmodel", "upload_id": begun["upload_id"], "parts": [{"part_number": 1, "etag": etag}]}
    assert files.world.send("POST", f"{PARTS}/complete/{place}", said).status == 409
    assert files.bytes_of("model/MLmodel") == MODEL_FILES["MLmodel"]


@pytest.mark.parametrize("count", [-1, 10_001])
def test_an_upload_has_a_bounded_number_of_parts(files, count):
    said = {"path": "x", "num_parts": count}
    assert files.world.send("POST", f"{PARTS}/create/{files.base}", said).status == 400


def signed(files, path):
    said = files.world.good("GET", f"2.0/mlflow-artifacts/presigned/{files.base}/{path}")
    parts = urlsplit(said["url"])
    return said, f"{parts.path}?{parts.query}"


def test_a_signed_download_needs_no_login_and_gives_the_bytes_of_its_day(files):
    files.put("a.txt", b"0123456789")
    said, address = signed(files, "a.txt")
    assert said["file_size"] == 10
    files.put("a.txt", b"later")
    nobody = {"client": "192.0.2.7"}
    assert files.world.send("GET", address, **nobody).body == b"0123456789"
    part = files.world.send("GET", address, headers=[("range", "bytes=3-5")], **nobody)
    assert (part.status, part.body) == (206, b"345")


def test_a_signed_download_expires_and_is_good_for_one_file(files):
    files.put("a.txt", b"one")
    files.put("b.txt", b"two")
    _, address = signed(files, "a.txt")
    other = hashlib.sha256(b"two").hexdigest()
    one = hashlib.sha256(b"one").hexdigest()
    for changed in (address.replace("a.txt", "b.txt"), address.replace(one, other), address + "0"):
        assert changed != address
        assert files.world.send("GET", changed).status == 403
    files.world.clock.at += timedelta(seconds=301)
    assert files.world.send("GET", address).status == 403


def test_whoever_may_not_know_of_an_experiment_finds_none_of_its_files(files):
    files.put("a.txt", b"secret")
    token = files.world.token("eve", "maintainer", "elsewhere/*")
    for method, path in (("GET", "a.txt"), ("PUT", "b.txt"), ("DELETE", "a.txt")):
        body = b"x" if method == "PUT" else None
        assert files.send(method, path, body, token=token).status == 404
    assert files.world.send("GET", f"{TREE}?path={files.base}", token=token).status == 404
    said = {"path": "x", "num_parts": 1}
    assert files.world.send("POST", f"{PARTS}/create/{files.base}", said, token=token).status == 404
    presign = f"2.0/mlflow-artifacts/presigned/{files.base}/a.txt"
    assert files.world.send("GET", presign, token=token).status == 404
    assert files.listed() == [("a.txt", False, 6)]
