"""The real clients, the stock server and Assay, each started once."""

import sqlite3
from contextlib import ExitStack, closing

import httpx
import pytest

from clients.players import Player, environments
from clients.stock_server import StockServer
from journeys.live_server import LiveServer

STOCK = "mlflow-3.17.2"


def count_from_far(server):
    """Let the ids of experiments be numbers that nothing else is, so that a text that names one shows it."""
    path = "/api/2.0/mlflow/experiments/create"
    made = httpx.post(server.url + path, json={"name": "first of many"}, timeout=60).json()["experiment_id"]
    with closing(sqlite3.connect(server.database, timeout=30)) as database, database:
        number = database.execute("pragma table_info(experiments)").fetchone()[1]  # the key comes first
        database.execute(f"update experiments set {number} = 7000000 where {number} = ?", (int(made),))


class Theatre:
    """Both servers, and the clients that play against them."""

    def __init__(self, stack, folders):
        self._stack = stack
        self._folders = folders
        self._players = {}
        self.stock = StockServer(folders.mktemp("stock"), environments.environment(STOCK))
        stack.callback(self.stock.stop)
        self.ours = self.assay("--workers", "0")
        count_from_far(self.ours)
        self._stock_is_up = False

    def assay(self, *words):
        """Start a server of ours; it ends with the session."""
        server = LiveServer(self._folders.mktemp("assay"), *words)
        server.database = server.root / "data" / "assay.db"
        self._stack.callback(server.stop)
        return server

    def player(self, client):
        """Return a client that waits for something to play."""
        if client not in self._players:
            self._players[client] = Player(client, self._folders.mktemp(client))
            self._stack.callback(self._players[client].stop)
        return self._players[client]

    def play_on_both(self, client, scenario):
        """Return what a scenario told of the stock server and of ours."""
        player = self.player(client)
        if not self._stock_is_up:
            self.stock.wait_until_up()
            count_from_far(self.stock)
            self._stock_is_up = True
        return player.play(scenario, self.stock, self.ours)


@pytest.fixture(scope="session")
def theatre(tmp_path_factory):
    with ExitStack() as stack:
        yield Theatre(stack, tmp_path_factory)
