"""Traces: recorded, searched, tagged, assessed, linked to runs, deleted."""

import time

import mlflow
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource, Expectation, Feedback
from recording import Story

CLIENTS = ("3.17", "3.18")
story = Story("tracing")
client = MlflowClient()
home = story.experiment("home")
mlflow.set_experiment(experiment_id=home)
human = AssessmentSource(source_type="HUMAN", source_id="ann")


@mlflow.trace(name="inner", span_type="TOOL", attributes={"ü": "ä"})
def inner(x):
    """One step."""
    return x + 1


@mlflow.trace(name="outer", span_type="CHAIN")
def outer(x, fail=False):
    """A chain of two steps."""
    mlflow.update_current_trace(tags={"kind": f"k{x}"}, metadata={"mlflow.trace.session": "s1"})
    if fail:
        raise ValueError("on purpose")
    return inner(x) * 2


ids = []
for number in (1, 2):
    outer(number)
    ids.append(mlflow.get_last_active_trace_id())
    time.sleep(0.005)
try:
    outer(3, fail=True)
except ValueError:
    ids.append(mlflow.get_last_active_trace_id())
with mlflow.start_run() as run:
    with mlflow.start_span("in a run", attributes={"a": 1}) as span:
        span.set_inputs({"q": "what?"})
        span.set_outputs({"a": "that"})
        span.add_event(mlflow.entities.SpanEvent("happened", attributes={"n": 1}))
    ids.append(mlflow.get_last_active_trace_id())
mlflow.flush_trace_async_logging(terminate=False)


def shown(trace):
    info = trace.info
    return {
        "id": info.trace_id,
        "state": str(info.state),
        "request": info.request_preview,
        "response": info.response_preview,
        "at": info.request_time,
        "tags": {key: value for key, value in info.tags.items() if not key.startswith("mlflow.")},
        "session": info.trace_metadata.get("mlflow.trace.session"),
        "run": info.trace_metadata.get("mlflow.sourceRun"),
        "spans": [
            {
                "name": span.name,
                "type": span.span_type,
                "status": str(span.status.status_code),
                "inputs": span.inputs,
                "outputs": span.outputs,
                "has parent": span.parent_id is not None,
                "events": [each.name for each in span.events],
                "attributes": {
                    key: value for key, value in span.attributes.items() if not key.startswith("mlflow.")
                },
            }
            for span in trace.data.spans
        ],
    }


def found_ids(where=None, order=None, **more):
    found = mlflow.search_traces(
        locations=[home],
        filter_string=where,
        order_by=order or ["timestamp_ms ASC"],
        return_type="list",
        **more,
    )
    return [ids.index(each.info.trace_id) for each in found]


for number, trace_id in enumerate(ids):
    story.note(f"trace {number}", shown(client.get_trace(trace_id)))
client.set_trace_tag(ids[0], "reviewed", "yes")
client.set_trace_tag(ids[0], "gone", "x")
client.delete_trace_tag(ids[0], "gone")
story.attempt("delete missing tag", client.delete_trace_tag, ids[0], "none")
story.note("tagged", shown(client.get_trace(ids[0]))["tags"])
FILTERS = """
trace.status = 'OK'
trace.status = 'ERROR'
status = 'OK'
trace.name = 'outer'
trace.name LIKE 'out%'
trace.name != 'outer'
tags.kind = 'k1'
tags.kind LIKE 'k%'
tags.reviewed = 'yes'
tag.kind = 'k2'
request_id = '{0}'
trace.timestamp_ms > 0
trace.timestamp_ms < 5
timestamp_ms > 0 AND tags.kind = 'k1'
trace.execution_time_ms >= 0
execution_time < 0
metadata.`mlflow.trace.session` = 's1'
metadata.`mlflow.sourceRun` = '{run}'
request_metadata.`mlflow.trace.session` = 's1'
trace.run_id = '{run}'
run_id = '{run}'
span.name = 'inner'
span.type = 'TOOL'
span.name LIKE '%run'
trace.foo = 'x'
foo = 'x'
tags.kind > 'a'
trace.status = OK
trace.status = 'OK' OR trace.status = 'ERROR'
nonsense
""".strip("\n").split("\n")
for asked in FILTERS:
    text = asked.format(*ids, run=run.info.run_id)
    story.attempt(f"filter {asked}", lambda text=text: found_ids(text))
for order in (
    None,
    ["timestamp_ms DESC"],
    ["trace.timestamp_ms ASC"],
    ["status ASC", "timestamp_ms ASC"],
    ["foo"],
):
    story.attempt(f"order {order}", lambda order=order: found_ids(order=order))
story.note("of the run", found_ids(run_id=run.info.run_id))
pages, token = [], None
for _ in range(4):
    page = client.search_traces(
        locations=[home], max_results=2, order_by=["timestamp_ms ASC"], page_token=token
    )
    pages.append([ids.index(each.info.trace_id) for each in page])
    token = page.token
    if not token:
        break
story.note("pages", pages)
for size in (0, -1, 501):
    story.attempt(
        f"size {size}", lambda size=size: len(client.search_traces(locations=[home], max_results=size))
    )


def assessments(trace_id):
    found = client.get_trace(trace_id).info.assessments
    return sorted(
        [each.name, str(each.value), each.rationale or "", each.source.source_id, each.valid is not False]
        for each in found
    )


one = mlflow.log_feedback(trace_id=ids[0], name="good", value=True, source=human, rationale="it is")
two = mlflow.log_expectation(trace_id=ids[0], name="expected", value={"a": [1]}, source=human)
three = mlflow.log_feedback(trace_id=ids[0], name="score", value=0.75, source=human, metadata={"m": "1"})
story.note("assessed", assessments(ids[0]))
story.note("one assessment", str(mlflow.get_assessment(ids[0], one.assessment_id).value))
mlflow.update_assessment(ids[0], one.assessment_id, Feedback(name="good", value=False))
mlflow.update_assessment(ids[0], two.assessment_id, Expectation(name="expected", value="other"))
story.note("changed", assessments(ids[0]))
mlflow.override_feedback(trace_id=ids[0], assessment_id=three.assessment_id, value=0.5, source=human)
story.note("overridden", assessments(ids[0]))
mlflow.delete_assessment(ids[0], one.assessment_id)
story.note("one deleted", assessments(ids[0]))
story.attempt("get deleted assessment", mlflow.get_assessment, ids[0], one.assessment_id)
story.attempt(
    "assess unknown", lambda: bool(mlflow.log_feedback(trace_id="tr-" + "0" * 32, name="x", value=1))
)
story.attempt("filter by feedback", lambda: found_ids("feedback.score = '0.5'"))
story.attempt("filter by expectation", lambda: found_ids("expectation.expected = 'other'"))
story.attempt("get unknown", lambda: client.get_trace("tr-" + "0" * 32))
story.attempt("tag unknown", client.set_trace_tag, "tr-" + "0" * 32, "a", "b")
story.note("deleted", client.delete_traces(home, trace_ids=[ids[1]]))
story.note("left", found_ids())
story.note("deleted by time", client.delete_traces(home, max_timestamp_millis=int(time.time() * 1000) + 1000))
story.note("none left", found_ids())
story.attempt("delete without a rule", client.delete_traces, home)
story.tell()
