"""The prompt registry: registered, changed, aliased, tagged, loaded, searched, deleted."""

import mlflow
from mlflow import MlflowClient
from recording import Story

CLIENTS = ("3.17", "3.18")
story = Story("prompts")
client = MlflowClient()
home = story.experiment("home")
mlflow.set_experiment(experiment_id=home)
name = f"{story.name}-greeting"


def shown(found):
    return {
        "name": found.name,
        "version": found.version,
        "template": found.template,
        "message": found.commit_message,
        "tags": dict(found.tags),
        "aliases": sorted(found.aliases or []),
        "variables": sorted(found.variables),
        "uri": found.uri,
    }


register = mlflow.genai.register_prompt
load = mlflow.genai.load_prompt
made = register(name=name, template="Hello {{name}}, ü", commit_message="first", tags={"tone": "kind"})
story.note("registered", shown(made))
again = register(
    name=name,
    template=[{"role": "system", "content": "Be {{mood}}."}, {"role": "user", "content": "{{question}}"}],
    commit_message="as a chat",
)
story.note("second", shown(again))
story.attempt("same again", lambda: shown(register(name=name, template="Hello {{name}}, ü")))
mlflow.genai.set_prompt_alias(name, "live", 1)
story.note("by alias", shown(load(f"prompts:/{name}@live")))
story.note("by number", shown(load(f"prompts:/{name}/2")))
story.note("by name and version", shown(load(name, version=1)))
story.note("latest", shown(load(f"prompts:/{name}@latest")))
story.note("formatted", load(f"prompts:/{name}/1").format(name="Ann"))
mlflow.genai.set_prompt_tag(name, "topic", "hello")
mlflow.genai.set_prompt_version_tag(name, 1, "reviewed", "yes")
story.note("tags", mlflow.genai.get_prompt_tags(name))
story.note("version tags", shown(client.get_prompt_version(name, 1)))
mlflow.genai.delete_prompt_tag(name, "topic")
mlflow.genai.delete_prompt_version_tag(name, 1, "reviewed")
prompt = client.get_prompt(name)
story.note("prompt", [prompt.name, prompt.description, dict(prompt.tags)])
found = mlflow.genai.search_prompts(filter_string=f"name LIKE '{story.name}%'")
story.note("searched", [[each.name, each.description] for each in found])
story.attempt(
    "search by tag",
    lambda: [each.name for each in client.search_prompts(f"name = '{name}' AND tags.topic = 'x'")],
)
story.attempt("load unknown", load, "prompts:/none-such/1")
story.attempt("load unknown alias", load, f"prompts:/{name}@none")
story.attempt("load unknown, allowed", lambda: load("prompts:/none-such/1", allow_missing=True))
for given in ("", "a b", "a/b", "a:b", "ü"):
    story.attempt(f"name {given!r}", lambda given=given: register(name=given, template="x").name)
story.attempt("alias of unknown version", mlflow.genai.set_prompt_alias, name, "x", 99)
story.note("not a model", [each.name for each in client.search_registered_models(f"name = '{name}'")])
client.create_registered_model(f"{story.name}-model")
story.attempt("prompt named as a model", lambda: register(name=f"{story.name}-model", template="x").version)
story.attempt("model named as a prompt", client.create_registered_model, name)
story.attempt("version of a prompt as model", client.create_model_version, name, "dummy-source")
story.attempt("get as model", lambda: client.get_registered_model(name).name)
with mlflow.start_run() as run:
    loaded = load(f"prompts:/{name}/1")
story.note("linked", [key for key in client.get_run(run.info.run_id).data.tags if "prompt" in key.lower()])
for alias in ("production", "staging"):
    mlflow.genai.set_prompt_alias(name, alias, 1)
    mlflow.genai.set_prompt_alias(name, alias, 2)
    story.note(f"by alias {alias}", shown(load(f"prompts:/{name}@{alias}")))
    mlflow.genai.delete_prompt_alias(name, alias)
    story.attempt(f"load deleted alias {alias}", load, f"prompts:/{name}@{alias}")
story.attempt(
    "made a prompt", client.set_registered_model_tag, f"{story.name}-model", "mlflow.prompt.is_prompt", "true"
)
mlflow.genai.delete_prompt_alias(name, "live")
story.attempt("load deleted alias", load, f"prompts:/{name}@live")
client.delete_prompt_version(name, "1")
story.attempt("load deleted", load, f"prompts:/{name}/1")
client.delete_prompt_version(name, "2")
story.attempt("delete prompt", client.delete_prompt, name)
story.attempt("get deleted", client.get_prompt, name)
story.tell()
