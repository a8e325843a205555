"""Whatever stands in whatever field of whatever route: no answer is a failure, nor is any read after it."""

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from assay.doors.native import ROUTES, native_app
from assay.usecases.bundle import UseCases
from assay.wire.requests import NewPrincipal
from doors.mlflow.hole_world import Request, converse
from doors.native.native_world import BLOB, DIGEST, NativeWorld
from doors.native.test_native_access import MODEL, VERSION
from doors.wrong_values import VALUES, WORDS, Fleeting, places, shown, with_value

# These stand in every place, and a part of the others: with a share of 1 it is all, which takes minutes.
ALWAYS = ('"x"', "[1]", '{"a": "x", "b": 1}', "1" + "0" * 400)
SHARE = 20
PARTS = 3
_NOTES = {"description": "d", "tags": {"k": "v"}}
_BIAS = {"groups": [["sex"]], "favourable": "yes", "max_disparity": 0.1, "min_impact_ratio": "4/5"}
_LOAD = {"rate_per_s": 50, "duration_s": 15, "bound_ms": 500, "percentile": 0.99}
_GATES = {
    "staging": [
        {"unit_tests": {"min_tests": 2, "accept_reported": False}},
        {"metrics": {"minimum": {"accuracy": 0.7}, "min_rows": 150}},
        {"leakage": {"max_duplicate_rows": 0}},
        {"size_budget": {"max_bytes": 10_000_000}},
        {"provenance": {"allow_dirty": True}},
        {"load": _LOAD},
        {"bias": _BIAS},
    ],
    "production": [{"approval": {"count": 1}}],
}
_INPUT = {"name": "a", "dtype": "float64", "shape": [1], "required": True, "nullable": True}
_OUTPUT = {"name": "a", "dtype": "int64", "classes": [0]}
BODIES = {
    ("POST", "/uploads"): {"size_bytes": 7, "digest": DIGEST, "part_bytes": 65536, "model": "team/task"},
    ("PUT", "/quotas"): {"owner": "team/task", "limit_bytes": 1_000_000_000},
    ("POST", "/gc"): {"dry_run": False, "grace_s": 86400.0},
    ("POST", "/models"): {"name": "team/new", "labels": ["l"], "known_as": "new", **_NOTES},
    ("PATCH", MODEL): {**_NOTES, "add_labels": ["l"], "remove_labels": ["m"]},
    ("PUT", f"{MODEL}/aliases/{{alias}}"): {"version": "1"},
    ("POST", f"{MODEL}/rollback"): {"to": "1", "comment": "c"},
    ("POST", f"{MODEL}/versions"): {
        "files": [{"path": "m", "digest": DIGEST, "size_bytes": len(BLOB)}],
        "version": "auto",
        "signature": {"inputs": [_INPUT], "outputs": [_OUTPUT]},
        "provenance": {
            "data": [
                {
                    "role": "training",
                    "digest": DIGEST,
                    "size_bytes": 7,
                    "name": "n",
                    "table": "csv",
                    "label": "y",
                    "row_count": 1,
                }
            ],
            "code": {"commit": "a" * 40, "dirty": False, "repository": "r", "source_digest": DIGEST},
            "hyperparameters": {"depth": 3, "rate": 0.5, "kind": "x", "on": True},
            "metrics": {"accuracy": 0.9},
            "environment": {"python": "3.11.1", "platform": "linux", "packages": ["a==1"]},
            "hardware": {"cpu": "c", "cpu_count": 1, "memory_bytes": 1, "accelerators": ["g"]},
            "architecture": "a",
        },
        "entrypoint": "m",
        "labels": ["l"],
        "source": {"uri": "u", "run_id": "r", "logged_model_id": "m"},
        "external": "",
        "repeat": True,
        **_NOTES,
    },
    ("PATCH", VERSION): {**_NOTES, "add_labels": ["l"], "remove_labels": ["m"]},
    ("POST", f"{VERSION}/demote"): {"comment": "c"},
    ("POST", f"{VERSION}/archive"): {"comment": "c"},
    ("POST", f"{VERSION}/restore"): {"comment": "c"},
    ("POST", f"{VERSION}/evidence"): {
        "check": "metrics",
        "subject": "{subject}",
        "measured_at": "2026-01-01T00:00:00Z",
        "measurement": {
            "facts": {"metrics": {"accuracy": 0.9}, "rows": 5, "slices": [{"name": "a", "rows": 1}]},
            "data": {"evaluation": DIGEST},
            "environment": {"python": "3.11.1"},
            "attachments": [],
            "problem": "",
        },
        "settings": {"minimum": {"accuracy": 0.5}},
        "commit": "a" * 40,
    },
    ("POST", f"{VERSION}/checks"): {"check": "metrics", "settings": {"minimum": {"accuracy": 0.5}}},
    ("POST", f"{VERSION}/promotions"): {"stage": "staging", "comment": "c"},
    ("POST", "/promotions/{id}/approve"): {"comment": "c", "request_digest": None},
    ("POST", "/promotions/{id}/reject"): {"comment": "c"},
    ("POST", "/promotions/{id}/cancel"): {"comment": "c"},
    ("PUT", "/policies"): {
        "applies_to": "team/task",
        "gates": _GATES,
        "description": "d",
        "mode": "enforce",
        "stage_aliases": {"champion": "production"},
    },
    ("POST", "/policies/switch"): {"pattern": "*", "mode": "observe"},
    ("POST", "/principals"): {"name": "new", "kind": "service", "owner": "root", "display_name": "N"},
    ("PATCH", "/principals/{name}"): {"disabled": True},
    ("PUT", "/principals/{name}/password"): {"password": "correct horse battery", "current": "as before"},
    ("PUT", "/grants"): {
        "principal": "victim",
        "role": "reader",
        "pattern": "team/*",
        "stages": ["staging"],
    },
    ("POST", "/tokens"): {
        "scopes": ["read"],
        "principal": "victim",
        "pattern": "team/*",
        "lifetime_days": 1.5,
        "description": "d",
    },
    ("POST", "/principals/{name}/identities"): {"issuer": "https://i.example", "subject": "s"},
    ("PUT", "/sign-in/groups"): {"group": "g", "pattern": "team/*", "role": "reader"},
    ("POST", "/publishers"): {
        "pattern": "team/task",
        "provider": "github",
        "issuer": "",
        "repository": "acme/x",
        "repository_owner_id": "1",
        "workflow": "release.yml",
        "environment": "production",
        "claims": {},
    },
    ("POST", "/webhooks"): {
        "name": "a-hook",
        "url": "https://hooks.example.org/x",
        "events": ["model_version.created"],
        "description": "d",
        "secret": "s",
        "status": "ACTIVE",
    },
    ("PATCH", "/webhooks/{id}"): {"name": "b", "events": ["prompt.created"], "status": "DISABLED"},
    ("POST", "/webhooks/{id}/test"): {"event": "model_version.created"},
}
QUERIES = {
    "/resolve": {"address": "team/task/1"},
    "/diff": {"left": "team/task/1", "right": "team/task/2"},
    "/policies/applying": {"model": "team/task"},
    "/policies/history": {"pattern": "*"},
    "/policies/current": {"pattern": "*"},
    "/promotions": {"model": "team/task"},
}
# What can only be said of a promotion in another state, and is refused as it stands.
_REFUSED = ("/demote", "/rollback", "/restore", "/approve")


