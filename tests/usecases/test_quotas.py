"""Quotas: who may set them, what counts, what is refused and where; and two who store at once."""

import threading

import pytest

from assay.core.digests import digest_of
from assay.core.errors import BadInputError, DeniedError, NotFoundError, RefusedError
from assay.core.names import ModelName
from assay.core.quotas import MAX_BYTES, Quota
from assay.usecases.moving.importing import MoveOptions, MovingIn
from assay.wire.quotas import QuotaChange, Recounted
from assay.wire.requests import NewGrant, NewPrincipal, NewToken, NewVersion
from assay.wire.upkeep import NewUpload
from usecases.elsewhere import Elsewhere
from usecases.registry_world import World
from usecases.store_world import MODEL, StoreWorld
from usecases.tracked_world import FILES, Tracked

OTHER = ModelName("team/other")
FOREIGN = ModelName("else/task")


class Limited(StoreWorld):
    """A registry with an experiment of the team."""

    def __init__(self, root):
        super().__init__(root)
        self.place = self.use.experiments.create(self.local, "team", "numbers").id

    def limit(self, owner, limit):
        return self.use.quotas.set(self.local, QuotaChange(owner, limit))

    def used(self, owner):
        with self.means.database.read() as records:
            return records.quotas.get(owner).used_bytes

    def store(self, name, content):
        return self.use.artifacts.store(self.local, f"{self.place}/run/artifacts/{name}", [content])

    def remove(self, name):
        self.use.artifacts.remove(self.local, f"{self.place}/run/artifacts/{name}")


@pytest.fixture
def world(tmp_path):
    return Limited(tmp_path)


def test_every_name_counts_what_it_names_whoever_else_names_the_same_bytes(world):
    world.register(b"shared bytes")
    world.register(b"shared bytes", b"more")
    world.register(b"shared bytes", model=OTHER)
    world.register(b"shared bytes", model=FOREIGN)
    world.store("a", b"shared bytes")
    found = {owner: world.used(owner) for owner in (MODEL, OTHER, FOREIGN, "team", "else")}
    assert found == {MODEL: 28, OTHER: 12, FOREIGN: 12, "team": 52, "else": 12}


def test_what_is_deleted_or_replaced_gives_its_bytes_back(world):
    version = world.register(b"weights")
    world.store("a/b", b"longer than before")
    world.store("a/b", b"short")
    world.store("a/b", b"short")
    assert world.used("team") == 12
    world.delete(version)
    world.remove("a")
    assert (world.used("team"), world.used(MODEL)) == (0, 0)


def test_a_version_that_is_registered_again_counts_once(world):
    wanted = world.register(b"weights")
    world.limit(MODEL, 7)
    again, is_new = world.use.registration.register(world.local, MODEL, NewVersion(wanted.files))
    assert (again.number, is_new, world.used(MODEL)) == (wanted.number, False, 7)


@pytest.mark.parametrize("owner", ["team", "team/task"])
def test_a_version_beyond_a_quota_is_refused_and_leaves_nothing(owner, world):
    world.register(b"1234567")
    world.limit(owner, 10)
    with pytest.raises(RefusedError) as refused:
        world.register(b"4567")
    said = str(refused.value)
    assert f"{owner} is 10 bytes: 7 are used, and 4 more" in said
    assert f"assay quota set {owner} SIZE" in refused.value.hint
    assert [each.field for each in refused.value.reasons] == [f"quota of {owner}"]
    assert (world.used("team"), world.used(MODEL)) == (7, 7)
    assert world.register(b"456").number == 2
    assert len(world.events("version.register")) == 2


def test_a_refused_version_creates_no_model_either(world):
    world.limit("team", 3)
    with pytest.raises(RefusedError):
        world.register(b"1234")
    with pytest.raises(NotFoundError):
        world.use.browsing.model(world.local, MODEL)
    assert world.register(b"123", model=FOREIGN).number == 1


