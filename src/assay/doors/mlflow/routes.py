"""Every route of the door, gathered from the modules that answer them."""

from assay.doors.mlflow import (
    artifacts,
    assessments,
    evaluation_datasets,
    experiments,
    logged_models,
    metrics,
    model_versions,
    not_offered,
    otlp,
    probes,
    registered_models,
    runs,
    scorers,
    traces,
    transfers,
)

# What is not offered comes last: its prefixes are looked at only when nothing else answers.
ROUTES = (
    *runs.ROUTES,
    *registered_models.ROUTES,
    *model_versions.ROUTES,
    *metrics.ROUTES,
    *logged_models.ROUTES,
    *experiments.ROUTES,
    *artifacts.ROUTES,
    *transfers.ROUTES,
    *probes.ROUTES,
    *traces.ROUTES,
    *assessments.ROUTES,
    *otlp.ROUTES,
    *evaluation_datasets.ROUTES,
    *scorers.ROUTES,
    *not_offered.ROUTES,
)
