"""The artifact routes as plain requests: headers, ranges, lists, and every way to climb out of a folder."""

import requests
from mlflow import MlflowClient
from recording import SERVER, Story

CLIENTS = ("3.17",)
story = Story("artifact-wire")
client = MlflowClient()
home = story.experiment("home")
run = client.create_run(home)
one = run.info.run_id
ROOT = "/api/2.0/mlflow-artifacts/artifacts"
base = f"{ROOT}/{home}/{one}/artifacts"

story.ask("put", "PUT", f"{base}/a.txt", data=b"0123456789")
story.ask("put html", "PUT", f"{base}/page.html", data=b"<script>alert(1)</script>")
story.ask("put folder", "PUT", f"{base}/folder/b.txt", data=b"b")
story.ask("put empty", "PUT", f"{base}/empty", data=b"")
answer = story.ask("get", "GET", f"{base}/a.txt", keep="text")
KEPT = ("Content-Disposition", "X-Content-Type-Options", "Content-Length")
story.note("headers", {key: answer.headers.get(key) for key in KEPT})
story.note("has validators", ["ETag" in answer.headers, "Last-Modified" in answer.headers])
page = story.ask("get html", "GET", f"{base}/page.html", keep="text")
story.note("html headers", {key: page.headers.get(key) for key in KEPT})
ranged = story.ask("range", "GET", f"{base}/a.txt", keep="text", headers={"Range": "bytes=2-4"})
story.note("range header", ranged.headers.get("Content-Range"))
story.ask("get missing", "GET", f"{base}/none.txt")
story.ask("get folder", "GET", f"{base}/folder")
story.ask("list", "GET", f"{ROOT}?path={home}/{one}/artifacts")
story.ask("list folder", "GET", f"{ROOT}?path={home}/{one}/artifacts/folder")
story.ask("list file", "GET", f"{ROOT}?path={home}/{one}/artifacts/a.txt")
story.ask("list unknown", "GET", f"{ROOT}?path={home}/{one}/none")
story.ask("delete", "DELETE", f"{base}/a.txt")
story.ask("delete again", "DELETE", f"{base}/a.txt")
story.ask("get deleted", "GET", f"{base}/a.txt")
story.ask("old door", "GET", f"/get-artifact?run_id={one}&path=folder/b.txt", keep="text")
story.ask("old door missing", "GET", f"/get-artifact?run_id={one}&path=none")
story.ask("old list", "GET", f"/api/2.0/mlflow/artifacts/list?run_id={one}")
story.ask("old list folder", "GET", f"/api/2.0/mlflow/artifacts/list?run_id={one}&path=folder")
story.ask("old list without run", "GET", "/api/2.0/mlflow/artifacts/list")
story.ask(
    "ajax upload", "POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={one}&path=up.txt", data=b"up"
)
story.ask("ajax uploaded", "GET", f"{base}/up.txt", keep="text")

CLIMBS = (
    "..",
    "../x",
    "%2e%2e/x",
    "%2e%2e%2fx",
    "%252e%252e%252fx",
    "..%5cx",
    "a/../../../x",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "C:/x",
    "a%00b",
    "a;../x",
    "a%23b/../../x",
)
for climb in CLIMBS:
    for method in ("GET", "PUT", "DELETE"):
        # requests would tidy the path; a prepared request keeps it as it is
        prepared = requests.Request(method, SERVER, data=b"x" if method == "PUT" else None).prepare()
        prepared.url = f"{SERVER}{base}/{climb}"
        answer = requests.Session().send(prepared, timeout=60)
        story.note(f"{method} {climb}", "refused" if 400 <= answer.status_code < 500 else answer.status_code)
    for key, path in {
        "list": f"{ROOT}?path={climb}",
        "old list": f"/api/2.0/mlflow/artifacts/list?run_id={one}&path={climb}",
        "old get": f"/get-artifact?run_id={one}&path={climb}",
    }.items():
        answer = requests.get(SERVER + path, timeout=60)
        story.note(f"{key} {climb}", "refused" if 400 <= answer.status_code < 500 else answer.status_code)
story.note("untouched", sorted(each.path for each in client.list_artifacts(one)))
LOCATIONS = (
    "file:///etc",
    "s3://bucket/../x",
    "http://127.0.0.1/x",
    "runs:/x/y",
    "mlflow-artifacts:/../x",
    "mlflow-artifacts://other.example/x",
    "s3://bucket/a?b=c",
    "s3://bucket/a#b",
)
for number, location in enumerate(LOCATIONS):
    story.attempt(
        f"location {location}",
        lambda number=number, location=location: bool(
            client.create_experiment(f"{story.name}-{number}", artifact_location=location)
        ),
    )
PARTS = "/api/2.0/mlflow-artifacts/mpu"
story.ask(
    "presigned",
    "GET",
    f"/api/2.0/mlflow-artifacts/presigned/{home}/{one}/artifacts/folder/b.txt",
    keep="status",
)
story.ask(
    "parts",
    "POST",
    f"{PARTS}/create/{home}/{one}/artifacts",
    keep="status",
    json={"path": "p", "num_parts": 1},
)
story.tell()
