"""GraphQL, as MLflow's web pages ask it: the route, and what it reads of the request.

The library behind it takes a third of a second to load, so that it is loaded when somebody asks.
"""

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

from assay.core.errors import BadInputError
from assay.doors.mlflow.fields import json_inside
from assay.doors.mlflow.route import Call, Route
from assay.http.threads import Work

MAX_BODY_BYTES: Final = 1_000_000
MAX_CHARACTERS: Final = 30_000
Answers = Callable[[Call, str, dict[str, Any], str | None], dict[str, Any]]
_ANSWERS: Final = "assay.doors.mlflow.graphql_answers"


def answer(call: Call) -> dict[str, Any]:
    """Answer a GraphQL document; what is wrong in it is told beside its data.

    Raises:
        BadInputError: the request is no GraphQL request, or too large a one.
    """
    fields = call.fields
    if len(call.body) > MAX_BODY_BYTES:
        raise BadInputError.of("body", f"must be at most {MAX_BODY_BYTES} bytes")
    document, operation = fields.needed("query"), fields.text("operationName")
    if len(document) > MAX_CHARACTERS:
        raise BadInputError.of("query", f"must be at most {MAX_CHARACTERS} characters")
    variables = fields.raw("variables")
    if isinstance(variables, str):  # as a query of a GET request says them
        variables = json_inside(fields, "variables") if variables else None
    if variables is not None and not isinstance(variables, dict):
        raise fields.wrong("variables")
    return _answers()(call, document, variables or {}, operation or None)


@cache
def _answers() -> Answers:
    return cast(Answers, importlib.import_module(_ANSWERS).answers)


ROUTES: Final = (
    Route("GET", "/graphql", answer, does=Work.SEARCH),
    Route("POST", "/graphql", answer, does=Work.SEARCH),
)
