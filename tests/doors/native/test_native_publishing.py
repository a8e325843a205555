"""Jobs of CI services: whose identity token gets a token, for what, and what it leaves behind."""

import pytest

from app.paper_provider import Key
from assay.core.digests import digest_of
from assay.core.errors import BadInputError, DeniedError, NotFoundError
from assay.core.publishers import GITHUB
from assay.usecases.ci_exchange import LIFETIME
from assay.wire.requests import NewGrant, NewPrincipal, NewToken
from assay.wire.sign_in import NewPublisher
from doors.native.sign_in_world import URL, Browser, SignInWorld, sent_json

COMMIT = "c" * 40
JOB = {
    "repository": "acme/fraud",
    "repository_owner": "acme",
    "repository_owner_id": "4242",
    "repository_id": "77",
    "workflow_ref": "acme/fraud/.github/workflows/release.yml@refs/heads/main",
    "job_workflow_ref": "acme/fraud/.github/workflows/release.yml@refs/heads/main",
    "event_name": "push",
    "ref": "refs/heads/main",
    "sha": COMMIT,
    "environment": "production",
    "run_id": "9",
    "sub": "repo:acme/fraud:environment:production",
}
PUBLISHER = NewPublisher("team", "github", "", "acme/fraud", "4242", "release.yml", "production")
CONTENT = b"weights"


@pytest.fixture
def world(tmp_path):
    one = SignInWorld(tmp_path)
    yield one
    one.close()


@pytest.fixture
def publisher(world):
    return world.use.publishers.add(world.local, PUBLISHER)


def identity(world, key=None, **changes):
    job = {"aud": URL, "jti": "j-1", **JOB, **changes}
    return world.ci.sign(world.ci.claims(world.seconds, **job), key)


def mint(world, token, **more):
    return Browser(world).go("POST", "/auth/ci/mint-token", body=sent_json({"token": token, **more}))


def refused(answer):
    assert answer.status == 422, answer.body
    assert answer.json["message"] == "Token request failed"
    (problem,) = answer.json["errors"]
    assert set(problem) == {"code", "description"}
    return problem["code"]


class Job:
    """Sends requests with the token of a job."""

    def __init__(self, world, **changes):
        self.browser = Browser(world)
        self.token = mint(world, identity(world, **changes)).json["token"]

    def send(self, method, path, body=None):
        content = body if isinstance(body, bytes) else b"" if body is None else sent_json(body)
        headers = ("Authorization", f"Bearer {self.token}")
        return self.browser.go(method, f"/api/v1{path}", headers, body=content)

    def register(self, **more):
        digest = digest_of(CONTENT)
        assert self.send("PUT", f"/blobs/{digest}", CONTENT).status == 201
        files = [{"path": "m.bin", "digest": digest, "size_bytes": len(CONTENT)}]
        return self.send("POST", "/models/team/task/versions", {"files": files, **more})


def test_a_job_asks_for_whom_its_token_has_to_be_and_gets_one_of_ours(world, publisher):
    assert Browser(world).go("GET", "/auth/ci/audience").json == {"audience": URL}
    answer = mint(world, identity(world))
    assert answer.status == 200
    assert answer.json["success"] is True
    assert answer.json["expires"] - world.seconds == LIFETIME.total_seconds() == 900
    with world.means.database.read() as records:
        (token,) = records.tokens.of(publisher.principal)
    assert token.pattern == "team/*"
    assert {each.value for each in token.scopes} == {"read", "write", "evidence"}


