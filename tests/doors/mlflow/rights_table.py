"""What each route of the MLflow door asks for, and a request on it that aims at another team's things."""

import json
from dataclasses import dataclass, field

from doors.mlflow.mlflow_world import MlflowWorld

# In the names of the other team's things; and in their contents, which no request here ever says.
NAME, CONTENT = "s3cret", "buried-treasure"
HEADERS = [("x-mlflow-workspace", "other")]
OTLP_TRACE = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Ask:
    """A request on a route.

    Attributes:
        kind: ``hidden``: refused to whom it is none of; ``open``: answered with their own things only;
            ``admin``: for admins of the whole registry; ``own``: about oneself; ``public``: for anybody;
            ``signed``: for whoever holds a signed link.
        fields: of the query or the JSON body; ``{word}`` stands for something of the other team's.
        body: sent as it is.
        admin: what an admin is answered, where it is not 200: shows that the request is a good one.
    """

    kind: str = "hidden"
    fields: dict = field(default_factory=dict)
    body: bytes | None = None
    headers: tuple = ()
    admin: int = 200


def hidden(**fields):
    return Ask(fields=fields)


def opened(**fields):
    return Ask("open", fields)


def admins(**fields):
    return Ask("admin", fields)


class OtherTeam(MlflowWorld):
    """A registry in which the team ``other`` has one of everything, and two strangers with tokens."""

    def __init__(self, root):
        super().__init__(root)
        self.values = {"NAME": NAME}

    def fill(self):
        """Make one of everything; all contents hold the word that nobody may see."""
        tag = [{"key": "note", "value": CONTENT}]
        wanted = {"name": NAME, "tags": tag}
        made = self.good("POST", "2.0/mlflow/experiments/create", wanted, headers=HEADERS)
        experiment = made["experiment_id"]
        body = {"experiment_id": experiment, "run_name": CONTENT, "tags": tag}
        run = self.good("POST", "2.0/mlflow/runs/create", body)["run"]["info"]["run_id"]
        metric = {"key": "loss", "value": 0.5, "timestamp": 1, "step": 0}
        logged = {"metrics": [metric], "params": [{"key": "depth", "value": CONTENT}]}
        self.good("POST", "2.0/mlflow/runs/log-batch", {"run_id": run, **logged})
        folder = f"{experiment}/{run}/artifacts"
        put = f"2.0/mlflow-artifacts/artifacts/{folder}/model/weights.bin"
        assert self.send("PUT", put, CONTENT.encode()).status == 200
        wanted = {"experiment_id": experiment, "name": NAME, "source_run_id": run, "tags": tag}
        model = self.good("POST", "2.0/mlflow/logged-models", wanted)["model"]["info"]
        place = model["artifact_uri"].removeprefix("mlflow-artifacts:/")
        assert (
            self.send("PUT", f"2.0/mlflow-artifacts/artifacts/{place}/m.bin", CONTENT.encode()).status == 200
        )
        self.good("POST", "2.0/mlflow/registered-models/create", {"name": NAME, "tags": tag}, headers=HEADERS)
        version = {"name": NAME, "source": f"runs:/{run}/model", "run_id": run, "description": CONTENT}
        self.good("POST", "2.0/mlflow/model-versions/create", version, headers=HEADERS)
        pointed = {"name": NAME, "alias": "best", "version": "1"}
        self.good("POST", "2.0/mlflow/registered-models/alias", pointed, headers=HEADERS)
        upload = self.good("POST", f"2.0/mlflow-artifacts/mpu/create/{folder}", {"path": "big.bin"})
        self.values |= {
            "experiment": experiment,
            "run": run,
            "folder": folder,
            "model_id": model["model_id"],
            "model_folder": place,
            "upload": upload["upload_id"],
            "part": upload["credentials"][0]["url"].rpartition("/")[2],
        }
        self._evaluations(experiment)
        self._people()
        return self

    def _evaluations(self, experiment):
        info = {
            "trace_id": f"tr-{OTLP_TRACE}",
            "trace_location": {
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": {"experiment_id": experiment},
            },
            "request_time": "2026-01-01T00:00:00Z",
            "execution_duration": "1s",
            "state": "OK",
            "request_preview": CONTENT,
            "tags": {"note": CONTENT},
        }
        trace = self.good("POST", "3.0/mlflow/traces", {"trace": {"trace_info": info}})
        trace_id = trace["trace"]["trace_info"]["trace_id"]
        span = {**_SPAN, "traceId": OTLP_TRACE, "name": CONTENT}
        spans = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
        sent = [_JSON, ("x-mlflow-experiment-id", experiment)]
        assert self.send("POST", "/v1/traces", spans, headers=sent).status == 200
        said = {
            "assessment_name": "good",
            "feedback": {"value": CONTENT},
            "source": {"source_type": "HUMAN", "source_id": "ada"},
        }
        made = self.good("POST", f"3.0/mlflow/traces/{trace_id}/assessments", {"assessment": said})
        dataset = self.good(
            "POST",
            "3.0/mlflow/datasets/create",
            {"name": NAME, "experiment_ids": [experiment]},
            headers=HEADERS,
        )["dataset"]["dataset_id"]
        records = json.dumps([{"inputs": {"q": CONTENT}}])
        self.good("POST", f"3.0/mlflow/datasets/{dataset}/records", {"records": records})
        scorer = {"experiment_id": experiment, "name": NAME, "serialized_scorer": json.dumps({"a": CONTENT})}
        self.good("POST", "3.0/mlflow/scorers/register", scorer)
        assessment = made["assessment"]["assessment_id"]
        self.values |= {"trace": trace_id, "assessment": assessment, "dataset": dataset, "scorer": NAME}

    def _people(self):
        self.token("olga", "maintainer", "other/*")
        self.values["victim"] = "olga"
        made = self.use.groups.create(self.local, "other", NAME, CONTENT)
        self.use.groups.join(self.local, made.id, "olga")
        grant = {"role_id": made.id, "resource_type": "workspace", "resource_pattern": "*"}
        path = "3.0/mlflow/roles/permissions/add"
        given = self.good("POST", path, {**grant, "permission": "READ"})["role_permission"]["id"]
        hook = {"name": NAME, "url": "https://hooks.example.org/x", "description": CONTENT}
        hook["events"] = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
        webhook = self.good("POST", "2.0/mlflow/webhooks", hook)["webhook"]["webhook_id"]
        self.values |= {"role": made.id, "role_permission": given, "webhook": webhook}


