"""The process that watches over the one that speaks with Ray: whatever becomes of that one, it stays."""

import subprocess
import sys
import threading

import pytest

from assay.app import Settings, cluster
from assay.app.registry import open_means
from assay.core.errors import UnavailableError


class ShortLived(subprocess.Popen):
    """A child that ended before anybody could say a word to it."""

    started = 0

    def __init__(self, _words, **more):
        type(self).started += 1
        super().__init__([sys.executable, "-c", "raise SystemExit(3)"], **more)
        self.wait(60)


@pytest.fixture
def short_lived(monkeypatch, tmp_path):
    open_means(Settings(data=tmp_path)).database.close()
    monkeypatch.setattr(ShortLived, "started", 0)
    monkeypatch.setattr(cluster.subprocess, "Popen", ShortLived)
    monkeypatch.setattr(cluster, "AGAIN_S", 0.0)
    return ShortLived


def test_how_a_child_ended_that_read_nothing_is_said(short_lived, tmp_path):
    settings = Settings(data=tmp_path, ray="127.0.0.1:1")
    with pytest.raises(UnavailableError, match="ended with 3; see its log"):
        cluster.work_on_cluster(settings, threading.Event(), once=True)
    assert short_lived.started == 1


def test_another_child_is_started_where_one_read_nothing(short_lived, tmp_path, caplog):
    class Stop(threading.Event):
        def is_set(self):
            return short_lived.started > 2 or super().is_set()

    cluster.work_on_cluster(Settings(data=tmp_path, ray="127.0.0.1:1"), Stop(), once=False)
    assert short_lived.started == 3
    assert caplog.text.count("ended with 3") == 2