WRONG = {
    "another audience": ({"aud": "https://other.example.org"}, "invalid-token"),
    "two audiences": ({"aud": [URL, "https://other.example.org"]}, "invalid-token"),
    "no audience": ({"aud": None}, "invalid-token"),
    "expired": ({"exp": 1}, "invalid-token"),
    "without an end": ({"exp": None}, "invalid-token"),
    "without a beginning": ({"iat": None}, "invalid-token"),
    "without a number": ({"jti": None}, "invalid-token"),
    "a number that is none": ({"jti": 5}, "invalid-token"),
    "another repository": ({"repository": "acme/other"}, "invalid-publisher"),
    "a repository that begins so": ({"repository": "acme/fraud-evil"}, "invalid-publisher"),
    "the name, given to another owner": ({"repository_owner_id": "4243"}, "invalid-publisher"),
    "no owner": ({"repository_owner_id": None}, "invalid-publisher"),
    "another workflow": (
        {"job_workflow_ref": "acme/fraud/.github/workflows/evil.yml@refs/heads/main"},
        "invalid-publisher",
    ),
    "called by another workflow": (
        {"workflow_ref": "acme/fraud/.github/workflows/evil.yml@refs/heads/main"},
        "invalid-publisher",
    ),
    "somebody else's workflow": (
        {"job_workflow_ref": "evil/fraud/.github/workflows/release.yml@refs/heads/main"},
        "invalid-publisher",
    ),
    "a workflow of another ref": (
        {"job_workflow_ref": "acme/fraud/.github/workflows/release.yml@refs/heads/evil"},
        "invalid-publisher",
    ),
    "another environment": ({"environment": "staging"}, "invalid-publisher"),
    "no environment": ({"environment": None}, "invalid-publisher"),
    "a pull request": ({"event_name": "pull_request"}, "invalid-token"),
    "a pull request's target": ({"event_name": "pull_request_target"}, "invalid-token"),
    "a comment": ({"event_name": "issue_comment"}, "invalid-token"),
    "an unknown event": ({"event_name": None}, "invalid-token"),
    "an issuer that nobody named": ({"iss": "https://evil.example"}, "invalid-payload"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_job_that_is_not_the_publishers_gets_nothing(world, publisher, name):
    change, code = WRONG[name]
    assert refused(mint(world, identity(world, **change))) == code
    with world.means.database.read() as records:
        assert records.tokens.of(publisher.principal) == ()


def test_a_forged_token_gets_nothing(world, publisher):
    assert refused(mint(world, identity(world, Key("first")))) == "invalid-token"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token": 5}', b'{"token": ""}', b'{"token": "a.b"}',
                                  b'{"token": "a.b.c"}', b'{"token": "x", "more": 1}'])  # fmt: skip
def test_a_body_that_is_none_is_told_apart(world, publisher, body):
    assert refused(Browser(world).go("POST", "/auth/ci/mint-token", body=body)) == "invalid-payload"
    assert publisher.id


def test_nothing_is_asked_of_an_issuer_that_no_publisher_has(world):
    assert refused(mint(world, identity(world))) == "invalid-payload"
    assert world.ci.asked == []


def test_an_identity_token_is_used_once_and_only_where_it_was_good(world, publisher):
    bad = identity(world, environment="staging")
    assert refused(mint(world, bad)) == "invalid-publisher"
    good = identity(world)
    assert mint(world, good).status == 200, "what was refused uses up no number"
    assert refused(mint(world, good)) == "invalid-reuse-token"
    assert refused(mint(world, identity(world, exp=world.seconds + 100))) == "invalid-reuse-token"
    assert mint(world, identity(world, jti="j-2")).status == 200
    assert publisher.id


def test_the_number_is_kept_for_as_long_as_the_token_could_be_good(world, publisher):
    token = identity(world)
    assert mint(world, token).status == 200
    for _ in range(4):
        world.pass_time(seconds=80)
        other = identity(world, jti=f"j-{world.seconds}")
        assert mint(world, other).status == 200  # each sweeps what is over
        assert refused(mint(world, token)) in ("invalid-reuse-token", "invalid-token")
    assert publisher.id


def test_a_providers_outage_is_not_the_jobs_fault(world, publisher):
    world.ci.down = True
    answer = mint(world, identity(world))
    assert answer.status == 503
    assert GITHUB in answer.json["message"]
    assert publisher.id


def test_a_job_registers_and_reports_and_what_it_is_is_written_down(world, publisher):
    job = Job(world)
    answer = job.register()
    assert answer.status == 201, answer.body
    version = answer.json
    published = version["published"]
    assert published == {
        "issuer": GITHUB,
        "publisher": publisher.id,
        "repository": "acme/fraud",
        "workflow": JOB["job_workflow_ref"],
        "commit": COMMIT,
        "ref": "refs/heads/main",
        "run": "9",
        "subject": JOB["sub"],
    }
    assert version["provenance"]["code"]["commit"] == COMMIT, "nobody typed it"
    assert version["registered_by"] == publisher.principal
    report = {
        "check": "metrics",
        "subject": version["digest"],
        "measured_at": "2026-01-01T00:00:00Z",
        "measurement": {"facts": {"metrics": {"accuracy": 0.9}}},
    }
    filed = job.send("POST", "/models/team/task/versions/1/evidence", report).json["evidence"]
    assert filed["reporter"] == publisher.principal
    assert filed["measurement"]["environment"]["trusted_publisher"] == published
    for verb in ("version.register", "evidence.reported", "token.mint"):
        assert world.events(verb)[-1].after["ci"] == published


