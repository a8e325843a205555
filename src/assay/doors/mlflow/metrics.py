"""Histories of metrics, as MLflow's protocol has them."""

from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.metrics import Point
from assay.doors.mlflow.experiments import token
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.route import Call, Route
from assay.doors.mlflow.runs import metric, run_id

MAX_PAGE: Final = 25_000
MAX_RUNS: Final = 100
MAX_SAMPLED: Final = 2_500


def history(call: Call) -> dict[str, Any]:
    """Give a page of a metric's points; all of them when no page size is named.

    Raises:
        BadInputError: a field is missing or of the wrong kind, or the page size is below 1.
    """
    fields = call.fields
    run, key = run_id(fields), fields.needed("metric_key")
    size, cursor = _page_size(fields), fields.text("page_token")
    if size is not None:
        page = call.use.runs.history(call.caller, run, key, min(size, MAX_PAGE), cursor)
        return _listed(page.items) | token(page.next_cursor)
    return _listed(_all(call, run, key, cursor))


def bulk(call: Call) -> dict[str, Any]:
    """Give the points of one metric of several runs, the runs by id.

    Raises:
        BadInputError: a field is missing or of the wrong kind, or the page size is below 1.
    """
    fields = call.fields
    run_ids = fields.named("run_id", "GetMetricHistoryBulk", "run_id", MAX_RUNS)
    key = fields.text("metric_key")
    if not fields.has("metric_key"):
        message = "GetMetricHistoryBulk request must specify a metric_key."
        raise BadInputError(message, [Reason("metric_key", "must be given")])
    limit = min(_page_size(fields) or MAX_PAGE, MAX_PAGE)
    found: list[dict[str, Any]] = []
    for run in sorted(run_ids):
        points = call.use.runs.history(call.caller, run, key, limit).items
        found += [{**metric(point), "run_id": run} for point in points]
    return {"metrics": found[:limit]}


def sampled(call: Call) -> dict[str, Any]:
    """Give evenly chosen points of one metric of several runs, for curves.

    Raises:
        BadInputError: a field is missing or of the wrong kind, or too many runs or points are asked for.
    """
    fields = call.fields
    run_ids = fields.texts("run_ids")
    if not run_ids:
        raise fields.missing("run_ids")
    if len(run_ids) > MAX_RUNS:
        words = f"specify at most {MAX_RUNS} run_ids. Received {len(run_ids)} run_ids."
        message = f"GetMetricHistoryBulkInterval request must {words}"
        raise BadInputError(message, [Reason("run_ids", f"must be at most {MAX_RUNS}")])
    key = fields.needed("metric_key")
    limit = fields.whole("max_results")
    limit = MAX_SAMPLED if limit is None else limit
    if not 1 <= limit <= MAX_SAMPLED:
        message = f"max_results must be between 1 and {MAX_SAMPLED}."
        raise BadInputError(message, [Reason("max_results", f"must be 1 to {MAX_SAMPLED}", str(limit))])
    found = call.use.runs.sampled(call.caller, run_ids, key, limit, _steps(fields))
    listed = [{**metric(point), "run_id": run} for run, points in found.items() for point in points]
    return {"metrics": listed} if listed else {}


def _page_size(fields: Fields) -> int | None:
    size = fields.whole("max_results")
    if size is not None and size < 1:
        message = f"Invalid value {size} for parameter 'max_results' supplied. It must be a positive integer."
        raise BadInputError(message, [Reason("max_results", "must be above 0")])
    return size


def _all(call: Call, run: str, key: str, cursor: str) -> tuple[Point, ...]:
    points: tuple[Point, ...] = ()
    while True:
        page = call.use.runs.history(call.caller, run, key, MAX_PAGE, cursor)
        points, cursor = points + page.items, page.next_cursor
        if not cursor:
            return points


def _listed(points: tuple[Point, ...]) -> dict[str, Any]:
    return {"metrics": [metric(point) for point in points]} if points else {}


def _steps(fields: Fields) -> tuple[int, int] | None:
    start, end = fields.whole("start_step"), fields.whole("end_step")
    if start is None and end is None:
        return None
    if start is None or end is None:
        message = "If either start step or end step are specified, both must be specified."
        raise BadInputError(message, [Reason("start_step", "must come with end_step")])
    if start > end:
        message = f"end_step must be greater than start_step. Found start_step={start} and end_step={end}."
        raise BadInputError(message, [Reason("end_step", "must not be below start_step")])
    return start, end


ROUTES: Final = (
    Route("GET", "2.0/mlflow/metrics/get-history", history),
    Route("GET", "2.0/mlflow/metrics/get-history-bulk", bulk),
    Route("GET", "2.0/mlflow/metrics/get-history-bulk-interval", sampled),
)
