"""Each attack succeeds on files that tell too much, and fails on those of the defaults.

Where it succeeds the audit had said so, and nothing would have been written without a person's yes.
"""

import re

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.disclosure import WithheldError

CHANCE = 0.1
"""Share of people's means that a guess may have in common with them: the audit allows a fifth for
the most exposed person, which is 0.03 to 0.1 over all."""
LOOSE = {"most_told": 1, "digits": 8, "kind": "curve"}
SECONDS = {"loose": 30.0, "default": 0.3}
"""Where the curve tells the whole table it is found in less; else a search would have no end."""
MODEL = "distress ~ session + (1 | client_id)"
ARMS = "distress ~ session + condition + (1 | client_id)"
THERAPISTS = "distress ~ session + (1 | client_id) + (1 | therapist_id)"


def of_clients(data):
    """Return sizes, therapists and mean outcomes of clients, in their order."""
    people = data.groupby("client_id", sort=False)
    by = people["therapist_id"].first().factorize()[0]
    return people.size().to_numpy(), by, people["distress"].mean().to_numpy()


def said(call, **options):
    """Return what is said before a file is written."""
    with pytest.raises(WithheldError) as found:
        call(**options)
    return str(found.value)


def test_a_binary_predictor_is_found_only_where_the_audit_says_so(make_clinic, attackers, tmp_path):
    right = {"loose": [], "default": [], "guess": []}
    for seed in range(21, 23):
        data = make_clinic(seed, each=8)
        sizes, *_ = of_clients(data)
        yes = (data.groupby("client_id", sort=False)["condition"].first() == "PDT").to_numpy()
        numbers, held = np.unique(sizes, return_counts=True)
        true = np.array([yes[sizes == n].sum() for n in numbers])
        for how in ("loose", "default"):
            path = tmp_path / f"{seed}-{how}.json"
            options = {**LOOSE, "reviewed": True} if how == "loose" else {}
            found = al.clinic_file(ARMS, data, path, ledger=tmp_path / path.stem, **options)
            counts = attackers.counts_by_sessions(path, "condition[T.PDT]", sizes, SECONDS[how])
            right[how].append((counts == true).mean())
            assert any("'condition[T.PDT]', in whole steps" in f for f in found.findings) == (
                how == "loose"
            )
        right["guess"].append((np.round(held * yes.mean()) == true).mean())
    assert np.mean(right["loose"]) > 0.9  # nearly all of the table, exactly
    assert np.mean(right["default"]) < np.mean(right["guess"]) + CHANCE


def test_the_audit_speaks_before_a_loose_file_is_written(make_clinic, tmp_path):
    path = tmp_path / "a.json"
    words = said(lambda **o: al.clinic_file(ARMS, make_clinic(20), path, **o), **LOOSE)
    assert words.startswith("Nothing was written yet: with these settings the file tells more")
    assert "'condition[T.PDT]', in whole steps, could be searched for" in words
    assert "reviewed=True" in words
    assert not path.exists()
    seen = al.clinic_file(ARMS, make_clinic(20), None, **LOOSE)
    assert seen.findings
    assert seen.path is None


def test_membership_by_subtraction(three, attackers, tmp_path):
    whole = three["Bern"]
    gone = whole["client_id"].iloc[0]
    less = whole[whole["client_id"] != gone]
    al.clinic_file(MODEL, whole, tmp_path / "first.json")
    words = said(lambda: al.clinic_file(MODEL, less, tmp_path / "second.json"))
    assert "other rows of 1 clients: the difference of the two would tell of them" in words
    assert not (tmp_path / "second.json").exists()
    # what the ledger stands between: with one of its own for each file the client is told
    al.clinic_file(MODEL, less, tmp_path / "second.json", ledger=tmp_path / "elsewhere")
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    true = whole.loc[whole["client_id"] == gone, "distress"].mean()
    count, mean = attackers.difference(paths)
    assert count == 1
    np.testing.assert_allclose(mean, true)


