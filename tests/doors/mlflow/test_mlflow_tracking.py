import pytest

from doors.mlflow.mlflow_world import MlflowWorld

E, R, L = "2.0/mlflow/experiments", "2.0/mlflow/runs", "2.0/mlflow/logged-models"
INVALID = "INVALID_PARAMETER_VALUE"


@pytest.fixture
def world(tmp_path):
    one = MlflowWorld(tmp_path)
    yield one
    one.close()


@pytest.fixture
def home(world):
    return world.experiment()


@pytest.fixture
def run(world, home):
    return world.run(home)


def shown(world, run):
    return world.good("GET", f"{R}/get?run_id={run}")["run"]


def names(world, home, text="", **more):
    said = {"experiment_ids": [home], "filter": text, "order_by": ["start_time"], **more}
    found = world.good("POST", f"{R}/search", said).get("runs", [])
    return [each["info"]["run_name"] for each in found]


@pytest.mark.parametrize("number", ["-1", "987654321", "9" * 40, "+7777"])
def test_a_number_that_no_experiment_has_is_not_found(world, number):
    answer = world.bad("GET", f"{E}/get?experiment_id={number.replace('+', '%2B')}")
    assert answer[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
    for path in ("delete", "restore"):
        assert world.bad("POST", f"{E}/{path}", {"experiment_id": number})[0] == 404
    assert names(world, number) == []


@pytest.mark.parametrize("text", ["abc", "1.5", "١", "--1", "1 2"])
def test_what_is_no_number_is_no_id_of_an_experiment(world, text):
    status, code, message = world.bad("POST", f"{E}/delete", {"experiment_id": text})
    assert (status, code) == (400, INVALID)
    assert message == f"Invalid experiment ID '{text}'. Experiment ID must be a valid integer."


def test_a_name_that_is_taken_is_said_with_a_way_out(world, home):
    answer = world.bad("POST", f"{E}/create", {"name": "numbers"})
    way_out = "Experiment(name=numbers) already exists. Take another name, or restore the deleted one"
    assert answer == (400, "RESOURCE_ALREADY_EXISTS", way_out)
    other = world.experiment("other")
    said = {"experiment_id": other, "new_name": "numbers"}
    assert world.bad("POST", f"{E}/update", said) == answer


def test_a_tag_of_an_experiment_has_a_longest_value(world, home):
    said = {"experiment_id": home, "key": "k", "value": "v" * 20_000}
    assert world.good("POST", f"{E}/set-experiment-tag", said) == {}
    longer = world.bad("POST", f"{E}/set-experiment-tag", {**said, "value": "v" * 20_001})
    assert longer == (400, INVALID, "'value' exceeds the maximum length of 20000 characters")


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("file:///etc", "must begin with mlflow-artifacts:/"),
        ("http://127.0.0.1/x", "must begin with mlflow-artifacts:/"),
        ("s3://bucket/../x", "must not contain '..'"),
        ("s3://bucket/%25252e%25252e/x", "must not contain '..'"),
        ("s3://bucket/a%5c..%5cx", "must not contain '..'"),
        ("s3://bucket/%00x", "must not contain '..'"),
        ("mlflow-artifacts:/../x", "must not contain '..'"),
        ("s3://bucket/a#b", "URL can't include fragments or params."),
        ("s3://bucket/a?b=c", "URL can't include fragments or params."),
        ("s3://bucket/a;b", "URL can't include fragments or params."),
    ],
)
def test_files_of_an_experiment_lie_nowhere_but_in_stores(world, place, rule):
    status, code, message = world.bad("POST", f"{E}/create", {"name": "x", "artifact_location": place})
    assert (status, code) == (400, INVALID)
    assert rule in message


def test_a_body_without_its_type_is_refused(world):
    answer = world.send("POST", f"{E}/create", b"{}")
    assert (answer.status, answer.json["message"]) == (400, "Bad Request. Content-Type header is missing.")


def test_a_value_of_the_wrong_type_is_shown_as_it_was_sent(world, home):
    said = {"experiment_id": home, "start_time": "soon"}
    message = world.bad("POST", f"{R}/create", said)[2]
    assert message.startswith("Invalid value \"soon\" for parameter 'start_time' supplied:  Hint: ")
    message = world.bad("POST", f"{R}/log-batch", {"run_id": "x", "metrics": {"key": "a"}})[2]
    assert message.startswith('Invalid value {"key":"a"} for parameter \'metrics\' supplied:  Hint: ')


