"""Check ``integration``: every step is taken and told, and none passes by not being taken."""

import numpy as np
import polars as pl
import pytest

from assay.checks.integration import STEPS, Integration
from assay.checks.trial import same
from assay.core.measuring import ModelProblem


class Careful:
    """Adds two numbers, and is as strict as a caller may wish."""

    def predict(self, frame):
        return frame["a"].to_numpy(dtype=float) + frame["b"].to_numpy(dtype=float)


class Careless(Careful):
    """Takes whatever it is given."""

    def predict(self, frame):
        return np.zeros(len(frame))


class Mortal(Careful):
    """Dies of a wrong input."""

    def predict(self, frame):
        if "a" not in frame:
            raise SystemExit(1)
        return super().predict(frame)


class Endless(Careful):
    """Runs into a limit on a wrong input."""

    def predict(self, frame):
        if "a" not in frame:
            raise ModelProblem("the model did not answer predict within 300 s", limit="time")
        return super().predict(frame)


class Batchwise(Careful):
    """Answers differently when it sees other rows beside."""

    def predict(self, frame):
        return super().predict(frame) - super().predict(frame).mean()


class Constant:
    """Gives one answer to every row that has the columns it wants."""

    def __init__(self, answer, *wanted, classes=(), shares=()):
        self.answer, self.wanted, self.classes_ = answer, wanted, classes
        if len(shares):
            self.predict_proba = lambda frame: np.tile(shares, (len(frame), 1))

    def predict(self, frame):
        for name in self.wanted:
            frame[name].to_numpy(dtype=float)
        return np.array([self.answer] * len(frame))


ROWS = {"a": [1.0, 2.0, 3.0], "b": [0.5, 0.5, 0.5]}
GOLDEN = pl.DataFrame({**ROWS, "prediction": [1.5, 2.5, 3.5]})


@pytest.fixture
def run(bench, signature):
    def measure(estimator=None, *, golden=GOLDEN, wanted=None, **more):
        data = {} if golden is None else {"golden": bench.table("golden.parquet", golden)}
        wanted = wanted or signature({"a": "float64", "b": "float64"}, "float64")
        return Integration().measure(bench.case(estimator or Careful(), wanted, **data, **more))

    return measure


def steps(found):
    assert found.problem == ""
    assert [step["name"] for step in found.facts["steps"]] == list(STEPS)
    return {step["name"]: (step["passed"], step["detail"]) for step in found.facts["steps"]}


def failed(found):
    return [name for name, (passed, _) in steps(found).items() if not passed]


def test_a_careful_model_passes_every_step(run):
    found = run()
    assert failed(found) == []
    assert (found.facts["golden_rows"], found.facts["golden_mismatches"]) == (3, 0)
    assert found.facts["environment_digest"] == "sha256:" + "e" * 64
    assert (found.facts["build_seconds"], found.facts["load_ms"]) == (1.5, 12.5)
    assert list(found.data) == ["golden"]


def test_the_recorded_prediction_stays_outside_the_sandbox(run, bench):
    run()
    assert all("prediction" not in frame for frame in bench.host.opened[0].seen)


def test_a_real_classifier_passes_every_step(bench, classifier):
    trained = classifier()
    inputs = trained.table.select("age", "income").head(20)
    golden = inputs.with_columns(prediction=pl.Series(trained.estimator.predict(inputs.to_pandas())))
    path = bench.table("golden.csv", golden)
    found = Integration().measure(bench.case(trained.estimator, trained.signature, golden=path))
    assert failed(found) == []
    assert found.facts["golden_rows"] == 20


def test_a_model_that_does_not_come_up_leaves_every_later_step_unreached(run):
    found = run(problem=ModelProblem("no wheel for numpy==0.1"))
    told = steps(found)
    assert "no wheel for numpy==0.1" in told["environment"][1]
    assert [told[name] for name in STEPS[1:]] == [(False, "not reached")] * 4
    assert (found.facts["golden_rows"], list(found.data)) == (0, ["golden"])


