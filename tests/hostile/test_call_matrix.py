"""Whatever a public function is called with, it answers or says in a sentence why not."""

import importlib.util
import inspect
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

SHARE = 0.02  # of all calls, always the same ones; tests/benchmarks/call_matrix.py makes them all
TWENTY = 20  # letters; what is shorter says nothing of what to do


def benchmark():
    path = Path(__file__).parents[1] / "benchmarks" / "call_matrix.py"
    spec = importlib.util.spec_from_file_location("call_matrix", path)
    module = importlib.util.module_from_spec(spec)
    importlib.sys.modules["call_matrix"] = module
    spec.loader.exec_module(module)
    return module


matrix = benchmark()


def public_functions():
    return [name for name in al.__all__ if inspect.isfunction(getattr(al, name))]


def test_every_public_function_has_its_valid_call():
    made = {"StudyDesign"}  # the class that people call themselves
    called = {name.partition(".")[0] for name in matrix.CALLS}
    assert called | set(matrix.LEFT_OUT) == set(public_functions()) | made


def test_no_call_ends_in_a_bare_error(capsys):
    tally = matrix.run(list(matrix.CALLS), SHARE)
    with capsys.disabled():
        print(f"\n{tally.counts()}")
    assert not tally.wrong, "\n".join(
        f"{one.function}({one.argument}={one.value}): {one.verdict} {one.text[:90]} [{one.place}]"
        for one in tally.wrong
    )


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: al.missing_by_session("data"), r"study must be a Study, not 'data'.*open_study"),
        (lambda: al.lag("a.csv", "x"), "must be a pandas DataFrame"),
        (lambda: al.mean_course(5), r"Scores must be a Study .*, not int\."),
        (lambda: al.load_dataset(["demo-trial"]), r"name must be a text, not \['demo-trial'\]\."),
        (lambda: al.measure("wai-sr", registry=5), "registry must be a Registry or None, not 5"),
        (lambda: al.simulate_study(n_client=3), "Did you mean 'n_clients'"),
        (lambda: al.list_measures(registri=None), "Did you mean 'registry'"),
        (lambda: al.lag(), r"lag needs 'data', 'columns' too"),
        (lambda: al.StudyDesign(120, 2), "needs 'sessions', 'icc_client', 'icc_therapist' too"),
        (lambda: matrix.design().power(), "power needs 'effect' too"),
        (lambda: matrix.study().select(), "select needs "),
        (lambda: matrix.study().codebook("a.html"), r"too many .*; it has no arguments\."),
        (lambda: matrix.fit().contrasts(), "contrasts needs "),
        (lambda: al.decompose(pd.DataFrame({"a": [1j]}), "a"), "holds complex numbers"),
        (lambda: al.fit_dropout_hazard("event ~ session", matrix.periods(), varying="x"),
         "varying must be a dict or None, not 'x'"),
        (lambda: al.model_table([matrix.fit()], labels=5), "labels must be a dict or None, not 5"),
        (lambda: al.trial_flow(matrix.study(), analysed=[["c"]]), "a list of single values"),
        (lambda: al.compare_arms(**{**matrix.CALLS["compare_arms"](), "reference": pd.NA}),
         "There is no arm"),
        (lambda: al.fit_factor_model(**matrix.CALLS["fit_factor_model"](), by=""),
         "must have the column"),
        (lambda: al.score(matrix.answers(), "phq-9", items={}), "got none for numbers"),
        (lambda: al.score_partitions(matrix.ratings_folder(), "x", already_reversed=None),
         "must be True or False or a list, not None"),
        (lambda: al.check_synthetic(matrix.study(), matrix.study().with_tables(sessions=None)),
         "sessions"),
        (lambda: al.check_synthetic(matrix.study(), matrix.study().with_tables(
            sessions=matrix.study().sessions.iloc[:0])), "no clients or no sessions"),
        (lambda: al.check_plan(" ", matrix.study()), "' ' is not there; name a file"),
        (lambda: al.fit_multilevel("y ~ 1 + (1 | g)", matrix.dyads(), reml="no"), "True or False"),
    ],
)  # fmt: skip
def test_a_value_of_a_wrong_kind_is_named(call, told):
    with pytest.raises(al.AllianceStatsError, match=told) as error:
        call()
    assert len(str(error.value)) > TWENTY


def test_what_goes_wrong_inside_is_not_hidden():
    def broken(x: "float") -> float:
        return [][int(x)]

    from alliance_stats.core.door import asking

    with pytest.raises(IndexError):
        asking(broken)(1.0)
    with pytest.raises(al.DesignError, match="x must be a finite number, not 'a'") as error:
        asking(broken)("a")
    assert isinstance(error.value.__cause__, ValueError)


def test_an_index_named_like_a_column_means_the_column():
    data = matrix.alliance()
    shadowed = data.set_axis(pd.Index(data["client_id"], name="client_id"))
    plain = al.decompose(data, "score")["score_within"].to_numpy()
    assert np.array_equal(al.decompose(shadowed, "score")["score_within"].to_numpy(), plain, True)


def test_columns_that_are_no_text_are_names_too():
    pairs = pd.DataFrame({0: [30.0, 30.0], (1, "b"): [20.0, 29.0]}).rename(columns=lambda one: one)
    found = al.reliable_change(pairs, pre=0, post=(1, "b"), reliability=0.8, sd=7.5)
    assert found["category"].tolist() == ["improved", "unchanged"]


def test_public_functions_travel_to_other_processes():
    assert pickle.loads(pickle.dumps(al.decompose)) is al.decompose


def test_an_id_is_no_predictor():
    data = matrix.alliance().assign(number=lambda rows: rows["client_id"].str[1:].astype(int))
    numbered = data.drop(columns="client_id").rename(columns={"number": "client_id"})
    copied = data.assign(pid=data["client_id"] + "x")
    for formula, rows in [
        ("score ~ client_id + (1 | client_id)", numbered),
        ("score ~ client_id + (1 | client_id)", data),
        ("score ~ pid + (1 | client_id)", copied),
    ]:
        with pytest.raises(al.DesignError, match="is an id"):
            al.fit_multilevel(formula, rows)
    periods = matrix.periods().assign(therapist_id=1)
    with pytest.raises(al.DesignError, match="'therapist_id' is an id: its numbers say who"):
        al.fit_dropout_hazard("event ~ therapist_id", periods)
    with pytest.raises(al.ColumnError, match="'therapist_id' is an id"):
        al.decompose(numbered.assign(therapist_id=1), "therapist_id")


def test_many_columns_are_split_without_a_word_of_pandas():
    wide = pd.DataFrame(np.ones((4, 300)), columns=[f"v{i}" for i in range(300)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = al.decompose(wide.assign(client_id=list("aabb")), list(wide.columns))
    assert found.shape[1] == 1 + 3 * 300
    assert len(found.attrs["preparation"]) == 300
