"""A saved study is a Data Package that others can read and that opens again as it was."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from frictionless import Package
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import alliance_stats as al
from alliance_stats.core.resources import folder
from alliance_stats.errors import AllianceStatsError, DesignError
from alliance_stats.study.frames import same_frame


@pytest.fixture(scope="module")
def study():
    return al.simulate_study(n_therapists=5, n_clients=15, seed=31)


@pytest.fixture(scope="module")
def saved(study, tmp_path_factory):
    return study.save(tmp_path_factory.mktemp("saved") / "study")


def frictionless_errors(folder):
    report = Package(str(folder / "datapackage.json")).validate()
    return [error.message for task in report.tasks for error in task.errors] + [
        error.message for error in report.errors
    ]


def test_an_independent_reader_finds_the_package_valid(saved):
    assert frictionless_errors(saved) == []


def test_a_saved_study_opens_again_equal(study, saved):
    again = al.open_study(saved)
    assert again.equals(study)
    assert again.synthetic
    assert again.truth["seed"] == 31
    pd.testing.assert_frame_equal(again.truth.therapists, study.truth.therapists)
    assert same_frame(again.scores, study.scores)


def test_the_same_study_gives_the_same_bytes(study, saved, tmp_path):
    other = study.save(tmp_path / "other")
    for path in sorted(saved.iterdir()):
        assert path.read_bytes() == (other / path.name).read_bytes(), path.name


def test_the_description_names_every_table_with_its_size_and_hash(study, saved):
    package = json.loads((saved / "datapackage.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in package["resources"]] == list(study.tables)
    assert package["alliance_stats"]["synthetic"] is True
    assert package["description"].startswith("Synthetic data")
    for one in package["resources"]:
        content = (saved / one["path"]).read_bytes()
        assert one["bytes"] == len(content)
        assert one["hash"] == "sha256:" + hashlib.sha256(content).hexdigest()
        fields = [field["name"] for field in one["schema"]["fields"]]
        assert fields == list(study.tables[one["name"]].columns)


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=8
).filter(lambda text: text.strip() != "")
IDS = st.from_regex(r"[a-zäß][a-z1-9_,;=@\"'-]{0,5}", fullmatch=True)
CELL = st.one_of(
    st.none(), TEXT, st.sampled_from(["NA", "=1+1", "a,b", 'say "x"', "two\nlines", "-9", "007"])
)


# each try writes and reads files, so a failure is shown as found instead of being made smaller
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    ids=st.lists(IDS, min_size=1, max_size=5, unique=True),
    data=st.data(),
)
def test_any_text_number_and_day_comes_back_as_it_was(ids, data, tmp_path_factory):
    n = len(ids)

    def column(cells, **options):
        return data.draw(st.lists(cells, min_size=n, max_size=n), **options)

    numbers = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
    clients = pd.DataFrame(
        {
            "client_id": ids,
            "therapist_id": pd.Series([None] * n, dtype=object),
            "remark": pd.Series(column(CELL), dtype=object),
            "size": pd.Series(column(numbers), dtype=float),
            "rank": column(st.integers(-(10**12), 10**12)),
            "agreed": column(st.booleans()),
        }
    )
    days = st.datetimes(min_value=pd.Timestamp(1900, 1, 1), max_value=pd.Timestamp(2100, 1, 1))
    sessions = pd.DataFrame(
        {
            "client_id": ids,
            "session": column(st.integers(1, 10_000)),
            "date": pd.to_datetime(column(days.map(lambda day: day.date()))),
            "attended": column(st.booleans()),
        }
    )
    study = al.Study("any", {"clients": clients, "sessions": sessions})
    folder = study.save(tmp_path_factory.mktemp("any") / "x")
    assert frictionless_errors(folder) == []
    again = al.open_study(folder)
    for name, frame in study.tables.items():
        for label in frame.columns:
            left, right = frame[label], again.tables[name][label]
            assert left.isna().tolist() == right.isna().tolist(), (name, label)
            assert left.dropna().tolist() == right.dropna().tolist(), (name, label)


def test_other_delimiters_within_ids_mislead_no_independent_reader(tmp_path):
    clients = pd.DataFrame(
        {"client_id": ["r-ce", "su=avd", 'ef;";5'],
         "therapist_id": pd.Series([None] * 3, dtype=object), "remark": "=1+1",
         "size": [None, -2.2e-309, None], "rank": [876412601899, 39120, -53042], "agreed": True}
    )  # fmt: skip
    folder = al.Study("any", {"clients": clients}).save(tmp_path / "x")
    assert frictionless_errors(folder) == []


def test_saving_again_replaces_the_old_package_and_its_tables(study, tmp_path):
    folder = study.save(tmp_path / "x")
    study.with_tables(events=None).save(folder)
    assert not (folder / "events.csv").exists()
    assert "events" not in al.open_study(folder).tables


def test_files_not_saved_from_here_are_not_written_over(study, tmp_path):
    (tmp_path / "clients.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(AllianceStatsError, match=r"already holds clients\.csv, not saved from"):
        study.save(tmp_path)
    assert (tmp_path / "clients.csv").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["clients.csv"]
    study.save(tmp_path, overwrite=True)
    assert al.open_study(tmp_path).equals(study)


def test_a_folder_with_a_labs_own_study_is_refused(study, tmp_path):
    (tmp_path / "study.yaml").write_text("name: x", encoding="utf-8")
    with pytest.raises(AllianceStatsError, match=r"holds a study\.yaml"):
        study.save(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(AllianceStatsError, match="is a file"):
        study.save(tmp_path / "file")


@pytest.mark.parametrize("cell", ["  ", "a\x00b", "\ud800"])
def test_text_that_a_csv_cannot_hold_is_refused_and_nothing_is_written(cell, tmp_path):
    frame = pd.DataFrame({"client_id": ["a"], "remark": pd.Series([cell], dtype=object)})
    with pytest.raises(DesignError, match=r"The table 'clients' cannot be saved: .*'remark'"):
        al.Study("x", {"clients": frame}).save(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_answers_that_are_already_reversed_stay_marked(study, tmp_path):
    turned = al.Study("turned", study.tables, already_reversed=frozenset({("core-10", "client")}))
    again = al.open_study(turned.save(tmp_path / "x"))
    assert again.already_reversed == {("core-10", "client")}
    scored = again.scores.query("measure == 'core-10'")["score"]
    assert not np.allclose(scored, study.scores.query("measure == 'core-10'")["score"])


def test_a_measure_of_ones_own_travels_with_the_study(study, tmp_path):
    from alliance_stats.instruments import load_registry

    own = (folder("schemas") / "measures" / "phq-9.yaml").read_text(encoding="utf-8")
    cards = tmp_path / "measures"
    cards.mkdir()
    text = own.replace("id: phq-9", "id: phq-own").replace("aliases:", "# aliases:")
    (cards / "phq-own.yaml").write_text(text, encoding="utf-8")
    ratings = study.ratings.query("measure == 'core-10' and item < 10").replace(
        {"measure": {"core-10": "phq-own"}}
    )
    ratings["value"] = ratings["value"].clip(0, 3)
    mine = al.Study(
        "mine", {**study.tables, "ratings": ratings}, measures=load_registry(cards)
    ).with_tables(assessments=None)
    again = al.open_study(mine.save(tmp_path / "saved"))
    assert (tmp_path / "saved" / "measures" / "phq-own.yaml").is_file()
    assert set(again.scores["measure"]) == {"phq-own"}


def test_words_that_mean_missing_elsewhere_stay_words(tmp_path):
    words = ["NA", "NaN", "n/a", ".", "-9", "#NULL!", "None", "007", "1e5", "TRUE", " a ", "a\rb"]
    clients = pd.DataFrame({"client_id": [f"p{n}" for n in range(len(words))], "remark": words})
    folder = al.Study("words", {"clients": clients}).save(tmp_path / "x")
    assert frictionless_errors(folder) == []
    assert al.open_study(folder).clients["remark"].tolist() == words


def test_a_study_without_therapists_comes_back_without_them(tmp_path):
    study = al.Study(
        name="without",
        tables={
            "clients": pd.DataFrame({"client_id": ["a", "b"]}),
            "sessions": pd.DataFrame({"client_id": ["a", "a", "b"], "session": [1, 2, 1]}),
        },
    )
    again = al.open_study(study.save(tmp_path / "saved"))
    assert again.clients.columns.tolist() == ["client_id"]
    assert again.equals(study)
