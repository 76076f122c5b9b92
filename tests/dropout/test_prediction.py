"""Prediction at a landmark: what is known, who is split, planted leaks and the checklist."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.yaml_reading import read_yaml
from alliance_stats.dropout.prediction.tripod import ITEMS

BARE = dict.fromkeys(["forecasts", "observer_codes", "principle_codes"], False)
COLUMNS = ("item", "section", "topic")  # of every item of the checklist
QUICK = {"replicates": 40, "permutations": 2, "inner_folds": 2, "seed": 3}


@pytest.fixture(scope="module")
def study():
    return al.simulate_study(
        n_therapists=20, n_clients=200, dropout_hazard=0.05, dropout_within_effect=-0.5,
        dropout_between_effect=-2.5, ongoing_share=0.05, seed=9, **BARE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(study):
    return al.predict_dropout(
        study, models=["one_predictor", "logistic"], fairness=["condition"], **QUICK
    )


def planted(study, **columns):
    return study.with_tables(clients=study.clients.assign(**columns))


def test_no_therapist_is_trained_and_tested(found):
    folds = found.folds.groupby("therapist_id")["fold"].nunique()
    assert (folds == 1).all()
    assert found.folds["fold"].between(0, 4).all()


def test_the_rows_add_up(study, found):
    steps = found.flow.set_index("step")["n"]
    assert steps.iloc[:-1].sum() == steps["analysed"] == len(found.predictions)
    ends = study.terminations
    early = (ends["last_session"] < 3).sum()
    assert steps["ended before the landmark"] == -early
    open_ = ((ends["last_session"] >= 3) & (ends["reason"] == "ongoing")).sum()
    assert steps["still in therapy at the landmark, outcome not yet known"] == -open_


def test_features_hold_only_what_was_known(study):
    from alliance_stats.dropout.prediction.landmark import at_landmark

    land = at_landmark(study, 3, None)
    client = land.clients["client_id"].iloc[0]
    scores = study.scores.query(
        "measure == 'wai-sr' and scale == 'total' and rater == 'client' and session <= 3"
    )
    own = scores[(scores["client_id"] == client) & scores["score"].notna()]
    assert land.known["wai-sr_client_mean"].iloc[0] == pytest.approx(own["score"].mean())
    assert land.known["wai-sr_client_last"].iloc[0] == own["score"].iloc[-1]
    assert "core-10_client_post" not in land.known
    intake = at_landmark(study, 0, None)
    assert not any(c.endswith(("_last", "_mean", "_change")) for c in intake.known)
    assert "core-10_client_pre" in intake.known


def test_a_real_signal_is_found_and_the_model_beats_the_base_rate(found):
    table = found.performance.set_index(["model", "metric"])
    assert table.loc[("base_rate", "auc"), "estimate"] == 0.5
    assert table.loc[("base_rate", "scaled_brier"), "estimate"] == 0
    assert table.loc[("one_predictor", "auc"), "estimate"] > 0.6
    assert table.loc[("one_predictor", "scaled_brier"), "estimate"] > 0
    assert (
        table.loc[("one_predictor", "brier"), "estimate"]
        < table.loc[("base_rate", "brier"), "estimate"]
    )
    real = found.performance.query("model != 'base_rate'")
    assert (real["conf_low"] <= real["estimate"]).all()
    assert (real["estimate"] <= real["conf_high"]).all()


def test_every_planted_leak_is_found_and_left_out(study):
    ends = study.terminations.set_index("client_id")
    ids = study.clients["client_id"]
    last, reason = ids.map(ends["last_session"]), ids.map(ends["reason"])
    rng = np.random.default_rng(0)
    scores = study.scores.query("measure == 'wai-sr' and scale == 'total' and rater == 'client'")
    whole = ids.map(scores.groupby("client_id")["score"].mean())
    leaky = planted(
        study,
        weeks_seen=last * 1.05 + rng.normal(0, 0.2, len(ids)),
        mean_alliance=whole,
        left_early=(reason == "dropout").astype(int),
        dossier=np.where(reason == "dropout", 5.0, 1.0) + rng.normal(0, 0.3, len(ids)),
    )
    names = ["wai-sr_client_last", "weeks_seen", "mean_alliance", "left_early", "dossier",
             "n_sessions", "reason", "core-10_client_post",
             "wai-sr_client_mean_whole_therapy"]  # fmt: skip
    found = al.predict_dropout(leaky, models=["one_predictor"], features=names, **QUICK)
    kinds = found.leaks.set_index("feature")["kind"].to_dict()
    assert kinds == {
        "weeks_seen": "sessions_attended", "mean_alliance": "after_landmark",
        "left_early": "label", "dossier": "label", "n_sessions": "sessions_attended",
        "reason": "label", "core-10_client_post": "after_landmark",
        "wai-sr_client_mean_whole_therapy": "after_landmark",
    }  # fmt: skip
    assert found.features == ("wai-sr_client_last",)
    assert set(found.leaks["action"]) == {"left out"}


def test_allowed_leaks_show_what_they_do(study):
    found = al.predict_dropout(
        study, models=["one_predictor"], features=["n_sessions"], allow_leaks=True, **QUICK
    )
    assert found.leaks["action"].tolist() == ["kept, as asked"]
    auc = found.performance.query("model == 'one_predictor' and metric == 'auc'")["estimate"]
    assert auc.iloc[0] > 0.75


def test_a_label_made_from_symptoms_bans_them(study):
    table = al.define_dropout(study, definition="before_reliable_change")
    own = study.with_tables(terminations=table)
    names = ["wai-sr_client_last", "core-10_client_last"]
    found = al.predict_dropout(own, models=["one_predictor"], features=names, **QUICK)
    assert found.leaks["kind"].tolist() == ["label_from_predictors"]


def test_copied_clients_and_therapists_on_both_sides_are_told(study):
    ends = study.terminations.query("last_session >= 6 and reason != 'ongoing'")
    original = ends["client_id"].iloc[0]
    tables = {}
    for name in ("clients", "terminations", "ratings", "sessions"):
        table = study.tables[name]
        first = table[table["client_id"] == original].assign(client_id="copy")
        tables[name] = pd.concat([table, first], ignore_index=True)
    tables["sessions"].loc[0, "therapist_id"] = "T20"
    assessments = study.tables["assessments"]
    again = assessments[assessments["client_id"] == original].assign(client_id="copy")
    tables["assessments"] = pd.concat([assessments, again], ignore_index=True)
    found = al.predict_dropout(study.with_tables(**tables), models=["one_predictor"], **QUICK)
    told = found.leaks.set_index("kind")["why"]
    assert "copy" in told["duplicates"]
    assert "1 clients had several therapists" in told["therapists_on_both_sides"]
    assert found.flow["n"].iloc[:-1].sum() == found.flow["n"].iloc[-1]


def test_down_sampling_is_recalibrated(study):
    plain = al.predict_dropout(study, models=["one_predictor"], **QUICK)
    down = al.predict_dropout(study, models=["one_predictor"], resampling="down", **QUICK)
    rate = plain.predictions["event"].mean()
    assert plain.predictions["one_predictor"].mean() == pytest.approx(rate, abs=0.02)
    # Without the shift the mean would be near one half.
    assert down.predictions["one_predictor"].mean() == pytest.approx(rate, abs=0.08)
    assert "recalibrated" in down.tripod().table.set_index("item").loc["13", "text"]


def test_boosting_runs_with_progress(study):
    steps = []
    names = ["wai-sr_client_last", "condition"]
    found = al.predict_dropout(
        study, models=["boosting"], features=names, folds=3,
        progress=lambda *step: steps.append(step), **QUICK,
    )  # fmt: skip
    assert found.predictions["boosting"].between(0, 1).all()
    assert [done for _, done, _ in steps] == list(range(8))
    assert {total for _, _, total in steps} == {8}


def test_the_same_seed_gives_the_same_numbers(study):
    settings = {"models": ["one_predictor"], "features": ["wai-sr_client_last"], **QUICK}
    first, again = (al.predict_dropout(study, **settings) for _ in range(2))
    pd.testing.assert_frame_equal(first.performance, again.performance)


def test_checklist_fills_what_the_run_knows(found, tmp_path):
    checklist = found.tripod()
    table = checklist.table.set_index("item")
    assert len(table) == 52
    assert table["text"].str.len().gt(0).all()
    assert table.loc["10", "text"].startswith("Riley et al.'s criteria for")
    assert table.loc["18a", "status"] == "open"
    assert "AUC" in table.loc["23a", "text"]
    assert "No method for class imbalance" in table.loc["13", "text"]
    page = checklist.to_html(tmp_path / "t.html")
    assert page == (tmp_path / "t.html").read_text(encoding="utf-8")
    assert "Synthetic data" in page
    import docx

    checklist.to_word(tmp_path / "t.docx")
    grid = docx.Document(str(tmp_path / "t.docx")).tables[0]
    assert len(grid.rows) == 53
    with pytest.raises(al.AllianceStatsError, match=r"written as \.docx"):
        checklist.to_word(tmp_path / "t.pdf")
    with pytest.raises(al.AllianceStatsError, match="There is no folder"):
        checklist.to_html(tmp_path / "nowhere" / "t.html")


def test_an_item_of_the_checklist_holds_what_the_checklist_reads():
    items = read_yaml(ITEMS).value
    assert len({item["item"] for item in items}) == 52
    for item in items:
        assert set(COLUMNS) <= set(item) <= {*COLUMNS, "answer", "question"}
        assert "answer" in item or "question" in item


def test_the_checklist_says_only_what_ran(study, found):
    small = al.predict_dropout(
        study, models=["boosting"], features=["wai-sr_client_last", "n_sessions"],
        allow_leaks=True, folds=3, **QUICK,
    )  # fmt: skip
    table = small.tripod().table.set_index("item")
    assert "ridge" not in table.loc["12c", "text"]
    assert "one_predictor" not in table.loc["12c", "text"]
    assert table.loc["22", "status"] == "partly"
    assert "boosting model cannot be written down" in table.loc["22", "text"]
    assert "kept, as asked: n_sessions" in table.loc["9b", "answer"]
    assert "scikit-learn" in table.loc["18f", "answer"]
    assert "ridge" in found.tripod().table.set_index("item").loc["12c", "text"]
    steps = table.loc["20a", "answer"]
    assert steps.startswith(f"Clients in the study {len(study.clients)};")
    assert table.loc["21", "answer"].count(" / ") == 4  # its heading and three folds


def test_tables_and_pictures_hold_the_same_numbers(found):
    ax = found.plot(model="one_predictor")
    assert ax.get_xlabel() == "Predicted risk of dropout"
    curve = found.calibration.query("model == 'one_predictor'")
    drawn = {line.get_label(): line for line in ax.get_lines()}["flexible curve"]
    np.testing.assert_allclose(drawn.get_ydata(), curve["observed"])
    decision = found.plot_decision(model="one_predictor")
    assert len(decision.get_lines()) == 3
    with pytest.raises(al.DesignError, match="Did you mean 'logistic'"):
        found.plot(model="logistics")
    assert found.glance()["n_groups"].iloc[0] == 20
    assert set(found.tidy()["group"]) == {"base_rate", "one_predictor", "logistic"}
    assert set(found.fairness["group"]) == {"standard", "alliance-focused"}
    assert set(found.importance["model"]) == {"one_predictor", "logistic"}
    assert found.specification.query("model == 'one_predictor'")["term"].tolist() == [
        "Intercept", found.settings["one_predictor"]
    ]  # fmt: skip


def test_fewer_therapists_than_folds_gives_fewer_folds(study):
    few = study.clients.assign(
        therapist_id=study.clients["therapist_id"].map(
            {
                name: f"T0{n % 4 + 1}"
                for n, name in enumerate(study.clients["therapist_id"].unique())
            }
        )
    )
    own = study.with_tables(clients=few)
    found = al.predict_dropout(own, models=["one_predictor"], **QUICK)
    assert found.folds["fold"].nunique() == 4
    assert any("4 groups of 'therapist_id' give 4 folds" in m for m in found.messages)
    one = few.assign(therapist_id="T01")
    with pytest.raises(al.DesignError, match="1 groups of 'therapist_id' are too few"):
        al.predict_dropout(study.with_tables(clients=one), **QUICK)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"landmark": 400}, "No client with a known outcome came to session 400"),
        ({"landmark": 1.5}, "not 1.5"),
        ({"landmark": None}, "landmark must be a whole number"),
        ({"landmark": float("nan")}, "landmark must be a whole number"),
        ({"landmark": float("inf")}, "landmark must be a whole number"),
        ({"landmark": True}, "not True"),
        ({"horizon": True}, "not True"),
        ({"horizon": 2.5}, "not 2.5"),
        ({"permutations": 0}, "permutations must be"),
        ({"folds": 2.5}, "folds must be"),
        ({"confidence": 95}, "confidence must be"),
        ({"confidence": 1}, "confidence must be"),
        ({"replicates": "many"}, "replicates must be"),
        ({"seed": -1}, "seed must be"),
        ({"seed": None}, "seed must be"),
        ({"thresholds": "0.5"}, "thresholds must be a list of numbers"),
        ({"fairness": 3}, "fairness must be"),
        ({"allow_leaks": "no"}, "True or False"),
        ({"without_therapist": "drop"}, "one of refuse, leave_out"),
        ({"models": ["logistc"]}, "Did you mean 'logistic'"),
        ({"features": ["wai_sr_client_last"]}, "Did you mean 'wai-sr_client_last'"),
        ({"features": ["n_sessions"]}, "No feature is left.*1 were leaks"),
        ({"groups": "clinic"}, "one of therapist_id, site_id, not 'clinic'"),
        ({"groups": None}, "groups must be"),
        ({"resampling": "smote"}, "not 'smote'"),
        ({"thresholds": [1.0]}, "between 0 and 1"),
        ({"fairness": ["gender"]}, "must have the column gender"),
        ({"horizon": 0}, "horizon must be"),
    ],
)
def test_what_cannot_be_predicted_is_said(study, arguments, text):
    with pytest.raises(ValueError, match=text):
        al.predict_dropout(study, **{"models": ["one_predictor"], **QUICK, **arguments})


def test_one_name_or_number_is_a_list_of_one(study):
    found = al.predict_dropout(
        study, models="one_predictor", features="wai-sr_client_last", fairness="condition",
        thresholds=0.5, **QUICK,
    )  # fmt: skip
    assert found.models == ("base_rate", "one_predictor")
    assert found.features == ("wai-sr_client_last",)
    assert set(found.fairness["by"]) == {"condition"}
    assert set(found.net_benefit["threshold"]) == {0.5}


def test_tables_that_do_not_hold_what_they_should_are_refused(study):
    clients, settings = study.clients, {"models": ["one_predictor"], **QUICK}
    infinite = planted(study, burden=np.where(clients.index == 3, np.inf, clients.index))
    with pytest.raises(al.ColumnError, match="'burden' is infinite for 1 client"):
        al.predict_dropout(infinite, **settings)
    twice = study.with_tables(clients=pd.concat([clients, clients.head(1)]))
    with pytest.raises(al.DesignError, match="must have one row for each client_id"):
        al.predict_dropout(twice, **settings)
    therapists = pd.concat([study.therapists, study.therapists.head(2)])
    with pytest.raises(al.DesignError, match="must have one row for each therapist_id"):
        al.predict_dropout(study.with_tables(therapists=therapists), **settings)
    words = study.sessions.assign(attended=study.sessions["attended"].map({True: "yes"}))
    with pytest.raises(al.ColumnError, match="True and False"):
        al.predict_dropout(study.with_tables(sessions=words), **settings)
    with pytest.raises(al.DesignError, match="study must be a Study, not DataFrame"):
        al.predict_dropout(clients, **settings)


def test_a_column_named_like_a_feature_of_ours_keeps_its_own_name(study):
    own = planted(study, missed_sessions=np.arange(len(study.clients)) % 7)
    found = al.predict_dropout(own, models=["one_predictor"], **QUICK)
    assert {"missed_sessions", "missed_sessions_of_clients"} <= set(found.features)
    assert any("'missed_sessions_of_clients'" in m for m in found.messages)


def test_a_site_at_a_time_has_no_interval_and_no_crash(study):
    sites = study.clients["therapist_id"].map(
        {t: f"S{n % 5}" for n, t in enumerate(sorted(study.clients["therapist_id"].unique()))}
    )
    own = study.with_tables(clients=study.clients.assign(site_id=sites))
    found = al.predict_dropout(
        own, models=["one_predictor"], groups="site_id", fairness=["site_id"], **QUICK
    )
    shown = found.fairness[found.fairness["metric"] == "auc"]
    assert shown["estimate"].notna().all()
    assert shown["conf_low"].isna().all()
    assert any("1 cluster is too few for an interval" in m for m in found.messages)


def test_clients_without_a_therapist_are_left_out_and_counted_when_asked(study):
    ids = study.clients["client_id"].isin(
        study.terminations.query("last_session >= 5")["client_id"]
    )
    gone = study.clients.index[ids][:4]
    own = planted(study, therapist_id=study.clients["therapist_id"].mask(
        study.clients.index.isin(gone)))  # fmt: skip
    with pytest.raises(al.DesignError, match="without_therapist='leave_out'"):
        al.predict_dropout(own, models=["one_predictor"], **QUICK)
    found = al.predict_dropout(
        own, models=["one_predictor"], without_therapist="leave_out", **QUICK
    )
    steps = found.flow.set_index("step")["n"]
    known = ~study.terminations.set_index("client_id").loc[
        study.clients.loc[gone, "client_id"], "reason"].eq("ongoing")  # fmt: skip
    assert steps["no 'therapist_id'"] == -known.sum()
    assert steps.iloc[:-1].sum() == steps["analysed"]


def test_who_completed_at_the_landmark_is_no_longer_at_risk(study):
    ends = study.terminations
    there = ends.query("last_session > 4 and reason == 'completed'").index[:5]
    changed = ends.assign(last_session=ends["last_session"].mask(ends.index.isin(there), 3))
    found = al.predict_dropout(
        study.with_tables(terminations=changed), models=["one_predictor"], **QUICK
    )
    assert not set(ends.loc[there, "client_id"]) & set(found.predictions["client_id"])
    steps = found.flow.set_index("step")["n"]
    expected = changed.query("last_session == 3 and reason not in ['dropout', 'ongoing']")
    own = next(name for name in steps.index if name.startswith("ended at session 3"))
    assert steps[own] == -len(expected)
    left = changed.query("last_session == 3 and reason == 'dropout'")["client_id"]
    at_risk = found.predictions.set_index("client_id")["event"]
    assert (at_risk.reindex(left) == 1).all()


def test_the_order_of_rows_and_columns_changes_nothing(study):
    rng = np.random.default_rng(3)
    tables = {}
    for name in ("clients", "therapists", "terminations", "sessions", "ratings", "assessments"):
        table = study.tables[name]
        tables[name] = table.iloc[rng.permutation(len(table)), ::-1].reset_index(drop=True)
    settings = {"models": ["logistic"], "folds": 3, **QUICK}
    first = al.predict_dropout(study, **settings)
    again = al.predict_dropout(study.with_tables(**tables), **settings)
    pd.testing.assert_frame_equal(first.performance, again.performance)
    pd.testing.assert_frame_equal(first.importance, again.importance)
    pd.testing.assert_frame_equal(first.new_therapist, again.new_therapist)


def test_without_a_rating_of_the_alliance_one_predictor_is_left_out_or_asked_for(study):
    bare = study.with_tables(ratings=study.ratings[study.ratings["measure"] != "wai-sr"])
    with pytest.raises(al.DesignError, match="name it as the first of features="):
        al.predict_dropout(bare, models=["one_predictor"], **QUICK)
    chosen = al.predict_dropout(
        bare, models=["one_predictor"], features=["core-10_client_pre"], **QUICK
    )
    assert chosen.settings["one_predictor"] == "core-10_client_pre"


def test_the_criterion_that_is_not_met_is_named():
    from alliance_stats.dropout.prediction.run import _small

    one = al.dropout_sample_size(parameters=1, prevalence=0.45)
    (said,) = _small(one, one.table["n"].iloc[:2].max())
    assert "with 1 parameter (those not met: overall risk 381)" in said
    assert "fewer features do not mend" in said
    many = al.dropout_sample_size(parameters=15, prevalence=0.22)
    (said,) = _small(many, 292)
    assert "shrinkage" in said
    assert "take fewer features" in said


def test_no_dropout_is_refused(study):
    ends = study.terminations.assign(reason="completed")
    with pytest.raises(al.DesignError, match="0 dropped out later"):
        al.predict_dropout(study.with_tables(terminations=ends), **QUICK)


def test_sample_size_equals_the_published_example():
    """Riley et al. (2020), Chagas disease: 662 clients, 115 events, 4.8 a parameter."""
    need = al.dropout_sample_size(parameters=24, prevalence=0.174, r2=0.288)
    assert need.table["n"].tolist() == [623, 662, 221]
    assert need.n == 662
    assert "662 clients are needed, of whom about 115 drop out" in need.summary()
    assert need.n_events == pytest.approx(115.2, abs=0.05)
    assert need.table["events_per_parameter"].iloc[1] == pytest.approx(4.8, abs=0.01)


def test_sample_size_from_an_expected_auc_and_from_nothing():
    weak = al.dropout_sample_size(parameters=10, prevalence=0.25, auc=0.65)
    strong = al.dropout_sample_size(parameters=10, prevalence=0.25, auc=0.8)
    assert weak.n > strong.n
    assert "15 %" in al.dropout_sample_size(parameters=10, prevalence=0.25).messages[0]
    with pytest.raises(al.DesignError, match="not both"):
        al.dropout_sample_size(parameters=10, prevalence=0.25, auc=0.7, r2=0.1)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("prevalence", 25), ("prevalence", np.nan), ("optimism", 0), ("optimism", -1), ("margin", 0),
     ("margin", -1), ("margin", 5), ("shrinkage", np.nan), ("shrinkage", 0.05), ("r2", np.nan),
     ("r2", 0.9), ("auc", 0.5), ("parameters", 2.5), ("parameters", "x")],
)  # fmt: skip
def test_a_sample_size_for_what_cannot_be_is_refused(argument, value):
    with pytest.raises(al.DesignError, match=argument):
        al.dropout_sample_size(**{"parameters": 10, "prevalence": 0.25, argument: value})


def test_noise_is_not_taken_for_prediction(study):
    """Features that know nothing: the interval of the AUC holds .5, and the slope is not 1."""
    rng = np.random.default_rng(4)
    names = [f"noise{n}" for n in range(4)]
    noise = {name: rng.normal(size=len(study.clients)) for name in names}
    found = al.predict_dropout(
        planted(study, **noise), models=["one_predictor", "logistic"], features=names, **QUICK
    )
    auc = found.performance.query("metric == 'auc' and model != 'base_rate'")
    assert ((auc["conf_low"] < 0.5) & (auc["conf_high"] > 0.5)).all()
    scaled = found.performance.query("metric == 'scaled_brier'")["estimate"]
    assert (scaled < 0.02).all()


def test_no_coefficient_is_about_fewer_than_five_clients(study):
    n = len(study.clients)
    words = ["day", *["home"] * 3, *["park"] * 2, *["walk-in", None] * 20]
    given = {
        "wing": [*words, *["ward"] * (n - len(words))],
        "twin": [1.0] * 3 + [0.0] * (n - 3),
        "seen": [None, None, None, *["yes", "no"] * n][:n],
    }
    found = al.predict_dropout(
        planted(study, **given), features=["core-10_client_pre", *given], landmark=0,
        models=["logistic"], **QUICK,
    )  # fmt: skip
    terms = set(found.specification["term"])
    assert {"wing_ward", "wing_Others, put together because some are few"} <= terms
    assert not {t for t in terms if "day" in t or "home" in t or "park" in t or "twin" in t}
    assert not {"seen_missing"} & terms
    said = " ".join(found.messages)
    assert "clients differ from the others are left out: twin" in said
    assert "are put together, so that no coefficient is about so few: wing, seen" in said
