"""No link in a study's folder leads to a file outside, and no message quotes one."""

import pytest

import alliance_stats as al

SECRET = "root: the-secret-line\n"


@pytest.fixture
def folder(tmp_path):
    """A study beside a file that is none of its business."""
    (tmp_path / "outside").write_text(SECRET, "utf-8")
    study = tmp_path / "study"
    study.mkdir()
    (study / "d.csv").write_text("pid,sess,phq\nc1,1,3\nc1,2,4\n", "utf-8")
    (study / "study.yaml").write_text(
        "name: x\nsources:\n- file: d.csv\n  client_id: pid\n  session: sess\n"
        "  measures: [{measure: phq-9, rater: client, score: phq}]\n",
        "utf-8",
    )
    return study


def everything_said(folder):
    report = al.validate(folder)
    return report, report.issues.to_string() + str(report) + repr(report)


@pytest.mark.parametrize("name", ["study.yaml", "d.csv", "measures/x.yaml"])
def test_a_link_out_of_the_study_is_refused_and_nothing_is_quoted(folder, name):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(folder.parent / "outside")
    report, said = everything_said(folder)
    assert not report.ok
    assert "secret" not in said


@pytest.mark.parametrize("written", ["../outside", "/etc/passwd", "~/x", "sub/../../outside"])
def test_a_path_out_of_the_study_is_refused(folder, written):
    text = (folder / "study.yaml").read_text("utf-8").replace("d.csv", written)
    (folder / "study.yaml").write_text(text, "utf-8")
    report, said = everything_said(folder)
    assert "path_outside_study" in set(report.issues["rule"])
    assert "secret" not in said


def test_a_plan_by_a_link_is_refused_by_the_report_and_not_quoted(folder):
    from alliance_stats.report.plan import plan_of

    (folder / "plan.yaml").symlink_to(folder.parent / "outside")
    with pytest.raises(al.DesignError, match="leads out of the study's folder") as refused:
        plan_of(al.open_study(folder))
    assert "secret" not in str(refused.value)


def test_a_truth_by_a_link_is_not_taken_for_one(folder):
    (folder / "truth.json").symlink_to(folder.parent / "outside")
    assert al.open_study(folder).truth is None