@pytest.mark.parametrize(
    ("path", "said", "size", "message"),
    [
        (
            f"{E}/search",
            {},
            None,
            "Invalid value 0 for parameter 'max_results' supplied. It must be a positive",
        ),
        (
            f"{E}/search",
            {},
            -1,
            "Invalid value -1 for parameter 'max_results' supplied. It must be a positive",
        ),
        (f"{E}/search", {}, 50_001, "'max_results' supplied. It must be at most 50000"),
        (f"{R}/search", {}, 0, "'max_results' supplied. It must be a positive integer"),
        (
            f"{R}/search",
            {},
            50_001,
            "Invalid value 50001 for parameter 'max_results' supplied:  Hint: Value was",
        ),
        (
            f"{L}/search",
            {"experiment_ids": ["0"]},
            0,
            "'max_results' supplied. It must be a positive integer",
        ),
    ],
)
def test_every_search_has_a_smallest_and_a_largest_page(world, path, said, size, message):
    answer = world.bad("POST", path, said if size is None else {**said, "max_results": size})
    assert answer[:2] == (400, INVALID)
    assert message in answer[2]


def test_a_search_that_finds_nothing_is_an_empty_document(world, home):
    nothing = {"filter": "name = 'none'", "max_results": 5}
    assert world.good("POST", f"{E}/search", nothing) == {}
    assert world.good("POST", f"{R}/search", {"experiment_ids": [home]}) == {}
    assert world.good("POST", f"{L}/search", {"experiment_ids": [home]}) == {}


@pytest.mark.parametrize("path", [f"{E}/search", f"{R}/search"])
def test_a_filter_of_blanks_is_none(world, path):
    said = {"filter": "  ", "max_results": 5}
    assert world.bad("POST", path, said) == (400, INVALID, "Invalid filter '  '. Could not be parsed.")


def test_a_run_needs_an_experiment(world):
    assert world.bad("POST", f"{R}/create", {})[:2] == (400, INVALID)


def test_a_run_says_that_it_has_no_outputs_once_it_is_looked_up(world, home, run):
    assert shown(world, run)["outputs"] == {}
    (found,) = world.good("POST", f"{R}/search", {"experiment_ids": [home]})["runs"]
    assert found == shown(world, run)
    made = world.good("POST", f"{R}/create", {"experiment_id": home})["run"]
    assert "outputs" not in made


def test_one_parameter_that_would_change_is_refused_in_words_of_its_own(world, run):
    world.good("POST", f"{R}/log-parameter", {"run_id": run, "key": "p", "value": "1"})
    alone = world.bad("POST", f"{R}/log-parameter", {"run_id": run, "key": "p", "value": "2"})
    assert alone[2] == (
        "Changing param values is not allowed. Param with key='p' was already logged with value='1' for run "
        f"ID='{run}'. Attempted logging new value '2'."
    )


def test_a_batch_names_every_parameter_that_would_change_and_keeps_nothing(world, run):
    before = [{"key": "p", "value": "1"}, {"key": "q", "value": "1"}]
    world.good("POST", f"{R}/log-batch", {"run_id": run, "params": before})
    after = [{"key": "p", "value": "2"}, {"key": "q", "value": "3"}, {"key": "r", "value": "4"}]
    batch = {"run_id": run, "params": after, "tags": [{"key": "t", "value": "v"}]}
    assert world.bad("POST", f"{R}/log-batch", batch) == (
        400,
        INVALID,
        "Changing param values is not allowed. Params were already logged='[{'key': 'p', 'old_value': '1', "
        f"'new_value': '2'}}, {{'key': 'q', 'old_value': '1', 'new_value': '3'}}]' for run ID='{run}'.",
    )
    data = shown(world, run)["data"]
    assert data["params"] == before
    assert "t" not in {each["key"] for each in data["tags"]}


@pytest.mark.parametrize(
    ("path", "field", "item"),
    [
        ("log-metric", "metrics", {"key": "../x", "value": 1, "timestamp": 1}),
        ("log-parameter", "params", {"key": "../x", "value": "1"}),
        ("set-tag", "tags", {"key": "../x", "value": "1"}),
    ],
)
def test_a_bad_key_is_named_by_its_place_in_a_batch_and_without_one_alone(world, run, path, field, item):
    last = "name" if field == "metrics" else "key"
    batch = world.bad("POST", f"{R}/log-batch", {"run_id": run, field: [item]})
    assert f"for parameter '{field}[0].{last}' supplied" in batch[2]
    alone = world.bad("POST", f"{R}/{path}", {"run_id": run, **item})
    assert f"for parameter '{last}' supplied" in alone[2]


