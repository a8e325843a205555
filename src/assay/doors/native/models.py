"""Routes of models: create, list, show, annotate, history, aliases, rollback."""

from assay.core.promotions import StageMove
from assay.core.search import ModelQuery, ModelSummary, Page
from assay.core.versions import Model
from assay.doors.native.listing import PAGING, tag_conditions
from assay.doors.native.route import Call, Created, Route
from assay.http.threads import Work
from assay.wire.requests import AliasTarget, Annotation, NewModel, Rollback
from assay.wire.views import AliasView

MODEL = "/models/{team}/{task}"


def create(call: Call) -> Created:
    """Create a model."""
    return Created(call.use.registration.create_model(call.caller, call.read(NewModel)))


def listing(call: Call) -> Page[ModelSummary]:
    """List models."""
    query = ModelQuery(
        team=call.one("team") or None,
        tags=tag_conditions(call),
        label=call.one("label") or None,
        text=call.one("text"),
        limit=call.whole("limit", 50),
        cursor=call.one("cursor"),
    )
    return call.use.browsing.models(call.caller, query)


def show(call: Call) -> Model:
    """Show a model."""
    return call.use.browsing.model(call.caller, call.model)


def annotate(call: Call) -> Model:
    """Describe, tag, label."""
    return call.use.annotating.annotate_model(call.caller, call.model, call.read(Annotation), call.expected)


def history(call: Call) -> tuple[StageMove, ...]:
    """Tell every change of stage."""
    return call.use.browsing.history(call.caller, call.model)


def alias(call: Call) -> AliasView:
    """Show where an alias points."""
    return AliasView(str(call.use.annotating.alias(call.caller, call.model, call.path["alias"])))


def set_alias(call: Call) -> AliasView:
    """Point an alias at a version."""
    target = call.read(AliasTarget)
    alias = call.path["alias"]
    return AliasView(
        str(call.use.annotating.set_alias(call.caller, call.model, alias, target, call.expected))
    )


def remove_alias(call: Call) -> None:
    """Take an alias away."""
    call.use.annotating.remove_alias(call.caller, call.model, call.path["alias"], call.expected)


def roll_back(call: Call) -> StageMove:
    """Bring the previous Production version back."""
    return call.use.changing.roll_back(call.caller, call.model, call.read(Rollback))


ROUTES = (
    Route("POST", "/models", create, "Create a model", gives=Model, takes=NewModel, status=201),
    Route(
        "GET",
        "/models",
        listing,
        "List models by name",
        gives=Page[ModelSummary],
        does=Work.SEARCH,
        query={
            "team": "of this team",
            "tag": "KEY or KEY=VALUE; repeatable",
            "label": "with this label",
            **PAGING,
        },
    ),
    Route("GET", MODEL, show, "Show a model", gives=Model, does=Work.LOOK, tagged=True),
    Route(
        "PATCH",
        MODEL,
        annotate,
        "Describe, tag and label a model",
        gives=Model,
        takes=Annotation,
        tagged=True,
    ),
    Route(
        "GET", f"{MODEL}/history", history, "Every change of stage, oldest first", gives=tuple[StageMove, ...]
    ),
    Route(
        "GET",
        f"{MODEL}/aliases/{{alias}}",
        alias,
        "Where an alias points",
        gives=AliasView,
        does=Work.LOOK,
        tagged=True,
    ),
    Route(
        "PUT",
        f"{MODEL}/aliases/{{alias}}",
        set_alias,
        "Point an alias at a version",
        gives=AliasView,
        takes=AliasTarget,
        tagged=True,
    ),
    Route("DELETE", f"{MODEL}/aliases/{{alias}}", remove_alias, "Remove an alias", status=204, tagged=True),
    Route(
        "POST",
        f"{MODEL}/rollback",
        roll_back,
        "Bring the previous Production version back",
        gives=StageMove,
        takes=Rollback,
        does=Work.LONG,
    ),
)
