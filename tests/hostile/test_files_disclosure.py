"""An attacker with the report of a study read from files of which some rows are left out."""

import re

import alliance_stats as al


def test_the_account_of_rows_gives_no_reason_that_counts_people(twenty_five, tmp_path):
    """Three of 25 ends are left out: where the table hides it, no other cell may say it."""
    folder = tmp_path / "study"
    folder.mkdir()
    ends = twenty_five.terminations.assign(keep=[0] * 3 + [1] * 22)
    ends.to_csv(folder / "ends.csv", index=False)
    twenty_five.clients.to_csv(folder / "clients.csv", index=False)
    scores = twenty_five.scores.query(
        "measure == 'wai-sr' and scale == 'total' and rater == 'client'"
    )
    scores[["client_id", "session", "score"]].to_csv(folder / "wai.csv", index=False)
    (folder / "study.yaml").write_text(
        "name: filed\nsources:\n"
        "  - {file: clients.csv, table: clients}\n"
        "  - {file: ends.csv, table: terminations, where: {keep: 1}}\n"
        "  - file: wai.csv\n    client_id: client_id\n    session: session\n"
        "    measures: [{measure: wai-sr, rater: client, score: score, scored: mean}]\n",
        encoding="utf-8",
    )
    notes = ("Made of two studies. They had 4 therapists.", "3 rows have no client.")
    study = al.open_study(folder)._with(notes=notes)
    al.write_report(study, tmp_path / "report", replicates=5)
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "Made of two studies." in page
    assert "4 therapists" not in page
    for path in (tmp_path / "report").rglob("*"):
        if path.suffix in (".csv", ".html", ".md", ".json", ".svg"):
            text = re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8"))
            told = re.findall(r"\b[1-9] (?:a )?(?:blank )?(?:rows?|ends?|clients?)\b", text)
            assert told == [], path.name
