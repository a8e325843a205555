"""What tests of the registry behind the MLflow door do again and again."""

from urllib.parse import quote

MODELS, VERSIONS = "2.0/mlflow/registered-models/", "2.0/mlflow/model-versions/"


class Steps:
    """Steps of a client in a world."""

    def __init__(self, world):
        self.world = world

    def logged_run(self, content=b"weights"):
        """Log a file below ``model`` in a new run; return the run's id."""
        run = self.world.run()
        path = f"2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/model/weights.bin"
        assert self.world.send("PUT", path, content).status == 200
        return run

    def create(self, name, **more):
        return self.world.good("POST", MODELS + "create", {"name": name}, **more)["registered_model"]

    def release(self, name, run="", **more):
        """Make a version of a run's file, and the model where there is none."""
        if self.world.send("GET", f"{MODELS}get?name={quote(name)}").status == 404:
            self.create(name)
        run = run or self.logged_run()
        body = {"name": name, "source": f"runs:/{run}/model", "run_id": run, **more}
        return self.world.good("POST", VERSIONS + "create", body)["model_version"]

    def version(self, name, number):
        path = f"{VERSIONS}get?name={quote(name)}&version={number}"
        return self.world.good("GET", path)["model_version"]

    def model(self, name):
        return self.world.good("GET", f"{MODELS}get?name={quote(name)}")["registered_model"]

    def aliases(self, name):
        return {each["alias"]: each["version"] for each in self.model(name).get("aliases", [])}

    def alias(self, name, alias, number, **more):
        body = {"name": name, "alias": alias, "version": str(number)}
        return self.world.send("POST", MODELS + "alias", body, **more)

    def move(self, name, number, stage, token="", **more):
        body = {"name": name, "version": str(number), "stage": stage, **more}
        return self.world.send("POST", VERSIONS + "transition-stage", body, token=token)

    def stage(self, name, number):
        return self.version(name, number)["current_stage"]

    def found(self, kind, filter_text, key="name", **more):
        path = {"models": MODELS, "versions": VERSIONS}[kind]
        body = {"filter": filter_text, **more}
        answer = self.world.good("POST", path + "search", body)
        (listed,) = answer.values() if answer else ((),)
        return [each[key] for each in listed]
