"""Which numbers there are, what each is called, and whether it speaks of this server or of the database.

``docs/reference/metrics.md`` is written from them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import accumulate
from typing import Final

from assay.core.figures import Figures
from assay.doors.operating.exposition import Family, Sample
from assay.http.counters import BOUNDS_S, Counters

PROCESS: Final[Mapping[str, tuple[str, str]]] = {
    "process_cpu_seconds_total": ("counter", "Processor time used."),
    "process_resident_memory_bytes": ("gauge", "Memory held."),
    "process_virtual_memory_bytes": ("gauge", "Address space taken."),
    "process_open_fds": ("gauge", "Files and connections open."),
    "process_max_fds": ("gauge", "Files and connections that may be open."),
    "process_start_time_seconds": ("gauge", "When the process was started, in seconds since 1970."),
    "process_threads": ("gauge", "Threads."),
}


def server_families(counters: Counters, in_flight: int, connections: tuple[int, int]) -> Iterable[Family]:
    """Return what this server has seen since it was started."""
    yield Family(
        "assay_http_requests_total",
        "counter",
        "Requests answered, by door, route template, method and class of status.",
        tuple(
            Sample(count, {"door": door, "route": route, "method": method, "status": status})
            for (door, route, method, status), count in sorted(counters.answered.items())
        ),
    )
    yield Family(
        "assay_http_request_duration_seconds",
        "histogram",
        "Time from a request's arrival to the end of its answer.",
        tuple(_histogram(counters)),
    )
    yield Family.by(
        "assay_http_request_bytes_total", "counter", "Bytes of bodies in.", "door", counters.bytes_in
    )
    yield Family.by(
        "assay_http_response_bytes_total", "counter", "Bytes of bodies out.", "door", counters.bytes_out
    )
    yield Family.one("assay_http_requests_in_flight", "gauge", "Requests under way.", in_flight)
    failed, limited = counters.sign_ins_failed, counters.rate_limited
    yield Family.one(
        "assay_sign_ins_failed_total", "counter", "Requests with credentials that are not good.", failed
    )
    yield Family.one(
        "assay_rate_limited_total", "counter", "Requests refused because too many came.", limited
    )
    used, most = connections
    yield Family.one("assay_database_connections_in_use", "gauge", "Connections in use by this server.", used)
    yield Family.one(
        "assay_database_connections_max", "gauge", "Connections that this server may have.", most
    )


def _histogram(counters: Counters) -> Iterable[Sample]:
    for (door, route, method), latency in sorted(counters.latencies.items()):
        labels = {"door": door, "route": route, "method": method}
        counts = tuple(accumulate(latency.buckets))
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), counts, strict=True):
            yield Sample(count, {**labels, "le": bound}, "_bucket")
        yield Sample(latency.sum_s, labels, "_sum")
        yield Sample(counts[-1], labels, "_count")


def database_families(figures: Figures | None, now: datetime) -> Iterable[Family]:
    """Return what is so for all servers over the same database; ``figures`` None: it does not answer."""
    yield Family.one(
        "assay_database_up", "gauge", "1 when the database answers, else 0.", int(figures is not None)
    )
    if figures is None:
        return
    yield Family.by("assay_jobs", "gauge", "Checks by state.", "state", figures.jobs)
    yield Family.one(
        "assay_jobs_oldest_queued_seconds",
        "gauge",
        "Age of the check that has waited longest; 0 when none waits.",
        _age_s(figures.oldest_job_at, now),
    )
    yield Family.by("assay_promotions", "gauge", "Promotions by outcome.", "outcome", figures.promotions)
    yield Family.by(
        "assay_webhook_messages", "gauge", "Messages to webhooks by state.", "state", figures.deliveries
    )
    yield Family.one(
        "assay_webhook_oldest_due_seconds",
        "gauge",
        "How long the message to a webhook has been due that waits longest; 0 when none is.",
        _age_s(figures.oldest_delivery_at, now),
    )


def blob_families(count: int, size_bytes: int) -> Iterable[Family]:
    """Return how many blobs the database knows of."""
    yield Family.one("assay_blobs", "gauge", "Blobs stored, in any store, as counted a while ago.", count)
    yield Family.one("assay_blob_bytes", "gauge", "Their bytes, counted then.", size_bytes)


def process_families(stats: Mapping[str, float]) -> Iterable[Family]:
    """Return what the system says of this process, under the names that every Prometheus client uses."""
    for name, (kind, text) in PROCESS.items():
        if name in stats:
            yield Family.one(name, kind, text, stats[name])


def _age_s(at: datetime | None, now: datetime) -> float:
    return 0.0 if at is None else max(0.0, round((now - at).total_seconds(), 3))