def test_subtraction_of_two_models(three, attackers, tmp_path):
    """A predictor is in both files: another outcome, or name of it, is no other data."""
    whole = three["Bern"].assign(phq=lambda d: (d["distress"] * 7) % 11)
    gone = whole["client_id"].iloc[0]
    less = whole[whole["client_id"] != gone]
    models = [f"{y} ~ alliance + (1 | client_id)" for y in ("distress", "phq")]
    al.clinic_file(models[0], whole, tmp_path / "first.json")
    words = said(lambda: al.clinic_file(models[1], less, tmp_path / "second.json"))
    assert "has other rows of 1 clients: the difference of the two would tell" in words
    al.clinic_file(models[1], less, tmp_path / "second.json", ledger=tmp_path / "elsewhere")
    count, mean = attackers.difference([tmp_path / "first.json", tmp_path / "second.json"], 1)
    assert count == 1
    np.testing.assert_allclose(mean, whole.loc[whole["client_id"] == gone, "alliance"].mean())
    # nobody left, and one client's predictor was put right
    right = whole.assign(alliance=whole["alliance"] + (whole["client_id"] == gone))
    for model in models:
        words = said(lambda model=model: al.clinic_file(model, right, tmp_path / "third.json"))
        assert "other values of 'alliance' of 1 clients" in words
    al.clinic_file(models[1], whole, tmp_path / "fourth.json")  # of the same rows: nobody's


def test_a_therapists_mean(make_clinic, attackers, tmp_path):
    small = make_clinic(30, therapists=10, each=12)
    sizes, by, means = of_clients(small)
    true = np.bincount(by, sizes * means) / np.bincount(by, sizes)
    words = said(lambda: al.clinic_file(THERAPISTS, small, tmp_path / "no.json"))
    assert re.search(r"of the mean of \d+ of 10 of 'therapist_id'", words)
    assert "leave (1 | therapist_id) out, as therapists are few" in words
    path = tmp_path / "loose.json"
    found = al.clinic_file(THERAPISTS, small, path, **LOOSE, reviewed=True)
    assert any("10 of 10 of 'therapist_id'" in finding for finding in found.findings)
    guess = attackers.means_of_clients(path, sizes, by, noise=1e-7)
    theirs = np.bincount(by, sizes * guess) / np.bincount(by, sizes)
    assert np.corrcoef(theirs, true)[0, 1] > 0.9
    # a two-level file of the same clinic knows nothing of therapists
    path = tmp_path / "two.json"
    two = al.clinic_file(MODEL, small, path, kind="curve", ledger=tmp_path / "two")
    guess = attackers.means_by_sessions(path, sizes, noise=10.0**-two.digits)
    numbers = np.unique(sizes)
    of_client = guess[np.searchsorted(numbers, sizes)]
    theirs = np.bincount(by, sizes * of_client) / np.bincount(by, sizes)
    assert np.corrcoef(theirs, true)[0, 1] ** 2 < 0.5  # ten therapists: chance reaches .4


def test_an_outlier(make_clinic, attackers, tmp_path):
    data = make_clinic(32)
    one = data["client_id"].iloc[0]
    data["hours"] = np.where(data["client_id"] == one, 60.0, 1.0 + data["alliance_between"] / 10)
    formula = "distress ~ hours + (1 | client_id)"
    words = said(lambda: al.clinic_file(formula, data, tmp_path / "no.json"))
    assert "One client makes up" in words
    assert "of the spread of 'hours': an outlier" in words
    path = tmp_path / "loose.json"
    found = al.clinic_file(formula, data, path, **LOOSE, reviewed=True)
    assert any("an outlier" in finding for finding in found.findings)
    true = data.loc[data["client_id"] == one, "distress"].mean()
    np.testing.assert_allclose(attackers.outlier(path, "hours", 60.0), true, atol=1.5)


def test_inverting_a_curve_to_sums_by_number_of_sessions(make_clinic, attackers, tmp_path):
    in_common = {"loose": [], "default": []}
    for seed in range(40, 46):
        data = make_clinic(seed, sessions=(3, 12))
        sizes, _, means = of_clients(data)
        numbers = np.unique(sizes)
        true = np.array([means[sizes == n].mean() for n in numbers])
        for how in in_common:
            path = tmp_path / f"{seed}-{how}.json"
            options = {**LOOSE, "digits": 12, "reviewed": True} if how == "loose" else {}
            found = al.clinic_file(MODEL, data, path, ledger=tmp_path / path.stem, **options)
            guess = attackers.means_by_sessions(path, sizes, noise=10.0**-found.digits)
            of_client = guess[np.searchsorted(numbers, sizes)]
            if how == "loose":
                in_common[how].append(np.corrcoef(guess, true)[0, 1] ** 2)
            else:
                in_common[how].append(np.corrcoef(of_client, means)[0, 1] ** 2)
    assert np.mean(in_common["loose"]) > 0.6  # sums of a few clients each, mostly
    assert np.mean(in_common["default"]) < CHANCE


