"""Eight processes log to 64 runs at once: no point is lost, none is doubled, histories stay in order."""

import multiprocessing

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from recording import Story

CLIENTS = ("3.17",)
PROCESSES, RUNS, STEPS = 8, 64, 6
story = Story("concurrency")
client = MlflowClient()
home = story.experiment("home")


def log(share, runs):
    """Log one process's share of the points of every run, by single points and by batches."""
    own = MlflowClient()
    for place, run_id in enumerate(runs):
        mine = [
            Metric("loss", share + step / 10, 1000 + step, step * PROCESSES + share) for step in range(STEPS)
        ]
        if (place + share) % 2:
            own.log_batch(run_id, metrics=mine, params=[Param(f"p{share}", str(share))])
        else:
            for each in mine[:2]:
                own.log_metric(run_id, each.key, each.value, each.timestamp, each.step)
            own.log_batch(run_id, metrics=mine[2:])
        own.log_metric(run_id, "shared", 1.0, timestamp=7, step=7)


def shown(run_id):
    points = client.get_metric_history(run_id, "loss")
    shared = client.get_metric_history(run_id, "shared")
    return [
        len(points),
        [each.step for each in points] == sorted(each.step for each in points),
        len({each.step for each in points}) == PROCESSES * STEPS,
        len(shared),
    ]


runs = [client.create_run(home, run_name=f"run {index}").info.run_id for index in range(RUNS)]
fork = multiprocessing.get_context("fork")
workers = [
    fork.Process(target=log, args=(share, runs[share * 8 :] + runs[: share * 8]))
    for share in range(PROCESSES)
]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
story.note("ended well", [worker.exitcode for worker in workers])
seen = [shown(run_id) for run_id in runs]
story.note("every run alike", [each for each in seen if each != seen[0]])
story.note("a run", seen[0])
found = client.search_runs([home], max_results=RUNS)
story.note("params", sum(len(each.data.params) for each in found))
story.note("latest", sorted({each.data.metrics["loss"] for each in found}))
story.tell()
