"""Fits to partitions: equal to those in memory, and what needs rows says so."""

import re

import dask
import dask.dataframe as frames
import joblib
import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.parallel import in_pieces, workers
from alliance_stats.errors import ColumnError, DesignError, FormulaError, ReadError
from alliance_stats.multilevel.formula.terms import complete_rows
from alliance_stats.multilevel.partitions.design import start_of

SAME = 1e-8  # the same likelihood from other sums; what a search leaves open is far below
FORMULAS = {
    "correlated slope": "y ~ session + x + (1 + x | client_id) + (1 | therapist_id)",
    "categories": "y ~ session * arm + C(floor(year / 10)) + (1 | client_id)",
    "nearly dependent": "y ~ x + x2 + dup + (1 + x + x2 | client_id) + (1 + x || therapist_id)",
    "no intercept": "y ~ 0 + arm + log(year) + (0 + x | client_id) + (1 | therapist_id)",
    "ids that start anew": "y ~ session + (1 | therapist_id / number)",
}


@pytest.fixture(scope="module")
def rows():
    """Sessions in any order, columns far from zero, some nearly dependent, values missing."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(2, 12, 150)
    client = np.repeat(np.arange(150), lengths)
    therapist = np.sort(rng.integers(0, 15, 150))
    n = len(client)
    data = pd.DataFrame(
        {
            "client_id": np.array([f"c{i:03d}" for i in range(150)])[client],
            "number": (np.arange(150) - np.searchsorted(therapist, therapist))[client],
            "therapist_id": therapist[client],
            "session": np.concatenate([np.arange(k) for k in lengths]),
            "arm": np.array(["b", "a", "z"])[rng.integers(0, 3, 150)][client],
            "year": 2000 + 20 * rng.random(n),
            "x": 1000 + rng.normal(size=n),
        }
    )
    data["x2"], data["dup"] = data["x"] + 1e-4 * rng.normal(size=n), 2 * data["x"] - 3
    slope = 0.5 + rng.normal(0, 0.4, 150)
    data["y"] = 50 + 0.3 * data["session"] + slope[client] * (data["x"] - 1000)
    data["y"] += rng.normal(0, 1, 150)[client] + rng.normal(0, 0.7, 15)[therapist][client]
    data["y"] += rng.normal(size=n)
    data.loc[rng.random(n) < 0.03, "x"] = np.nan
    return data.sample(frac=1, random_state=2).reset_index(drop=True)


@pytest.fixture(scope="module")
def folder(rows, tmp_path_factory):
    """The rows in files and row groups that cut through clients and therapists."""
    path = tmp_path_factory.mktemp("sessions")
    for number, part in enumerate(np.array_split(np.arange(len(rows)), 3)):
        rows.iloc[part].to_parquet(path / f"{number}.parquet", row_group_size=150)
    return path


def assert_same(one, other):
    assert list(one.params.index) == list(other.params.index)
    for name in ("params", "bse", "df", "llf", "scale", "nobs", "rows_dropped"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=SAME)
    np.testing.assert_allclose(other.varcomp["vcov"], one.varcomp["vcov"], rtol=SAME)
    np.testing.assert_allclose(other.icc()["icc"], one.icc()["icc"], rtol=SAME)
    assert one.structure.equals(other.structure)


@pytest.mark.filterwarnings("ignore::alliance_stats.errors.SingularFitWarning")
@pytest.mark.filterwarnings("ignore::alliance_stats.errors.ConvergenceWarning")
@pytest.mark.parametrize("name", FORMULAS)
def test_a_folder_of_parquet_files_gives_the_fit_in_memory(rows, folder, name):
    one, other = (al.fit_multilevel(FORMULAS[name], data) for data in (rows, folder))
    assert_same(one, other)
    for group in one.n_groups:
        mine, yours = one.random_effects[group], other.random_effects[group]
        size = float(mine.abs().to_numpy().max())
        np.testing.assert_allclose(yours.loc[mine.index], mine, atol=SAME * size)


def test_a_dask_dataframe_gives_the_fit_in_memory(rows):
    with dask.config.set(scheduler="synchronous"):
        parts = frames.from_pandas(rows, npartitions=4, sort=False)
        other = al.fit_multilevel(FORMULAS["categories"], parts, df="kenward-roger")
    assert_same(al.fit_multilevel(FORMULAS["categories"], rows, df="kenward-roger"), other)


def test_what_needs_no_rows_is_asked_of_sums(rows, folder):
    formulas = [f"y ~ session + x + (1{slope} | client_id)" for slope in ("", " + session")]
    one, two = ([al.fit_multilevel(f, d) for f in formulas] for d in (rows, folder))
    assert one[0].messages == two[0].messages
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(b.predict(rows.head(9)), a.predict(rows.head(9)), rtol=SAME)
    slopes = [fits[0].omitted_slopes()["statistic"] for fits in (one, two)]
    np.testing.assert_allclose(*slopes, rtol=SAME)
    statistics = [fits[0].compare(fits[1]).statistic for fits in (one, two)]
    np.testing.assert_allclose(*statistics, rtol=1e-6)  # a small difference of large likelihoods
    intervals = [fits[0].profile_ci()[["conf_low", "conf_high"]] for fits in (one, two)]
    np.testing.assert_allclose(*intervals, rtol=1e-6)  # where a root search stops
    assert two[0].fewest == 0  # nobody counts who stands behind a coefficient


def test_what_needs_rows_says_so(folder):
    fit = al.fit_multilevel("y ~ session + (1 | client_id)", folder)
    for ask in (
        lambda: fit.resid,
        lambda: fit.fittedvalues,
        fit.augment,
        fit.robust,
        fit.r_squared,
        lambda: fit.simulate(1),
        lambda: fit.bootstrap(10, seed=1),
        lambda: al.check_model(fit),
    ):
        with pytest.raises(DesignError, match="needs the rows themselves"):
            ask()


def test_categories_that_one_partition_alone_holds_are_found(tmp_path):
    rng = np.random.default_rng(3)
    rows = pd.DataFrame({"client": np.repeat(np.arange(20), 5), "y": rng.normal(size=100)})
    rows["y"] += rng.normal(0, 2, 20)[rows["client"]]
    rows["arm"] = np.where(rows["client"] < 15, "wait", "care")
    rows["kind"] = pd.Categorical(rows["client"] % 3, [2, 0, 1]).rename_categories(["z", "a", "m"])
    for number in range(4):
        rows.iloc[25 * number : 25 * number + 25].to_parquet(tmp_path / f"{number}.parquet")
    one, other = (al.fit_multilevel("y ~ arm + kind + (1|client)", d) for d in (rows, tmp_path))
    assert list(other.params.index) == ["Intercept", "arm[T.wait]", "kind[T.a]", "kind[T.m]"]
    assert_same(one, other)


def test_a_search_begins_where_that_of_some_groups_ends(rows, folder, monkeypatch):
    formula = "y ~ session + (1 | client_id) + (1 | therapist_id)"
    whole = al.fit_multilevel(formula, folder)
    assert start_of(whole.design, True) is None
    monkeypatch.setattr("alliance_stats.multilevel.engine.likelihood.PIECE", 8)
    monkeypatch.setattr("alliance_stats.multilevel.partitions.design.MANY", 5)
    begun = al.fit_multilevel(formula, folder)
    assert start_of(begun.design, True) is not None
    assert_same(whole, begun)


def test_a_partition_without_complete_rows_tells_nothing_and_is_counted(rows, tmp_path):
    rows.head(40).assign(y=np.nan).to_parquet(tmp_path / "0.parquet")
    rows.to_parquet(tmp_path / "1.parquet")
    fit = al.fit_multilevel("y ~ session + (1 | client_id)", tmp_path)
    same = al.fit_multilevel("y ~ session + (1 | client_id)", rows)
    assert fit.llf == pytest.approx(same.llf, rel=SAME)
    assert "40 of" in fit.messages[0]


def test_files_without_a_column_are_named(rows, tmp_path):
    for place in range(4):
        one = rows.iloc[place::4].drop(columns=["x"] if place in (0, 2) else [])
        (tmp_path / f"year={place}").mkdir()
        one.drop(columns="year").to_parquet(tmp_path / f"year={place}" / f"{place}.parquet")
    model = "y ~ session + year + {}(1 | client_id)"
    said = "'x' is no column of '0.parquet', '2.parquet', and counts as missing in every row"
    assert any(said in one for one in al.fit_multilevel(model.format("x + "), tmp_path).messages)
    quiet = al.fit_multilevel(model.format(""), tmp_path).messages
    assert not any("is no column" in one for one in quiet)  # nor is a folder's name a lack


def test_files_that_hold_a_column_in_several_types(rows, tmp_path):
    """What is cast to the first file's type may be another id: '001' and 1 are two clients."""
    model, part = "y ~ session + (1 | number)", [rows.iloc[i::3] for i in range(3)]
    part[0] = part[0].assign(y=part[0]["y"].round().astype(int), x=None)
    part[1] = part[1].assign(arm=part[1]["arm"].astype("category"))
    for place, one in enumerate(part):
        one.to_parquet(tmp_path / f"{place}.parquet")
    assert_same(al.fit_multilevel(model, pd.concat(part)), al.fit_multilevel(model, tmp_path))
    words = part[2].assign(number=part[2]["number"].map("{:03d}".format))
    words.to_parquet(tmp_path / "2.parquet")
    with pytest.raises(ColumnError, match=r"numbers in '0\.parquet' and words in '2\.parquet'"):
        al.fit_multilevel(model, tmp_path)
    al.fit_multilevel("y ~ session + (1 | client_id)", tmp_path)  # who asks for others is let be


