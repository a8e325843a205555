"""What MLflow's server has and this one does not: a clear answer, never a guess.

Every path below one of these prefixes answers 501 ``NOT_IMPLEMENTED`` in MLflow's error JSON. The
list is the one in ``docs/reference/mlflow-not-offered.md``; a test holds them equal.
"""

from collections.abc import Callable
from typing import Any, Final

from assay.doors.mlflow.errors import ForeignError
from assay.doors.mlflow.route import Call, Route

PAGE: Final = "docs/reference/mlflow-not-offered.md"
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

# (where, what): a path with a leading slash is a whole path, any other lies below /api/ and /ajax-api/.
NOT_OFFERED: Final[tuple[tuple[str, str], ...]] = (
    ("3.0/mlflow/gateway", "the AI gateway (endpoints, secrets, guardrails, budgets)"),
    ("2.0/mlflow/gateway-proxy", "the AI gateway"),
    ("/gateway", "the AI gateway"),
    ("3.0/mlflow/assistant", "the assistant"),
    ("3.0/mlflow/mcp-servers", "the MCP server registry"),
    ("3.0/mlflow/skills", "the skill registry"),
    ("3.0/mlflow/review-queues", "review queues"),
    ("3.0/mlflow/label-schemas", "label schemas"),
    ("3.0/mlflow/issues", "issues"),
    ("3.0/jobs", "background jobs"),
    ("3.0/mlflow/jobs", "background jobs"),
    ("3.0/mlflow/demo", "demo data"),
    ("3.0/mlflow/genai/evaluate", "evaluation by the server"),
    ("3.0/mlflow/prompt-optimization", "prompt optimisation"),
    ("3.0/mlflow/scorer/invoke", "running scorers on the server"),
    ("3.0/mlflow/scorers/online-config", "running scorers on the server"),
    ("3.0/mlflow/traces/metrics", "aggregated metrics of traces"),
    ("3.0/mlflow/traces/calculate-filter-correlation", "correlation of trace filters"),
    ("2.0/mlflow/get-trace-artifact", "the file of spans that only MLflow's own web interface reads"),
    ("3.0/mlflow/get-trace-artifact", "the file of spans that only MLflow's own web interface reads"),
)


def not_offered(words: str) -> Callable[[Call], dict[str, Any]]:
    """Return the answer that says that something is not offered."""

    def answer(_call: Call) -> dict[str, Any]:
        """Say so.

        Raises:
            ForeignError: always.
        """
        message = f"This registry does not offer {words}; {PAGE} lists what it leaves out"
        raise ForeignError(501, "NOT_IMPLEMENTED", message)

    return answer


ROUTES = tuple(
    Route(method, path, not_offered(words))
    for where, words in NOT_OFFERED
    for path in (where, f"{where}/{{rest:path}}")
    for method in _METHODS
)
