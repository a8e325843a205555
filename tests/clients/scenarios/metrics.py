"""Metrics: steps, ties, the past, NaN and infinities, histories in pages, batches and their limits."""

import math

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from recording import Story, point

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("metrics")
client = MlflowClient()
home = story.experiment("home")
one = client.create_run(home, start_time=1).info.run_id


story.know(one)


def history(key, run_id=one):
    return [point(each) for each in client.get_metric_history(run_id, key)]


def latest(key):
    return client.get_run(one).data.metrics.get(key, "absent")


for step, value in ((0, 1.0), (2, 0.25), (1, 0.5)):
    client.log_metric(one, "steps", value, timestamp=100 + step, step=step)
story.note("steps", [history("steps"), latest("steps")])
for at, value in ((100, 5.0), (100, 9.0), (100, 7.0), (99, 11.0), (100, 9.0)):
    client.log_metric(one, "ties", value, timestamp=at, step=3)
story.note("ties", [sorted(map(str, history("ties"))), latest("ties")])
client.log_metric(one, "past", 1.0, timestamp=1000, step=0)
client.log_metric(one, "past", 2.0, timestamp=10, step=0)
client.log_metric(one, "past", 3.0, timestamp=10, step=1)
story.note("past", [history("past"), latest("past")])
client.log_metric(one, "same", 1.0, timestamp=5, step=5)
client.log_metric(one, "same", 1.0, timestamp=5, step=5)
story.note("same", history("same"))
for key, value in {"nan": math.nan, "inf": math.inf, "minus inf": -math.inf}.items():
    client.log_metric(one, key, value, timestamp=1, step=1)
    story.note(key, [history(key), latest(key)])
client.log_metric(one, "mixed", 4.0, timestamp=1, step=1)
client.log_metric(one, "mixed", math.nan, timestamp=1, step=1)
story.note("number and nan", [sorted(map(str, history("mixed"))), latest("mixed")])
client.log_metric(one, "nan then number", math.nan, timestamp=1, step=1)
client.log_metric(one, "nan then number", 4.0, timestamp=2, step=2)
story.note("nan then number", [history("nan then number"), latest("nan then number")])
for key, value in {
    "tiny": 5e-324,
    "huge": 1.7976931348623157e308,
    "minus zero": -0.0,
    "third": 1 / 3,
    "big whole": 2**60,
    "bool": True,
    "text": "0.5",
}.items():
    story.attempt(f"log {key}", client.log_metric, one, key, value, 1, 1)
    story.note(f"logged {key}", history(key))
for key, value in {"word": "high", "none": None, "list": [1]}.items():
    story.attempt(f"log {key}", client.log_metric, one, key, value, 1, 1)
client.log_metric(one, "negative step", 1.0, timestamp=1, step=-5)
client.log_metric(one, "negative step", 2.0, timestamp=1, step=-6)
story.note("negative step", [history("negative step"), latest("negative step")])
story.attempt("negative time", client.log_metric, one, "early", 1.0, -1, 1)
story.attempt("long key", client.log_metric, one, "k" * 251, 1.0, 1, 1)
client.log_metric(one, "folder/loss (%) a".replace("(%)", "x"), 1.0, timestamp=1, step=0)
story.note("missing history", history("none such"))
story.attempt("history of unknown", history, "x", "0" * 32)

PAGE = 1000
many = client.create_run(home, start_time=2).info.run_id
story.know(many)
for start in range(0, 25_500, PAGE):
    points = [Metric("many", i / 8, 10_000 + i, i) for i in range(start, min(start + PAGE, 25_500))]
    client.log_batch(many, metrics=points)
found = client.get_metric_history(many, "many")
story.note("many", [len(found), [each.step for each in found] == list(range(25_500))])
story.note("many last", client.get_run(many).data.metrics)
METRICS = "/api/2.0/mlflow/metrics/get-history"
answer = story.ask(
    "first page", "GET", f"{METRICS}?run_id={one}&metric_key=steps&max_results=2", keep="status"
)
first = answer.json()
token = first.pop("next_page_token")
story.note("first page document", first)
second = story.ask(
    "second page", "GET", f"{METRICS}?run_id={one}&metric_key=steps&max_results=2&page_token={token}"
)
story.ask("bad token", "GET", f"{METRICS}?run_id={one}&metric_key=steps&max_results=2&page_token=zz")
story.ask("no key", "GET", f"{METRICS}?run_id={one}")
story.ask("unknown run", "GET", f"{METRICS}?run_id={'0' * 32}&metric_key=a")
story.ask("nan on the wire", "GET", f"{METRICS}?run_id={one}&metric_key=nan")
bulk = (
    f"/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={one}&run_id={many}&metric_key=steps&max_results=5"
)
story.ask("bulk", "GET", bulk)
interval = (
    f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={many}&metric_key=many&max_results=10"
)
sampled = story.ask("interval", "GET", interval, keep="status").json()["metrics"]
story.note("sampled", [len(sampled), sampled[0]["step"], sampled[-1]["step"], sorted(sampled[0])])