SENT = {"min_clients": 1, "most_told": 1, "reviewed": True}


@pytest.fixture(scope="module")
def two_classes(make_clinic):
    """64 clients with six sessions, 24 with twelve; `mine(...)` gives each client a value."""
    parts = make_clinic(1, sessions=6), make_clinic(2, therapists=3, sessions=12)
    data = pd.concat(parts, ignore_index=True)
    return data, np.where(data.groupby("client_id", sort=False).size() == 6, 0, 1)


def given(data, **columns):
    """Return rows with columns of which each client has one value."""
    place = pd.factorize(data["client_id"])[0]
    return data.assign(**{name: np.asarray(v, float)[place] for name, v in columns.items()})


def mean_of(data, client):
    return data.groupby("client_id", sort=False)["distress"].mean().iloc[client]


def test_a_cell_of_one_among_clients_with_equally_many_sessions(two_classes, attackers, tmp_path):
    """In the whole clinic the cell is large: eleven others have the one and not the other."""
    data, late = two_classes
    rng = np.random.default_rng(0)
    g, h = rng.integers(0, 2, (2, len(late)))
    g[late == 1], one = np.arange(24) < 12, int(np.argmax(late))
    h[late == 1] = g[late == 1]
    h[one] = 0
    data, model = given(data, g=g, h=h), "distress ~ g + h + (1 | client_id)"
    words = said(lambda: al.clinic_file(model, data, tmp_path / "no.json"))
    assert (
        "with 12 sessions, whose sums follow from the curve, only 1 have g = 1 and h = 0" in words
    )
    assert "only 1 have g = 1 and h = 0" in said(
        lambda: al.clinic_file(model, data, None, kind="sums")
    )
    al.clinic_file(model, data, tmp_path / "a.json", **SENT)
    np.testing.assert_allclose(
        attackers.cell(tmp_path / "a.json", 12, "g", "h"), mean_of(data, one)
    )


@pytest.mark.parametrize("kind", ["sums", "curve"])
def test_an_outlier_among_clients_with_equally_many_sessions(
    two_classes, attackers, tmp_path, kind
):
    """Among all clients the value is nothing special; eight digits of a curve give the sums."""
    data, late = two_classes
    rng, one = np.random.default_rng(0), int(np.argmax(late))
    hours = np.where(late, rng.normal(0, 1, len(late)), rng.normal(0, 12, len(late)))
    hours[one] = 30.0
    data, model = given(data, hours=hours), "distress ~ hours + (1 | client_id)"
    words = said(lambda: al.clinic_file(model, data, tmp_path / "no.json", kind=kind))
    assert re.search(r"with 12 sessions.* one makes up 9\d % of the spread of 'hours'", words)
    assert "single out 1 (an outlier, or a small cell" in words
    path = tmp_path / "a.json"
    al.clinic_file(
        model, data, path, kind=kind, **SENT, **({"digits": 8} if kind == "curve" else {})
    )
    found = attackers.outlier_of_class(path, 12, "hours", 30.0)
    np.testing.assert_allclose(found, mean_of(data, one), atol=1.0)
    # without the outlier it goes, as exactly as it may
    hours[one] = 0.5
    assert al.clinic_file(model, given(data, hours=hours), None, kind=kind).digits in (None, 8)


