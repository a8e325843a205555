"""A small story of one registry, told again from wherever a crash broke it off.

Every step either does what it says or finds it done; then it is acknowledged, in order. What was
acknowledged must be there for ever. The first file comes in one piece, the second in parts.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

from assay.app.registry import open_means
from assay.app.settings import Settings
from assay.core.audit import verify_chain
from assay.core.digests import FileEntry, digest_of
from assay.core.errors import ConflictError, NotFoundError, RefusedError
from assay.core.names import Address, ModelName
from assay.core.stages import Stage
from assay.usecases.bundle import UseCases
from assay.usecases.transferring import Sent
from assay.wire.requests import NewPromotion, NewVersion
from assay.wire.upkeep import NewUpload

MODEL = ModelName("crash/story")
# More than one piece, so that a file can be half written.
CONTENTS = {number: bytes([number]) * 3_000_000 for number in (1, 2)}
DIGESTS = {number: digest_of(content) for number, content in CONTENTS.items()}
PIECE = 1 << 20
IN_PARTS = 2
PART = 1_500_000
# Where a version may stand once it was acknowledged to be in a stage.
AFTER = {
    "Staging": (Stage.STAGING, Stage.PRODUCTION, Stage.ARCHIVED),
    "Production": (Stage.PRODUCTION, Stage.ARCHIVED),
}
POLICY = "applies_to: crash/*\ngates:\n  staging: [size_budget]\n  production: [size_budget]\n"


@dataclass
class Registry:
    """A registry in a folder, with whoever sits at the machine."""

    means: object
    use: UseCases
    caller: object


def opened(folder):
    """Open the registry in a folder."""
    means = open_means(Settings(data=Path(folder)))
    use = UseCases.over(means)
    return Registry(means, use, use.access.local())


def prepare(folder):
    """Make a registry in which the story can begin."""
    one = opened(folder)
    one.use.policies.set(one.caller, POLICY, yaml.safe_load(POLICY))
    one.means.database.close()


def tell(one, acknowledge):
    """Tell the story, from wherever it had come to."""
    for number in sorted(CONTENTS):
        if number == IN_PARTS:
            transfer(one, number, acknowledge)
        else:
            upload(one, number)
        acknowledge(f"blob {number}")
        register(one, number)
        acknowledge(f"version {number}")
        for stage in (Stage.STAGING, Stage.PRODUCTION):
            promote(one, number, stage)
            acknowledge(f"{stage} {number}")


def upload(one, number):
    content = CONTENTS[number]
    pieces = (content[start : start + PIECE] for start in range(0, len(content), PIECE))
    one.use.registration.store_blob(one.caller, pieces, DIGESTS[number], len(content))


def transfer(one, number, acknowledge):
    """Send a file in parts, or go on with it; what comes twice is a part that was acknowledged to nobody."""
    content = CONTENTS[number]
    if one.means.blobs.size(DIGESTS[number]) == len(content) and standing(one, number) is not None:
        return
    wanted = NewUpload(len(content), DIGESTS[number], PART)
    begun, there = one.use.transferring.begin(one.caller, wanted)
    for part in range(1, begun.part_count + 1):
        if part not in there:
            piece = content[begun.offset(part) :][: begun.length(part)]
            chunks = (piece[start : start + PIECE] for start in range(0, len(piece), PIECE))
            sent = Sent(part, digest_of(piece), len(piece))
            one.use.transferring.put_part(one.caller, begun.id, sent, chunks)
        acknowledge(f"part-{part} {number}")
    one.use.transferring.complete(one.caller, begun.id)


def register(one, number):
    if standing(one, number) is not None:
        return
    files = (FileEntry("weights.bin", DIGESTS[number], len(CONTENTS[number])),)
    version, _ = one.use.registration.register(one.caller, MODEL, NewVersion(files=files))
    assert version.number == number


def promote(one, number, stage):
    now = standing(one, number).stage
    if now is stage or now in (Stage.PRODUCTION, Stage.ARCHIVED):
        return
    try:
        one.use.promoting.request(one.caller, Address(MODEL, number=number), NewPromotion(stage.value))
    except (ConflictError, RefusedError):
        if standing(one, number).stage is not stage:
            raise


def standing(one, number):
    """Return the version, None when there is none."""
    try:
        return one.use.browsing.resolve(one.caller, Address(MODEL, number=number))
    except NotFoundError:
        return None


def problems(folder, acknowledged):
    """Yield what is wrong with the registry in a folder after a crash."""
    one = opened(folder)
    try:
        with one.means.database.read() as records:
            report = verify_chain(records.audit.read(limit=100_000))
            history = records.stages.history(MODEL)
        if not report.whole:
            yield f"audit: {report.problem}"
        yield from lost(one, acknowledged)
        yield from half(one, history)
        yield from false_blobs(Path(folder) / "blobs")
    finally:
        one.means.database.close()


def lost(one, acknowledged):
    for words in acknowledged:
        what, number = words.split()
        version = standing(one, int(number))
        if what.startswith("part-"):
            if not is_there(one, int(number), int(what.removeprefix("part-"))):
                yield f"{words}: has to be sent again"
        elif what == "blob":
            found = b"".join(one.means.blobs.read(DIGESTS[int(number)]))
            if found != CONTENTS[int(number)]:
                yield f"{words}: other bytes"
        elif version is None:
            yield f"{words}: no version"
        elif version.stage not in AFTER.get(what, Stage):
            yield f"{words}: is in {version.stage}"


def is_there(one, number, part):
    """Tell whether a part has come, or the whole."""
    if one.means.blobs.size(DIGESTS[number]) == len(CONTENTS[number]):
        return True
    (begun,) = one.use.transferring.mine(one.caller)
    _, there = one.use.transferring.show(one.caller, begun.id)
    return part in there and part not in one.means.blobs.arrivals.bad_parts(begun, there)


def half(one, history):
    """Yield versions without their bytes, and moves that were made halfway."""
    stages = {}
    for number, content in CONTENTS.items():
        version = standing(one, number)
        if version is not None:
            stages[number] = version.stage
            if b"".join(one.means.blobs.read(DIGESTS[number])) != content:
                yield f"version {number} has not its bytes"
    told = dict.fromkeys(stages, Stage.DEVELOPMENT)
    for move in history:
        told[move.number] = move.target
    if told != stages:
        yield f"the history says {told}, the versions {stages}"
    if list(stages.values()).count(Stage.PRODUCTION) > 1:
        yield "two versions in Production"


def false_blobs(folder):
    """Yield files that stand under a digest which is not theirs."""
    for path in folder.glob("??/*"):
        if digest_of(path.read_bytes()).hex != path.name:
            yield f"{path.name} holds other bytes"