@pytest.mark.parametrize(
    ("formula", "options", "error", "says"),
    [
        ("y ~ scale(x) + (1 | client_id)", {}, DesignError, "scale(x) learns something of all"),
        ("y ~ x + (1 | session) + (1 | client_id)", {}, DesignError, "need nested groups"),
        ("y ~ nothing + (1 | client_id)", {}, FormulaError, "'nothing'"),
        ("y ~ client_id + (1 | client_id)", {}, DesignError, "is an id"),
        ("y ~ log(session - 3) + (1 | client_id)", {}, DesignError, "infinite or undefined"),
        ("y ~ x + (1 | client_id)", {"weights": "x"}, DesignError, "weights= needs all rows"),
        ("y ~ x + (1 | client_id)", {"family": "poisson"}, DesignError, "family= needs all rows"),
    ],
)
def test_what_partitions_cannot_carry_is_refused(folder, formula, options, error, says):
    with pytest.raises(error, match=re.escape(says)), np.errstate(all="ignore"):
        al.fit_multilevel(formula, folder, **options)


def test_a_path_without_partitions_is_told(tmp_path, rows):
    with pytest.raises(ReadError, match="holds no file that ends in"):
        al.fit_multilevel("y ~ x + (1 | client_id)", tmp_path)
    rows.head(0).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ReadError, match="hold no row"):
        al.fit_multilevel("y ~ x + (1 | client_id)", tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ReadError, match="cannot be read"):
        al.fit_multilevel("y ~ x + (1 | client_id)", tmp_path)
    with pytest.raises(ColumnError, match="or the path of a folder of Parquet files, not list"):
        al.fit_multilevel.__wrapped__("y ~ x + (1 | client_id)", [1])


def test_pieces_come_in_order_wherever_they_are_worked_on():
    assert workers(None) == 1
    with joblib.parallel_config("threading", n_jobs=2):
        assert workers(None) == 2
        assert list(in_pieces(abs, [-3, 1, -2])) == [3, 1, 2]


def test_ids_are_not_turned_into_floats_to_look_for_missing_ones():
    frame = pd.DataFrame({"client_id": np.arange(4), "x": [1.0, 2.0, 3.0, 4.0]})
    table, keep, missing = complete_rows(["x", "client_id"], frame)
    assert list(table.known) == ["x"]
    assert keep is None
    assert missing == {}