def test_without_golden_rows_the_other_steps_are_taken_on_evaluation_rows(run, bench):
    path = bench.table("e.parquet", pl.DataFrame({**ROWS, "label": [1, 2, 3]}))
    found = run(golden=None, evaluation=path)
    assert failed(found) == ["golden"]
    assert "assay register --sample DATA" in steps(found)["golden"][1]
    assert list(found.data) == ["evaluation"]
    assert all("label" not in frame for frame in bench.host.opened[0].seen)


def test_without_any_rows_no_step_that_needs_them_passes(run):
    found = run(golden=None)
    assert failed(found) == ["signature", "wrong_input", "golden"]
    assert "--sample DATA" in steps(found)["signature"][1]


def test_without_a_signature_the_model_is_still_loaded(bench):
    path = bench.table("golden.parquet", GOLDEN)
    found = Integration().measure(bench.case(Careful(), golden=path))
    assert failed(found) == ["signature", "wrong_input", "golden"]
    assert "--sample DATA" in steps(found)["signature"][1]


@pytest.mark.parametrize("golden", [GOLDEN.drop("prediction"), GOLDEN.head(0)])
def test_a_golden_table_without_predictions_or_rows_fails(run, golden):
    found = run(golden=golden)
    assert "golden" in failed(found)
    assert found.facts["golden_rows"] == 0


def test_a_golden_table_that_cannot_be_read_fails_its_steps(bench, signature):
    path = bench.table("golden.parquet", b"PAR1 broken")
    found = Integration().measure(bench.case(Careful(), signature({"a": "float64"}, "float64"), golden=path))
    assert failed(found) == ["signature", "wrong_input", "golden"]


@pytest.mark.parametrize(
    ("off", "tolerance", "mismatches"),
    [
        (1e-9, 1e-6, 0),
        (1e-4, 1e-6, 1),
        (1e-4, 1e-3, 0),
        (1e-9, 0, 1),
        (float("nan"), 1e-3, 1),
        (None, 1e-3, 1),
    ],
)
def test_numbers_are_compared_within_the_relative_tolerance(run, off, tolerance, mismatches):
    last = None if off is None else 3.5 * (1 + off)
    golden = GOLDEN.with_columns(prediction=pl.Series([1.5, 2.5, last]))
    found = run(golden=golden, settings={"tolerance": tolerance})
    assert (found.facts["golden_rows"], found.facts["golden_mismatches"]) == (3, mismatches)
    assert ("golden" in failed(found)) == bool(mismatches)
    assert not mismatches or "row 2" in steps(found)["golden"][1]


@pytest.mark.parametrize("nothing", [None, float("nan"), np.float32("nan")])
def test_what_is_missing_equals_nothing_not_even_itself(nothing):
    assert not same(nothing, nothing, 0.1)
    assert not same([1.0, nothing], [1.0, nothing], 0.1)
    assert same([1.0, 2.0], [1.0, 2.0], 0)
    assert not same([1.0], [1.0, 2.0], 0)


@pytest.mark.parametrize(("recorded", "mismatches"), [("yes", 0), ("Yes", 3), ("", 3), (None, 3)])
def test_labels_are_compared_exactly(run, signature, recorded, mismatches):
    wanted = signature({"a": "float64", "b": "float64"}, "string", ("yes", "no"))
    golden = pl.DataFrame({**ROWS, "prediction": pl.Series([recorded] * 3, dtype=pl.String)})
    found = run(Constant("yes", "a", "b"), golden=golden, wanted=wanted)
    assert found.facts["golden_mismatches"] == mismatches


def test_text_labels_that_look_like_numbers_survive_csv(bench, signature):
    path = bench.table("golden.csv", "a,prediction\n1.5,01\n")
    wanted = signature({"a": "float64"}, "string", ("01", "02"))
    found = Integration().measure(bench.case(Constant("01", "a"), wanted, golden=path))
    assert failed(found) == []


