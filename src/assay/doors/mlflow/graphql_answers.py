"""What a GraphQL document is answered: each question in it goes to the function of its REST route.

What they answer is shown field by field, with protobuf's defaults for what they leave out. A refusal is
told in ``apiError`` where the document asks for that, and otherwise among the errors, as MLflow has it.
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, cast

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    build_schema,
    execute,
    get_named_type,
    is_list_type,
    is_object_type,
    parse,
    validate,
)

from assay.core.errors import AssayError, UnavailableError
from assay.doors.mlflow import artifacts, experiments, metrics, model_versions, runs
from assay.doors.mlflow.errors import status_and_code, words
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.graphql_limits import Work, check_document, fields_below
from assay.doors.mlflow.graphql_schema import SCHEMA
from assay.doors.mlflow.route import Call

Asked = Callable[[Call], dict[str, Any]]
# What a field shows whose value was left out.
_DEFAULTS: Final = {"String": "", "LongString": "0", "Int": 0, "Float": 0.0, "Boolean": False}
# A JSON number can be neither: MLflow's own server shows these.
_NUMBERS: Final = {"NaN": None, "Infinity": sys.float_info.max, "-Infinity": -sys.float_info.max}
_QUESTIONS: Final[Mapping[str, Asked]] = {
    "mlflowGetExperiment": experiments.get,
    "mlflowGetMetricHistoryBulkInterval": metrics.sampled,
    "mlflowGetRun": runs.get,
    "mlflowListArtifacts": artifacts.list_of_run,
    "mlflowSearchDatasets": experiments.search_datasets,
    "mlflowSearchModelVersions": model_versions.search,
    "mlflowSearchRuns": runs.search,
}


@dataclass(slots=True)
class _Asking:
    """One document: who asks, what it has cost, and what need not be asked again."""

    call: Call
    work: Work
    known: dict[tuple[Asked, str], Any] = field(default_factory=dict)

    def ask(self, question: Asked, said: Mapping[str, Any]) -> Any:
        """Ask as by REST; None when enough was asked."""
        if not self.work.ask():
            return None
        return question(replace(self.call, fields=Fields(said)))

    def ask_once(self, question: Asked, name: str, value: str) -> Any:
        """Ask for the same thing once in a document, however often it is wanted."""
        if (question, value) not in self.known:
            self.known[question, value] = self.ask(question, {name: value})
        return self.known[question, value]


def answers(call: Call, document: str, variables: dict[str, Any], operation: str | None) -> dict[str, Any]:
    """Return the answer: ``data``, and the ``errors`` as a list of texts or None.

    Args:
        call: the request; whoever sent it asks.
        document: the text.
        variables: by name.
        operation: which one of several.
    """
    try:
        tree = parse(document)
        asking = _Asking(call, Work(check_document(tree)))
        wrong = validate(_SCHEMA, tree)
        if wrong:
            return _shown(None, wrong)
        result = execute(
            _SCHEMA,
            tree,
            context_value=asking,
            variable_values=variables,
            operation_name=operation,
            field_resolver=_value,
            middleware=[asking.work],
        )
    except GraphQLError as error:
        return _shown(None, [error])
    except RecursionError:
        return _shown(None, [GraphQLError("The document is nested too deeply")])
    if asking.work.too_much:
        return _shown(None, [GraphQLError(asking.work.too_much)])
    found = cast(ExecutionResult, result)  # nothing here is awaited
    _let_failures_out(found)
    return _shown(found.data, found.errors)


def _shown(data: dict[str, Any] | None, errors: list[GraphQLError] | None) -> dict[str, Any]:
    return {"data": data, "errors": [each.message for each in errors] if errors else None}


def _let_failures_out(result: ExecutionResult) -> None:
    """Raise what is nobody's mistake; the library takes it for an error in a field."""
    for each in result.errors or ():
        cause = each.original_error
        if each.path and cause is not None and not isinstance(cause, GraphQLError | _RefusalError):
            raise cause


class _RefusalError(Exception):
    """A refusal in the words of REST."""


def _question(_source: Any, info: GraphQLResolveInfo[Any], **said: Any) -> Any:
    """Answer a field of a root type."""
    asking: _Asking = info.context
    try:
        return asking.ask(_QUESTIONS[info.field_name], said.get("input") or {})
    except UnavailableError:
        raise
    except AssayError as error:
        if not _wants_error(info):
            raise _RefusalError(words(error)) from error
        kind = cast(GraphQLObjectType, info.return_type)
        return dict.fromkeys(map(_snake, kind.fields)) | {"api_error": _api_error(error)}


def _wants_error(info: GraphQLResolveInfo[Any]) -> bool:
    return any(
        below.name.value == "apiError"
        for node in info.field_nodes
        if node.selection_set
        for below in fields_below(node.selection_set, info.fragments)
    )


def _api_error(error: AssayError) -> dict[str, Any]:
    return {
        "code": status_and_code(error)[1],
        "message": words(error),
        "help_url": None,
        "trace_id": None,
        "error_details": [{"field": each.field, "message": str(each)} for each in error.reasons],
    }


def _experiment(run: Mapping[str, Any], info: GraphQLResolveInfo[Any]) -> Any:
    """Answer the experiment of a run."""
    asking: _Asking = info.context
    found = _refused_in_words(asking, experiments.get, "experiment_id", run["info"]["experiment_id"])
    return None if found is None else found["experiment"]


def _model_versions(run: Mapping[str, Any], info: GraphQLResolveInfo[Any]) -> Any:
    """Answer the versions that were made from a run."""
    asking: _Asking = info.context
    wanted = f"run_id = '{run['info']['run_id']}'"
    found = _refused_in_words(asking, model_versions.search, "filter", wanted)
    return None if found is None else found.get("model_versions", ())


def _refused_in_words(asking: _Asking, question: Asked, name: str, value: str) -> Any:
    try:
        return asking.ask_once(question, name, value)
    except UnavailableError:
        raise
    except AssayError as error:
        raise _RefusalError(words(error)) from error


def _echo(_source: Any, _info: GraphQLResolveInfo[Any], **said: Any) -> dict[str, Any]:
    """Answer what was said."""
    return {"output": said.get("inputString")}


def _value(source: Mapping[str, Any], info: GraphQLResolveInfo[Any], **_said: Any) -> Any:
    """Answer any other field: what REST has under its name."""
    name, kind = _snake(info.field_name), info.return_type
    if name not in source:
        return _left_out(kind)
    value = source[name]
    word = getattr(kind, "name", "")
    if word == "LongString" and value is not None:
        return str(value)
    return _NUMBERS.get(value, value) if word == "Float" and isinstance(value, str) else value


@cache
def _left_out(kind: Any) -> Any:
    if is_list_type(kind):
        return ()
    if is_object_type(kind):
        return None if kind.name == "ApiError" else {}
    return _DEFAULTS.get(get_named_type(kind).name)


@cache
def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


def _schema() -> Any:
    schema = build_schema(SCHEMA)
    run = cast(GraphQLObjectType, schema.type_map["MlflowRunExtension"])
    run.fields["experiment"].resolve = _experiment
    run.fields["modelVersions"].resolve = _model_versions
    for root in (schema.query_type, schema.mutation_type):
        for name, each in cast(GraphQLObjectType, root).fields.items():
            each.resolve = _question if name in _QUESTIONS else _echo
    return schema


_SCHEMA: Final = _schema()
