"""The registry of a data folder, as the program opens it: beside SQLite, or PostgreSQL."""

from assay.app import Settings, open_means
from assay.usecases.bundle import UseCases
from usecases.store_world import RealClock, StoreWorld


class OnDisk(StoreWorld):
    """A registry with a version, a deleted one, a tracked file and bytes that nothing names."""

    def __init__(self, data, database=""):
        self.root, self.clock = data, RealClock()
        self.settings = Settings(data=data, database=database)
        self.means = open_means(self.settings)
        self.use = UseCases.over(self.means)
        self.local = self.use.access.local()

    def filled(self):
        """Store what a backup has to hold, and what not."""
        self.register(b"weights", b"tests" * 1000)
        self.delete(self.register(b"weights", b"gone"))
        self.use.artifacts.store(self.local, "0/run/artifacts/a.txt", [b"tracked"])
        self.send(b"named by nothing")
        return self

    def lines(self):
        """Return every row as a backup has it."""
        with self.means.database.read() as records:
            return list(records.copies.dump(secrets=True))