# What shows all there is of a kind of things, stored parts and all.
LOOKS = {
    "models": [MODEL, VERSION, f"{VERSION}/evidence", "/versions", "/promotions"],
    "promotions": ["/promotions", "/promotions/{id}"],
    "policies": ["/policies", "/policies/applying"],
    "principals": ["/principals"],
    "grants": ["/grants"],
    "tokens": ["/tokens"],
    "webhooks": ["/webhooks", "/webhooks/{id}"],
    "sign-in": ["/sign-in/groups"],
    "publishers": ["/publishers", "/principals"],
    "uploads": ["/uploads"],
    "gc": ["/versions"],
    "quotas": ["/quotas"],
}


class WrongWorld(NativeWorld):
    """A registry with one of everything, behind a door through which nothing lasts."""

    def __init__(self, root):
        super().__init__(root)
        self.version()
        first = self.send("GET", "/models/team/task/versions/1").json()
        second = {
            "files": [{"path": "n.bin", "digest": DIGEST, "size_bytes": len(BLOB)}],
            "provenance": {"metrics": {"accuracy": 0.9}},
        }
        self._made("POST", "/models/team/task/versions", second)
        asked = self._made("POST", "/models/team/task/versions/1/promotions", {"stage": "staging"})
        self._made("PUT", "/models/team/task/aliases/best", {"version": "1"})
        hook = self._made("POST", "/webhooks", BODIES["POST", "/webhooks"] | {"name": "hook"})
        self.use.access.create_principal(self.local, NewPrincipal("victim"))
        token = self._made("POST", "/tokens", {"scopes": ["read"], "principal": "victim"})
        self.values = {
            "team": "team",
            "task": "task",
            "version": "1",
            "alias": "best",
            "path:path": "m0.bin",
            "digest": DIGEST,
            "name": "victim",
            "subject": first["digest"],
        }
        self.ids = {"promotions": asked["id"], "webhooks": hook["id"], "tokens": token["token"]["id"]}
        self.fleeting = Fleeting(self.means.database)
        use = UseCases.over(replace(self.means, database=self.fleeting))
        self.app = native_app(use, self.means.clock, loopback=True, anonymous=True)
        reads = {each.path: self.request(each, {}) for each in ROUTES if each.method == "GET"}
        self.looks = {kind: [reads[path] for path in paths] for kind, paths in LOOKS.items()}

    def _made(self, method, path, body):
        answer = self.send(method, path, body=body)
        answer.raise_for_status()
        return answer.json()

    def said(self, route):
        """Return a good body."""
        text = json.dumps(BODIES[route.method, route.path])
        return json.loads(text.replace("{subject}", self.values["subject"]))

    def request(self, route, parts, query=None, raw=None):
        """Return a request; ``parts`` and ``query`` stand in place of good ones, ``raw`` of the body."""
        path = route.path
        values = {**self.values, "id": self.ids.get(path.split("/")[1], "x"), **parts}
        for name, value in values.items():
            path = path.replace("{" + name + "}", value)
        body = b"" if route.takes is None else (json.dumps(self.said(route)) if raw is None else raw).encode()
        words = urlencode(QUERIES.get(route.path, {}) if query is None else query, errors="surrogatepass")
        kind = route.takes_types[0] if route.takes else "application/json"
        return Request(route.method, f"/api/v1{path}", words, body, (("content-type", kind),))

    def check(self, requests):
        """Send each as if it were the only one, and look at everything where it was taken."""

        async def talk(answer):
            taken = 0
            for request in requests:
                with self.fleeting.attempt():
                    reply = await answer(request)
                    assert reply.status < 500, (shown(request), reply)
                    if reply.status >= 300:
                        assert reply.json["kind"], (shown(request), reply)
                        continue
                    taken += 1
                    for look in self.looks[request.path.split("/")[3]] if request.method != "GET" else ():
                        after = await answer(look)
                        assert after.status in (200, 404, 409), (shown(request), shown(look), after)
            return taken

        return converse(self.app, talk)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = WrongWorld(tmp_path_factory.mktemp("wrong"))
    yield one
    one.close()


