"""Observers' codes: zeros filled, coefficients by hand, principles and repair."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.pingouin_adapter import icc_forms
from alliance_stats.ruptures.observers.principles import _holm, rupture_sessions
from alliance_stats.ruptures.observers.reliability import weighted_kappa

PRINTED = 5e-3
"""The published table gives two decimals."""


def test_the_icc_forms_are_those_of_the_published_example():
    # Shrout & Fleiss 1979, doi 10.1037/0033-2909.86.2.420: six targets, four judges.
    ratings = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
        dtype=float,
    )
    found = icc_forms(ratings)
    wanted = {
        "ICC(1,1)": 0.17,
        "ICC(A,1)": 0.29,
        "ICC(C,1)": 0.71,
        "ICC(1,k)": 0.44,
        "ICC(A,k)": 0.62,
        "ICC(C,k)": 0.91,
    }
    assert {k: found[k][0] for k in wanted} == pytest.approx(wanted, abs=PRINTED)


def test_weighted_kappa_by_its_definition():
    values = np.array([[0, 1], [1, 1], [2, 2], [3, 2], [4, 4], [0, 0], [2, 3]], dtype=float)
    n = len(values)
    weight = (np.arange(5)[:, None] - np.arange(5)[None, :]) ** 2
    joint = np.zeros((5, 5))
    for a, b in values.astype(int):
        joint[a, b] += 1 / n
    expected = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    wanted = 1 - (weight * joint).sum() / (weight * expected).sum()
    assert weighted_kappa(values) == pytest.approx(wanted)


def codes(rows):
    names = ["client_id", "session", "coder_id", "segment", "family"]
    return pd.DataFrame(rows, columns=names).assign(marker="m")


def test_what_a_coder_did_not_see_is_zero():
    table = codes([("a", 1, "x", 1, "withdrawal"), ("a", 1, "x", 2, "withdrawal")])
    coded = pd.DataFrame({"client_id": "a", "session": [1, 1, 2], "coder_id": ["x", "y", "x"]})
    found = al.summarise_codes(table, coded=coded)
    assert found["n_coders"].tolist() == [2, 1]
    assert found["withdrawal"].tolist() == [1.0, 0.0]  # two segments and none, over two coders
    assert found["rupture"].tolist() == [0.5, 0.0]
    assert found["resolution"].tolist() == [0.0, 0.0]


def test_a_row_a_segment_holds_what_each_coder_saw_there():
    table = codes(
        [("a", 1, "x", 1, "withdrawal"), ("a", 1, "x", 1, "resolution"),
         ("a", 1, "x", 3, "confrontation"), ("a", 1, "y", 3, "withdrawal")]
    )  # fmt: skip
    coded = pd.DataFrame({"client_id": "a", "session": [1, 1, 2], "coder_id": ["x", "y", "x"]})
    found = al.summarise_codes(table, coded=coded, by="segment", segments=3)
    assert len(found) == 9
    assert found["segment"].tolist() == [1, 2, 3] * 3
    assert found["withdrawal"].tolist() == [1, 0, 0, 0, 0, 1, 0, 0, 0]
    assert found["confrontation"].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert found["resolution"].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert found["rupture"].tolist() == [1, 0, 1, 0, 0, 1, 0, 0, 0]
    assert "was given" in found.attrs["messages"][0]
    texts = table.assign(segment=table["segment"].astype(str))
    again = al.summarise_codes(texts, coded=coded, by="segment", segments=3)
    pd.testing.assert_frame_equal(again, found)
    with pytest.raises(al.DesignError, match=r"2 codes .* none of 1 to 2: 3"):
        al.summarise_codes(table, by="segment", segments=2)
    with pytest.raises(al.DesignError, match="needs segments="):
        al.summarise_codes(table, by="segment")
    with pytest.raises(al.DesignError, match="goes with by='segment'"):
        al.summarise_codes(table, segments=3)
    with pytest.raises(al.DesignError, match="no table 'observer_codes'"):
        al.summarise_codes(
            pd.DataFrame({"client_id": ["a"], "session": 1, "coder_id": "x", "principle": "p",
                          "extent": 1.0}),
            by="segment", segments=3,
        )  # fmt: skip


def test_who_coded_what_is_said():
    table = codes([("a", 1, "x", 1, "withdrawal"), ("b", 1, "y", 1, "resolution")])
    found = al.summarise_codes(table)
    assert found["n_coders"].tolist() == [2, 2]
    assert "is not known" in found.attrs["messages"][0]
    with pytest.raises(al.DesignError, match="There are no codes"):
        al.summarise_codes(pd.DataFrame({"client_id": ["a"]}))


def test_reliability_names_its_forms_and_tells_of_zeros():
    study = al.simulate_study(n_therapists=8, n_clients=80, coded_share=0.2, seed=2)
    found = al.coder_reliability(study)
    assert set(found.table["coefficient"]) == {
        "ICC(A,1)",
        "ICC(A,k)",
        "kappa, seen",
        "kappa, weighted",
    }
    assert (found.table["conf_low"] <= found.table["estimate"]).all()
    assert (found.table["estimate"] <= found.table["conf_high"]).all()
    assert "of the counts are zero" in " ".join(found.messages)
    assert len(found.glance()) == 1
    own = found.table.set_index(["code", "coefficient", "scale"])
    single, mean = (own.loc[("resolution", f"ICC(A,{k})", "counts"), "estimate"] for k in "1k")
    assert mean == pytest.approx(2 * single / (1 + single), abs=1e-6)  # Spearman-Brown, 2 coders


def test_too_few_sessions_for_reliability_are_refused():
    table = codes([("a", 1, "x", 1, "withdrawal"), ("a", 1, "y", 1, "withdrawal")])
    with pytest.raises(al.DesignError, match="10 are needed"):
        al.coder_reliability(table)


def test_a_session_is_in_rupture_until_the_one_before_its_repair():
    scores = pd.DataFrame(
        {"client_id": "a", "session": range(1, 8), "score": [5.0, 5, 2, 3, 5, 5, 1]}
    )
    found = al.detect_ruptures(scores, rule="drop_points", points=2)
    coded = scores[["client_id", "session"]]
    rows, said = rupture_sessions(found, coded)
    assert rows["session"].tolist() == [3, 4]  # 5 is the repair; 7 has no session next
    assert rows["repaired_next"].tolist() == [0.0, 1.0]
    assert rows["depth"].tolist() == [3.0, 2.0]
    assert "1 of them have no rated session next" in said[0]


def test_holm_by_hand():
    adjusted = _holm(np.array([0.01, np.nan, 0.04, 0.03]))
    assert adjusted[[0, 2, 3]].tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(adjusted[1])


@pytest.fixture(scope="module")
def coded_study():
    """One rupture a client in session 4; principle `helps` makes its repair in 5 likely."""
    rng = np.random.default_rng(1)
    clients = 150
    extent = rng.integers(0, 5, (clients, 2)).astype(float)
    repaired = rng.random(clients) < 0.1 + 0.18 * extent[:, 0]
    parts, rows = [], []
    for client in range(clients):
        score = np.full(8, 5.0) + rng.normal(0, 0.1, 8)
        score[3] = 2.0
        if not repaired[client]:
            score[4:] = 2.2 + rng.normal(0, 0.05, 4)
        else:
            score[4:] = 5.5
        parts.append(pd.DataFrame({"client_id": client, "session": np.arange(1, 9), "bond": score}))
        for number, name in enumerate(("helps", "idle")):
            rows += [(client, 4, coder, name, extent[client, number]) for coder in "xy"]
    columns = ["client_id", "session", "coder_id", "principle", "extent"]
    return pd.concat(parts, ignore_index=True), pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("method", ["linear", "logistic"])
def test_the_principle_that_helps_is_found_and_the_idle_one_not(coded_study, method):
    data, extents = coded_study
    found = al.fit_principles_repair(
        data, alliance="bond", principles=extents, rule="drop_points", points=2, method=method
    )
    rows = found.table.set_index("term")
    assert rows.loc["helps", "p_holm"] < 0.001
    assert rows.loc["idle", "p_holm"] > 0.05
    if method == "linear":
        assert abs(rows.loc["helps", "estimate"] - 0.18) < 4 * rows.loc["helps", "std_error"]
        assert "too few for a variance between clients" in " ".join(found.messages)
    assert "saw the session" in found.messages[0]
    assert "clients" in found.plot().get_title(loc="left")


def test_the_demo_has_thirteen_principles_with_a_model_each():
    # every session coded: a fall of 2 SD puts one session in thirty in rupture
    study = al.simulate_study(n_therapists=20, n_clients=300, coded_share=1.0, seed=2)
    found = al.fit_principles_repair(study, alliance="wai-sr")
    assert len(found.table) == 13
    assert found.table["estimate"].notna().all()
    assert len(found.glance()) == 1
    assert any("In 13 of 13 models no difference between clients" in m for m in found.messages)


def test_refusals_in_words(coded_study):
    data, extents = coded_study
    with pytest.raises(al.DesignError, match="Did you mean 'logistic'"):
        al.fit_principles_repair(data, alliance="bond", principles=extents, method="logisti")
    with pytest.raises(al.DesignError, match="no table 'principle_codes'"):
        al.fit_principles_repair(data, alliance="bond")
    with pytest.raises(al.DesignError, match="30 are needed"):
        al.fit_principles_repair(
            data, alliance="bond", principles=extents.head(20), rule="drop_points", points=2
        )