RUNS, MODELS, VERSIONS = "2.0/mlflow/runs/", "2.0/mlflow/registered-models/", "2.0/mlflow/model-versions/"
LOGGED, EXPERIMENTS = "2.0/mlflow/logged-models", "2.0/mlflow/experiments/"
FILES, TRACES, TRACES2 = "2.0/mlflow-artifacts/", "3.0/mlflow/traces", "2.0/mlflow/traces"
SETS, SCORERS, USERS = "3.0/mlflow/datasets", "3.0/mlflow/scorers/", "2.0/mlflow/users/"
ROLES, SPACES, HOOKS = "3.0/mlflow/roles/", "3.0/mlflow/workspaces", "2.0/mlflow/webhooks"
_VERSION = {"name": "{NAME}", "version": "1"}
_ONE_TAG = {"tags": [{"key": "k", "value": "v"}]}
_EXPERIMENT_RIGHT = {"experiment_id": "{experiment}", "username": "{victim}"}
_MODEL_RIGHT = {"name": "{NAME}", "username": "{victim}"}
_RESOURCE = {"resource_type": "registered_model", "resource_id": "{NAME}", "username": "{victim}"}
_SPAN = {
    "traceId": "f" * 32,
    "spanId": "a" * 16,
    "name": "x",
    "startTimeUnixNano": "1",
    "endTimeUnixNano": "2",
}
_OTLP = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [_SPAN]}]}]}).encode()
_JSON = ("content-type", "application/json")
_NEW_TRACE = {
    "trace_id": "tr-" + "e" * 32,
    "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "{experiment}"}},
    "request_time": "2026-01-01T00:00:00Z",
    "state": "OK",
}
_HOOK_EVENTS = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
_SEARCH_BY_GRAPHQL = """query runs($i: MlflowSearchRunsInput) {
  mlflowSearchRuns(input: $i) {
    runs { info { runId runName } data { tags { key value } } experiment { name } modelVersions { name } }
    apiError { message }
  }
}"""

