"""The MLflow door: the REST protocol of MLflow 2 and 3, for unmodified clients.

Translates, never decides. MLflow's words (``registered_model``, ``model_version``, ``transition-stage``)
live here only. Sources: ``mlflow/protos/*.proto`` and ``mlflow/server/handlers.py`` of the client package.
"""

from assay.doors.mlflow.door import mlflow_app

__all__ = ["mlflow_app"]