def test_the_digest_of_a_version_is_of_its_files_whoever_registers_it(world, publisher):
    by_job = Job(world).register().json
    token = world.use.access.create_token(world.local, NewToken(("read", "write"))).text
    person = Job.__new__(Job)
    person.browser, person.token = Browser(world), token
    by_hand = person.register(repeat=True).json
    assert by_hand["digest"] == by_job["digest"]
    assert by_hand["published"] is None
    assert publisher.id


def test_nobody_else_writes_which_job_reported(world, publisher):
    version = Job(world).register().json
    report = {
        "check": "metrics",
        "subject": version["digest"],
        "measured_at": "2026-01-01T00:00:00Z",
        "measurement": {"environment": {"trusted_publisher": {"commit": "d" * 40}}},
    }
    job = Job(world, jti="j-2")
    answer = job.send("POST", "/models/team/task/versions/1/evidence", report)
    assert answer.status == 400
    assert answer.json["reasons"][0]["field"] == "measurement.environment"
    assert publisher.id


def test_a_job_can_do_no_more_than_register_and_report(world, publisher):
    job = Job(world)
    job.register()
    version = "/models/team/task/versions/1"
    for method, path, body in (
        ("POST", f"{version}/promotions", {"stage": "staging"}),
        ("POST", f"{version}/archive", {}),
        ("POST", f"{version}/demote", {}),
        ("POST", "/models/team/task/rollback", {}),
        ("PUT", "/models/team/task/aliases/best", {"version": "1"}),
        ("PATCH", version, {"description": "d"}),
        ("PATCH", "/models/team/task", {"description": "d"}),
        ("DELETE", version, None),
        ("PUT", "/policies", {"applies_to": "team/*", "gates": {}}),
        ("POST", "/tokens", {"scopes": ["read"], "lifetime_days": 300}),
        ("POST", "/principals", {"name": "x"}),
        ("POST", "/publishers", {"pattern": "team", "provider": "github"}),
        ("PUT", "/sign-in/groups", {"group": "g", "pattern": "team", "role": "admin"}),
    ):
        assert job.send(method, path, body).status in (400, 403), (method, path)
    assert job.send("POST", "/models", {"name": "other/task"}).status == 403
    assert job.send("GET", "/models/other/task").status == 404
    assert publisher.id


def test_a_token_of_a_job_lives_a_quarter_of_an_hour_and_ends_with_its_publisher(world, publisher):
    job = Job(world)
    assert job.send("GET", "/whoami").status == 200
    world.use.publishers.remove(world.local, publisher.id)
    assert job.send("GET", "/whoami").status == 401
    assert refused(mint(world, identity(world, jti="j-2"))) == "invalid-payload"
    again = world.use.publishers.add(world.local, PUBLISHER)
    job = Job(world, jti="j-3")
    world.pass_time(seconds=901)
    assert job.send("GET", "/whoami").status == 401
    assert again.id != publisher.id


def test_claims_that_are_new_are_reported_by_name(world, publisher):
    mint(world, identity(world, surprise="1", actor="ann"))
    assert world.events("token.mint")[-1].after["unknown_claims"] == ["surprise"]
    assert publisher.id


def test_where_several_publishers_match_the_job_says_which(world, publisher):
    world.use.publishers.add(world.local, NewPublisher("other/task", *PUBLISHER_TAIL))
    assert refused(mint(world, identity(world))) == "invalid-publisher"
    answer = mint(world, identity(world), pattern="other/task")
    assert answer.status == 200
    assert publisher.id


PUBLISHER_TAIL = ("github", "", "acme/fraud", "4242", "release.yml", "production")


def test_gitlab_projects_are_told_by_path_namespace_configuration_and_ref(world):
    issuer = "https://gitlab.com"
    made = world.use.publishers.add(
        world.local,
        NewPublisher("team/task", "gitlab", "", "acme/ml/fraud", "31", ".gitlab-ci.yml"),
    )
    world.ci.issuer = issuer
    world.claims = lambda _issuer, token, algorithms: world.ci.issuers.claims(issuer, token, algorithms)
    job = {
        "project_path": "acme/ml/fraud",
        "namespace_id": "31",
        "ci_config_ref_uri": "gitlab.com/acme/ml/fraud//.gitlab-ci.yml@refs/heads/main",
        "pipeline_source": "push",
        "ref": "main",
        "ref_type": "branch",
        "sha": COMMIT,
        "pipeline_id": "5",
        "aud": URL,
    }

    def get(number, **changes):
        claims = world.ci.claims(world.seconds, jti=f"j-{number}", **(job | changes))
        return mint(world, world.ci.sign(claims))

    assert get(1).status == 200
    tag = "gitlab.com/acme/ml/fraud//.gitlab-ci.yml@refs/tags/v1"
    assert get(2, ref="v1", ref_type="tag", ci_config_ref_uri=tag).status == 200
    assert refused(get(3, pipeline_source="merge_request_event")) == "invalid-token"
    for change in (
        {"project_path": "evil/ml/fraud"},
        {"namespace_id": "32"},
        {"ci_config_ref_uri": "gitlab.com/acme/ml/fraud//evil.yml@refs/heads/main"},
        {"ci_config_ref_uri": "gitlab.com/evil/x//.gitlab-ci.yml@refs/heads/main"},
        {"ref": "evil"},
    ):
        assert refused(get(4, **change)) == "invalid-publisher", change
    assert world.events("token.mint")[0].after["ci"]["workflow"] == job["ci_config_ref_uri"]
    assert made.pattern == "team/task"


