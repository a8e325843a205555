"""Scorers: register, list, get, delete (``handlers.py``, ``_register_scorer`` and below).

A scorer is kept as the client wrote it; nothing of it is run here.
"""

from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.evaluations import Scorer
from assay.core.tracking.searches import Search
from assay.doors.mlflow.experiments import experiment_number
from assay.doors.mlflow.route import Call, Route

MAX_EXPERIMENTS: Final = 1000


def register(call: Call) -> dict[str, Any]:
    """Keep the next version of a scorer.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    place = experiment_number(call.fields.needed("experiment_id"))
    name, text = call.fields.needed("name"), call.fields.needed("serialized_scorer")
    made = call.use.scoring.register(call.caller, place, name, text)
    return {
        "version": made.number,
        "scorer_id": made.id,
        "experiment_id": str(made.experiment_id),
        "name": made.name,
        "serialized_scorer": made.text,
        "creation_time": made.created_at_ms,
    }


def list_newest(call: Call) -> dict[str, Any]:
    """List the newest version of each scorer of one experiment, of several, or of all of the team.

    Raises:
        BadInputError: both one experiment and several are named.
    """
    one, several = call.fields.text("experiment_id"), call.fields.texts("experiment_ids")
    if one and call.fields.has("experiment_ids"):
        message = "Cannot specify both 'experiment_id' and 'experiment_ids'."
        raise BadInputError(message, [Reason("experiment_ids", "must not be given with experiment_id")])
    if one:
        places = [experiment_number(one)]
        call.use.experiments.get(call.caller, places[0])
    elif call.fields.has("experiment_ids"):
        places = [experiment_number(each) for each in several]
    else:
        page = call.use.experiments.search(call.caller, Search(limit=MAX_EXPERIMENTS), call.team)
        places = [each.id for each in page.items]
    return _listed(call.use.scoring.newest(call.caller, places))


def list_versions(call: Call) -> dict[str, Any]:
    """List all versions of a scorer.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    place = experiment_number(call.fields.needed("experiment_id"))
    return _listed(call.use.scoring.versions(call.caller, place, call.fields.needed("name")))


def get(call: Call) -> dict[str, Any]:
    """Return one version of a scorer, the newest by default.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    place = experiment_number(call.fields.needed("experiment_id"))
    name, number = call.fields.needed("name"), call.fields.whole("version")
    return {"scorer": _scorer(call.use.scoring.get(call.caller, place, name, number))}


def delete(call: Call) -> dict[str, Any]:
    """Delete one version of a scorer, or all.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    place = experiment_number(call.fields.needed("experiment_id"))
    name, number = call.fields.needed("name"), call.fields.whole("version")
    call.use.scoring.delete(call.caller, place, name, number)
    return {}


def online_configs(_call: Call) -> dict[str, Any]:
    """List for which scorers the server scores new traces by itself: none; clients ask whenever they list."""
    return {"configs": []}


def _listed(scorers: tuple[Scorer, ...]) -> dict[str, Any]:
    return {"scorers": [_scorer(each) for each in scorers]} if scorers else {}


def _scorer(scorer: Scorer) -> dict[str, Any]:
    return {
        "experiment_id": scorer.experiment_id,
        "scorer_name": scorer.name,
        "scorer_version": scorer.number,
        "serialized_scorer": scorer.text,
        "creation_time": scorer.created_at_ms,
        "scorer_id": scorer.id,
    }


_BASE: Final = "3.0/mlflow/scorers"

ROUTES = (
    Route("POST", f"{_BASE}/register", register),
    Route("GET", f"{_BASE}/list", list_newest),
    Route("GET", f"{_BASE}/versions", list_versions),
    Route("GET", f"{_BASE}/get", get),
    Route("DELETE", f"{_BASE}/delete", delete),
    Route("GET", f"{_BASE}/online-configs", online_configs),
)