def test_an_artifact_beyond_the_quota_is_refused_and_the_one_before_stays(world):
    world.store("a", b"12345")
    world.limit("team", 8)
    for name, content in (("b", b"6789"), ("a", b"123456789")):
        with pytest.raises(RefusedError, match="quota of team team is 8 bytes: 5 are used, and 4 more"):
            world.store(name, content)
    found = world.use.artifacts.file(world.local, f"{world.place}/run/artifacts/a")
    assert (found.size_bytes, world.used("team")) == (5, 5)
    world.store("a", b"12345678")
    world.store("b", b"")
    world.limit("team", 2)
    world.store("a", b"1234")  # still more than may be, and less than there was
    with pytest.raises(RefusedError):
        world.store("c", b"1")


def test_an_upload_in_parts_of_a_tracking_client_is_refused_when_it_gets_its_name(world):
    path = f"{world.place}/run/artifacts/large"
    begun = world.use.uploading.begin(world.local, path, 1)
    part = world.use.uploading.put_part(begun.upload.id, 1, begun.rights[0], [b"12345"])
    world.limit("team", 4)
    parts = [(1, part.digest)]
    with pytest.raises(RefusedError):
        world.use.uploading.complete(world.local, path, begun.upload.id, parts)
    world.limit("team", 5)
    done = world.use.uploading.complete(world.local, path, begun.upload.id, parts)
    assert (done.size_bytes, world.used("team")) == (5, 5)


@pytest.mark.parametrize("owner", ["team", "team/task"])
def test_a_large_file_of_a_model_is_refused_before_it_is_sent(owner, world):
    world.limit(owner, 100_000)
    wanted = NewUpload(100_001, digest_of(b"x"), model=MODEL)
    with pytest.raises(RefusedError, match=f"{owner} is 100000 bytes: 0 are used, and 100001 more"):
        world.use.transferring.begin(world.local, wanted)
    assert world.use.transferring.mine(world.local) == ()
    fitting = NewUpload(100_000, digest_of(b"y"), model=MODEL)
    assert world.use.transferring.begin(world.local, fitting)[0].size_bytes == 100_000
    # Whose it will be is not known: it is refused when it gets a name.
    unknown = NewUpload(100_001, digest_of(b"z"))
    assert world.use.transferring.begin(world.local, unknown)[0].size_bytes == 100_001


def person(world, role, pattern):
    """Return a caller who has a role on a pattern, and every scope."""
    world.use.access.create_principal(world.local, NewPrincipal("eve"))
    world.use.access.grant(world.local, NewGrant("eve", role, pattern))
    wanted = NewToken(("read", "write", "evidence", "approve", "admin"), principal="eve")
    return world.use.access.authenticate(world.use.access.create_token(world.local, wanted).text)


def test_who_may_not_register_is_not_told_how_much_room_there_is(world):
    world.limit("team", 1)
    eve = person(world, "contributor", "else/*")
    with pytest.raises((DeniedError, NotFoundError)) as refused:
        world.use.transferring.begin(eve, NewUpload(5, digest_of(b"x"), model=MODEL))
    assert "bytes" not in str(refused.value)


def test_only_an_admin_of_all_may_see_set_or_remove_quotas(world):
    eve, book = person(world, "admin", "team/*"), world.use.quotas
    for ask in (
        lambda: book.all(eve, "team"),
        lambda: book.set(eve, QuotaChange("team", 5)),
        lambda: book.remove(eve, "team"),
        lambda: book.recount(eve),
    ):
        with pytest.raises(DeniedError):
            ask()
    assert book.all(world.local) == ()


def test_quotas_are_set_listed_and_removed_and_each_change_is_an_event(world):
    world.store("a", b"12345")
    assert world.limit("team", 9) == Quota("team", 5, 9)
    assert world.limit("team", 9) == Quota("team", 5, 9)
    world.limit("team", 3)
    world.limit("new/model", 0)
    assert world.use.quotas.all(world.local) == (Quota("new/model", 0, 0), Quota("team", 5, 3))
    assert world.use.quotas.all(world.local, "new") == (Quota("new/model", 0, 0),)
    world.use.quotas.remove(world.local, "team")
    assert world.use.quotas.all(world.local, "team") == (Quota("team", 5),)
    with pytest.raises(NotFoundError):
        world.use.quotas.remove(world.local, "team")
    said = [(each.subject, each.before, each.after) for each in world.events("quota.set")]
    assert said == [
        ("quota:team", {"limit_bytes": None}, {"limit_bytes": 9}),
        ("quota:team", {"limit_bytes": 9}, {"limit_bytes": 3}),
        ("quota:new/model", {"limit_bytes": None}, {"limit_bytes": 0}),
    ]
    assert [each.before for each in world.events("quota.remove")] == [{"limit_bytes": 3}]


