"""Therapy groups in the comparison of arms: one arm's, and several groups of one therapist."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

THERAPISTS, GROUPS, PER = 6, 3, 5
N = THERAPISTS * GROUPS * PER


def grouped(seed=1, alone=40):
    """Draw therapists with three groups of five clients each; the other arm has neither."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(THERAPISTS * GROUPS), PER)
    treated = rng.normal(10, 1.5, THERAPISTS)[group // GROUPS] + rng.normal(0, 1, N)
    treated += rng.normal(0, 1, THERAPISTS * GROUPS)[group]
    none = [None] * alone
    return pd.DataFrame(
        {"client_id": range(N + alone), "group_id": [f"g{one}" for one in group] + none,
         "therapist_id": [f"t{one // GROUPS}" for one in group] + none,
         "condition": ["groups"] * N + ["waiting"] * alone,
         "post": np.append(treated, rng.normal(12, 3, alone))}
    )  # fmt: skip


def repeated(seed=1):
    """The same at three weeks."""
    rng = np.random.default_rng(seed + 100)
    once = grouped(seed)
    return pd.concat(
        [
            once.assign(week=week, post=once["post"] + rng.normal(size=len(once)))
            for week in range(3)
        ],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def rows():
    return grouped()


@pytest.fixture(scope="module")
def weeks():
    return repeated()


def said(found):
    return " ".join(found.messages)


def test_groups_of_therapists_are_compared_as_by_pencil(rows):
    """In a balanced design the therapists' mean square says how sure the arm's mean is."""
    means = rows.groupby("therapist_id")["post"].mean()
    treated = means.var() / THERAPISTS
    other = rows.loc[rows["condition"] == "waiting", "post"].var() / 40
    df = (treated + other) ** 2 / (treated**2 / (THERAPISTS - 1) + other**2 / 39)
    found = al.compare_arms(rows, outcome="post")
    assert found.fit.n_groups == {"group_id": 18, "therapist_id": 6}
    for row in (
        found.contrasts.iloc[0],
        by_hand(rows).tidy().set_index("term").loc["condition[T.waiting]"],
    ):
        assert row["std_error"] == pytest.approx(np.sqrt(treated + other), rel=1e-5)
        assert row["df"] == pytest.approx(df, rel=1e-3)
    words = "the model lets therapists differ in level (estimated SD "
    assert words in found.methods()
    assert ", and therapy groups in level (estimated SD " in found.methods()
    assert "40 clients without a therapy group (arms: waiting)" in said(found)


def by_hand(rows):
    return al.fit_multilevel(
        "post ~ condition + (0 + given | group_id) + (0 + given | therapist_id)",
        rows.assign(given=rows["group_id"].notna() * 1.0),
        residual_by="condition",
    )


def test_rows_without_a_group_stay_and_are_counted(rows):
    fit = by_hand(rows)
    assert fit.nobs == N + 40
    for name in ("group_id", "therapist_id"):
        assert any(f"40 of 130 rows have no '{name}'" in one for one in fit.messages)


@pytest.mark.parametrize("method", ["mmrm", "growth"])
def test_groups_alone_are_what_therapists_would_be(weeks, method):
    asked = {"outcome": "post", "time": "week", "method": method}
    alone = weeks.drop(columns="therapist_id")
    groups = al.compare_arms(alone, **asked)
    named = al.compare_arms(alone.rename(columns={"group_id": "therapist_id"}), **asked)
    assert groups.errors == "robust"
    np.testing.assert_allclose(
        groups.contrasts["std_error"], named.contrasts["std_error"], rtol=1e-6
    )
    assert "Errors are robust to therapy groups (18 of them), and clients without one." in said(
        groups
    )
    assert "robust to therapy groups (CR2)" in groups.methods()


def test_groups_lie_under_their_therapists_over_several_times(weeks):
    found = al.compare_arms(weeks, outcome="post", time="week", method="mmrm")
    assert found.fit.n_groups == {"client_id": 130, "group_id": 18, "therapist_id": 6}
    assert "Errors are robust to therapists (6 of them), and clients without one." in said(found)


def test_groups_of_several_therapists_cross_and_are_refused_where_that_cannot_be(weeks):
    """Two therapists lead the first group: who is with whom is then no longer nested."""
    first, odd = weeks["group_id"] == "g0", weeks["client_id"] % 2 == 1
    both = weeks.assign(therapist_id=weeks["therapist_id"].where(~(first & odd), "t5"))
    asked = {"outcome": "post", "time": "week"}
    with pytest.raises(al.DesignError, match=r"1 therapy group had clients of several therapists"):
        al.compare_arms(both, **asked)
    with pytest.raises(al.DesignError, match="each group under one; 1 therapy group had"):
        al.compare_arms(both, **asked, method="growth", errors="robust")
    found = al.compare_arms(both, **asked, method="growth")
    assert (found.fit.grouping, found.errors) == ("crossed", "model")
    assert "not robust to therapists and therapy groups as they are else: 1 therapy" in said(found)


def test_groups_that_say_nothing_of_their_own_are_left_out_with_the_reason(rows):
    for column, words in (
        (rows["therapist_id"], "Each therapist has one therapy group"),
        (rows["client_id"], "Each therapy group has one client"),
        (rows["condition"].where(rows["client_id"] > 2, "third"), "No arm has two therapy groups"),
        ((rows["client_id"] % 2).map({0: "morning", 1: "evening"}), "2 therapy groups: too few"),
    ):
        data = rows.assign(group_id=column)
        if "third" in set(column):
            data = data.assign(condition=column)
        found = al.compare_arms(data, outcome="post")
        assert words in said(found)
        assert "group_id" not in found.fit.formula


def test_a_clients_group_without_a_therapist_makes_a_cluster(weeks):
    led = weeks["therapist_id"].where(weeks["therapist_id"] != "t5")
    found = al.compare_arms(
        weeks.assign(therapist_id=led), outcome="post", time="week", errors="robust"
    )
    words = "therapists (5 of them), and therapy groups (3 of them), and clients without one."
    assert f"Errors are robust to {words}" in said(found)


def test_a_study_names_its_therapy_groups(rows, tmp_path):
    rows.assign(when="post").to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "study.yaml").write_text(
        "name: groups\nsources:\n  - file: rows.csv\n    client_id: client_id\n"
        "    therapist_id: therapist_id\n    condition: condition\n    occasion: when\n"
        "    measures:\n      - {measure: phq-9, rater: client, score: post}\n",
        encoding="utf-8",
    )
    study = al.open_study(tmp_path)
    found = al.compare_arms(study, outcome="phq-9")
    assert "(0 + in_group | group_id)" in found.fit.formula
    assert found.fit.n_groups["group_id"] == 18


def test_groups_numbered_anew_by_each_therapist_are_not_read_as_crossing(rows):
    treated = rows[rows["condition"] == "groups"]
    for name in ("{}", "group {}", "{:c}"):
        numbers = [
            (97 + one % GROUPS if "c" in name else 1 + one % GROUPS)
            for one in treated["group_id"].str[1:].astype(int)
        ]
        anew = rows.assign(group_id=pd.Series([name.format(n) for n in numbers], treated.index))
        with pytest.raises(
            al.DesignError, match=r"start anew .*stands under 6 of 6.*make them dis"
        ):
            al.compare_arms(anew, outcome="post")
        with pytest.raises(al.DesignError, match=r"\(1 \| therapist_id/group_id\)"):
            al.fit_multilevel("post ~ 1 + (1 | therapist_id) + (1 | group_id)", anew.dropna())
    own = anew["therapist_id"].astype(str) + "-" + anew["group_id"].astype(str)
    found = al.compare_arms(
        anew.assign(group_id=own.where(anew["group_id"].notna())), outcome="post"
    )
    pd.testing.assert_frame_equal(
        found.contrasts, al.compare_arms(rows, outcome="post").contrasts, rtol=1e-6
    )


def test_groups_that_share_clients_of_therapists_may_be_numbered(rows):
    number = rows["group_id"].str[1:].astype(float)
    shared = rows.assign(group_id=(number + rows["client_id"] % 2) % (GROUPS * THERAPISTS))
    fit = al.fit_multilevel(
        "post ~ 1 + (1 | therapist_id) + (1 | group_id)", shared[shared["condition"] == "groups"]
    )
    assert fit.grouping == "crossed"


def test_groups_that_every_therapist_has_clients_in_are_named_as_shared(rows):
    """Clients of six therapists in three groups: numbers look as those that start anew do."""
    treated = rows["condition"] == "groups"
    number = 1 + rows["client_id"] % GROUPS
    rows, number = rows.assign(post=rows["post"] + 2 * number), number.astype(str)
    formula = "post ~ 1 + (1 | therapist_id) + (1 | group_id)"
    with pytest.raises(al.DesignError, match="write 'shared' before each number"):
        al.fit_multilevel(formula, rows[treated].assign(group_id=number))
    found = al.fit_multilevel(formula, rows[treated].assign(group_id="shared " + number))
    plain = al.fit_multilevel(
        formula.replace("group_id", "room"), rows[treated].assign(room=number)
    )
    assert (found.grouping, found.llf) == ("crossed", pytest.approx(plain.llf))


def test_groups_whose_therapists_take_turns_are_no_numbers_that_start_anew(weeks):
    treated = weeks[weeks["condition"] == "groups"]
    turns = treated.assign(
        group_id=1 + treated["client_id"] % GROUPS,
        therapist_id=(treated["client_id"] + treated["week"]) % GROUPS,
    )
    turns["post"] += 2 * turns["group_id"] + 2 * turns["therapist_id"]
    fit = al.fit_multilevel("post ~ week + (1 | therapist_id) + (1 | group_id)", turns)
    assert fit.grouping == "crossed"


def test_two_therapists_are_no_term_and_what_that_leaves_out_is_told(rows):
    found = al.compare_arms(rows.assign(therapist_id=rows["client_id"] % 2), outcome="post")
    assert "Errors leave out what clients of one have in common" in said(found)
