"""The search for runs: a wide table of filters, orders and pages, with the text of every refusal."""

import math

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from recording import Story

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("search-runs")
client = MlflowClient()
home = story.experiment("home")
away = story.experiment("away")
ROWS = (
    # name, start, end, status, metrics, params, tags
    (
        "alpha",
        1000,
        1500,
        "FINISHED",
        {"m": 1.0, "f1 score": 0.5},
        {"lr": "0.1", "opt": "adam"},
        {"env": "prod"},
    ),
    (
        "beta",
        2000,
        2500,
        "FINISHED",
        {"m": 2.0, "f1 score": 0.7},
        {"lr": "0.01", "opt": "SGD"},
        {"env": "Prod"},
    ),
    ("Gamma", 3000, 3500, "FAILED", {"m": -1.5}, {"lr": "1e-3", "opt": "sgd"}, {"env": "dev", "k v": "x y"}),
    ("delta", 4000, None, "RUNNING", {"m": math.nan}, {"opt": "ada%m"}, {"note": "it's"}),
    ("epsilon", 5000, None, "RUNNING", {}, {}, {}),
    ("zeta", 6000, 6500, "KILLED", {"m": 2.0, "n/a.b-c": 1}, {"opt": "ada_m", "päd": "1"}, {"env": ""}),
    ("eta", 7000, 7100, "FINISHED", {"m": 1e300}, {"lr": "10", "opt": ""}, {"env": "prod", "quoted": 'a"b'}),
)
ids = {}
for name, start, end, status, metrics, params, tags in ROWS:
    made = client.create_run(home, start_time=start, run_name=name, tags=tags)
    ids[name] = made.info.run_id
    client.log_batch(
        made.info.run_id,
        [Metric(key, value, start, 0) for key, value in metrics.items()],
        [Param(key, value) for key, value in params.items()],
        [RunTag("mlflow.user", "ann" if start < 4000 else "bob")],
    )
    if status != "RUNNING":
        client.set_terminated(made.info.run_id, status, end_time=end)
story.know(*ids.values())
far = client.create_run(away, start_time=9000, run_name="far")


def names(text="", order=("attribute.start_time ASC",), where=(home,), **more):
    found = client.search_runs(list(where), filter_string=text, order_by=list(order), **more)
    return [each.info.run_name for each in found]


FILTERS = """
metrics.m > 1
metrics.m >= 2
metrics.m < 0
metrics.m <= 1.0
metrics.m = 2
metrics.m != 2
metrics.m > -2
metrics.m > 1e2
metrics.m > 1.
metrics.m > +1
metric.m > 1
metrics.`f1 score` > 0.6
metrics."f1 score" > 0.6
metrics.`n/a.b-c` = 1
metrics.missing > 0
metrics.m > 'a'
metrics.m > '1'
metrics.m LIKE '1'
metrics.m IS NULL
metrics.m IN (1, 2)
metrics.m == 2
metrics.m > nan
metrics.m > 0 and metrics.m < 2
metrics.m > 0 AND params.opt = 'adam'
params.lr = '0.1'
params.lr = "0.1"
params.lr != '0.1'
params.opt LIKE 'ada%'
params.opt LIKE 'ADA%'
params.opt ILIKE 'ADA%'
params.opt LIKE 'ada_m'
params.opt LIKE 'ada\\_m'
params.opt like '%d%'
params.opt = ''
params.opt != ''
params.opt IS NULL
params.lr IS NULL
params.lr IS NOT NULL
param.lr = '10'
parameter.lr = '10'
parameters.lr = '10'
params.`päd` = '1'
params.lr = 0.1
params.lr > '0.1'
params.lr IN ('0.1')
params.lr = value
tags.env = 'prod'
tags.env != 'prod'
tags.env LIKE '%od'
tags.env ILIKE 'PROD'
tags.env = ''
tags.env IS NULL
tags.env IS NOT NULL
tags.`k v` = 'x y'
tags."k v" = 'x y'
tags.note = "it's"
tags.quoted = 'a"b'
tag.env = 'dev'
tags.mlflow.user = 'ann'
tags.`mlflow.runName` = 'beta'
tags.env = 5
tags.env > 'a'
tags.env IN ('prod')
attributes.status = 'FINISHED'
attribute.status = 'finished'
attr.status != 'FINISHED'
run.status = 'FAILED'
status = 'FAILED'
status LIKE 'FIN%'
status ILIKE 'fin%'
status IN ('FAILED', 'KILLED')
status IS NULL
run_name = 'beta'
attributes.run_name LIKE '%eta'
run_name ILIKE 'GAMMA'
attributes.`run name` = 'beta'
attributes."Run name" = 'beta'
attributes.`run Name` = 'beta'
run_name != 'beta'
run_name IN ('beta', 'zeta')
run_name NOT IN ('beta', 'zeta')
run_name IN ('beta')
run_name IN ()
run_name IN 'beta'
run_name > 'a'
run_name = beta
start_time > 3000
start_time <= 3000
start_time = 1000
attributes.start_time != 1000
start_time > '3000'
start_time > 3000.5
created > 3000
attributes.created >= 7000
attributes.Created >= 7000
end_time > 2000
end_time < 2000
end_time = 1500
end_time IS NULL
user_id = 'ann'
user_id LIKE 'b%'
artifact_uri LIKE 'mlflow-artifacts:/%'
artifact_uri = 'x'
run_id = '{alpha}'
run_id IN ('{alpha}', '{zeta}')
run_id NOT IN ('{alpha}', '{zeta}')
run_id != '{alpha}'
run_id LIKE '%'
attributes.run_id = 5
lifecycle_stage = 'active'
experiment_id = '1'
foo = 'bar'
foo.bar = 'x'
attributes.foo = 'bar'
metrics.m
metrics.m >
metrics.m > 1 AND
AND metrics.m > 1
metrics.m > 1 OR metrics.m < 0
(metrics.m > 1)
NOT metrics.m > 1
metrics.m BETWEEN 1 AND 2
metrics.m > 1; DROP TABLE runs
metrics.m > 1 -- comment
metrics. > 1
metrics = 1
1 < metrics.m
params.lr = '0.1
params.lr = '0.1"
params.lr LIKE 5
status = FINISHED
metrics.m > 1 metrics.m < 3
'a' = 'a'
tags.a.b.c = 'x'
metrics.m>1
metrics.m>1 and tags.env='prod'
  metrics.m   >   1
METRICS.m > 1
Params.lr = '0.1'
model.id = 'x'
datasets.name = 'none'
dataset.digest LIKE '%'
datasets.foo = 'x'
datasets.name > 'x'
inputs.x = 'y'
""".strip("\n").split("\n")
for asked in FILTERS:
    story.attempt(f"filter {asked}", names, asked.format(**ids))
