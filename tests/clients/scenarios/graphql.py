"""GraphQL, as MLflow's own web pages ask it: runs and what belongs to them, what is wrong, and the limits."""

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from recording import Story

CLIENTS = ("3.17", "3.18")
story = Story("graphql")
client = MlflowClient()
home = story.experiment("home")
run = client.create_run(home, run_name="one", start_time=5, tags={"mlflow.user": "ada"}).info.run_id
other = client.create_run(home, run_name="two", start_time=6).info.run_id
story.know(run, other)
points = [Metric("loss", step / 4, 100 + step, step) for step in range(5)]
client.log_batch(run, metrics=points, params=[Param("depth", "3")])
train = Dataset(name="train", digest="1", source_type="local", source="{}", schema="{}", profile="{}")
client.log_inputs(run, [DatasetInput(train, [InputTag("mlflow.data.context", "training")])])
client.log_text(run, "weights", "model/weights.txt")
client.create_registered_model(f"{story.name}-model")
client.create_model_version(f"{story.name}-model", f"runs:/{run}/model", run)

NO_RUN = "f" * 32
OF_A_RUN = """
  info { runId runUuid runName experimentId status startTime endTime artifactUri lifecycleStage }
  data { metrics { key value timestamp step datasetName modelId runId } params { key value } }
  inputs {
    datasetInputs { tags { key value } dataset { name digest sourceType source schema profile } }
    modelInputs { modelId }
  }
  outputs { modelOutputs { modelId step } }
  experiment {
    experimentId name artifactLocation lifecycleStage tags { key value } effectiveTraceArchivalRetention
  }
  modelVersions {
    name version currentStage description runId status statusMessage runLink modelId modelParams { name }
    modelMetrics { key } deploymentJobState { jobId jobState runState currentTaskName }
  }
"""


def ask(key, query, **more):
    story.ask(key, "POST", "/graphql", json={"query": query, **more})


def ask_in_full(key, question, about, wanted, **more):
    """Ask a question of which the document says everything."""
    ask(key, f"{{ {question}(input: {{{about}}}) {{ {wanted} }} }}", **more)


page = 'query Page($data: MlflowGetRunInput!) @component(name: "x") { mlflowGetRun(input: $data) { run {'
ask("page of a run", f"{page}{OF_A_RUN}}} }} }}", variables={"data": {"runId": run}}, operationName="Page")
of_run, of_none = f'runId: "{run}"', f'runId: "{NO_RUN}"'
ask_in_full(
    "by its old name", "mlflowGetRun", f'runUuid: "{run}"', "apiError { code } run { info { runId } }"
)
ask_in_full("experiment", "mlflowGetExperiment", f'experimentId: "{home}"', "experiment { name workspace }")
search = """mutation Search($in: MlflowSearchRunsInput) {
  mlflowSearchRuns(input: $in) { runs { info { runId } modelVersions { version } } }
}"""
for key, more in {
    "search": {},
    "search by filter": {"filter": "metrics.loss >= 1"},
    "search in order": {"orderBy": ["attributes.start_time ASC"]},
}.items():
    variables = {"in": {"experimentIds": [home], **more}}
    ask(key, search, variables=variables)
    ask(f"{key} as a query", search.replace("mutation", "query"), variables=variables)
summaries = "datasetSummaries { experimentId name digest context }"
ask(
    "data sets",
    f'mutation {{ mlflowSearchDatasets(input: {{experimentIds: ["{home}"]}}) {{ {summaries} }} }}',
)
versions = "modelVersions { name version runId } nextPageToken"
ask_in_full("versions", "mlflowSearchModelVersions", f"filter: \"run_id = '{run}'\"", versions)
history = f'runIds: ["{run}"], metricKey: "loss"'
points = "metrics { key value timestamp step runId }"
for key, more in {
    "history": "",
    "of some steps": ", startStep: 1, endStep: 3",
    "thinned": ", maxResults: 2",
}.items():
    ask_in_full(key, "mlflowGetMetricHistoryBulkInterval", history + more, points)
for key, path in {
    "files": "",
    "files in a folder": "model",
    "files of none": "none",
    "a climb": "../x",
}.items():
    listed = "rootUri files { path isDir fileSize }"
    ask_in_full(key, "mlflowListArtifacts", f'{of_run}, path: "{path}"', listed)
ask("echo", 'query q { test(inputString: "abc") { output } }', operationName="q")
ask_in_full("refused", "mlflowGetRun", of_none, "run { info { runId } }")
wanted = "run { info { runId } } apiError { code message helpUrl }"
ask_in_full("refused where it is asked for", "mlflowGetRun", of_none, wanted)
wrong = {"experimentIds": [home], "filter": "nothing.a = 'b'"}
ask("a filter that is wrong", search, variables={"in": wrong})
ask("a field that is not there", "{ nothing }")
ask("no operation of that name", "query a { __typename }", operationName="b")
ask("one of several", "query a { __typename } query b { b: __typename }", operationName="b")
ask("which of several", "query a { __typename } query b { __typename }")
ask("a circle", "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }")
ask("unreadable", "{ test(")
ask("no text", 5)
by_view = f'experimentIds: ["{home}"], runViewType: ALL'
ask_in_full("a view by its name", "mlflowSearchRuns", by_view, "runs { info { runId } }")
ask("too many levels", "{ mlflowGetRun { run { " + "experiment { " * 10 + "name" + " }" * 10 + " } } }")
ask(
    "too many selections",
    "{ mlflowGetRun { run { " + " ".join(f"f{at} {{ a }}" for at in range(501)) + " } } }",
)
several = " ".join(f'a{at}: test(inputString: "x") {{ output }}' for at in range(11))
answer = story.ask(
    "too many roots, that they are", "POST", "/graphql", "status", json={"query": f"{{ {several} }}"}
)
story.note("too many roots", [each.partition(".")[0] for each in answer.json()["errors"]])
several = " ".join(f"a{at}: experiment {{ name }}" for at in range(11))
answer = story.ask(
    "too many aliases, that they are",
    "POST",
    "/graphql",
    "status",
    json={"query": f"{{ mlflowGetExperiment {{ {several} }} }}"},
)
story.note("too many aliases", [each.partition(",")[0] for each in answer.json()["errors"]])
story.tell()
