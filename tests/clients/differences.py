"""Where Assay deliberately shows an MLflow client something else than a stock server does.

One entry for each line of the list in ``docs/reference/mlflow.md``, with every place in the scenarios
where it is seen and what Assay shows there (a regular expression over its JSON). A place where nothing
differs, and a difference without a place, fail the test.
"""

import json
import re
from dataclasses import dataclass

ALL = ("3.17", "3.18", "2.22")
NEW = ("3.17", "3.18")


@dataclass(frozen=True)
class Place:
    """A part of a scenario's document; a path of keys, each literal or with ``*``."""

    scenario: str
    path: tuple[str, ...]
    ours: str
    clients: tuple[str, ...] = ALL


@dataclass(frozen=True)
class Difference:
    """A deliberate difference, as the reference page says it."""

    name: str
    reason: str
    places: tuple[Place, ...]


def at(scenario, *path, ours, clients=ALL):
    """Write a place."""
    return Place(scenario, path, ours, clients)


def answers(scenario, key, answer, clients=ALL):
    """Write a place where Assay answers this, and a stock server refuses or answers otherwise."""
    said = re.escape(json.dumps(answer, ensure_ascii=False))
    return at(scenario, key, "*", ours=f'^({said}|"<absent>")$', clients=clients)


def refuses(scenario, key, message, code="INVALID_PARAMETER_VALUE", status=400, clients=ALL):
    """Write a place where Assay refuses; ``message`` is a part of what it says."""
    ours = f'^("<absent>"|"{code}"|{status}|".*{re.escape(message)}.*")$'
    return at(scenario, key, "*", ours=ours, clients=clients)


