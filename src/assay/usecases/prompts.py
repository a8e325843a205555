"""How prompts leave the stages that they came to before their aliases were aliases like others."""

from dataclasses import replace

from assay.core.names import Address, ModelName
from assay.core.policies import GUARDED_NAMES
from assay.core.ports import Records
from assay.core.search import VersionSummary
from assay.core.stages import GUARDED, Stage
from assay.usecases.means import Act, policy_of
from assay.usecases.moves import carry_out, end_requests, plan_move


def leave_stages(act: Act, model: ModelName) -> None:
    """Take the versions of a prompt out of Staging and Production; by every name they load as before.

    Whoever moves such a name moves an alias from now on: what stood in the stage must not come up
    again when the alias is taken away.
    """
    records = act.records
    there = records.aliases.of_model(model)
    for stage in GUARDED:
        entered = records.versions.resolve(Address(model, alias=stage.value.lower()))
        if entered is None or entered.stage is not stage:  # an alias already, as all of them are then
            continue
        for name in _names(records, model, stage):
            if name not in there:
                records.aliases.set(model, name, entered.number)
                act.note("alias.set", f"{model}@{name}", {"number": None}, {"number": entered.number})
        while held := records.registry_search.latest(model, (stage,)):
            _leave(act, held[0])


def _names(records: Records, model: ModelName, stage: Stage) -> tuple[str, ...]:
    stored = policy_of(records, model)
    if stored is None:
        return tuple(name for name, each in GUARDED_NAMES.items() if each is stage)
    return stored.policy.names_of(stage)


def _leave(act: Act, held: VersionSummary) -> None:
    version = act.records.versions.get(held.model, held.number)
    if version is None:
        return
    out = Stage.ARCHIVED if version.stage is Stage.PRODUCTION else Stage.DEVELOPMENT
    verb = "archive" if out is Stage.ARCHIVED else "demote"
    comment = "a prompt has no stages: its alias is an alias like others"
    carry_out(act, replace(plan_move(act, version, out, verb), comment=comment))
    end_requests(act, version, f"{version.address} went to {out} meanwhile")
