"""Opening a study: a lab's own files, a saved one; and what is said when it cannot be."""

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import AllianceStatsError, DataValidationError

YAML = """
name: clinic-a
synthetic: true
sources:
  - file: sessions.csv
    client_id: pid
    therapist_id: ther
    session: sess
    measures:
      - {measure: gad-7, rater: client, items: "g{item}"}
    missing: [-9]
  - {file: ends.csv, table: terminations, columns: {client_id: pid, last_session: n, reason: why}}
"""


@pytest.fixture
def folder(tmp_path):
    """Three clients of two therapists, two sessions each, GAD-7 by the client."""
    rows = [
        {"pid": f"p{client}", "ther": f"t{client % 2}", "sess": session}
        | {f"g{item}": (client + session + item) % 4 for item in range(1, 8)}
        for client in (1, 2, 3)
        for session in (1, 2)
    ]
    frame = pd.DataFrame(rows)
    frame.loc[0, "g3"] = -9
    frame.to_csv(tmp_path / "sessions.csv", index=False)
    ends = "pid,n,why\np1,2,completed\np2,2,dropout\np3,2,completed\n"
    (tmp_path / "ends.csv").write_text(ends, encoding="utf-8")
    (tmp_path / "study.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def test_a_labs_files_become_a_study(folder):
    study = al.open_study(folder)
    assert study.name == "clinic-a"
    assert study.synthetic
    assert study.folder == folder
    assert study.files == ("sessions.csv", "ends.csv")
    assert study.report.ok
    assert len(study.ratings) == 6 * 7
    assert study.ratings["value"].isna().sum() == 1
    assert study.clients["therapist_id"].tolist() == ["t1", "t0", "t1"]
    scores = study.scores.set_index(["client_id", "session"])["score"]
    assert scores["p2", 1] == sum((3 + item) % 4 for item in range(1, 8))


def test_the_description_itself_can_be_opened(folder):
    assert al.open_study(folder / "study.yaml").equals(al.open_study(str(folder)))


def test_what_was_opened_can_be_saved_and_opened_again(folder, tmp_path):
    study = al.open_study(folder)
    again = al.open_study(study.save(tmp_path / "saved"))
    assert again.equals(study)


def test_an_error_in_the_data_is_told_with_counts_places_and_the_way_out(folder):
    text = (folder / "sessions.csv").read_text(encoding="utf-8").replace("p1,t1,2", "p1,t1,1")
    (folder / "sessions.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataValidationError) as caught:
        al.open_study(folder)
    message = str(caught.value)
    assert message.startswith("The study 'clinic-a' cannot be used as it is: ")
    assert "sessions.csv" in message
    assert "alliance_stats.validate" in message
    assert not caught.value.report.ok
    assert isinstance(caught.value, ValueError)


def test_the_first_three_errors_are_shown_and_the_rest_counted(folder):
    lines = "pid,n,why\np1,x,completed\np2,2,left\np3,2,gone\np9,2,completed\n"
    (folder / "ends.csv").write_text(lines, encoding="utf-8")
    with pytest.raises(DataValidationError) as caught:
        al.open_study(folder)
    errors = (caught.value.report.issues["level"] == "error").sum()
    assert errors > 3
    assert str(caught.value).count("\n  - ") == 4
    assert f"and {errors - 3} more" in str(caught.value)


def test_a_folder_that_is_not_there_and_one_without_a_study_are_told(tmp_path):
    with pytest.raises(DataValidationError, match="There is no study at"):
        al.open_study(tmp_path / "nowhere")
    with pytest.raises(DataValidationError, match=r"holds neither study\.yaml nor"):
        al.open_study(tmp_path)


def test_a_truth_that_is_none_is_told(folder):
    (folder / "truth.json").write_text("[]", encoding="utf-8")
    with pytest.raises(AllianceStatsError, match=r"truth\.json must be the truth of a simulated"):
        al.open_study(folder)


@pytest.mark.parametrize("content", ["", "[1]", "[" * 100_000, "\xff"])
def test_a_truth_that_is_none_is_told_in_words(tmp_path, content):
    (tmp_path / "d.csv").write_text("pid,sess\nc1,1\n", encoding="utf-8")
    (tmp_path / "study.yaml").write_text(
        "sources: [{file: d.csv, client_id: pid, session: sess}]\n", encoding="utf-8"
    )
    (tmp_path / "truth.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(al.AllianceStatsError, match=r"truth\.json must be the truth of"):
        al.open_study(tmp_path)