def test_two_files_whose_predictors_differ_for_one_client(make_clinic, attackers, tmp_path):
    """The rows are the same, and so are the outcome and everybody's values: thresholds are not."""
    data = make_clinic(3, sessions=8)
    age = np.round(np.random.default_rng(0).normal(40, 12, 64))
    alone = [v for v, n in zip(*np.unique(age, return_counts=True), strict=True) if n == 1]
    one = next(v for v in alone if 32 < v < 45)
    data = given(data, age=age)
    models = [f"distress ~ I(age > {at:.0f}) + (1 | client_id)" for at in (one - 1, one)]
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    al.clinic_file(models[0], data, paths[0])
    words = said(lambda: al.clinic_file(models[1], data, paths[1]))
    assert "and those of" in words
    assert "first.json', sent before, single out 1" in words
    # by a curve after sums, and in rows that no longer hold what was sent
    assert "sent before, single out" in said(
        lambda: al.clinic_file(models[1], data, paths[1], kind="curve")
    )
    later = data.assign(old=data["age"] > one).drop(columns="age")
    words = said(lambda: al.clinic_file("distress ~ old + (1 | client_id)", later, paths[1]))
    assert "the values of 'old' here, but others of 1 clients" in words
    later["old"] *= 2  # other values of everybody
    words = said(lambda: al.clinic_file("distress ~ old + (1 | client_id)", later, paths[1]))
    assert "what both tell together is not known" in words
    al.clinic_file(models[1], data, paths[1], ledger=tmp_path / "elsewhere")
    found = attackers.between_thresholds(paths, 8)
    np.testing.assert_allclose(found, mean_of(data, int(np.argmax(age == one))))
    # a predictor that lies elsewhere has nothing in common with the first
    al.clinic_file("distress ~ alliance_between + (1 | client_id)", data, tmp_path / "third.json")


def test_a_predictor_that_changes_in_one_client_only(make_clinic, attackers, tmp_path):
    """Within clients its spread is one client's, who is nobody special between them."""
    data = make_clinic(3, sessions=8)
    one = data["client_id"] == data["client_id"].iloc[40]
    data = given(data, dose=np.random.default_rng(0).normal(0, 3, 64))
    data.loc[one, "dose"] += data.loc[one, "session"] > 4
    model, path = "distress ~ dose + (1 | client_id)", tmp_path / "a.json"
    words = said(lambda: al.clinic_file(model, data, path))
    assert "100 % of the spread of 'dose' from session to session" in words
    al.clinic_file(model, data, path, **SENT)
    late = data["session"] > 4
    true = data.loc[one & late, "distress"].mean() - data.loc[one & ~late, "distress"].mean()
    np.testing.assert_allclose(attackers.change(path, "dose"), true)


def test_sums_of_a_later_day_when_one_client_had_one_more_session(make_clinic, attackers, tmp_path):
    """Eleven changed, ten of them new; of those with seven sessions one is no longer there."""
    first = pd.concat([make_clinic(4, sessions=8), make_clinic(5, sessions=7)])
    new = make_clinic(6, therapists=1, each=10, sessions=8)
    one = first["client_id"].iloc[-1]
    more = first.iloc[[-1]].assign(session=8.0, distress=31.0)
    later = pd.concat([first, more, new], ignore_index=True)
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    al.clinic_file(MODEL, first, paths[0])
    words = said(lambda: al.clinic_file(MODEL, later, paths[1], kind="sums"))
    assert "less this one is about 11 clients: Of those with 7 rows they are 1." in words
    assert al.clinic_file(MODEL, later, None, kind="sums").kind == "sums"  # alone it may go
    al.clinic_file(MODEL, later, paths[1], kind="sums", ledger=tmp_path / "elsewhere")
    before, after = (attackers.class_products(path, 7)[1] for path in paths)
    gone = before - after
    true = first.loc[first["client_id"] == one, "distress"].mean()
    np.testing.assert_allclose([gone[0, 0], gone[0, -1]], [1.0, true])
    # with new clients only both go, as exactly as each alone
    later = pd.concat([first, new], ignore_index=True)
    assert al.clinic_file(MODEL, later, paths[1]).kind == "sums"


