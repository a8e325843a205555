"""A registry in a folder with one contributor, for what is said of stored bytes."""

from datetime import UTC, datetime, timedelta

from assay.app.system import SystemChance
from assay.core.digests import FileEntry, digest_of
from assay.core.keeping import LEASE
from assay.core.names import Address, ModelName
from assay.usecases.browsing import all_events
from assay.usecases.bundle import UseCases
from assay.wire.requests import NewVersion
from assay.wire.upkeep import Collect
from usecases.fresh_means import empty_means, fresh_means
from usecases.registry_world import HandClock

MODEL = ModelName("team/task")
DAY = timedelta(days=1)


class StoreWorld:
    """A registry whose clock is set by hand."""

    def __init__(self, root, clock=None, chance=None, *, fresh=True, stores=("sqlite", "local")):
        self.root, self.stores = root, stores
        self.clock = clock or HandClock()
        if clock is None:
            self.clock.at = datetime.now(UTC) + DAY  # behind the time at which the store says things came
        make = fresh_means if fresh else empty_means
        self.means = make(root, self.clock, chance or SystemChance(), stores)
        self.use = UseCases.over(self.means)
        self.local = self.use.access.local()

    def send(self, content, caller=None):
        """Store bytes; return their digest."""
        digest = digest_of(content)
        self.use.registration.store_blob(caller or self.local, [content], digest, len(content))
        return digest

    def register(self, *contents, model=MODEL, send=True):
        """Register a version of these bytes."""
        if send:
            for content in contents:
                self.send(content)
        files = tuple(
            FileEntry(f"f{place}", digest_of(content), len(content)) for place, content in enumerate(contents)
        )
        return self.use.registration.register(self.local, model, NewVersion(files, repeat=True))[0]

    def again(self):
        """The same registry, as another server has it."""
        return StoreWorld(self.root, self.clock, fresh=False, stores=self.stores)

    def delete(self, version):
        """Delete a version."""
        self.use.changing.delete_version(self.local, Address(version.model, number=version.number))

    def collect(self, grace_s=86_400.0, **asked):
        """Collect once."""
        return self.use.collecting.collect(self.local, Collect(grace_s=grace_s, **asked))

    def pass_time(self, time=LEASE + timedelta(minutes=1)):
        """Let so much time go by."""
        self.clock.at += time

    def collect_all(self):
        """Let time go by and collect until nothing more goes."""
        for _ in range(3):
            self.pass_time(2 * DAY)
            self.collect()

    def holds(self, content):
        """Tell whether bytes are in the store, and right."""
        digest = digest_of(content)
        return self.means.blobs.size(digest) is not None and self.means.blobs.shelf.check(digest)

    def known(self, content):
        """Return what is known of bytes."""
        with self.means.database.read() as records:
            return records.known_blobs.get(digest_of(content))

    def events(self, verb):
        """Return the audit events of a kind."""
        return [each for each in all_events(self.means.database) if each.verb == verb]


def whole(world):
    """Check that everything named is there and right; return how many blobs that are."""
    after, count = "", 0
    while True:
        with world.means.database.read() as records:
            named = records.known_blobs.named(after, 500)
        for digest in named:
            assert world.means.blobs.size(digest) is not None, f"{digest} is named and gone"
            assert world.means.blobs.shelf.check(digest), digest
            count += 1
        if not named:
            return count
        after = named[-1]


class RealClock:
    """The time of this machine, moved by ``offset``."""

    def __init__(self):
        self.offset = timedelta()

    def now(self):
        return datetime.now(UTC) + self.offset
