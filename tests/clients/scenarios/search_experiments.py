"""The search for experiments: filters, orders, pages, views, refusals."""

from mlflow import MlflowClient
from recording import Story, wait_for_tick

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("search-experiments")
client = MlflowClient()
TAGS = {
    "a": {"group": "x", "k 1": "One"},
    "b": {"group": "X"},
    "c": {"group": "y_z"},
    "d%": {},
    "Ä": {"group": "%"},
}
for word, tags in TAGS.items():
    client.create_experiment(f"{story.name}-{word}", tags={**tags, "scenario": story.name})
    wait_for_tick()

FILTERS = (
    "tags.group = 'x'",
    "tags.group != 'x'",
    "tags.group LIKE 'x'",
    "tags.group ILIKE 'x'",
    "tags.group LIKE 'y\\_%'",
    "tags.group LIKE '_'",
    'tag.group = "y_z"',
    "tags.`k 1` = 'One'",
    "tags.\"k 1\" ILIKE 'on_'",
    "tags.group IS NULL",
    "tags.group IS NOT NULL",
    "name = '{0}-a'",
    "name != '{0}-a'",
    "name LIKE '{0}-%'",
    "name ILIKE '{1}-A'",
    "attribute.name = '{0}-b' and tags.group = 'X'",
    "attr.name = '{0}-b' AND tags.group = 'x'",
    "NAME = '{0}-a'",
    "name IN ('{0}-a', '{0}-b')",
    "creation_time > 0",
    "creation_time < 10",
    "last_update_time >= 1",
    "creation_time = 'x'",
    "creation_time > 1.5",
    "name > 'a'",
    "experiment_id = '0' AND name = 'x'",
    "experiment_id > 5",
    "lifecycle_stage = 'active'",
    "foo = 'bar'",
    "foo.bar = 'x'",
    "tags.group = x",
    "tags.group = 5",
    "tags.group > 'x'",
    "tags.group",
    "tags.group = 'x' OR tags.group = 'y_z'",
    "(tags.group = 'x')",
    "NOT tags.group = 'x'",
    "name = ",
    "= 'a'",
    "name == 'a'",
    "name BETWEEN 'a' AND 'b'",
    "tags.group = 'x' AND",
    "name LIKE 5",
    "metrics.a > 1",
    "params.a = '1'",
    "name = 'scenario\"",
    "'x' = name",
)
for asked in FILTERS:
    text = asked.format(story.name, story.name.upper())
    mine = f"{text} AND tags.scenario = '{story.name}'" if "scenario" not in text else text
    story.attempt(
        f"filter {asked}",
        # AND binds closer than OR, so that other clients' experiments may be found beside one's own.
        lambda mine=mine: [
            each.name
            for each in client.search_experiments(filter_string=mine)
            if each.name.startswith(story.name)
        ],
    )
ORDERS = (
    None,
    ["name"],
    ["name ASC"],
    ["name DESC"],
    ["NAME desc"],
    ["attribute.name"],
    ["creation_time"],
    ["creation_time DESC", "name"],
    ["last_update_time ASC"],
    ["experiment_id"],
    ["experiment_id DESC"],
    ["tags.group"],
    ["foo"],
    ["name UP"],
    ["name ASC DESC"],
    [""],
    ["metrics.a"],
)
mine = f"tags.scenario = '{story.name}'"
for order in ORDERS:
    story.attempt(
        f"order {order}",
        lambda order=order: [
            each.name for each in client.search_experiments(filter_string=mine, order_by=order)
        ],
    )
pages, token = [], None
for _ in range(4):
    page = client.search_experiments(filter_string=mine, order_by=["name"], max_results=2, page_token=token)
    pages.append([each.name for each in page])
    token = page.token
    if not token:
        break
story.note("pages", pages)
for size in (0, -1, 50001):
    story.attempt(f"size {size}", lambda size=size: len(client.search_experiments(max_results=size)))
story.attempt("bad token", lambda: client.search_experiments(page_token="nonsense"))
story.attempt("empty filter", lambda: len(client.search_experiments(filter_string="", max_results=1)))
story.ask("no size", "POST", "/api/2.0/mlflow/experiments/search", json={})
story.ask("text size", "POST", "/api/2.0/mlflow/experiments/search", json={"max_results": "many"})
story.ask("by GET", "GET", "/api/2.0/mlflow/experiments/search?max_results=1&filter=name='none'")
story.tell()