def test_curves_of_two_days_less_each_other(make_clinic, attackers, tmp_path):
    """The difference is a curve about those alone who came between."""
    in_common = {"loose": [], "default": []}
    exact = {"kind": "curve", "digits": 8, "most_told": 1, "reviewed": True}
    for seed in range(2):
        first = make_clinic(seed, therapists=12)
        few, many = (make_clinic(seed + 50, therapists=1, each=each) for each in (10, 40))
        for how, new, options in (("loose", few, exact), ("default", many, {"kind": "curve"})):
            later = pd.concat([first, new], ignore_index=True)
            paths = [tmp_path / f"{how}-{seed}" / f"{number}.json" for number in range(2)]
            paths[0].parent.mkdir()
            found = [
                al.clinic_file(MODEL, data, path, **options)
                for path, data in zip(paths, (first, later), strict=True)
            ]
            sizes, _, means = of_clients(new)
            noise = 10.0 ** -min(one.digits for one in found)
            guess = attackers.means_of_new(paths, sizes, noise)
            in_common[how].append(np.corrcoef(guess, means)[0, 1] ** 2)
            assert (how == "loose") == any(
                "less this one is about 10" in f for f in found[1].findings
            )
        if seed == 0:
            data, path = pd.concat([first, few]), paths[0].parent / "few.json"
            words = said(lambda data=data, path=path: al.clinic_file(MODEL, data, path))
            assert "less this one is about 10 clients: A reader who knows" in words
    assert np.mean(in_common["loose"]) > 0.35  # of ten clients, where chance is at .11
    assert np.mean(in_common["default"]) < CHANCE


def test_an_outcome_that_holds_a_threshold(make_clinic, attackers, tmp_path):
    """A product with a predictor is another outcome, and differs for one client all the same."""
    data = make_clinic(3, sessions=8)
    age = np.round(np.random.default_rng(0).normal(40, 12, 64))
    alone = [v for v, n in zip(*np.unique(age, return_counts=True), strict=True) if n == 1]
    one = next(v for v in alone if 32 < v < 45)
    data = given(data, age=age)
    models = [
        f"I(distress * (age > {at:.0f})) ~ session + (1 | client_id)" for at in (one - 1, one)
    ]
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    al.clinic_file(models[0], data, paths[0])
    words = said(lambda: al.clinic_file(models[1], data, paths[1]))
    assert "here, but others of 1 clients: the difference of the two" in words
    al.clinic_file(models[1], data, paths[1], ledger=tmp_path / "elsewhere")
    a, b = (attackers.class_products(path, 8)[1] for path in paths)
    np.testing.assert_allclose(a[0, -1] - b[0, -1], mean_of(data, int(np.argmax(age == one))))


def test_two_sessions_of_one_client_that_changed_places(make_clinic, attackers, tmp_path):
    """Every column's values are as they were; their products with the outcome are not."""
    data = make_clinic(3, sessions=8)
    late = data.copy()
    rows = data.index[data["client_id"] == data["client_id"].iloc[0]][[0, 7]]
    late.loc[rows, "distress"] = data.loc[rows[::-1], "distress"].to_numpy()
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    models = [MODEL, "distress ~ session + alliance_between + (1 | client_id)"]
    al.clinic_file(models[0], data, paths[0])
    for model in models:
        words = said(lambda model=model: al.clinic_file(model, late, paths[1]))
        assert "other values of 'distress x session' of 1 clients" in words
    al.clinic_file(MODEL, late, paths[1], ledger=tmp_path / "elsewhere")
    a, b = (attackers.read_file(path) for path in paths)
    moved = (b.body.total - a.body.total)[1, 2] * a.unit[1] * a.unit[2]
    true = np.subtract(*data.loc[rows, "distress"])
    np.testing.assert_allclose(moved / 7.0, true, atol=1e-9)


def test_a_report_beside_a_file_that_leaves_one_client_out(make_clinic, attackers, tmp_path):
    """Who lacks a predictor is in the report's means by session, and not in the file."""
    data, model = make_clinic(3, sessions=8), "distress ~ alliance + (1 | client_id)"
    by_session = data.groupby("session")["distress"].agg(["size", "mean"]).round(2)
    report = (by_session["size"] * by_session["mean"]).round().sum()
    one, *others = data["client_id"].unique()[::12]
    alone = data.assign(alliance=data["alliance"].where(data["client_id"] != one))
    found = al.clinic_file(model, alone, tmp_path / "a.json")
    said = [word for word in found.messages if "can subtract" in word]
    assert "Of 'distress' there are forms of 1 clients" in said[0]
    file = attackers.read_file(tmp_path / "a.json")
    left = file.body.total[0, -1] * file.unit[-1] + file.body.total[0, 0] * file.shift[-1]
    np.testing.assert_allclose((report - left) / 8.0, mean_of(data, 0))
    # five are a sum, and say nothing
    gone = data["client_id"].isin([one, *others[:4]])
    found = al.clinic_file(model, data.assign(alliance=data["alliance"].where(~gone)), None)
    assert not any("can subtract" in word for word in found.messages)