@pytest.mark.parametrize(
    ("estimator", "output", "classes", "words"),
    [
        (Constant(1.5, "a", "b"), "int64", (), "output is float64, declared is int64"),
        (Constant("x", "a", "b"), "float64", (), "output is string"),
        (Constant(1, "a", "b"), "float32", (), "output is int64"),
        (Constant("x", "a", "b"), "string", ("y", "z"), "outside the class set: x"),
        (Constant(float("nan"), "a", "b"), "float64", (), "3 outputs are missing"),
        (Constant([1.0, 2.0], "a", "b"), "float64", (), "shape [2]"),
        (Constant("y", "a", "b", classes="yzx", shares=[0.5, 0.3, 0.2]), "string", ("y", "z"), "set: x"),
        (
            Constant("y", "a", "b", classes="y", shares=[1.0]),
            "string",
            ("y", "z"),
            "no probability for class z",
        ),
        (Batchwise(), "float64", (), "row 0 alone gives another answer"),
    ],
)
def test_an_output_other_than_declared_fails_the_signature(run, signature, estimator, output, classes, words):
    found = run(estimator, wanted=signature({"a": "float64", "b": "float64"}, output, classes))
    assert "signature" in failed(found)
    assert words in steps(found)["signature"][1]


def test_an_output_that_the_declared_type_holds_without_loss_is_as_declared(run, signature):
    wanted = signature({"a": "float64", "b": "float64"}, "float64")
    assert "signature" not in failed(run(Constant(np.float32(1.5), "a", "b"), wanted=wanted))


def test_a_model_that_accepts_wrong_input_fails(run):
    found = run(Careless())
    assert "wrong_input" in failed(found)
    assert steps(found)["wrong_input"][1] == (
        "the model accepted a table without column 'a' and text in column 'a'"
    )


@pytest.mark.parametrize("estimator", [Mortal(), Endless()])
def test_dying_or_running_into_a_limit_is_no_refusal(run, estimator):
    found = run(estimator)
    assert "wrong_input" in failed(found)
    assert "a wrong input broke the model" in steps(found)["wrong_input"][1]


def test_a_model_that_died_earlier_fails_what_comes_later(run):
    found = run(Mortal())
    assert failed(found) == ["wrong_input", "golden"]
    assert (found.facts["golden_rows"], found.facts["golden_mismatches"]) == (3, 3)


@pytest.mark.parametrize(
    ("inputs", "estimator", "passed", "tried"),
    [
        ({"a": "float64"}, Constant(1.0, "a"), True, "text in column 'a'"),
        ({"a": "float64?"}, Constant(1.0, "a"), False, "every input is optional"),
    ],
)
def test_what_was_tried_as_wrong_input_is_told(run, signature, inputs, estimator, passed, tried):
    found = run(estimator, wanted=signature(inputs, "float64"))
    assert steps(found)["wrong_input"][0] is passed
    assert tried in steps(found)["wrong_input"][1]


def test_a_single_text_input_is_tried_under_another_name(bench, signature):
    class ByName:
        def predict(self, frame):
            return np.char.str_len(frame["t"].to_numpy(dtype=str))

    golden = pl.DataFrame({"t": ["a", "bb"], "prediction": [1, 2]})
    path = bench.table("golden.parquet", golden)
    found = Integration().measure(bench.case(ByName(), signature({"t": "string"}, "int64"), golden=path))
    assert failed(found) == []
    assert "column 'not t'" in steps(found)["wrong_input"][1]


@pytest.mark.parametrize("tolerance", ["1e-6", True, -1, float("inf"), [1]])
def test_a_tolerance_of_another_shape_is_a_problem(run, tolerance):
    assert "tolerance" in run(settings={"tolerance": tolerance}).problem