@pytest.mark.parametrize(
    ("field", "item"),
    [
        ("metrics", {"key": "a", "value": "high", "timestamp": 1}),
        ("metrics", {"key": "a", "value": 1, "timestamp": 1, "step": 1.5}),
        ("params", {"key": "a", "value": 1}),
        ("tags", {"key": "a", "value": ["x"]}),
    ],
)
def test_a_batch_with_a_wrong_type_keeps_nothing(world, run, field, item):
    good = {"tags": [{"key": "kept", "value": "no"}]}
    batch = {"run_id": run, **good, field: [*good.get(field, []), item]}
    assert world.bad("POST", f"{R}/log-batch", batch)[:2] == (400, INVALID)
    assert {each["key"] for each in shown(world, run)["data"]["tags"]} == {"mlflow.runName"}


@pytest.mark.parametrize(
    ("field", "limit"), [("name", 500), ("digest", 36), ("source", 65_535), ("schema", 1_048_575)]
)
def test_a_data_set_may_say_little_but_not_too_much(world, run, field, limit):
    said = {"run_id": run, "datasets": [{"dataset": {field: "x" * limit}}, {}]}
    assert world.good("POST", f"{R}/log-inputs", said) == {}
    said["datasets"][0]["dataset"][field] += "x"
    message = f"'{field}' exceeds the maximum length of {limit} characters"
    assert world.bad("POST", f"{R}/log-inputs", said) == (400, INVALID, message)


@pytest.fixture
def measured(world, home):
    for at, (name, value) in enumerate(
        {"one": 1, "two": 2, "none": None, "nan": "NaN", "inf": "Infinity"}.items()
    ):
        run = world.run(home, run_name=name, start_time=at)
        if value is not None:
            point = {"run_id": run, "key": "m", "value": value, "timestamp": 1}
            world.good("POST", f"{R}/log-metric", point)
    return home


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("metrics.m != 2", ["one", "nan", "inf"]),
        ("metrics.m != 0", ["one", "two", "nan", "inf"]),
        ("metrics.m = 0", []),
        ("metrics.m > -5", ["one", "two", "inf"]),
        ("metrics.m < 5", ["one", "two"]),
        ("NOT metrics.m > 1", ["one", "none", "nan"]),
        ("metrics.m != 2 OR metrics.m = 2", ["one", "two", "nan", "inf"]),
    ],
)
def test_nan_is_unlike_every_number_and_neither_above_nor_below_any(world, measured, text, found):
    assert names(world, measured, text) == found


@pytest.mark.parametrize(
    ("text", "order", "found"),
    [
        ("", "metrics.m", ["one", "two", "inf", "nan", "none"]),
        ("", "metrics.m DESC", ["inf", "two", "one", "nan", "none"]),
        ("metrics.m != 2", "metrics.m", ["one", "inf", "nan"]),
        ("metrics.m > 1", "metrics.m DESC", ["inf", "two"]),
    ],
)
def test_nan_and_what_has_no_number_come_last_on_every_page(world, measured, text, order, found):
    assert names(world, measured, text, order_by=[order]) == found
    paged, token = [], ""
    while True:
        said = {"experiment_ids": [measured], "filter": text, "order_by": [order], "max_results": 2}
        page = world.good("POST", f"{R}/search", {**said, "page_token": token})
        paged += [each["info"]["run_name"] for each in page["runs"]]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert paged == found


@pytest.fixture
def model(world, home):
    return world.good("POST", L, {"experiment_id": home, "name": "m"})["model"]["info"]["model_id"]


def test_a_logged_model_is_deleted_once_and_the_second_time_nothing_happens(world, model):
    for _ in range(2):
        assert world.good("DELETE", f"{L}/{model}", {}) == {}
    assert world.bad("GET", f"{L}/{model}")[0] == 404
    assert world.bad("PATCH", f"{L}/{model}/tags", {"tags": [{"key": "a", "value": "b"}]})[0] == 404
    unknown = "m-" + "0" * 32
    assert world.bad("DELETE", f"{L}/{unknown}", {})[:2] == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_deleted_logged_model_is_as_unknown_to_strangers_as_any(world, model):
    world.good("DELETE", f"{L}/{model}", {})
    token = world.token("eve", "maintainer", "elsewhere/*")
    assert world.bad("DELETE", f"{L}/{model}", {}, token=token)[0] == 404


def test_a_search_for_logged_models_needs_experiments(world):
    status, code, message = world.bad("POST", f"{L}/search", {})
    assert (status, code) == (400, INVALID)
    assert message.startswith("Missing value for required parameter 'experiment_ids'.")
    assert world.good("POST", f"{L}/search", {"experiment_ids": []}) == {}


def test_parameters_of_a_logged_model_may_be_said_again_but_not_changed(world, model):
    for _ in range(2):
        assert world.good("POST", f"{L}/{model}/params", {"params": [{"key": "p", "value": "1"}]}) == {}
    changed = world.bad("POST", f"{L}/{model}/params", {"params": [{"key": "p", "value": "2"}]})
    assert changed[:2] == (400, INVALID)