batch = client.create_run(home, start_time=3).info.run_id
story.know(batch)


def metrics_of(count, start=0):
    return [Metric(f"m{i}", i, 1, 1) for i in range(start, start + count)]


def params_of(count):
    return [Param(f"p{i}", str(i)) for i in range(count)]


def tags_of(count):
    return [RunTag(f"t{i}", str(i)) for i in range(count)]


LOGS = {
    "all kinds": (metrics_of(10), params_of(5), tags_of(5)),
    "again": (metrics_of(10), params_of(5), tags_of(5)),
    "nothing": ([], [], []),
    "full": (metrics_of(800), params_of(100), tags_of(100)),
    "conflict": (metrics_of(1, 5000), [Param("p0", "other")], [RunTag("kept", "no")]),
    "twice in one": ([], [Param("x", "1"), Param("x", "1")], []),
    "twice other value": ([], [Param("y", "1"), Param("y", "2")], []),
    "tag twice": ([], [], [RunTag("z", "1"), RunTag("z", "2")]),
    "same metric twice": ([Metric("d", 1, 1, 1), Metric("d", 1, 1, 1), Metric("d", 2, 1, 1)], [], []),
    "bad metric": ([Metric("ok", 1, 1, 1), Metric("bad", "word", 1, 1)], [], []),
    "bad key": ([Metric("../x", 1, 1, 1)], [], []),
    "long param": ([], [Param("long", "v" * 6001)], []),
}
for key, given in LOGS.items():
    story.attempt(f"batch {key}", client.log_batch, batch, *given)
story.note("d", sorted(each.value for each in client.get_metric_history(batch, "d")))
data = client.get_run(batch).data
story.note(
    "batch in the end",
    [len(data.metrics), len(data.params), data.tags.get("kept"), data.metrics.get("m5000")],
)
story.note("z", data.tags.get("z"))
BATCH = "/api/2.0/mlflow/runs/log-batch"
point_of = {"value": 1, "timestamp": 1, "step": 1}
RAW = {
    "1001 metrics": {"metrics": [{"key": f"m{i}", **point_of} for i in range(1001)]},
    "101 params": {"params": [{"key": f"p{i}", "value": str(i)} for i in range(101)]},
    "101 tags": {"tags": [{"key": f"t{i}", "value": str(i)} for i in range(101)]},
    "1001 in all": {
        "metrics": [{"key": f"m{i}", **point_of} for i in range(901)],
        "params": [{"key": f"p{i}", "value": str(i)} for i in range(100)],
    },
    "no key": {"metrics": [point_of]},
    "no value": {"metrics": [{"key": "a", "timestamp": 1}]},
    "no time": {"metrics": [{"key": "a", "value": 1}]},
    "text value": {"metrics": [{"key": "raw text", "value": "0.25", "timestamp": 1}]},
    "nan value": {"metrics": [{"key": "raw nan", "value": "NaN", "timestamp": 1}]},
    "word value": {"metrics": [{"key": "a", "value": "high", "timestamp": 1}]},
    "time as text": {"metrics": [{"key": "raw time", "value": 1, "timestamp": "12", "step": "3"}]},
    "fraction step": {"metrics": [{"key": "a", "value": 1, "timestamp": 1, "step": 1.5}]},
    "not a list": {"metrics": {"key": "a"}},
    "param number": {"params": [{"key": "a", "value": 1}]},
    "param no key": {"params": [{"value": "1"}]},
    "tag no key": {"tags": [{"value": "1"}]},
}
for key, body in RAW.items():
    story.ask(f"raw {key}", "POST", BATCH, json={"run_id": batch, **body})
story.ask("raw unknown run", "POST", BATCH, json={"run_id": "0" * 32, "tags": [{"key": "a", "value": "b"}]})
story.ask("raw no run", "POST", BATCH, json={"tags": [{"key": "a", "value": "b"}]})
metrics = client.get_run(batch).data.metrics
story.note("raw in the end", {key: metrics.get(key) for key in ("raw text", "raw nan", "raw time", "a")})
story.tell()