def test_the_bodies_are_those_of_the_routes():
    assert set(BODIES) == {(each.method, each.path) for each in ROUTES if each.takes is not None}


@pytest.mark.parametrize("part", range(PARTS))
def test_no_wrong_value_makes_a_route_or_a_later_look_fail(world, part):
    others = [each for each in VALUES if each not in ALWAYS]
    for route in [each for each in ROUTES if each.takes is not None][part::PARTS]:
        good = world.said(route)
        world.check(
            world.request(route, {}, raw=with_value(good, place, value))
            for at, place in enumerate(places(good))
            for value in (*ALWAYS, *others[(at + len(route.path)) % SHARE :: SHARE])
        )


def test_no_wrong_word_of_a_query_makes_a_route_fail(world):
    for route in ROUTES:
        for name in route.query:
            good = QUERIES.get(route.path, {})
            world.check(world.request(route, {}, {**good, name: word}) for word in WORDS)


def test_no_wrong_part_of_a_path_makes_a_route_fail(world):
    for route in ROUTES:
        names = [each for each in (*world.values, "id") if "{" + each + "}" in route.path]
        # A server hands on what it decoded as UTF-8.
        words = [each for each in WORDS if each != "\ud800"]
        world.check(world.request(route, {name: word}) for name in names for word in words)


def test_the_good_requests_are_taken(world):
    """Otherwise the wrong ones would be refused for another reason."""
    for route in ROUTES:
        if route.takes is not None and not route.path.endswith(_REFUSED):
            assert world.check([world.request(route, {})]) == 1, (route.method, route.path)
