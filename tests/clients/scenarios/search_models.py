"""The searches of the registry: models and versions by filters, orders and pages, with every refusal."""

from mlflow import MlflowClient
from recording import Story, wait_for_tick

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("search-models")
client = MlflowClient()
home = story.experiment("home")
run = client.create_run(home)
other = client.create_run(home)
for each in (run, other):
    client.log_text(each.info.run_id, "weights", "model/MLmodel")
P = story.name
MODELS = {
    "a": {"team": "x"},
    "B": {"team": "X", "k v": "1"},
    "c_d": {"team": "y_z"},
    "c%d": {},
    "e": {"team": ""},
}
for word, tags in MODELS.items():
    client.create_registered_model(f"{P}-{word}", {**tags, "scenario": P})
    wait_for_tick()
VERSIONS = (
    ("a", run, {"q": "1"}),
    ("a", run, {"q": "2", "r r": "z"}),
    ("a", other, {}),
    ("B", run, {"q": "1"}),
)
for word, made_by, tags in VERSIONS:
    source = f"{made_by.info.artifact_uri}/model"
    client.create_model_version(f"{P}-{word}", source, made_by.info.run_id, {**tags, "scenario": P})
    wait_for_tick()
client.set_registered_model_alias(f"{P}-a", "live", "2")

MODEL_FILTERS = """
name = '{P}-a'
name != '{P}-a'
name LIKE '{P}-%'
name LIKE '{P}-c_d'
name ILIKE '{U}-b'
name IN ('{P}-a', '{P}-e')
name NOT IN ('{P}-a')
name > 'a'
name = {P}
attribute.name = '{P}-a'
tags.team = 'x'
tags.team != 'x'
tags.team LIKE '%x%'
tags.team ILIKE 'x'
tags.team = ''
tags.team IS NULL
tags.`k v` = '1'
tag.team = 'x'
tags.team > 'x'
tags.team = 5
name LIKE '{P}-%' AND tags.team = 'x'
name = '{P}-a' OR name = '{P}-e'
description = 'x'
aliases = 'live'
creation_timestamp > 0
last_updated_timestamp > 0
foo = 'x'
foo.bar = 'x'
name
(name = 'a')
run_id = 'x'
""".strip("\n").split("\n")
for asked in MODEL_FILTERS:
    text = asked.format(P=P, U=P.upper())
    mine = f"{text} AND tags.scenario = '{P}'"
    story.attempt(
        f"models {asked}",
        lambda mine=mine: sorted(
            each.name for each in client.search_registered_models(mine) if each.name.startswith(P)
        ),
    )
mine = f"tags.scenario = '{P}'"
MODEL_ORDERS = (
    None,
    ["name"],
    ["name DESC"],
    ["timestamp"],
    ["timestamp DESC", "name"],
    ["last_updated_timestamp"],
    ["last_updated_timestamp DESC"],
    ["creation_timestamp"],
    ["description"],
    ["foo"],
    ["name UP"],
    [""],
    ["tags.team"],
)
for order in MODEL_ORDERS:
    story.attempt(
        f"models by {order}",
        lambda order=order: [each.name for each in client.search_registered_models(mine, order_by=order)],
    )
VERSION_FILTERS = """
name = '{P}-a'
name != '{P}-a'
name LIKE '{P}-%'
name ILIKE '{U}-A'
name IN ('{P}-a', '{P}-B')
name > 'a'
run_id = '{R}'
run_id IN ('{R}', '{O}')
run_id != '{R}'
run_id LIKE '%'
source_path LIKE '%model'
source_path = 'x'
source = 'x'
version_number = 1
version_number > 1
version_number >= '2'
version_number != 1
version_number < 1.5
version_number = 'x'
version = 1
tags.q = '1'
tags.q != '1'
tags.q LIKE '%'
tags.q ILIKE '1'
tags.`r r` = 'z'
tags.q IS NULL
tags.none IS NULL
tags.q > '1'
name = '{P}-a' AND tags.q = '1'
name = '{P}-a' AND tags.q = '1' AND version_number > 0
tags.q = '1' OR tags.q = '2'
(tags.q = '1')
NOT tags.q = '1'
current_stage = 'None'
stage = 'Production'
aliases = 'live'
alias = 'live'
status = 'READY'
creation_timestamp > 0
last_updated_timestamp > 0
user_id = 'x'
metrics.a > 1
foo = 'x'
nonsense
""".strip("\n").split("\n")


def versions(text, **more):
    # AND binds closer than OR, so that other clients' versions may be found beside one's own.
    found = client.search_model_versions(text, **more)
    return [[each.name, str(each.version)] for each in found if each.name.startswith(P)]


for asked in VERSION_FILTERS:
    text = asked.format(P=P, U=P.upper(), R=run.info.run_id, O=other.info.run_id)
    story.attempt(
        f"versions {asked}", lambda text=text: sorted(versions(f"{text} AND tags.scenario = '{P}'"))
    )
VERSION_ORDERS = (
    None,
    ["name", "version_number"],
    ["version_number DESC", "name DESC"],
    ["creation_timestamp"],
    ["creation_timestamp DESC"],
    ["last_updated_timestamp", "name"],
    ["version DESC"],
    ["run_id"],
    ["foo"],
    ["name UP"],
    [""],
)
for order in VERSION_ORDERS:
    story.attempt(f"versions by {order}", lambda order=order: versions(mine, order_by=order))


def pages(search, shown, size):
    found, token = [], None
    for _ in range(6):
        page = search(mine, max_results=size, order_by=["name"], page_token=token)
        found.append([shown(each) for each in page])
        token = page.token
        if not token:
            break
    return found


story.note("pages of models", pages(client.search_registered_models, lambda each: each.name, 2))
story.note(
    "pages of versions",
    [len(page) for page in pages(client.search_model_versions, lambda each: each.version, 3)],
)
for size in (-1, 0, 1, 1000, 1001, 200000, 200001):
    story.attempt(
        f"models size {size}", lambda size=size: len(client.search_registered_models(mine, max_results=size))
    )
    story.attempt(
        f"versions size {size}", lambda size=size: len(client.search_model_versions(mine, max_results=size))
    )
story.attempt("models bad token", lambda: len(client.search_registered_models(mine, page_token="nonsense")))
story.attempt("versions bad token", lambda: len(client.search_model_versions(mine, page_token="nonsense")))
story.note(
    "aliases in searches",
    [
        sorted(each.aliases)
        for each in client.search_model_versions(f"name = '{P}-a'", order_by=["version_number"])
    ],
)
story.note(
    "aliases in model searches", [each.aliases for each in client.search_registered_models(f"name = '{P}-a'")]
)
latest = client.search_registered_models(f"name = '{P}-a'")[0].latest_versions
story.note("latest in searches", [[each.version, each.current_stage] for each in latest])
story.tell()