ABSENT = '^"<absent>"$'
LOCAL = '^"local"$'
COMPUTED = r'^"(sha256:[0-9a-f]{64}|v\d+\.\d+\.\d+|the bytes are elsewhere and nobody has read them)"$'
MADE = r'^("<absent>"|\{.*"status": "READY".*\})$'
MISSING = "RESOURCE_DOES_NOT_EXIST"
ALL_MODELS = ["~-B", "~-a", "~-c%d", "~-c_d", "~-e"]
ALL_VERSIONS = [["~-B", "1"], ["~-a", "1"], ["~-a", "2"], ["~-a", "3"]]
LATEST_SHOWN = (
    "registered_models",
    "update without description",
    "body",
    "registered_model",
    "latest_versions",
    "0",
)
_POINTS = ("body", "data", "mlflowGetMetricHistoryBulkInterval", "metrics")
_ASKED = "refused where it is asked for"
DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "A page token is our own",
        "A page token names a place in our own order: a wrong one is refused in other words, and no token "
        "follows the last page.",
        (
            at("logged_models", "bad token", "*", ours="must come from the page before|INVALID|400"),
            at("metrics", "bad token", "message", ours="must come from the page before"),
            at("search_experiments", "bad token", "message", ours="must come from the page before"),
            at("search_runs", "bad token", "message", ours="must come from the page before"),
            at("tracing", "pages", ours=r"^\[\[0, 1\], \[2, 3\]\]$"),
            at("search_models", "models bad token", "message", ours="must come from the page before"),
            at("search_models", "versions bad token", "message", ours="must come from the page before"),
        ),
    ),
    Difference(
        "Aliases never read as versions",
        "What reads as a version, such as 9 or 1.0, cannot be an alias: addresses would have two meanings.",
        (
            refuses("registered_models", "alias 9", "must not read as a version"),
            at("registered_models", "aliased", "aliases", "9", ours=ABSENT),
            at("registered_models", "new name", "aliases", "9", ours=ABSENT),
        ),
    ),
    Difference(
        "Conditions on data sets hold",
        "A search for logged models may name a data set without its digest; MLflow finds nothing then.",
        (at("logged_models", "scoped to a data set", "accepted", ours=r'^\["c", "a"\]$'),),
    ),
    Difference(
        "Empty folders vanish",
        "A folder is there as long as a file lies in it; what was removed leaves no empty folder behind.",
        (at("artifact_wire", "untouched", ours=r'^\["empty", "folder", "page.html", "up.txt"\]$'),),
    ),
    Difference(
        "Errors are one document",
        "Every refusal is a JSON document with error_code and message, also where MLflow answers HTML, text "
        "or another document; sqlstate and error_class, which no client reads, are left out.",
        (
            at("artifact_wire", "get folder", "error_code", ours="INVALID_PARAMETER_VALUE"),
            at("artifact_wire", "get folder", "message", ours="refers to a directory, not a file"),
            at("experiments", "fields of an error", ours=r'^\["error_code", "message"\]$'),
        ),
    ),
    Difference(
        "Errors of users are 4xx",
        "Where MLflow answers 500 to something that cannot be done, the answer is 400 with the reason.",
        (
            refuses("experiments", "rename deleted", "must be in the 'active' state"),
            refuses("graphql", "no text", "Invalid value 5 for parameter 'query'", clients=NEW),
            refuses("logged_models", "bad key", "Invalid attribute key 'foo' specified"),
            refuses("logged_models", "filter metrics.score > 'x'", "Expected numeric value type for metric"),
            refuses("search_runs", "order ('start_time', 'start_time DESC')", "contains duplicate fields"),
            refuses("stages", "archive with archived", "'Archived' is not an Active stage"),
            refuses("stages", "archive with none", "is not an Active stage"),
            refuses("versions", "source file host", "must be runs:/, models:/, mlflow-artifacts:/ or one of"),
            refuses("webhooks", "event unknown entity", "Invalid entity", clients=NEW),
            refuses("webhooks", "event unknown action", "Invalid action", clients=NEW),
            refuses("webhooks", "event no action", "action", clients=NEW),
        ),
    ),
    Difference(
        "Field names in camelCase",
        "The fields of a request may be written in camelCase everywhere, in queries too.",
        (
            at("experiments", "at the end", "tags", "camel", ours='^"yes"$'),
            at("experiments", "camel", "*", ours='^("<absent>"|200|{"experiment": .*)$'),
            at("experiments", "camel body", "*", ours='^("<absent>"|200|{})$'),
        ),
    ),
    Difference(
        "Filters accept more",
        "Beyond MLflow's language, filters know OR, NOT and parentheses, IN for every attribute that is a "
        "text, IS NULL for every tag and parameter, and more attributes, comparisons and words.",
        (
            answers("logged_models", "filter (tags.kind = 'x')", ["a", "b"]),
            answers("logged_models", "filter last_updated_time > 5", ["a", "b", "c", "d"]),
            answers("logged_models", "filter status = 'LOGGED_MODEL_READY'", ["a", "b", "c"]),
            answers("logged_models", "filter tags.kind = 'x' OR tags.kind = 'y'", ["a", "b", "c", "d"]),
            answers("logged_models", "filter tags.kind IS NOT NULL", ["a", "b", "c", "d"]),
            answers("logged_models", "filter tags.kind IS NULL", []),
            answers("logged_models", "filter tags.none IS NULL", ["a", "b", "c", "d"]),
            answers("search_experiments", "filter (tags.group = 'x')", ["~-a"]),
            answers("search_experiments", "filter NOT tags.group = 'x'", ["~-Ä", "~-d%", "~-c", "~-b"]),
            answers("search_experiments", "filter name IN ('{0}-a', '{0}-b')", ["~-b", "~-a"]),
            answers("search_experiments", "filter tags.group = 'x' OR tags.group = 'y_z'", ["~-c", "~-a"]),
            answers("search_runs", "filter (metrics.m > 1)", ["beta", "zeta", "eta"]),
            answers("search_runs", "filter NOT metrics.m > 1", ["alpha", "Gamma", "delta", "epsilon"]),
            answers("search_runs", "filter metrics.m > 1 OR metrics.m < 0", ["beta", "Gamma", "zeta", "eta"]),
            answers("search_runs", "filter run_name IN ('beta')", ["beta"]),
            answers("search_runs", "filter run_name IN ('beta', 'zeta')", ["beta", "zeta"]),
            at("search_runs", "filter run_name IN ()", "message", ours="but got empty list"),
            answers(
                "search_runs",
                "filter run_name NOT IN ('beta', 'zeta')",
                ["alpha", "Gamma", "delta", "epsilon", "eta"],
            ),
            answers("search_runs", "filter status IN ('FAILED', 'KILLED')", ["Gamma", "zeta"]),
            answers("tracing", "filter trace.status = 'OK' OR trace.status = 'ERROR'", [0, 1, 2, 3]),
            answers("search_models", "models (name = 'a')", []),
            answers(
                "search_models", "models creation_timestamp > 0", ["~-B", "~-a", "~-c%d", "~-c_d", "~-e"]
            ),
            answers("search_models", "models description = 'x'", []),
            answers(
                "search_models", "models last_updated_timestamp > 0", ["~-B", "~-a", "~-c%d", "~-c_d", "~-e"]
            ),
            answers("search_models", "models name = '{P}-a' OR name = '{P}-e'", ["~-a", "~-e"]),
            answers("search_models", "models tags.team IS NULL", ["~-c%d"]),
            answers("search_models", "versions (tags.q = '1')", [["~-B", "1"], ["~-a", "1"]]),
            answers("search_models", "versions NOT tags.q = '1'", [["~-a", "2"], ["~-a", "3"]]),
            answers("search_models", "versions alias = 'live'", [["~-a", "2"]]),
            answers("search_models", "versions creation_timestamp > 0", ALL_VERSIONS),
            answers("search_models", "versions current_stage = 'None'", ALL_VERSIONS),
            answers("search_models", "versions last_updated_timestamp > 0", ALL_VERSIONS),
            answers("search_models", "versions metrics.a > 1", []),
            answers("search_models", "versions stage = 'Production'", []),
            answers("search_models", "versions tags.none IS NULL", ALL_VERSIONS),
            answers(
                "search_models",
                "versions tags.q = '1' OR tags.q = '2'",
                [["~-B", "1"], ["~-a", "1"], ["~-a", "2"]],
            ),
            answers("search_models", "versions tags.q IS NULL", [["~-a", "3"]]),
            answers("search_models", "versions user_id = 'x'", []),
        ),
    ),
    Difference(
        "Filters say which part is wrong",
        "A key that is unknown, or a value without quotes, is refused as such, also where MLflow cannot "
        "read the filter or the order because a word means something in SQL.",
        (
            at("search_models", "models name = {P}", "message", ours="Got value ~"),
            at("search_models", "versions by ['version DESC']", "message", ours="Invalid .* key 'version'"),
            at("search_models", "versions source = 'x'", "message", ours="Invalid attribute key 'source'"),
            at("search_models", "versions version = 1", "message", ours="Invalid attribute key 'version'"),
        ),
    ),
    Difference(
        "GraphQL answers what it is asked",
        "Where MLflow's GraphQL fails at a field, or passes over what a question says (the view of runs, the "
        "steps and the number of points of a history), it is answered as by REST.",
        (
            at("graphql", "a view by its name", "body", "*", ours=r"^null$|<run 1>", clients=NEW),
            at("graphql", "of some steps", *_POINTS, ours=r'"step": "1".*"step": "3"', clients=NEW),
            at("graphql", "page of a run", "body", "errors", ours="^null$", clients=NEW),
            at("graphql", "thinned", *_POINTS, ours=r'"step": "0".*"step": "4"', clients=NEW),
        ),
    ),
    Difference(
        "GraphQL refuses where it is asked to",
        "A GraphQL document that asks for apiError is told a refusal there, and not among the errors; one "
        "that cannot be read is answered with its errors.",
        (
            at("graphql", _ASKED, "body", "data", "mlflowGetRun", ours=MISSING, clients=NEW),
            at("graphql", _ASKED, "body", "errors", ours="^null$", clients=NEW),
            at("graphql", "unreadable", "*", ours='^200$|"Syntax Error: ', clients=NEW),
        ),
    ),
    Difference(
        "Hosts of webhooks are named plainly",
        "A number that a resolver may read as an address (2130706433, 0177.0.0.1) is refused for its form, "
        "before anybody resolves it.",
        tuple(
            at("webhooks", key, "message", ours="is not a canonical IP address literal", clients=NEW)
            for key in ("url decimal", "url octal", "change url decimal", "change url octal")
        ),
    ),
    Difference(
        "Infinities are kept",
        "An infinite metric comes back as it was logged, and not as the greatest finite number.",
        (
            at("metrics", "inf", "0", "0", "value", ours='^"<inf>"$'),
            at("metrics", "inf", "1", ours='^"<inf>"$'),
            at("metrics", "minus inf", "0", "0", "value", ours='^"<-inf>"$'),
            at("metrics", "minus inf", "1", ours='^"<-inf>"$'),
        ),
    ),
    Difference(
        "Names of guarded models are kept",
        "A model that has been in Staging or Production keeps the names by which it was known since, as "
        "long as it lives: no other model can take one, so that what is loaded by a name comes through its "
        "gates.",
        (refuses("stages", "take the name of one that serves", "is kept", "INVALID_STATE", 500),),
    ),
    Difference(
        "Names with their team",
        "A model may be named with its team, as team.task, team/task or team%2Ftask, where MLflow "
        "refuses a slash; it keeps its team when it is renamed. A name that begins as a known team and a "
        "dot, but is none of its models' names, is refused.",
        (
            at("registered_models", "create slash", "*", ours=r'^("<absent>"|\{.*"name": "~/x y".*\})$'),
            at("registered_models", "rename to slash", "message", ours="must stay in the team default"),
        ),
    ),
    Difference(
        "No text of the database in messages",
        "Where MLflow shows a failed SQL statement with its values, the message says what is wrong, under "
        "the code that fits; parameters of a logged model that are said again as they were are no error.",
        (
            at("experiments", "create taken", "message", ours=r"already exists\. Take another name"),
            at("experiments", "name of deleted", "message", ours=r"already exists\. Take another name"),
            refuses("experiments", "rename to taken", "already exists. Take", "RESOURCE_ALREADY_EXISTS"),
            answers("logged_models", "params again", None),
            refuses("logged_models", "params changed", "Changing param values is not allowed: 'more'"),
            refuses("runs", "no experiment", "Missing value for required parameter 'experiment_id'"),
            refuses("tracing", "tag unknown", "not found", "RESOURCE_DOES_NOT_EXIST", 404),
            at("registered_models", "rename to taken", "message", ours=r"\(name=~-two\) already exists"),
        ),
    ),
    Difference(
        "Page sizes have limits",
        "Every search refuses a page size below 1 and above its limit; MLflow takes any for some of them.",
        (
            refuses("logged_models", "size -1", "It must be a positive integer"),
            refuses("logged_models", "size 0", "It must be a positive integer"),
            refuses("logged_models", "size 100000", "It must be at most 50000"),
            refuses("search_models", "models size -1", "It must be a positive integer"),
            refuses("search_models", "models size 0", "It must be a positive integer"),
        ),
    ),
    Difference(
        "Paths never lead out",
        "Names of files that are absolute, or hold an empty part, a drive letter, a backslash or a control "
        "character, are refused on every route, and so are places of an experiment's files on a disk or "
        "host of the server's side, or with '..', parameters or a fragment.",
        (
            at("artifact_wire", "DELETE ..%5cx", ours='^"refused"$'),
            at("artifact_wire", "* %2fetc%2fpasswd", ours='^"refused"$'),
            at("artifact_wire", "* /etc/passwd", ours='^"refused"$'),
            at("artifact_wire", "PUT ..%5cx", ours='^"refused"$'),
            at("artifact_wire", "PUT C:/x", ours='^"refused"$'),
            at("artifact_wire", "* a%00b", ours='^"refused"$'),
            at("artifact_wire", "*list ..%5cx", ours='^"refused"$'),
            refuses("artifact_wire", "location file:///etc", "must begin with mlflow-artifacts:/"),
            at(
                "artifact_wire",
                "location http://127.0.0.1/x",
                "message",
                ours="must begin with mlflow-artifacts",
            ),
            refuses("artifact_wire", "location mlflow-artifacts:/../x", "must not contain '..'"),
            at(
                "artifact_wire",
                "location mlflow-artifacts://other.example/x",
                "message",
                ours="must begin with mlflow-artifacts:/",
            ),
            refuses("artifact_wire", "location s3://bucket/../x", "must not contain '..'"),
            refuses("artifact_wire", "location s3://bucket/a?b=c", "URL can't include fragments or params."),
        ),
    ),
    Difference(
        "Prompts stay prompts",
        "What was made as a prompt holds texts only and stays one, and no model becomes one: the tag that "
        "says so cannot be set or taken away later.",
        (refuses("prompts", "made a prompt", "stays as it is"),),
    ),
    Difference(
        "Runs name their users",
        "A run whose client names no user has the name of the caller.",
        (at("runs", "start as text", "body", "run", "info", "user_id", ours='^"local"$'),),
    ),
    Difference(
        "Semantic versions and digests",
        "Every version has a semantic version and a digest, which it shows as the tags assay.semver and "
        "assay.digest; assay.external marks one whose bytes nobody has read. A semantic version is "
        "accepted wherever a number or a stage is.",
        (
            answers("loading", "by bare semver", True),
            answers("loading", "by semver", True),
            at("loading", "registered again", "2", "assay.*", ours=COMPUTED),
            at("prompts", "*", "accepted", "tags", "assay.*", ours=COMPUTED),
            at("prompts", "*", "tags", "assay.*", ours=COMPUTED),
            at("registered_models", "*", "latest", "*", "tags", "assay.*", ours=COMPUTED),
            at(*LATEST_SHOWN, "tags", ours=r'^\[{"key": "assay.semver".*}, {"key": "assay.digest".*}\]$'),
            at("stages", "*", "accepted", "tags", "assay.[ds]*", ours=COMPUTED),
            answers("versions", "get semver", "1"),
            at("versions", "*", "accepted", "tags", "assay.*", ours=COMPUTED),
            at("versions", "*", "tags", "assay.*", ours=COMPUTED),
        ),
    ),
    Difference(
        "Stages and their aliases are one",
        "The aliases staging and production of a model are those stages: to set one is to ask for the "
        "promotion, and it goes where the stage goes. Where the policy observes, the tag assay.ungated "
        "names the gates that do not hold. Development is another word for None. Prompts have no stages: "
        "their aliases are aliases like others.",
        (
            at("guide_promotion", "aliases agree", "staging", ours=ABSENT),
            at("guide_promotion", "names", ours=r'^\["production"\]$'),
            at("stages", "*", "accepted", "aliases", ours=r'^\[("(staging|production)")?\]$'),
            at("stages", "*", "accepted", "tags", "assay.ungated", ours='^"unit_tests, '),
            at("stages", "to 'Development'", "*", ours=r'^("<absent>"|\{.*"stage": "None".*\})$'),
        ),
    ),
    Difference(
        "Unknown words are refused",
        "A status or view that does not exist is refused with a list of those that do, and not passed over.",
        (
            refuses("logged_models", "unknown status on the wire", "Valid values are LOGGED_MODEL_PENDING"),
            refuses("runs", "bad status", "Valid values are RUNNING"),
            refuses("search_runs", "bad view", "Valid values are ACTIVE_ONLY"),
        ),
    ),
    Difference(
        "Uploads in parts and signed downloads",
        "The registry's own store takes files in parts and gives signed addresses to fetch them from; MLflow "
        "answers 501 unless its files are in an object store.",
        (
            at("artifact_wire", "parts", "status", ours="^200$"),
            at("artifact_wire", "presigned", "status", ours="^200$"),
        ),
    ),
    Difference(
        "Values are kept whole",
        "Parameters of up to 65,535 and tags of up to 1,000,000 characters are kept whole; longer ones are "
        "refused, and nothing is cut.",
        (
            at("runs", "length of long ones", "0", ours="^6001$"),
            at("runs", "length of long ones", "1", ours="^8001$"),
        ),
    ),
    Difference(
        "Versions are made from what is there",
        "A version is made from files that are there and that the caller may read; the run need not be "
        "named again beside a source that says it. A missing run, path or logged model, the files of a "
        "whole experiment, a place on a disk or host of the server's side, and an unknown scheme are "
        "refused.",
        (
            at("guide_promotion", "after a missing run", "aliases", ours=r"^\[\]$"),
            refuses("guide_promotion", "of a missing run", "Run with id=abc123 not found", MISSING, 404),
            at("prompts", "version of a prompt as model", "message", ours="It is for prompts only"),
            at("versions", "source artifacts host", "message", ours="It must not name a host"),
            refuses("versions", "source artifacts missing path", "there are no files at", MISSING, 404),
            at("versions", "source artifacts without run", "*", ours=MADE),
            refuses("versions", "source climbing in query", "must be runs:/, models:/"),
            at("versions", "source file", "message", ours="It must be runs:/, models:/"),
            at("versions", "source ftp", "message", ours="It must be runs:/, models:/"),
            at("versions", "source http", "message", ours="It must be runs:/, models:/"),
            at("versions", "source https", "message", ours="It must be runs:/, models:/"),
            refuses("versions", "source logged model", "Logged model with ID", MISSING, 404),
            refuses("versions", "source missing path", "has no files at 'none'", MISSING, 404),
            refuses("versions", "source missing run", "Run with id=<unknown run>", MISSING, 404),
            at("versions", "source path", "message", ours="It must be runs:/, models:/"),
            at("versions", "source path with run", "message", ours="It must be runs:/, models:/"),
            at("versions", "source prompt", "message", ours="It is for prompts only"),
            at("versions", "source relative", "message", ours="It must be runs:/, models:/"),
            at("versions", "source run without id", "*", ours=MADE),
            at("versions", "source spaces", "message", ours="It must be runs:/, models:/"),
            refuses("versions", "source unknown scheme", "It must be runs:/, models:/"),
        ),
    ),
    Difference(
        "Versions hold their own bytes",
        "The files of a version are frozen when it is made and served from a place of their own: it "
        "loads whatever becomes of the run, and by whatever way it was registered.",
        (
            answers("guide_promotion", "load by alias", True, clients=("3.17", "3.18")),
            at("loading", "by three parts", "message", ours="artifacts/registry/default/~-mod-el-"),
            at("versions", "place", "accepted", ours='^"mlflow-artifacts:/registry/default/~-one/1"$'),
            at(
                "versions",
                "place from run",
                "accepted",
                ours='/registry/default/~-one/2"$',
            ),
        ),
    ),
    Difference(
        "Versions in use stay",
        "A version in Staging or Production, or one that Production falls back to, cannot be deleted; the "
        "model as a whole can, once none of its versions is in Staging or Production.",
        (
            refuses("stages", "delete in production", "cannot be deleted", "INVALID_STATE", 500),
            refuses("stages", "delete the model", "cannot be deleted", "INVALID_STATE", 500),
        ),
    ),
    Difference(
        "Versions name users and aliases",
        "Every answer that shows a version, searches too, has the user who registered it and the "
        "aliases that point at it.",
        (
            at("registered_models", "*", "latest", "*", "aliases", ours=r'^\["champ"\]$'),
            at("registered_models", "*", "latest", "*", "user", ours=LOCAL),
            at(*LATEST_SHOWN, "user_id", ours=LOCAL),
            at("search_models", "aliases in searches", "1", ours=r'^\["live"\]$'),
            at("stages", "*", "accepted", "user", ours=LOCAL),
            at("versions", "*", "accepted", "user", ours=LOCAL),
            at("versions", "*", "user", ours=LOCAL),
        ),
    ),
    Difference(
        "What does not exist is not empty",
        "The history of a metric of an unknown run is 404, and not an empty list; a logged model that is "
        "said to come from one is refused.",
        (
            refuses("logged_models", "of unknown run", "Run with id=", MISSING, 404, clients=NEW),
            refuses(
                "metrics",
                "history of unknown",
                "Run with id=<unknown run> not found",
                "RESOURCE_DOES_NOT_EXIST",
                404,
            ),
            refuses(
                "metrics",
                "unknown run",
                "Run with id=<unknown run> not found",
                "RESOURCE_DOES_NOT_EXIST",
                404,
            ),
        ),
    ),
    Difference(
        "Wrong types are refused",
        "A field of another type, such as a word for a number, is refused by name; MLflow drops it and what "
        "follows it, and answers 200.",
        (
            refuses("metrics", "raw fraction step", "Invalid value 1.5 for parameter 'metrics[0].step'"),
            at("metrics", "raw in the end", "a", ours="^null$"),
            refuses("metrics", "raw param number", "Invalid value 1 for parameter 'params[0].value'"),
            refuses("metrics", "raw word value", "for parameter 'metrics[0].value' supplied"),
        ),
    ),
)


def places(scenario, client):
    """Return what is listed for a scenario and a client such as ``3.17``."""
    listed = [each for difference in DIFFERENCES for each in difference.places]
    return [each for each in listed if each.scenario == scenario and client in each.clients]
