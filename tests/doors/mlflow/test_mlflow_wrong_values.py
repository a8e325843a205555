"""Whatever stands in whatever field of whatever route: no answer is a failure, nor is any read after it."""

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.doors.mlflow import mlflow_app, stage_moves, traces
from assay.usecases.bundle import UseCases
from doors.mlflow.good_requests import WANTED
from doors.mlflow.hole_world import Request, converse
from doors.mlflow.rights_table import (
    ASKS,
    EXPERIMENTS,
    FILES,
    HEADERS,
    HOOKS,
    LOGGED,
    MODELS,
    PATHS,
    ROLES,
    RUNS,
    SCORERS,
    SETS,
    SPACES,
    TRACES,
    TRACES2,
    USERS,
    VERSIONS,
    OtherTeam,
)
from doors.mlflow.test_mlflow_rights import OFFERED, spoken
from doors.wrong_values import VALUES, WORDS, Fleeting, places, shown, with_value

KINDS = {"artifacts": "runs", "metrics": "runs", "model-versions": "registered-models", "users": "roles"}
KINDS |= {"v1": "traces", "upload-artifact": "runs"}
# What shows all there is of a kind of things, stored parts and all.
LOOKS = {
    "runs": [RUNS + "get", RUNS + "search", "2.0/mlflow/metrics/get-history"],
    "registered-models": [MODELS + "get", MODELS + "search", VERSIONS + "search"],
    "logged-models": [LOGGED + "/{model_id}", LOGGED + "/search"],
    "experiments": [EXPERIMENTS + "get", EXPERIMENTS + "search"],
    "mlflow-artifacts": [FILES + "artifacts"],
    "traces": [TRACES + "/get", TRACES + "/search", TRACES2],
    "datasets": [SETS + "/{dataset_id}", SETS + "/{dataset_id}/records", SETS + "/search"],
    "scorers": [SCORERS + "list", SCORERS + "get"],
    "roles": [ROLES + "list", ROLES + "permissions/list", USERS + "list"],
    "workspaces": [SPACES],
    "webhooks": [HOOKS],
    "graphql": [],
}
RAW = [("POST", "/v1/traces")]
PARTS = 6
# These stand in every place, and a part of the others: with a share of 1 it is all, which takes minutes.
ALWAYS = ("-5", '"x"', "[1]", '{"a": "x", "b": 1}', "1" + "0" * 400)
SHARE = 21


ANSWERS = {(route.method, route.path): route.answer for route in OFFERED}
# Of routes under several paths that are answered by one function, one is enough.
ONCE = {(method, ANSWERS[method, path], str(said)): (method, path, said) for method, path, said in WANTED}


def kind(path):
    """Return the kind of things that a route is about."""
    word = (
        path.removeprefix("/").removeprefix("2.0/").removeprefix("3.0/").removeprefix("mlflow/").split("/")[0]
    )
    return KINDS.get(word, word)


def has_body(method, path):
    """Tell whether a route reads JSON."""
    return method != "GET" and (ASKS[method, path].body is None or (method, path) in RAW)


def reads(path):
    """Tell whether a route only looks."""
    words = ("/search", "/get-latest-versions", "/search-datasets", "/batchGetInfos", "/graphql")
    return path.endswith(words)