def test_other_services_are_told_by_their_exact_claims_and_named_by_the_operator(tmp_path):
    issuer = "https://ci.example.org"
    wanted = NewPublisher("team", "generic", issuer, claims={"sub": "job-1", "branch": "main"})
    closed = SignInWorld(tmp_path / "closed") if (tmp_path / "closed").mkdir() is None else None
    with pytest.raises(BadInputError, match="ci_issuers"):
        closed.use.publishers.add(closed.local, wanted)
    closed.close()
    (tmp_path / "open").mkdir()
    world = SignInWorld(tmp_path / "open", ci_issuers=issuer)
    world.use.publishers.add(world.local, wanted)
    world.ci.issuer = issuer
    world.claims = lambda _issuer, token, algorithms: world.ci.issuers.claims(issuer, token, algorithms)

    def get(number, **changes):
        claims = {"sub": "job-1", "branch": "main", "aud": URL, "jti": f"j-{number}", **changes}
        return mint(world, world.ci.sign(world.ci.claims(world.seconds, **claims)))

    assert get(1).status == 200
    assert refused(get(2, branch="Main")) == "invalid-publisher"
    assert refused(get(3, sub="job-2")) == "invalid-publisher"
    assert refused(get(4, branch=None)) == "invalid-publisher"
    world.close()


@pytest.mark.parametrize(
    "wanted",
    [
        NewPublisher("*", *PUBLISHER_TAIL),
        NewPublisher("team", "gitea"),
        NewPublisher("team", "github", "", "acme", "4242", "release.yml"),
        NewPublisher("team", "github", "", "acme/fraud", "acme", "release.yml"),
        NewPublisher("team", "github", "", "acme/fraud", "", "release.yml"),
        NewPublisher("team", "github", "", "acme/fraud", "4242", "release"),
        NewPublisher("team", "github", "", "acme/fraud", "4242", "../release.yml"),
        NewPublisher("team", "github", "https://evil.example", "acme/fraud", "4242", "release.yml"),
        NewPublisher("team", "github", "", "acme/fraud", "4242", "release.yml", claims={"sub": "x"}),
        NewPublisher("team", "generic", "", claims={"sub": "x"}),
    ],
    ids=str,
)
def test_a_publisher_that_tells_nobody_apart_is_refused(world, wanted):
    with pytest.raises(BadInputError):
        world.use.publishers.add(world.local, wanted)


def test_an_admin_of_a_team_trusts_jobs_with_its_models_only(world, publisher):
    world.use.access.create_principal(world.local, NewPrincipal("owner"))
    world.use.access.grant(world.local, NewGrant("owner", "admin", "team/*"))
    made = world.use.access.create_token(world.local, NewToken(("read", "admin"), principal="owner"))
    owner = world.use.access.authenticate(made.text)
    other = world.use.publishers.add(world.local, NewPublisher("other", *PUBLISHER_TAIL))
    assert world.use.publishers.add(owner, NewPublisher("team/task", *PUBLISHER_TAIL)).created_by == "owner"
    assert {each.pattern for each in world.use.publishers.all(owner)} == {"team/*", "team/task"}
    with pytest.raises(DeniedError):
        world.use.publishers.add(owner, NewPublisher("other", *PUBLISHER_TAIL))
    with pytest.raises(NotFoundError):
        world.use.publishers.remove(owner, other.id)
    world.use.publishers.remove(owner, publisher.id)


def test_a_server_that_nobody_can_name_lets_no_jobs_in(tmp_path):
    world = SignInWorld(tmp_path, ci_audience="")
    assert Browser(world).go("GET", "/auth/ci/audience").status == 404
    assert refused(mint(world, "a.b.c")) == "not-enabled"
    world.close()