# What each route asks for. A route that is missing here fails the test.
ASKS = {
    ("POST", RUNS + "create"): hidden(experiment_id="{experiment}"),
    ("GET", RUNS + "get"): hidden(run_id="{run}"),
    ("POST", RUNS + "update"): hidden(run_id="{run}", status="FAILED"),
    ("POST", RUNS + "delete"): hidden(run_id="{run}"),
    ("POST", RUNS + "restore"): hidden(run_id="{run}"),
    ("POST", RUNS + "search"): opened(experiment_ids=["{experiment}"]),
    ("POST", RUNS + "log-metric"): hidden(run_id="{run}", key="loss", value=9, timestamp=1),
    ("POST", RUNS + "log-parameter"): hidden(run_id="{run}", key="new", value="9"),
    ("POST", RUNS + "set-tag"): hidden(run_id="{run}", key="note", value="9"),
    ("POST", RUNS + "delete-tag"): hidden(run_id="{run}", key="note"),
    ("POST", RUNS + "log-batch"): hidden(run_id="{run}", params=[{"key": "new", "value": "9"}]),
    ("POST", RUNS + "log-inputs"): hidden(run_id="{run}", models=[{"model_id": "{model_id}"}]),
    ("POST", RUNS + "outputs"): hidden(run_id="{run}", models=[{"model_id": "{model_id}", "step": 1}]),
    ("POST", RUNS + "log-model"): hidden(
        run_id="{run}",
        model_json='{"artifact_path": "x", "run_id": "{run}", "flavors": {}, "utc_time_created": "2026"}',
    ),
    ("POST", MODELS + "create"): Ask(fields={"name": "{NAME}"}, admin=400),
    ("GET", MODELS + "get"): hidden(name="{NAME}"),
    ("POST", MODELS + "rename"): hidden(name="{NAME}", new_name="mine"),
    ("PATCH", MODELS + "update"): hidden(name="{NAME}", description="mine"),
    ("DELETE", MODELS + "delete"): hidden(name="{NAME}"),
    ("GET", MODELS + "search"): opened(),
    ("POST", MODELS + "search"): opened(),
    ("POST", MODELS + "get-latest-versions"): hidden(name="{NAME}"),
    ("GET", MODELS + "get-latest-versions"): hidden(name="{NAME}"),
    ("POST", MODELS + "set-tag"): hidden(name="{NAME}", key="note", value="9"),
    ("DELETE", MODELS + "delete-tag"): hidden(name="{NAME}", key="note"),
    ("POST", MODELS + "alias"): hidden(**_VERSION, alias="new"),
    ("GET", MODELS + "alias"): hidden(name="{NAME}", alias="best"),
    ("DELETE", MODELS + "alias"): hidden(name="{NAME}", alias="best"),
    ("POST", VERSIONS + "create"): hidden(name="{NAME}", source="runs:/{run}/model", run_id="{run}"),
    ("GET", VERSIONS + "get"): hidden(**_VERSION),
    ("GET", VERSIONS + "search"): opened(),
    ("POST", VERSIONS + "search"): opened(),
    ("PATCH", VERSIONS + "update"): hidden(**_VERSION, description="mine"),
    ("DELETE", VERSIONS + "delete"): hidden(**_VERSION),
    ("POST", VERSIONS + "set-tag"): hidden(**_VERSION, key="note", value="9"),
    ("DELETE", VERSIONS + "delete-tag"): hidden(**_VERSION, key="note"),
    ("GET", VERSIONS + "get-download-uri"): hidden(**_VERSION),
    ("POST", VERSIONS + "transition-stage"): hidden(**_VERSION, stage="Archived"),
    ("GET", "2.0/mlflow/metrics/get-history"): hidden(run_id="{run}", metric_key="loss"),
    ("GET", "2.0/mlflow/metrics/get-history-bulk"): hidden(run_id=["{run}"], metric_key="loss"),
    ("GET", "2.0/mlflow/metrics/get-history-bulk-interval"): hidden(run_ids=["{run}"], metric_key="loss"),
    ("POST", LOGGED): hidden(experiment_id="{experiment}", name="mine"),
    ("POST", LOGGED + "/search"): opened(experiment_ids=["{experiment}"]),
    ("GET", LOGGED + "/{model_id}"): hidden(),
    ("PATCH", LOGGED + "/{model_id}"): hidden(status="LOGGED_MODEL_READY"),
    ("DELETE", LOGGED + "/{model_id}"): hidden(),
    ("PATCH", LOGGED + "/{model_id}/tags"): hidden(**_ONE_TAG),
    ("DELETE", LOGGED + "/{model_id}/tags/{key}"): hidden(),
    ("POST", LOGGED + "/{model_id}/params"): hidden(params=[{"key": "k", "value": "v"}]),
    ("GET", LOGGED + "/{model_id}/artifacts/directories"): hidden(),
    ("GET", LOGGED + "/{model_id}/artifacts/files"): hidden(artifact_file_path="m.bin"),
    ("POST", EXPERIMENTS + "create"): hidden(name="mine"),
    ("GET", EXPERIMENTS + "get"): hidden(experiment_id="{experiment}"),
    ("GET", EXPERIMENTS + "get-by-name"): hidden(experiment_name="{NAME}"),
    ("POST", EXPERIMENTS + "search"): opened(max_results=10),
    ("GET", EXPERIMENTS + "search"): opened(max_results=10),
    ("POST", EXPERIMENTS + "update"): hidden(experiment_id="{experiment}", new_name="mine"),
    ("POST", EXPERIMENTS + "delete"): hidden(experiment_id="{experiment}"),
    ("POST", EXPERIMENTS + "restore"): Ask(fields={"experiment_id": "{experiment}"}, admin=404),
    ("POST", EXPERIMENTS + "set-experiment-tag"): hidden(experiment_id="{experiment}", key="k", value="v"),
    ("POST", EXPERIMENTS + "delete-experiment-tag"): hidden(experiment_id="{experiment}", key="note"),
    ("POST", EXPERIMENTS + "search-datasets"): opened(experiment_ids=["{experiment}"]),
    ("PUT", FILES + "artifacts/{path:path}"): Ask(body=b"mine", admin=409),
    ("GET", FILES + "artifacts/{path:path}"): hidden(),
    ("GET", FILES + "artifacts"): hidden(path="{folder}"),
    ("DELETE", FILES + "artifacts/{path:path}"): Ask(admin=409),
    ("GET", "2.0/mlflow/artifacts/list"): hidden(run_id="{run}"),
    ("POST", "2.0/mlflow/artifacts/presigned-download-url"): Ask("open", {"run_id": "{run}"}, admin=400),
    ("POST", "2.0/mlflow/artifacts/presigned-upload-url"): Ask("open", {"run_id": "{run}"}, admin=400),
    ("GET", "/get-artifact"): hidden(run_id="{run}", path="model/weights.bin"),
    ("GET", "/model-versions/get-artifact"): hidden(**_VERSION, path="weights.bin"),
    ("POST", "2.0/mlflow/upload-artifact"): Ask(body=b"mine", admin=409),
    ("POST", FILES + "mpu/create/{folder:path}"): hidden(path="new.bin"),
    ("POST", FILES + "mpu/complete/{folder:path}"): Ask(
        fields={"path": "big.bin", "upload_id": "{upload}", "parts": []}, admin=400
    ),
    ("POST", FILES + "mpu/abort/{folder:path}"): hidden(path="big.bin", upload_id="{upload}"),
    ("PUT", FILES + "parts/{upload_id}/{number}"): Ask("signed", body=b"mine"),
    ("GET", FILES + "presigned/{path:path}"): hidden(),
    ("GET", FILES + "signed/{path:path}"): Ask("signed", {"digest": "sha256:" + "0" * 64, "size": 7}),
    ("GET", "/graphql"): opened(
        query=_SEARCH_BY_GRAPHQL, variables='{"i": {"experimentIds": ["{experiment}"]}}'
    ),
    ("POST", "/graphql"): opened(
        query=_SEARCH_BY_GRAPHQL, variables={"i": {"experimentIds": ["{experiment}"]}}
    ),
    ("GET", "/version"): Ask("public"),
    ("GET", "/health"): Ask("public"),
    ("GET", "3.0/mlflow/server-info"): Ask("public"),
    ("POST", TRACES): hidden(trace={"trace_info": _NEW_TRACE}),
    ("POST", TRACES + "/search"): opened(
        locations=[{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "{experiment}"}}]
    ),
    ("GET", TRACES + "/get"): Ask(fields={"trace_id": "{trace}", "allow_partial": "true"}),
    ("GET", TRACES + "/batchGet"): opened(trace_ids=["{trace}"]),
    ("POST", TRACES + "/batchGetInfos"): opened(trace_ids=["{trace}"]),
    ("GET", TRACES + "/{trace_id}"): hidden(),
    ("POST", TRACES2): hidden(experiment_id="{experiment}", timestamp_ms=1),
    ("GET", TRACES2): opened(experiment_ids=["{experiment}"]),
    ("PATCH", TRACES2 + "/{trace_id}"): hidden(status="OK", timestamp_ms=1),
    ("GET", TRACES2 + "/{trace_id}/info"): hidden(),
    ("PATCH", TRACES2 + "/{trace_id}/tags"): hidden(key="note", value="9"),
    ("DELETE", TRACES2 + "/{trace_id}/tags"): hidden(key="note"),
    # Deleting what is not there is fine, so what may not be seen is answered in the same way.
    ("POST", TRACES2 + "/delete-traces"): opened(experiment_id="{experiment}", request_ids=["{trace}"]),
    ("POST", TRACES2 + "/link-to-run"): hidden(trace_ids=["{trace}"], run_id="{run}"),
    ("POST", TRACES2 + "/link-prompts"): hidden(trace_id="{trace}", prompt_versions=[_VERSION]),
    ("PATCH", TRACES + "/{trace_id}/tags"): hidden(key="note", value="9"),
    ("DELETE", TRACES + "/{trace_id}/tags"): hidden(key="note"),
    ("POST", TRACES + "/delete-traces"): opened(experiment_id="{experiment}", request_ids=["{trace}"]),
    ("POST", TRACES + "/link-to-run"): hidden(trace_ids=["{trace}"], run_id="{run}"),
    ("POST", TRACES + "/link-prompts"): hidden(trace_id="{trace}", prompt_versions=[_VERSION]),
    ("POST", TRACES + "/{trace_id}/assessments"): hidden(
        assessment={
            "assessment_name": "mine",
            "feedback": {"value": True},
            "source": {"source_type": "HUMAN", "source_id": "x"},
        }
    ),
    ("GET", TRACES + "/{trace_id}/assessments/{assessment_id}"): hidden(),
    ("PATCH", TRACES + "/{trace_id}/assessments/{assessment_id}"): hidden(
        assessment={"feedback": {"value": False}}, update_mask="feedback"
    ),
    ("DELETE", TRACES + "/{trace_id}/assessments/{assessment_id}"): hidden(),
    ("POST", "/v1/traces"): Ask(body=_OTLP, headers=(_JSON, ("x-mlflow-experiment-id", "{experiment}"))),
    ("POST", SETS + "/create"): hidden(name="mine", experiment_ids=["{experiment}"]),
    ("POST", SETS + "/search"): opened(),
    ("GET", SETS + "/search"): opened(),
    ("GET", SETS + "/{dataset_id}"): hidden(),
    ("DELETE", SETS + "/{dataset_id}"): opened(),
    ("PATCH", SETS + "/{dataset_id}/tags"): hidden(tags='{"k": "v"}'),
    ("DELETE", SETS + "/{dataset_id}/tags/{key}"): hidden(),
    ("POST", SETS + "/{dataset_id}/records"): hidden(records='[{"inputs": {"q": 9}}]'),
    ("GET", SETS + "/{dataset_id}/records"): hidden(),
    ("DELETE", SETS + "/{dataset_id}/records"): hidden(dataset_record_ids=["x"]),
    ("GET", SETS + "/{dataset_id}/experiment-ids"): hidden(),
    ("POST", SETS + "/{dataset_id}/add-experiments"): hidden(experiment_ids=["{experiment}"]),
    ("POST", SETS + "/{dataset_id}/remove-experiments"): hidden(experiment_ids=["{experiment}"]),
    ("POST", SCORERS + "register"): hidden(experiment_id="{experiment}", name="mine", serialized_scorer="{}"),
    ("GET", SCORERS + "list"): hidden(experiment_id="{experiment}"),
    ("GET", SCORERS + "versions"): hidden(experiment_id="{experiment}", name="{NAME}"),
    ("GET", SCORERS + "get"): hidden(experiment_id="{experiment}", name="{NAME}"),
    ("DELETE", SCORERS + "delete"): hidden(experiment_id="{experiment}", name="{NAME}"),
    ("GET", SCORERS + "online-configs"): opened(scorer_ids=["x"]),
    ("POST", USERS + "create"): admins(username="mine", password="long enough for one"),
    ("GET", USERS + "get"): admins(username="{victim}"),
    ("GET", USERS + "list"): admins(),
    ("GET", USERS + "current"): Ask("own"),
    ("PATCH", USERS + "update-password"): admins(username="{victim}", password="long enough for one"),
    ("PATCH", USERS + "update-admin"): admins(username="{victim}", is_admin=True),
    ("DELETE", USERS + "delete"): admins(username="{victim}"),
    ("POST", "3.0/mlflow/users/permissions/grant"): admins(**_RESOURCE, permission="READ"),
    ("POST", "3.0/mlflow/users/permissions/revoke"): Ask("admin", _RESOURCE, admin=404),
    ("GET", "3.0/mlflow/users/permissions/get"): admins(**_RESOURCE),
    ("GET", "3.0/mlflow/users/permissions/list"): admins(username="{victim}"),
    ("GET", "3.0/mlflow/users/current/permissions"): Ask("own"),
    ("POST", EXPERIMENTS + "permissions/create"): admins(**_EXPERIMENT_RIGHT, permission="MANAGE"),
    ("GET", EXPERIMENTS + "permissions/get"): admins(**_EXPERIMENT_RIGHT),
    ("PATCH", EXPERIMENTS + "permissions/update"): admins(**_EXPERIMENT_RIGHT, permission="MANAGE"),
    ("DELETE", EXPERIMENTS + "permissions/delete"): Ask("admin", _EXPERIMENT_RIGHT, admin=400),
    ("POST", MODELS + "permissions/create"): admins(**_MODEL_RIGHT, permission="READ"),
    ("GET", MODELS + "permissions/get"): Ask("admin", _MODEL_RIGHT, admin=404),
    ("PATCH", MODELS + "permissions/update"): Ask("admin", {**_MODEL_RIGHT, "permission": "READ"}, admin=404),
    ("DELETE", MODELS + "permissions/delete"): Ask("admin", _MODEL_RIGHT, admin=404),
    ("POST", ROLES + "create"): admins(workspace="other", name="mine"),
    ("GET", ROLES + "get"): admins(role_id="{role}"),
    ("GET", ROLES + "list"): admins(workspace="other"),
    ("PATCH", ROLES + "update"): admins(role_id="{role}", description="mine"),
    ("DELETE", ROLES + "delete"): admins(role_id="{role}"),
    ("POST", ROLES + "permissions/add"): admins(
        role_id="{role}", resource_type="registered_model", resource_pattern="x", permission="READ"
    ),
    ("DELETE", ROLES + "permissions/remove"): admins(role_permission_id="{role_permission}"),
    ("GET", ROLES + "permissions/list"): admins(role_id="{role}"),
    ("PATCH", ROLES + "permissions/update"): admins(
        role_permission_id="{role_permission}", permission="EDIT"
    ),
    ("POST", ROLES + "assign"): admins(role_id="{role}", username="rita"),
    ("DELETE", ROLES + "unassign"): admins(role_id="{role}", username="{victim}"),
    ("GET", ROLES + "users/list"): admins(role_id="{role}"),
    ("GET", "3.0/mlflow/users/roles/list"): admins(username="{victim}"),
    ("GET", SPACES): opened(),
    ("POST", SPACES): Ask("admin", {"name": "mine-too"}, admin=201),
    ("GET", SPACES + "/{workspace}"): hidden(),
    ("PATCH", SPACES + "/{workspace}"): hidden(description="mine"),
    ("DELETE", SPACES + "/{workspace}"): Ask(admin=400),
    ("POST", HOOKS): admins(name="mine", url="https://hooks.example.org/y", events=_HOOK_EVENTS),
    ("GET", HOOKS): admins(),
    ("GET", HOOKS + "/{webhook_id}"): admins(),
    ("PATCH", HOOKS + "/{webhook_id}"): admins(name="mine"),
    ("DELETE", HOOKS + "/{webhook_id}"): admins(),
    ("POST", HOOKS + "/{webhook_id}/test"): admins(),
}
# What the parts of paths stand for; a name in several routes may mean several things.
PATHS = {
    "model_id": "{model_id}",
    "key": "note",
    "path:path": "{folder}/model/weights.bin",
    "folder:path": "{folder}",
    "upload_id": "{upload}",
    "number": "1",
    "trace_id": "{trace}",
    "assessment_id": "{assessment}",
    "dataset_id": "{dataset}",
    "workspace": "other",
    "webhook_id": "{webhook}",
}
# What an admin sees of the other team; nothing that a stranger sends may change it.
LOOKS = (
    EXPERIMENTS + "get?experiment_id={experiment}",
    RUNS + "get?run_id={run}",
    MODELS + "get?name=other.{NAME}",
    VERSIONS + "get?name=other.{NAME}&version=1",
    LOGGED + "/{model_id}",
    "2.0/mlflow/artifacts/list?run_id={run}&path=model",
    FILES + "artifacts?path={model_folder}",
    TRACES + "/{trace}",
    SETS + "/{dataset}",
    SETS + "/{dataset}/records",
    SCORERS + "list?experiment_id={experiment}",
    USERS + "list",
    ROLES + "list",
    SPACES,
    HOOKS,
)