class WrongWorld(OtherTeam):
    """Another team's things behind a door through which nothing lasts.

    Attributes:
        looks: by kind, the good requests that show what is there.
    """

    def __init__(self, root):
        super().__init__(root)
        self.fill()
        self.token("rita", "reader", "mine/*")
        self.fleeting = Fleeting(self.means.database)
        use = UseCases.over(replace(self.means, database=self.fleeting))
        self.app = mlflow_app(use, loopback=True, anonymous=True)
        self.looks = {}
        for name, paths in LOOKS.items():
            asked = {
                path: method for method, path in ASKS if path in paths and (method == "GET" or reads(path))
            }
            self.looks[name] = [
                self.request(method, path, ASKS[method, path].fields) for path, method in asked.items()
            ]

    def request(self, method, path, said, raw=None, **parts):
        """Return a request: ``raw`` in place of what is said, ``parts`` in place of those of the path."""
        said = spoken(said, self.values)
        where = path if path.startswith("/") else f"/api/{path}"
        for word, stands_for in {**PATHS, **parts}.items():
            where = where.replace("{" + word + "}", str(spoken(stands_for, self.values)))
        headers = [
            *HEADERS,
            *((key, spoken(value, self.values)) for key, value in ASKS[method, path].headers),
        ]
        if not has_body(method, path):
            query = urlencode(said if raw is None else raw, doseq=True, errors="surrogatepass")
            return Request(method, where, query, ASKS[method, path].body or b"", tuple(headers))
        body = json.dumps(said) if raw is None else raw
        headers += [] if (method, path) in RAW else [("content-type", "application/json")]
        return Request(method, where, "", body.encode(), tuple(headers))

    def check(self, method, path, requests):
        """Send each as if it were the only one, and look at all things of its kind where it was taken."""
        looks = self.looks[kind(path)] if method != "GET" and not reads(path) else []

        async def talk(answer):
            taken = 0
            for request in requests:
                with self.fleeting.attempt():
                    reply = await answer(request)
                    assert reply.status < 500 or reply.status == 501, (shown(request), reply)
                    if reply.status >= 300:
                        continue
                    taken += 1
                    for look in looks:
                        after = await answer(look)
                        assert after.status < 500, (shown(request), shown(look), after)
                        assert after.status != 400, (shown(request), shown(look), after)
            return taken

        return converse(self.app, talk)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traces, "SPANS_WAIT_S", 0)
        patch.setattr(stage_moves, "WAIT_S", 0)
        one = WrongWorld(tmp_path_factory.mktemp("wrong"))
        yield one
        one.close()


def wrong(world, method, path, said):
    """Yield the good request and those with one wrong value."""
    yield world.request(method, path, said)
    good = spoken(said, world.values)
    if has_body(method, path):
        others = [each for each in VALUES if each not in ALWAYS]
        for at, place in enumerate(places(good)):
            for value in (*ALWAYS, *others[(at + len(path)) % SHARE :: SHARE]):
                yield world.request(method, path, said, with_value(good, place, value))
        return
    for name in said:
        for word in WORDS:
            yield world.request(method, path, said, {**good, name: word})


@pytest.mark.parametrize("part", range(PARTS))
def test_no_wrong_value_makes_a_route_or_a_later_look_fail(world, part):
    for method, path, said in list(ONCE.values())[part::PARTS]:
        world.check(method, path, wrong(world, method, path, said))


def test_no_wrong_part_of_a_path_makes_a_route_fail(world):
    for method, path, said in ONCE.values():
        words = [word for word in PATHS if "{" + word + "}" in path]
        requests = [
            world.request(method, path, said, **{word: value})
            for word in words
            for value in WORDS[::2]
            if value != "\ud800"  # a server hands on what it decoded as UTF-8
        ]
        world.check(method, path, requests)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_generated_value_makes_a_route_or_a_later_look_fail(world, data):
    """Several wrong values in one request, in places where others stand beside them."""
    method, path, said = data.draw(st.sampled_from([each for each in ONCE.values() if has_body(*each[:2])]))
    good = spoken(said, world.values)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(places(good))))
        good = json.loads(with_value(good, place, json.dumps(data.draw(_JSON))))
    world.check(method, path, [world.request(method, path, said, json.dumps(good))])


def test_the_good_requests_are_taken(world):
    """Otherwise the wrong ones would be refused for another reason."""
    for method, path, said in WANTED:
        if ASKS[method, path].admin == 200 and ASKS[method, path].kind not in ("public", "signed"):
            assert world.check(method, path, [world.request(method, path, said)]) == 1, (method, path)
