"""Webhooks and messages to put into stores."""

from assay.core.deliveries import Delivery
from assay.core.webhooks import KINDS, Hook
from contracts.samples import later

CREATED, MOVED = KINDS["model_version.created"], KINDS["model_version.transitioned"]


def hook(key="h1", at=0, **more):
    url = "https://example.org/secret"
    return Hook(key, "name", url, (CREATED, MOVED), later(at), later(at), since_seq=at, **more)


def delivery(key="d1", hook_id="h1", seq=1, at=0, **more):
    return Delivery(key, hook_id, CREATED, seq, '{"a": "ü"}', later(at), later(at), **more)
