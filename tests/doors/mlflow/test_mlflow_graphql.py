"""GraphQL answers what REST answers, to whom REST answers it, for a bounded piece of work."""

import json
import subprocess
import sys
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.errors import UnavailableError
from assay.doors.mlflow import graphql, graphql_answers, graphql_limits
from assay.doors.mlflow.graphql_schema import SCHEMA
from doors.mlflow.mlflow_world import MlflowWorld
from doors.mlflow.rights_table import CONTENT, NAME, OtherTeam

PAGE_OF_A_RUN = """query GetRun($data: MlflowGetRunInput!) @component(name: "runs") {
  mlflowGetRun(input: $data) {
    apiError { helpUrl code message }
    run {
      info { runName status runUuid experimentId artifactUri endTime lifecycleStage startTime userId }
      experiment { experimentId name tags { key value } artifactLocation lifecycleStage lastUpdateTime }
      modelVersions { status version name source }
      data { metrics { key value step timestamp } params { key value } tags { key value } }
      inputs {
        datasetInputs { dataset { name digest sourceType profile } tags { key value } }
        modelInputs { modelId }
      }
      outputs { modelOutputs { modelId step } }
    }
  }
}"""
NO_RUN = "0" * 32
EXPERIMENT = "experiment { name }"


@pytest.fixture
def world(tmp_path):
    one = MlflowWorld(tmp_path)
    yield one
    one.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A registry with something of the team ``other`` in it, in which nothing is changed."""
    one = OtherTeam(tmp_path_factory.mktemp("graphql")).fill()
    yield one
    one.close()


def said(world, query, token="", **more):
    """Ask; return the document."""
    return world.good("POST", "/graphql", {"query": query, **more}, token=token)


def data(world, query, **more):
    """Ask what has no error; return the data."""
    answer = said(world, query, **more)
    assert answer["errors"] is None
    return answer["data"]


def errors(world, query, **more):
    """Ask what has no answer at all; return the errors."""
    answer = said(world, query, **more)
    assert answer["data"] is None
    return answer["errors"]


def log(world, run, **batch):
    world.good("POST", "2.0/mlflow/runs/log-batch", {"run_id": run, **batch})


def points(*pairs):
    return [{"key": key, "value": value, "timestamp": 7, "step": 2} for key, value in pairs]


def aliased(name, field, count):
    """Return the same field so many times, each under a name of its own."""
    return " ".join(f"{name}{at}: {field}" for at in range(count))


def test_the_page_of_a_run_is_answered_whole(world):
    experiment = world.experiment("numbers", tags=[{"key": "why", "value": "a test"}])
    run = world.run(experiment, run_name="one", start_time=2**53 + 1, user_id="ada")
    log(world, run, metrics=points(("loss", 0.5)), params=[{"key": "depth", "value": "3"}])
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "s", "profile": "{}"}
    used = {"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "training"}]}
    world.good("POST", "2.0/mlflow/runs/log-inputs", {"run_id": run, "datasets": [used]})
    assert (
        world.send("PUT", f"2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/m/w", b"w").status
        == 200
    )
    world.good("POST", "2.0/mlflow/registered-models/create", {"name": "fraud"})
    version = {"name": "fraud", "source": f"runs:/{run}/m", "run_id": run}
    world.good("POST", "2.0/mlflow/model-versions/create", version)
    found = data(world, PAGE_OF_A_RUN, operationName="GetRun", variables={"data": {"runId": run}})[
        "mlflowGetRun"
    ]
    by_rest = world.good("GET", f"2.0/mlflow/runs/get?run_id={run}")["run"]
    of_version = world.good("GET", "2.0/mlflow/model-versions/get?name=fraud&version=1")["model_version"]
    assert found["apiError"] is None
    run_shown = found["run"]
    assert run_shown["info"] == {
        "runName": "one",
        "status": "RUNNING",
        "runUuid": run,
        "experimentId": experiment,
        "artifactUri": by_rest["info"]["artifact_uri"],
        "endTime": "0",
        "lifecycleStage": "active",
        "startTime": str(2**53 + 1),
        "userId": "ada",
    }
    assert run_shown["experiment"]["name"] == "numbers"
    assert run_shown["experiment"]["tags"] == [{"key": "why", "value": "a test"}]
    assert run_shown["modelVersions"] == [
        {"status": "READY", "version": "1", "name": "fraud", "source": of_version["source"]}
    ]
    assert run_shown["data"] == {
        "metrics": [{"key": "loss", "value": 0.5, "step": "2", "timestamp": "7"}],
        "params": [{"key": "depth", "value": "3"}],
        "tags": by_rest["data"]["tags"],
    }
    assert run_shown["inputs"]["datasetInputs"] == [
        {
            "dataset": {"name": "d", "digest": "1", "sourceType": "local", "profile": "{}"},
            "tags": used["tags"],
        }
    ]
    assert run_shown["inputs"]["modelInputs"] == run_shown["outputs"]["modelOutputs"] == []


def test_a_search_for_runs_goes_page_by_page_and_by_every_view(world):
    experiment = world.experiment()
    first, second, gone = (world.run(experiment, start_time=at) for at in (1, 2, 3))
    world.good("POST", "2.0/mlflow/runs/delete", {"run_id": gone})
    document = """query q($in: MlflowSearchRunsInput) {
      mlflowSearchRuns(input: $in) { runs { info { runId } } nextPageToken } }"""
    wanted = {"experimentIds": [experiment], "maxResults": 1, "orderBy": ["attributes.start_time ASC"]}
    page = data(world, document, variables={"in": wanted})["mlflowSearchRuns"]
    assert page["runs"] == [{"info": {"runId": first}}]
    wanted["pageToken"] = page["nextPageToken"]
    page = data(world, document, variables={"in": wanted})["mlflowSearchRuns"]
    assert page == {"runs": [{"info": {"runId": second}}], "nextPageToken": ""}
    inside = f'mlflowSearchRuns(input: {{experimentIds: ["{experiment}"], runViewType: DELETED_ONLY}})'
    for kind in ("query", "mutation"):
        found = data(world, f"{kind} {{ {inside} {{ runs {{ info {{ runId }} }} }} }}")
        assert found["mlflowSearchRuns"]["runs"] == [{"info": {"runId": gone}}]


def test_files_histories_data_sets_and_versions_are_answered(world):
    experiment = world.experiment()
    run = world.run(experiment)
    for at in range(3):
        log(world, run, metrics=[{"key": "loss", "value": at, "timestamp": at, "step": at}])
    base = f"2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts"
    assert world.send("PUT", f"{base}/a.txt", b"hello").status == 200
    assert world.send("PUT", f"{base}/folder/b.txt", b"b").status == 200
    dataset = {"dataset": {"name": "d", "digest": "1", "source_type": "local", "source": "s"}}
    world.good("POST", "2.0/mlflow/runs/log-inputs", {"run_id": run, "datasets": [dataset]})
    listed = f'mlflowListArtifacts(input: {{runId: "{run}"}}) {{ rootUri files {{ path isDir fileSize }} }}'
    history = f"""mlflowGetMetricHistoryBulkInterval(
      input: {{runIds: ["{run}"], metricKey: "loss", startStep: 1, endStep: 2}}
    ) {{ metrics {{ key value step runId }} }}"""
    none = "{filter: \"name = 'none'\", maxResults: 5}"
    versions = f"mlflowSearchModelVersions(input: {none}) {{ modelVersions {{ name }} }}"
    found = data(world, f"{{ {listed} {history} {versions} }}")
    assert found["mlflowListArtifacts"] == {
        "rootUri": f"mlflow-artifacts:/{experiment}/{run}/artifacts",
        "files": [
            {"path": "a.txt", "isDir": False, "fileSize": "5"},
            {"path": "folder", "isDir": True, "fileSize": "0"},
        ],
    }
    assert found["mlflowGetMetricHistoryBulkInterval"]["metrics"] == [
        {"key": "loss", "value": at, "step": str(at), "runId": run} for at in (1, 2)
    ]
    assert found["mlflowSearchModelVersions"]["modelVersions"] == []
    summaries = "datasetSummaries { experimentId name digest context }"
    document = (
        f'mutation {{ mlflowSearchDatasets(input: {{experimentIds: ["{experiment}"]}}) {{ {summaries} }} }}'
    )
    assert data(world, document)["mlflowSearchDatasets"]["datasetSummaries"] == [
        {"experimentId": experiment, "name": "d", "digest": "1", "context": ""}
    ]


def test_what_was_left_out_shows_the_default_of_its_type(world):
    run = world.run()
    version = "deploymentJobState { jobId jobState } aliases modelParams { name }"
    document = f"""{{ mlflowGetRun(input: {{runUuid: "{run}"}}) {{ run {{
      data {{ metrics {{ key }} params {{ key }} }} outputs {{ modelOutputs {{ modelId }} }}
      modelVersions {{ {version} }} experiment {{ effectiveTraceArchivalRetention }} }} }} }}"""
    assert data(world, document)["mlflowGetRun"]["run"] == {
        "data": {"metrics": [], "params": []},
        "outputs": {"modelOutputs": []},
        "modelVersions": [],
        "experiment": {"effectiveTraceArchivalRetention": ""},
    }


def test_numbers_that_json_does_not_have_are_null_or_the_greatest(world):
    run = world.run()
    log(world, run, metrics=points(("nan", "NaN"), ("up", "Infinity"), ("down", "-Infinity"), ("one", 1)))
    greatest = sys.float_info.max
    found = data(
        world,
        f'{{ mlflowGetRun(input: {{runId: "{run}"}}) {{ run {{ data {{ metrics {{ key value }} }} }} }} }}',
    )
    shown = {each["key"]: each["value"] for each in found["mlflowGetRun"]["run"]["data"]["metrics"]}
    assert shown == {"nan": None, "up": greatest, "down": -greatest, "one": 1}
    history = f'mlflowGetMetricHistoryBulkInterval(input: {{runIds: ["{run}"], metricKey: "nan"}})'
    found = data(world, f"{{ {history} {{ metrics {{ value timestamp }} }} }}")
    assert found["mlflowGetMetricHistoryBulkInterval"]["metrics"] == [{"value": None, "timestamp": "7"}]


def test_a_refusal_stands_where_the_document_asks_for_it(world):
    asked = f'mlflowGetRun(input: {{runId: "{NO_RUN}"}})'
    words = world.bad("GET", f"2.0/mlflow/runs/get?run_id={NO_RUN}")[2]
    found = data(world, f"{{ {asked} {{ run {{ info {{ runId }} }} apiError {{ code message }} }} }}")
    assert found["mlflowGetRun"] == {
        "run": None,
        "apiError": {"code": "RESOURCE_DOES_NOT_EXIST", "message": words},
    }
    answer = said(
        world, f'{{ {asked} {{ run {{ info {{ runId }} }} }} test(inputString: "x") {{ output }} }}'
    )
    assert answer == {"data": {"mlflowGetRun": None, "test": {"output": "x"}}, "errors": [words]}
    inside = """query { mlflowGetExperiment(input: {experimentId: "x"}) { ...e } }
      fragment e on MlflowGetExperimentResponse {
        ... { apiError { code errorDetails { field } helpUrl } }
      }"""
    assert data(world, inside)["mlflowGetExperiment"]["apiError"] == {
        "code": "INVALID_PARAMETER_VALUE",
        "errorDetails": [{"field": "experiment_id"}],
        "helpUrl": None,
    }


@pytest.mark.parametrize("field", ["mlflowGetRun", "mlflowGetRun(input: null)", "mlflowGetRun(input: {})"])
def test_a_question_without_its_input_is_told_what_is_missing(shared, field):
    found = data(shared, f"{{ {field} {{ apiError {{ code message }} }} }}")["mlflowGetRun"]["apiError"]
    assert found["code"] == "INVALID_PARAMETER_VALUE"
    assert "'run_id'" in found["message"]


def test_the_echoes_echo(shared):
    assert data(shared, 'query q { test(inputString: "abc") { output } }', operationName="q") == {
        "test": {"output": "abc"}
    }
    assert data(shared, 'mutation { testMutation(inputString: "abc") { output } }') == {
        "testMutation": {"output": "abc"}
    }


def test_a_document_may_come_in_the_address(shared):
    asked = {
        "query": "query q($t: String) { test(inputString: $t) { output } }",
        "variables": '{"t": "abc"}',
        "operationName": "q",
    }
    found = shared.good("GET", f"/graphql?{urlencode(asked)}")
    assert found == {"data": {"test": {"output": "abc"}}, "errors": None}


def test_the_types_can_be_asked_for(shared):
    found = data(
        shared, "{ __schema { types { name fields { name } inputFields { name } enumValues { name } } } }"
    )
    types = {each["name"]: each for each in found["__schema"]["types"]}
    assert [each["name"] for each in types["Mutation"]["fields"]] == [
        "mlflowSearchDatasets",
        "mlflowSearchRuns",
        "testMutation",
    ]
    assert {each["name"] for each in types["Query"]["fields"]} == {
        "mlflowGetExperiment",
        "mlflowGetMetricHistoryBulkInterval",
        "mlflowGetRun",
        "mlflowListArtifacts",
        "mlflowSearchModelVersions",
        "mlflowSearchRuns",
        "test",
    }
    assert [each["name"] for each in types["MlflowViewType"]["enumValues"]] == [
        "ACTIVE_ONLY",
        "DELETED_ONLY",
        "ALL",
    ]
    assert SCHEMA.count("type ") >= 30


# --- who may ask


def test_a_hidden_thing_is_answered_as_a_missing_one(shared):
    token = shared.token("rita", "reader", "mine/*")
    values = shared.values
    for question, name, there, missing in (
        ("mlflowGetRun", "runId", values["run"], NO_RUN),
        ("mlflowGetExperiment", "experimentId", values["experiment"], "99999"),
        ("mlflowListArtifacts", "runId", values["run"], NO_RUN),
        ("mlflowGetMetricHistoryBulkInterval", 'metricKey: "loss", runIds', values["run"], NO_RUN),
    ):
        hidden, gone = (
            said(
                shared,
                f'{{ {question}(input: {{{name}: "{each}"}}) {{ apiError {{ code message }} }} }}',
                token,
            )
            for each in (there, missing)
        )
        assert json.dumps(hidden).replace(there, missing) == json.dumps(gone)
        assert hidden["data"][question]["apiError"]["code"] == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    "document",
    [
        'query { mlflowSearchRuns(input: {experimentIds: ["%s"]}) { runs { info { runId } } } }',
        'mutation { mlflowSearchRuns(input: {experimentIds: ["%s"]}) { runs { data { tags { value } } } } }',
        'mutation { mlflowSearchDatasets(input: {experimentIds: ["%s"]}) { datasetSummaries { name } } }',
        "query { mlflowSearchModelVersions(input: {}) { modelVersions { name description } } }",
    ],
)
def test_a_search_gives_a_stranger_nothing_of_another_team(shared, document):
    token = shared.token("rita", "reader", "mine/*")
    document = document.replace("%s", shared.values["experiment"])
    answer = shared.send(
        "POST", "/graphql", {"query": document}, token=token, headers=[("x-mlflow-workspace", "other")]
    )
    assert answer.status == 200
    assert NAME.encode() not in answer.body
    assert CONTENT.encode() not in answer.body
    mine = shared.send("POST", "/graphql", {"query": document}, headers=[("x-mlflow-workspace", "other")])
    assert mine.json["errors"] is None


def test_versions_of_a_run_are_shown_only_to_those_who_may_read_their_model(world):
    experiment = world.experiment()
    run = world.run(experiment)
    base = f"2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts"
    assert world.send("PUT", f"{base}/m/w", b"w").status == 200
    for name in ("open", "closed"):
        world.good("POST", "2.0/mlflow/registered-models/create", {"name": name})
        wanted = {"name": name, "source": f"runs:/{run}/m", "run_id": run}
        world.good("POST", "2.0/mlflow/model-versions/create", wanted)
    document = f'{{ mlflowGetRun(input: {{runId: "{run}"}}) {{ run {{ modelVersions {{ name }} }} }} }}'
    sees_all = world.token("rita", "reader", "default/*")
    by_rest = world.good("GET", "2.0/mlflow/model-versions/search", token=sees_all)["model_versions"]
    found = said(world, document, token=sees_all)["data"]["mlflowGetRun"]["run"]["modelVersions"]
    assert (
        sorted(each["name"] for each in found)
        == sorted(each["name"] for each in by_rest)
        == ["closed", "open"]
    )
    sees_one = world.token("olga", "reader", "default/open")
    rest = world.send("GET", f"2.0/mlflow/runs/get?run_id={run}", token=sees_one)
    answer = said(world, document, token=sees_one)
    assert "closed" not in json.dumps(answer)
    assert (answer["errors"] is None) == (rest.status == 200)


# --- what a document may cost


def deep(levels):
    return "{ mlflowGetRun { run { " + "experiment { " * levels + "name" + " }" * levels + " } } }"


TOO_MUCH = {
    "roots": (
        "{ " + aliased("a", 'test(inputString: "x") { output }', 11) + " }",
        "at most 10 root fields, got 11",
    ),
    "roots of all operations": (
        "query a { " + aliased("a", "__typename", 6) + " } query b { " + aliased("a", "__typename", 6) + " }",
        "at most 10 root fields, got 12",
    ),
    "aliases": ("{ mlflowGetExperiment { " + aliased("a", EXPERIMENT, 11) + " } }", "at most 10 aliases"),
    "aliases in fragments": (
        "{ mlflowGetExperiment { ...a ...b } } fragment a on MlflowGetExperimentResponse { "
        + aliased("a", EXPERIMENT, 6)
        + " } fragment b on MlflowGetExperimentResponse { ... { "
        + aliased("b", EXPERIMENT, 6)
        + " } }",
        "at most 10 aliases",
    ),
    "levels": (deep(10), "exceeds maximum depth of 10"),
    "levels in fragments": (
        "{ ...a } fragment a on Query { mlflowGetRun { ...b } } "
        "fragment b on MlflowGetRunResponse { run { ...b } }",
        "exceeds maximum depth of 10",
    ),
    "selections": (
        "{ mlflowGetExperiment { experiment { "
        + " ".join(f"f{at} {{ name }}" for at in range(600))
        + " } } }",
        "exceeds maximum total selections of 1000",
    ),
    "selections in fragments": (
        "{ "
        + aliased("a", "mlflowGetExperiment { ...a }", 10)
        + " } fragment a on MlflowGetExperimentResponse { experiment { "
        + " ".join(f"f{at}" for at in range(120))
        + " } }",
        "exceeds maximum total selections of 1000",
    ),
    "the same field": ('{ test(inputString: "x") { ' + "output " * 21 + "} }", "same field at most 20 times"),
    "fragments": (
        "{ __typename } " + " ".join(f"fragment f{at} on Query {{ __typename }}" for at in range(50)),
        "at most 50 operations and fragments",
    ),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_a_document_that_asks_for_too_much_is_refused_before_it_is_looked_at(shared, name):
    document, words = TOO_MUCH[name]
    (error,) = errors(shared, document)
    assert words in error


def test_a_document_at_the_limits_is_answered(shared):
    assert len(data(shared, "{ " + aliased("a", 'test(inputString: "x") { output }', 10) + " }")) == 10
    twenty = "{ test { " + "output " * 20 + "} }"
    assert data(shared, twenty) == {"test": {"output": None}}


def test_the_same_thing_is_asked_of_the_registry_once(world, monkeypatch):
    experiment = world.experiment()
    for _ in range(4):
        world.run(experiment)
    monkeypatch.setattr(graphql_limits, "MAX_QUESTIONS", 6)  # the search, the experiment, four runs' versions
    fields = f"{aliased('e', EXPERIMENT, 9)} {aliased('v', 'modelVersions { name }', 1)}"
    document = f'{{ mlflowSearchRuns(input: {{experimentIds: ["{experiment}"]}}) {{ runs {{ {fields} }} }} }}'
    assert len(data(world, document)["mlflowSearchRuns"]["runs"]) == 4
    world.run(experiment)
    (error,) = errors(world, document)
    assert "more than 6 questions" in error
    assert "maxResults" in error


def test_an_answer_has_at_most_so_many_values(world, monkeypatch):
    experiment = world.experiment()
    for at in range(4):
        log(world, world.run(experiment), metrics=points(*((f"m{each}", at) for each in range(5))))
    # search + runs + 4 x (info, data) + 4 x (runId) + 4 x (metrics) + 20 x (key, value)
    monkeypatch.setattr(graphql_limits, "MAX_VALUES", 1 + 4 * 2 + 4 + 4 + 4 * 5 * 2)
    fields = "runs { info { runId } data { metrics { key value } } }"
    document = f'{{ mlflowSearchRuns(input: {{experimentIds: ["{experiment}"]}}) {{ {fields} }} }}'
    assert len(data(world, document)["mlflowSearchRuns"]["runs"]) == 4
    (error,) = errors(world, document.replace("key value", "key value step"))
    assert "values" in error
    assert "maxResults" in error
    (error,) = errors(world, document.replace("key value", "key again: key value"))
    assert "values" in error


def test_questions_about_types_are_weighed_too(shared, monkeypatch):
    monkeypatch.setattr(graphql_limits, "MAX_VALUES", 100)
    (error,) = errors(shared, "{ __schema { types { name fields { name } } } }")
    assert "more than 100 values" in error


def test_what_does_not_fit_is_refused_by_its_size(shared):
    long = "{ __typename } #" + "x" * graphql.MAX_CHARACTERS
    assert shared.bad("POST", "/graphql", {"query": long})[:2] == (400, "INVALID_PARAMETER_VALUE")
    large = {"query": "{ __typename }", "variables": {"a": "x" * graphql.MAX_BODY_BYTES}}
    assert shared.bad("POST", "/graphql", large)[:2] == (400, "INVALID_PARAMETER_VALUE")


# --- what is no document


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'[{"query": "{ __typename }"}]',
        b'{"query": 5}',
        b'{"query": ""}',
        b'{"query": null}',
        b'{"query": ["{ __typename }"]}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "variables": 5}',
        b'{"query": "{ __typename }", "variables": "x"}',
        b'{"query": "{ __typename }", "operationName": {}}',
        b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
        b"{{{",
        b"\xff\xfe",
    ],
)
def test_a_request_that_is_none_is_400(shared, body):
    answer = shared.send("POST", "/graphql", body, headers=[("content-type", "application/json")])
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    "document",
    [
        " ",
        "{",
        "{ test( }",
        "{" * 20_000,
        "{a" * 10_000,
        "{ test(inputString: " + "[" * 10_000,
        "{ test(inputString: " + "[" * 60 + "]" * 60 + ") { output } }",
        "{ test(inputString: $x) { output } }",
        "query q($x: Nothing) { test(inputString: $x) { output } }",
        '{ test(inputString: "\\ud800") { output } }',
        "{ test { output } } { test { output } }",
        "subscription { test { output } }",
        "type A { a: Int }",
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{ ...a } fragment a on Query { ...a }",
        "{ ...nowhere }",
        "{ nothing }",
        "{ test }",
        "{ __typename @nothing }",
        "{ mlflowSearchRuns(input: {maxResults: 99999999999999999999}) { nextPageToken } }",
        "{ mlflowSearchRuns(input: {maxResults: " + "9" * 9000 + "}) { nextPageToken } }",
        "{ mlflowSearchRuns(input: {runViewType: SOME}) { nextPageToken } }",
        "{ mlflowSearchRuns(input: {nothing: 1}) { nextPageToken } }",
        "query",
        "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }",
        "\0",
        "\ufeff\u202e",
    ],
    ids=lambda each: repr(each[:30]),
)
def test_a_document_that_is_wrong_is_answered_with_its_errors(shared, document):
    found = errors(shared, document)
    assert found
    assert all(isinstance(each, str) for each in found)


@pytest.mark.parametrize(
    "value",
    ["9" * 9000, "1e400", '"x"', "-1", "[[]]", "{a: {b: 1}}", "ALL", '"9223372036854775808"', "true"],
    ids=lambda each: each[:12],
)
def test_no_page_size_makes_a_search_fail(shared, value):
    asked = f"mlflowSearchModelVersions(input: {{maxResults: {value}}})"
    found = data(shared, f"{{ {asked} {{ modelVersions {{ name }} apiError {{ code }} }} }}")
    assert found["mlflowSearchModelVersions"]["apiError"] == {"code": "INVALID_PARAMETER_VALUE"}


WORDS = """query mutation fragment on { } ( ) [ ] : ! $ @ ... a input inputString "x" 1 null true Query
__typename __schema types test output mlflowGetRun mlflowSearchRuns runs run info experiment modelVersions
apiError MlflowRunExtension @skip(if:true) $i $i:MlflowGetRunInput runId experimentIds"""
_TOKENS = st.sampled_from(WORDS.split())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tokens=st.lists(_TOKENS, max_size=40),
    variables=st.dictionaries(st.sampled_from("ai"), st.integers() | st.none()),
)
def test_no_words_in_any_order_make_it_fail(shared, tokens, variables):
    answer = shared.send("POST", "/graphql", {"query": " ".join(tokens), "variables": variables})
    assert answer.status in (200, 400)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_no_variable_makes_it_fail(shared, value):
    document = "query q($data: MlflowGetRunInput) { mlflowGetRun(input: $data) { apiError { code } } }"
    for variables in ({"data": value}, {"data": {"runId": value}}, value):
        sent = json.dumps({"query": document, "variables": variables}).encode()
        answer = shared.send("POST", "/graphql", sent, headers=[("content-type", "application/json")])
        assert answer.status in (200, 400), answer.body


# --- what is nobody's mistake


def test_a_failure_is_a_failure_and_not_an_error_in_a_field(shared, monkeypatch, caplog):
    def broken(_call):
        raise ZeroDivisionError("a secret of the machine")

    for place in ("mlflowGetRun", "mlflowGetExperiment"):
        monkeypatch.setitem(graphql_answers._QUESTIONS, place, broken)
        with pytest.raises(ZeroDivisionError):
            said(shared, f"{{ {place} {{ apiError {{ code }} }} }}")


def test_a_store_that_is_busy_is_said_as_by_rest(shared, monkeypatch):
    def busy(_call):
        raise UnavailableError("the database is busy")

    monkeypatch.setitem(graphql_answers._QUESTIONS, "mlflowGetRun", busy)
    for fields in ("apiError { code }", "run { info { runId } }"):
        answer = shared.send("POST", "/graphql", {"query": f"{{ mlflowGetRun {{ {fields} }} }}"})
        assert (answer.status, answer.json["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")


def test_the_library_is_loaded_when_somebody_asks():
    program = "import assay.doors.mlflow.routes\nimport sys\nprint('graphql' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
