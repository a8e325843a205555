"""Requests made up from the OpenAPI document, to every native route of a real server."""

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from assay.doors.native.openapi import openapi_document
from assay.doors.native.routes import ROUTES
from assay.doors.native.serving import BASE
from journeys.live_server import LiveServer

load_all_checks()
SCHEMA = schemathesis.openapi.from_dict(openapi_document(ROUTES, BASE))
OPERATIONS = {f"{each.method} {each.path}": each for each in (r.ok() for r in SCHEMA.get_all_operations())}
EXAMPLES = 20
# The document does not say every rule of a name or a body; what breaks one is answered 400, with the rule.
TOO_STRICT = [positive_data_acceptance]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    one = LiveServer(tmp_path_factory.mktemp("fuzzed"), "--workers", "0")
    yield one
    # Whatever was asked, the server still stands, and what it wrote down is whole.
    assert one.ask("GET", "/audit/verify").json()["problem"] == ""
    assert "Traceback" not in (one.root / "server.log").read_text("utf-8", "replace")
    assert one.stop() == 0


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_no_request_breaks_the_contract(name, server):
    operation = OPERATIONS[name]

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        answer = case.call(base_url=server.url, timeout=60)
        case.validate_response(answer, excluded_checks=TOO_STRICT)

    ask()
    assert httpx.get(f"{server.url}/healthz").status_code == 200
