"""To know a digest gives nobody the bytes: they are whose who uploaded them, or may read what holds them."""

import pytest

from assay.core.access import Scope
from assay.core.digests import FileEntry, digest_of
from assay.core.errors import BadInputError, NotFoundError
from assay.core.evidence import Attachment, Measurement
from assay.core.names import Address, ModelName
from assay.core.provenance import DataReference, DataRole, Provenance
from assay.usecases.tracking.runs import NewRun
from assay.wire.requests import NewEvidence, NewGrant, NewPrincipal, NewToken, NewVersion

SECRET = b"weights of another team"
THEIRS = ModelName("beta/steal")


@pytest.fixture
def dora(world):
    """Somebody who may register in ``beta`` and knows nothing of ``team``."""
    world.use.access.create_principal(world.local, NewPrincipal("dora"))
    world.use.access.grant(world.local, NewGrant("dora", "contributor", "beta/*"))
    return token(world, "dora")


def token(world, name, *scopes):
    wanted = NewToken(scopes or tuple(each.value for each in (Scope.READ, Scope.WRITE, Scope.EVIDENCE)), name)
    return world.use.access.authenticate(world.use.access.create_token(world.local, wanted).text)


def of(*files, **more):
    return NewVersion(tuple(FileEntry(f"f{i}", *each) for i, each in enumerate(files)), **more)


def said(call, *args):
    with pytest.raises((BadInputError, NotFoundError)) as caught:
        call(*args)
    error = caught.value
    return type(error), error.message, [(each.field, each.rule) for each in error.reasons]


def test_a_digest_alone_neither_registers_nor_tells_that_the_bytes_are_there(world, dora):
    digest, size = world.upload(SECRET)
    missing = digest_of(b"nobody has this")
    register = world.use.registration.register
    assert said(register, dora, THEIRS, of((digest, size))) == said(register, dora, THEIRS, of((missing, 5)))
    here, gone = (said(world.use.registration.blob_size, dora, each) for each in (digest, missing))
    assert [each.replace(digest, "").replace(missing, "") for each in (here[1], gone[1])] == [
        "there is no blob "
    ] * 2
    world.use.registration.register(world.ada, ModelName("team/own"), of((digest, size)))
    assert said(register, dora, THEIRS, of((digest, size)))[0] is BadInputError


def test_bytes_that_one_sends_oneself_are_stored_once_and_registered(world, dora):
    world.upload(SECRET)
    digest, size = world.upload(SECRET, dora)
    assert world.use.registration.blob_size(dora, digest) == size
    made, _ = world.use.registration.register(dora, THEIRS, of((digest, size)))
    assert made.files[0].digest == digest


def test_bytes_of_a_version_that_one_may_read_need_not_be_sent_again(world):
    digest, size = world.upload(SECRET)
    world.use.registration.register(world.ada, ModelName("team/own"), of((digest, size)))
    assert world.use.registration.blob_size(world.grace, digest) == size
    world.use.registration.register(world.grace, ModelName("team/other"), of((digest, size)))
    blind = token(world, "grace", "write")
    assert said(world.use.registration.blob_size, blind, digest)[0] is NotFoundError


def test_bytes_of_a_run_that_one_may_read_need_not_be_sent_again(world, dora):
    experiment = world.use.experiments.create(world.ada, "team", "numbers")
    run = world.use.runs.create(world.ada, NewRun(experiment.id)).run
    place = f"{run.artifact_root.removeprefix('mlflow-artifacts:/')}/model/w"
    stored = world.use.artifacts.store(world.ada, place, [SECRET])
    assert world.use.registration.blob_size(world.grace, stored.digest) == len(SECRET)
    assert world.use.registration.blob_size(world.local, stored.digest) == len(SECRET)
    assert said(world.use.registration.blob_size, dora, stored.digest)[0] is NotFoundError


def test_nobody_reads_bytes_by_attaching_them_to_evidence(world, dora):
    digest, size = world.upload(SECRET)
    own, _ = world.use.registration.register(dora, THEIRS, of(world.upload(b"mine", dora)))
    sent = NewEvidence(
        "metrics",
        own.digest,
        world.clock.now(),
        measurement=Measurement(attachments=(Attachment("a", digest, size),)),
    )
    where = Address(THEIRS, number=1)
    assert said(world.use.reporting.report, dora, where, sent)[0] is BadInputError
    world.upload(SECRET, dora)
    world.use.reporting.report(dora, where, sent)


def test_data_that_a_version_names_is_its_own_only_where_its_maker_may_read_it(world, dora):
    digest, size = world.upload(SECRET)
    data = Provenance(data=(DataReference(DataRole.EVALUATION, digest, size),))
    mine = world.upload(b"mine", dora)
    world.use.registration.register(dora, THEIRS, of(mine, provenance=data))
    assert said(world.use.registration.blob_size, dora, digest)[0] is NotFoundError
    world.use.registration.register(world.ada, ModelName("team/own"), of(world.upload(b"x"), provenance=data))
    assert world.use.registration.blob_size(world.grace, digest) == size


def test_checks_look_at_declared_data_only_if_it_is_the_models_or_was_sent_by_its_maker(world, dora):
    theirs, _ = world.upload(SECRET)
    own, size = world.upload(b"own rows", dora)
    data = tuple(DataReference(DataRole.EVALUATION, each, 8) for each in (theirs, own))
    wanted = of((own, size), provenance=Provenance(data=data))
    made, _ = world.use.registration.register(dora, THEIRS, wanted)
    assert world.use.checking.data_of(made) == {own}
    world.upload(SECRET, dora)
    assert world.use.checking.data_of(made) == {own, theirs}