@pytest.mark.parametrize("owner", ["", "*", "team/*", "Team", "a/b/c", "/", "team/", "..", "a" * 97])
def test_nonsense_has_no_quota(owner, world):
    with pytest.raises(BadInputError, match="owner: must be a team, or a model"):
        world.limit(owner, 5)
    with pytest.raises(BadInputError):
        world.use.quotas.remove(world.local, owner)


@pytest.mark.parametrize("limit", [-1, MAX_BYTES + 1, 10**400])
def test_a_quota_is_a_number_of_bytes_that_a_store_can_have(limit, world):
    with pytest.raises(BadInputError, match="limit_bytes: must be from 0 to"):
        world.limit("team", limit)
    assert world.limit("team", MAX_BYTES).limit_bytes == MAX_BYTES


def test_a_recount_says_what_it_mended(world):
    world.store("a", b"12345")
    assert world.use.quotas.recount(world.local) == ()
    with world.means.database.write() as records:
        records.connection.exec_driver_sql("UPDATE quotas SET used_bytes = 1")
    assert world.use.quotas.recount(world.local) == (Recounted("team", 1, 5),)
    assert [each.after for each in world.events("quota.recount")] == [{"owners": 1}]


def test_who_store_at_once_never_exceed_a_quota_together(world):
    """Four who register and four who log race for a team's room for ten; nobody is refused too early."""
    world.limit("team", 10)
    contents = [f"{number}".encode() for number in range(10)]
    for each in contents:
        world.send(each)
    done, refused, broken = [], [], []

    def work(number):
        model = ModelName(f"team/m{number}")
        for place, content in enumerate(contents):
            try:
                if number % 2:
                    world.register(content, model=model, send=False)
                else:
                    world.store(f"{number}/{place}", content)
                done.append(number)
            except RefusedError as error:
                refused.append(str(error))
            except Exception as error:  # noqa: BLE001 - told below, not lost in a thread
                broken.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert broken == []
    assert (len(done), len(refused), world.used("team")) == (10, 70, 10)
    assert all("10 are used, and 1 more" in each for each in refused)
    assert world.use.quotas.recount(world.local) == ()


def test_a_version_made_of_tracked_files_counts_beside_them(tmp_path):
    """Until the files of the run are removed, their names keep their bytes too."""
    tracked = Tracked(World(tmp_path))
    run = tracked.run()
    size = sum(map(len, FILES.values()))
    with tracked.world.means.database.read() as records:
        assert records.quotas.get("team").used_bytes == size
    with tracked.world.means.database.write() as records:
        records.quotas.set("team", 2 * size - 1)
    with pytest.raises(RefusedError):
        tracked.release(f"runs:/{run.id}/model", run.id)
    with tracked.world.means.database.write() as records:
        records.quotas.set("team", 2 * size)
    tracked.release(f"runs:/{run.id}/model", run.id)
    with tracked.world.means.database.read() as records:
        assert [each.used_bytes for each in records.quotas.of_team("team")] == [2 * size, size]


def test_an_import_brings_what_there_is_room_for_and_says_what_it_left_out(tmp_path):
    world = World(tmp_path)
    moving = MovingIn(world.means)
    world.use.quotas.set(world.local, QuotaChange("default", 0))
    report = moving.move(world.local, Elsewhere().source(), MoveOptions())
    assert any("the quota of team default is 0 bytes" in each.what for each in report.findings)
    with world.means.database.read() as records:
        assert sum(each.size_bytes for each in records.files.under("")) == 0
        assert records.quotas.get("default").used_bytes == 0
    world.use.quotas.remove(world.local, "default")
    moving.move(world.local, Elsewhere().source(), MoveOptions())
    with world.means.database.write() as records:
        assert records.quotas.get("default").used_bytes > 0
        assert records.quotas.recount() == ()