story.attempt("filter blank", names, "  ")
story.attempt("filter newline", names, "metrics.m > 1\nAND tags.env = 'prod'")
ORDERS = (
    (),
    ("metrics.m",),
    ("metrics.m ASC",),
    ("metrics.m DESC",),
    ("metrics.m desc", "start_time"),
    ("metrics.`f1 score` DESC",),
    ('metrics."f1 score" ASC',),
    ("metrics.missing",),
    ("params.lr",),
    ("params.lr DESC",),
    ("params.opt ASC",),
    ("tags.env",),
    ("tags.env DESC", "attribute.start_time DESC"),
    ("tags.`k v`",),
    ("attribute.start_time",),
    ("attributes.start_time DESC",),
    ("start_time DESC",),
    ("end_time",),
    ("end_time DESC",),
    ("status", "start_time"),
    ("run_name",),
    ("run_name DESC",),
    ("attributes.`Run Name`",),
    ("user_id", "start_time"),
    ("created",),
    ("duration",),
    ("experiment_id", "start_time DESC"),
    ("lifecycle_stage",),
    ("foo",),
    ("foo.bar",),
    ("metrics.m UP",),
    ("metrics.m ASC DESC",),
    ("metrics.m,start_time",),
    ("",),
    ("metrics",),
    ("datasets.name",),
    ("start_time", "start_time DESC"),
)
for order in ORDERS:
    story.attempt(f"order {order}", names, "", order)
story.note("ordered by id", names("", ("run_id",)) == sorted(ids, key=ids.get))

pages, token = [], None
for _ in range(5):
    page = client.search_runs(
        [home], order_by=["metrics.m DESC", "start_time"], max_results=2, page_token=token
    )
    pages.append([each.info.run_name for each in page])
    token = page.token
    if not token:
        break
story.note("pages", pages)
story.note("two homes", names("", where=(home, away)))
story.note("no home", names("", where=()))
story.note("unknown home", names("", where=("987654321",)))
story.attempt("odd home", names, "", where=("abc",))
for size in (0, -1, 1, 50000, 50001):
    story.attempt(f"size {size}", names, "", max_results=size)
story.attempt("bad token", names, "", page_token="nonsense")
SEARCH = "/api/2.0/mlflow/runs/search"
story.ask("no body", "POST", SEARCH, json={})
story.ask("bad view", "POST", SEARCH, json={"experiment_ids": [home], "run_view_type": "SOME"})
story.ask("no hits", "POST", SEARCH, json={"experiment_ids": [home], "filter": "run_name = 'none'"})
one = {"experiment_ids": [home], "filter": "run_name = 'Gamma'", "max_results": 1}
answer = story.ask("one hit", "POST", SEARCH, keep="status", json=one).json()
story.note("one hit document", answer)
story.ask(
    "id as text", "POST", SEARCH, json={"experiment_ids": home, "filter": "run_name = 'alpha'"}, keep="status"
)

frame = mlflow.search_runs([home], filter_string="metrics.m > -5", order_by=["start_time"])
columns = sorted(each for each in frame.columns if each.startswith(("metrics", "params", "tags.env")))
story.note(
    "frame", [columns, frame["metrics.m"].tolist(), frame["params.lr"].tolist(), str(frame["end_time"][0])]
)
story.tell()
