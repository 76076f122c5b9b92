"""A lab's files through study.yaml: wide, wide by session, long, occasions, totals beside items."""

import textwrap

import numpy as np
import pandas as pd
import pyreadstat

from alliance_stats.study.mapping import read_study

WAI = [f"wai{item}" for item in range(1, 13)]


def study(folder, yaml, **files):
    """Write study.yaml and CSV files (``sessions="..."``) into a folder and read it."""
    (folder / "study.yaml").write_text(textwrap.dedent(yaml), encoding="utf-8")
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(textwrap.dedent(text), encoding="utf-8")
    return read_study(folder)


def rules(raw):
    return [problem.rule for problem in raw.problems]


def test_a_lab_with_spss_excel_and_csv(tmp_path):
    rng = np.random.default_rng(4)
    rows = [(pid, sess) for pid in (101.0, 102.0, 103.0) for sess in (1.0, 2.0, 3.0)]
    frame = pd.DataFrame(rows, columns=["pid", "sess"])
    frame["ther"] = [7.0] * 6 + [8.0] * 3
    for item in range(1, 13):
        frame[f"wai{item}"] = rng.integers(1, 6, len(frame)).astype(float)
        frame[f"waiT{item:02d}"] = rng.integers(1, 6, len(frame)).astype(float)
    frame["oq_total"] = rng.integers(30, 90, len(frame)).astype(float)
    frame.loc[4, "wai5"] = -9.0
    pyreadstat.write_sav(frame, str(tmp_path / "sessions.sav"), missing_ranges={"wai5": [-9]})
    endings = pd.DataFrame({"pid": [101, 102, 103], "n": [3, 3, 3], "why": [1, 2, 1]})
    with pd.ExcelWriter(tmp_path / "endings.xlsx") as book:
        pd.DataFrame({"x": [1]}).to_excel(book, sheet_name="old", index=False)
        endings.to_excel(book, sheet_name="final", index=False)
    raw = study(
        tmp_path,
        """\
        name: clinic-a
        sources:
          - file: sessions.sav
            client_id: pid
            therapist_id: ther
            session: sess
            measures:
              - {measure: wai-sr, rater: client, items: "wai{item}"}
              - {measure: wai-sr, rater: therapist, items: "waiT{item:02d}"}
              - {measure: oq-45, rater: client, score: oq_total}
            missing: [-9, 99]
          - {file: endings.xlsx, sheet: final, table: terminations,
             columns: {client_id: pid, last_session: n, reason: why},
             recode: {reason: {1: completed, 2: dropout}}}
        """,
    )
    assert raw.problems == []
    assert raw.name == "clinic-a"
    ratings = raw.tables["ratings"]
    assert len(ratings) == 9 * 24
    assert ratings["client_id"].cat.categories.tolist() == ["101", "102", "103"]
    cell = ratings.query("client_id == '102' and session == 2 and item == 5 and rater == 'client'")
    assert cell["value"].isna().all()
    other = ratings.query("client_id == '103' and session == 3 and item == 12")
    wanted = [frame.loc[8, "wai12"], frame.loc[8, "waiT12"]]
    assert other.sort_values("rater")["value"].tolist() == wanted
    assert raw.tables["terminations"]["reason"].tolist() == ["completed", "dropout", "completed"]
    assert raw.tables["scores"]["score"].tolist() == frame["oq_total"].tolist()
    assert raw.tables["scores"]["scale"].unique().tolist() == ["total"]
    assert raw.tables["clients"]["therapist_id"].tolist() == ["7", "7", "8"]
    assert raw.tables["therapists"]["therapist_id"].tolist() == ["7", "8"]
    assert len(raw.tables["sessions"]) == 9


def test_every_answer_knows_its_cell(tmp_path):
    frame = pd.DataFrame({"pid": ["a", "b"], "sess": [1, 1], "wai1": [5, 4], "wai2": [3, 2]})
    frame = frame.assign(**dict.fromkeys(WAI[2:], 1))
    frame.to_excel(tmp_path / "s.xlsx", index=False)
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.xlsx, client_id: pid, session: sess,
             measures: [{measure: wai-sr, rater: client, items: "wai{item}"}]}
        """,
    )
    origin, ratings = raw.origins["ratings"], raw.tables["ratings"]
    where = ratings.index[(ratings["client_id"] == "b") & (ratings["item"] == 2)][0]
    column = origin.layouts[origin.layout[where]].columns["value"]
    assert (int(origin.row[where]), column) == (3, "wai2")
    assert origin.files[0].cell(3, column) == "D3"


def test_a_word_among_answers_is_named_at_its_cell(tmp_path):
    frame = pd.DataFrame({"pid": [1, 2, 3], "sess": [1, 1, 1]}).assign(**dict.fromkeys(WAI, 3))
    frame["wai5"] = [3, "abc", 4]
    frame.to_excel(tmp_path / "s.xlsx", index=False)
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.xlsx, client_id: pid, session: sess,
             measures: [{measure: wai-sr, rater: client, items: "wai{item}"}]}
        """,
    )
    (problem,) = raw.problems
    assert (problem.level, problem.rule, problem.file) == ("error", "not_a_number", "s.xlsx")
    assert (problem.row, problem.column, problem.cell, problem.value) == (3, "wai5", "G3", "abc")
    assert problem.message == "'abc' in column 'wai5' is not a number. It is read as missing."
    ratings = raw.tables["ratings"]
    assert ratings["value"].isna().sum() == 1
    assert len(ratings) == 36


def test_a_session_that_is_none_sets_its_row_aside_and_counts_it(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess,
             measures: [{measure: phq-9, rater: client, score: phq}]}
        """,
        s="pid,sess,phq\n1,1,5\n1,Post-Rx,6\n1,2.5,7\n1,3,8\n",
    )
    assert [(p.row, p.value) for p in raw.problems] == [(3, "Post-Rx"), (4, "2.5")]
    assert raw.tables["scores"]["session"].tolist() == [1, 3]
    assert raw.tables["scores"]["session"].dtype == "int64"
    aside = {entry.table: entry.rows for entry in raw.set_aside}
    for table in ("scores", "sessions"):
        assert raw.rows_in[table] == len(raw.tables[table]) + aside[table] == 4


def test_items_and_totals_of_one_measure_are_kept_apart(tmp_path):
    header = ",".join(["pid", "sess", *[f"p{i}" for i in range(1, 10)], "sum"])
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess,
             measures: [{measure: phq-9, rater: client, items: "p{item}", score: sum}]}
        """,
        s=f"{header}\n1,1,{','.join('1' * 9)},9\n1,2,{','.join('2' * 9)},17\n",
    )
    assert "scores" not in raw.tables
    given = raw.options["given_scores"]
    assert given["score"].tolist() == [9, 17]
    (layout,) = raw.origins["given_scores"].layouts
    assert layout.columns["score"] == "sum"
    assert raw.origins["given_scores"].row.tolist() == [2, 3]


def test_several_totals_by_scale(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess,
             measures: [{measure: wai-sr, rater: client, score: {bond: b, task: t}}]}
        """,
        s="pid,sess,b,t\n1,1,4,3\n",
    )
    scores = raw.tables["scores"]
    assert dict(zip(scores["scale"], scores["score"], strict=True)) == {"bond": 4, "task": 3}


def test_one_row_a_client_with_sessions_in_the_names(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - file: wide.csv
            client_id: id
            measures:
              - {measure: bdi-ii, rater: client, score: "bdi_s{session}"}
              - {measure: bdi-ii, rater: client, score: bdi_fu1, occasion: followup}
        """,
        wide="id,bdi_s1,bdi_s2,bdi_s3,bdi_fu1,age\na,30,,20,10,40\nb,25,24,,12,50\n",
    )
    assert raw.problems == []
    scores = raw.tables["scores"].sort_values(["client_id", "session"])
    got = list(zip(scores["client_id"], scores["session"], scores["score"], strict=True))
    assert got == [("a", 1, 30), ("a", 3, 20), ("b", 1, 25), ("b", 2, 24)]
    sessions = raw.tables["sessions"][["client_id", "session"]].to_numpy().tolist()
    assert sessions == [["a", 1], ["a", 3], ["b", 1], ["b", 2]]
    assert raw.tables["assessments"]["score"].tolist() == [10, 12]
    assert raw.tables["assessments"]["occasion"].tolist() == ["followup"] * 2
    assert raw.tables["clients"]["age"].tolist() == [40, 50]


def test_items_and_sessions_in_the_names(tmp_path):
    names = [f"wai{i}_s{s}" for s in (1, 2) for i in range(1, 13)]
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: w.csv, client_id: id,
             measures: [{measure: wai-sr, rater: client, items: "wai{item}_s{session}"}]}
        """,
        w=",".join(["id", *names]) + "\na," + ",".join(["4"] * 12 + ["2"] * 12) + "\n",
    )
    ratings = raw.tables["ratings"]
    assert ratings.groupby("session")["value"].agg(["mean", "size"]).to_numpy().tolist() == [
        [4, 12],
        [2, 12],
    ]


def test_session_zero_is_what_was_asked_before_therapy(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: w.csv, client_id: id,
             measures: [{measure: bdi-ii, rater: client, score: "bdi_s{session}"}]}
        """,
        w="id,bdi_s0,bdi_s1\na,30,20\n",
    )
    assert raw.problems == []
    assert raw.tables["scores"][["session", "score"]].to_numpy().tolist() == [[0, 30], [1, 20]]


def test_a_long_file_of_ratings(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - file: r.csv
            table: ratings
            columns: {client_id: pid, session: sess, rater: who, item: no, value: x}
            constants: {measure: wai-sr}
            recode: {rater: {1: client, 2: therapist}}
            missing: [-9]
        """,
        r="pid,sess,who,no,x\n007,1,1,1,5\n007,1,2,1,-9\n008,1,1,1,4\n",
    )
    assert raw.problems == []
    ratings = raw.tables["ratings"]
    assert ratings["client_id"].tolist() == ["007", "007", "008"]
    assert ratings["rater"].tolist() == ["client", "therapist", "client"]
    assert ratings["measure"].tolist() == ["wai-sr"] * 3
    assert ratings["value"].isna().tolist() == [False, True, False]
    assert raw.tables["clients"]["client_id"].tolist() == ["007", "008"]
    assert len(raw.tables["sessions"]) == 2


def test_a_table_that_is_given_goes_before_one_that_is_derived(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess, therapist_id: ther,
             measures: [{measure: phq-9, rater: client, score: phq}]}
          - {file: c.csv, table: clients, columns: {client_id: id, condition: arm}}
          - {file: v.csv, client_id: pid, session: sess, date: day, attended: came}
        """,
        s="pid,sess,ther,phq\n1,1,A,5\n1,2,A,6\n2,1,B,4\n",
        c="id,arm,age\n1,tau,30\n2,new,40\n",
        v="pid,sess,day,came\n1,1,2026-01-05,yes\n1,2,2026-01-12,no\n",
    )
    assert raw.problems == []
    clients = raw.tables["clients"]
    assert clients["condition"].tolist() == ["tau", "new"]
    assert clients["therapist_id"].tolist() == ["A", "B"]
    assert clients["age"].tolist() == [30, 40]
    sessions = raw.tables["sessions"]
    assert len(sessions) == 2
    assert sessions["date"].dtype.kind == "M"
    assert sessions["therapist_id"].tolist() == ["A", "A"]


def test_occasions_with_totals_and_with_items(tmp_path):
    items = ",".join(f"p{i}" for i in range(1, 10))
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: a.csv, client_id: id, occasion: when,
             measures: [{measure: phq-9, rater: client, items: "p{item}"},
                        {measure: gad-7, rater: client, score: gad}]}
        """,
        a=f"id,when,{items},gad\n1,pre,{','.join('3' * 9)},15\n1,post,{','.join('1' * 9)},7\n",
    )
    assert raw.problems == []
    table = raw.tables["assessments"]
    got = {(r.measure, r.occasion): r.score for r in table.itertuples() if r.scale == "total"}
    assert got == {
        ("phq-9", "pre"): 27,
        ("phq-9", "post"): 9,
        ("gad-7", "pre"): 15,
        ("gad-7", "post"): 7,
    }
    assert "sessions" not in raw.tables


def test_one_list_of_columns_and_reversed_values(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess,
             measures: [{measure: gad-7, rater: client, items: [a, b, c, d, e, f, g],
                         reversed: true}]}
        """,
        s="pid,sess,a,b,c,d,e,f,g\n1,1,0,1,2,3,0,1,2\n",
    )
    assert raw.tables["ratings"]["item"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert raw.tables["ratings"]["value"].tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert raw.options["already_reversed"] == {("gad-7", "client")}


def test_a_missing_item_column_is_named(tmp_path):
    names = [name for name in WAI if name != "wai7"]
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess,
             measures: [{measure: wai-sr, rater: client, items: "wai{item}"}]}
        """,
        s=",".join(["pid", "sess", *names]) + "\n1,1," + ",".join(["3"] * 11) + "\n",
    )
    (problem,) = raw.problems
    assert problem.rule == "unknown_column"
    assert problem.message.startswith("The file has no column 'wai7', item 7 of 'wai-sr'.")
    assert len(raw.tables["ratings"]) == 11


def test_an_unknown_measure_and_an_absent_column_name_the_nearest(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sesion,
             measures: [{measure: wai-srr, rater: client, items: "wai{item}"}]}
        """,
        s="pid,session,wai1\n1,1,3\n",
    )
    messages = [problem.message for problem in raw.problems]
    assert messages[0].startswith(
        "The file has no column 'sesion', which study.yaml gives as session. "
        "Did you mean 'session'?"
    )
    assert any("Did you mean 'wai-sr'?" in message for message in messages)


def test_a_code_for_missing_that_is_a_possible_value_is_told(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess, missing: [99],
             measures: [{measure: oq-45, rater: client, score: oq}]}
        """,
        s="pid,sess,oq\n1,1,99\n1,2,80\n1,99,70\n",
    )
    (problem,) = raw.problems
    assert (problem.level, problem.rule, problem.row) == ("warning", "missing_code_in_range", 2)
    assert raw.tables["scores"]["score"].isna().tolist() == [True, False, False]
    assert raw.tables["scores"]["session"].tolist() == [1, 2, 99]


def test_the_measures_own_codes_go_before_the_sources(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess, missing: [99],
             measures: [{measure: oq-45, rater: client, score: oq, missing: []}]}
        """,
        s="pid,sess,oq\n1,1,99\n",
    )
    assert raw.problems == []
    assert raw.tables["scores"]["score"].tolist() == [99]


def test_a_column_named_twice_is_an_error_where_it_is_used(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess,
             measures: [{measure: oq-45, rater: client, score: oq}]}
        """,
        s="pid,sess,oq,oq,age,age\n1,1,50,60,3,4\n",
    )
    told = {problem.column: (problem.level, problem.message) for problem in raw.problems}
    assert told["oq"] == ("error", "2 columns are named 'oq' (columns 3, 4); the first is used.")
    assert told["age"][0] == "warning"


def test_days_and_months_are_told_from_the_column_or_asked_for(tmp_path):
    yaml = """\
        sources:
          - {file: v.csv, client_id: pid, session: sess, date: day%s}
        """
    clear = study(tmp_path, yaml % "", v="pid,sess,day\n1,1,13/02/2026\n1,2,01/03/2026\n")
    assert clear.problems == []
    assert clear.tables["sessions"]["date"].dt.month.tolist() == [2, 3]
    unclear = study(tmp_path, yaml % "", v="pid,sess,day\n1,1,03/02/2026\n1,2,01/03/2026\n")
    assert set(rules(unclear)) == {"unclear_date"}
    assert unclear.tables["sessions"]["date"].isna().all()
    said = study(
        tmp_path,
        yaml % ', date_format: "%m/%d/%Y"',
        v="pid,sess,day\n1,1,03/02/2026\n1,2,01/03/2026\n",
    )
    assert said.tables["sessions"]["date"].dt.month.tolist() == [3, 1]


def test_blank_rows_are_counted_not_reported_one_by_one(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess,
             measures: [{measure: oq-45, rater: client, score: oq}]}
        """,
        s="pid,sess,oq\n1,1,50\n,,\n1,2,60\n,,\n",
    )
    assert raw.problems == []
    assert len(raw.tables["scores"]) == 2
    assert [(a.table, a.reason, a.rows) for a in raw.set_aside] == [("sessions", "a blank row", 2)]
    assert raw.rows_in["sessions"] == 4


def test_spss_labels_stand_for_words_we_know(tmp_path):
    frame = pd.DataFrame({"pid": [1.0, 2.0], "n": [3.0, 4.0], "why": [1.0, 2.0]})
    pyreadstat.write_sav(
        frame,
        str(tmp_path / "e.sav"),
        variable_value_labels={"why": {1: "Completed", 2: "Dropout"}},
    )
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: e.sav, table: terminations,
             columns: {client_id: pid, last_session: n, reason: why}}
        """,
    )
    assert raw.tables["terminations"]["reason"].tolist() == ["completed", "dropout"]


def test_blanks_around_ids_are_taken_off_and_told(tmp_path):
    raw = study(
        tmp_path,
        """\
        name: s
        sources:
          - file: forms.csv
            client_id: pid
            therapist_id: ther
            session: sess
            measures:
              - {measure: phq-9, rater: client, score: phq}
        """,
        forms='pid,ther,sess,phq\nc1,t1,1,10\n"c1 ",t1,2,9\nc2,"t1 ",1,12\n" c2",t1,2,8\n',
    )
    told = [problem for problem in raw.problems if problem.rule == "blanks_around_id"]
    assert [(one.level, one.column, one.row, one.also_rows) for one in told] == [
        ("info", "pid", 3, (5,)),
        ("info", "ther", 4, ()),
    ]
    assert "2 ids in column 'pid' with blanks before or behind (first 'c1 ')" in told[0].message
    assert raw.tables["clients"]["client_id"].tolist() == ["c1", "c2"]
    assert raw.tables["scores"]["client_id"].tolist() == ["c1", "c1", "c2", "c2"]


def test_a_clients_value_that_changes_is_told_once(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess, condition: arm,
             measures: [{measure: oq-45, rater: client, score: oq}]}
        """,
        s="pid,sess,arm,oq\n1,1,a,50\n1,2,b,60\n2,1,a,40\n",
    )
    (problem,) = raw.problems
    assert (problem.rule, problem.level) == ("varies_within_client", "warning")
    assert (problem.row, problem.also_rows) == (2, (3,))
    assert raw.tables["clients"]["condition"].tolist() == ["a", "a"]


def test_two_files_about_the_same_sessions_make_each_session_once(tmp_path):
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: a.csv, client_id: pid, session: sess,
             measures: [{measure: oq-45, rater: client, score: oq}]}
          - {file: b.csv, client_id: pid, session: sess, therapist_id: ther,
             measures: [{measure: phq-9, rater: client, score: phq}]}
        """,
        a="pid,sess,oq\n1,1,50\n1,2,60\n",
        b="pid,sess,ther,phq\n1,2,A,5\n1,3,A,6\n",
    )
    sessions = raw.tables["sessions"]
    assert sessions["session"].tolist() == [1, 2, 3]
    assert sessions["therapist_id"].isna().tolist() == [True, False, False]
    origin = raw.origins["sessions"]
    assert [origin.layouts[n].source.file for n in origin.layout] == ["a.csv", "a.csv", "b.csv"]
    assert raw.tables["clients"]["therapist_id"].tolist() == ["A"]
    assert len(raw.tables["scores"]) == 4


def test_an_own_measure_is_used_by_its_card(tmp_path):
    (tmp_path / "measures").mkdir()
    (tmp_path / "measures" / "broken.yaml").write_text("id: [", encoding="utf-8")
    raw = study(
        tmp_path,
        """\
        sources:
          - {file: s.csv, client_id: pid, session: sess,
             measures: [{measure: oq-45, rater: client, score: oq}]}
        """,
        s="pid,sess,oq\n1,1,50\n",
    )
    assert rules(raw) == ["faulty_card"]
    assert len(raw.tables["scores"]) == 1


def test_an_occasion_in_names_leaves_what_a_session_names(tmp_path):
    """'bdi_{occasion}' fits 'bdi_s1' too, which is a session already."""
    raw = study(
        tmp_path,
        """\
        name: s
        sources:
          - file: w.csv
            client_id: id
            measures:
              - {measure: bdi-ii, rater: client, score: "bdi_s{session}"}
              - {measure: bdi-ii, rater: client, score: "bdi_{occasion}"}
        """,
        w="id,bdi_s1,bdi_s2,bdi_fu1\n1,20,18,9\n2,30,31,28\n",
    )
    assert sorted(raw.tables["scores"]["score"]) == [18, 20, 30, 31]
    assert raw.tables["assessments"]["occasion"].unique().tolist() == ["fu1"]
    assert sorted(raw.tables["assessments"]["score"]) == [9, 28]


def test_sessions_in_names_become_rows_client_by_client_each_with_its_cell(tmp_path):
    columns = [f"phq_s{s}_{item}" for s in (2, 1) for item in range(1, 10)]
    rows = [["a", *["0"] * 9, *["1"] * 9], ["b", *["2"] * 9, *[""] * 9]]
    text = "\n".join(",".join(row) for row in [["pid", *columns], *rows]) + "\n"
    raw = study(
        tmp_path,
        """\
        name: s
        sources:
          - file: w.csv
            client_id: pid
            measures: [{measure: phq-9, rater: client, items: "phq_s{session}_{item}"}]
        """,
        w=text,
    )
    table, origin = raw.tables["ratings"], raw.origins["ratings"]
    forms = table.iloc[::9]
    assert list(zip(forms["client_id"], forms["session"], forms["value"], strict=True)) == [
        ("a", 1, 1.0), ("a", 2, 0.0), ("b", 2, 2.0)
    ]  # fmt: skip
    for at in (0, 10, 26):
        session, item = table["session"][at], table["item"][at]
        columns_of = origin.layouts[origin.layout[at]].columns
        assert columns_of["value"] == f"phq_s{session}_{item}"
        assert origin.row[at] == (2 if at < 18 else 3)


def test_rows_of_sums_under_the_clients_are_no_clients(tmp_path):
    raw = study(
        tmp_path,
        """\
        name: s
        sources:
          - file: ends.csv
            table: terminations
            columns: {client_id: pid, last_session: n, reason: why}
        """,
        ends="pid,n,why\nc1,8,dropout\nSumme,3,completed\nc2,4,completed\nMean,6,\nSumme,12,\n",
    )
    (told,) = (problem for problem in raw.problems if problem.rule == "row_of_sums")
    assert (told.level, told.column, told.row, told.also_rows) == ("info", "pid", 5, (6,))
    # a word that clients stand under is an id
    assert raw.tables["terminations"]["client_id"].tolist() == ["c1", "Summe", "c2"]
    (aside,) = raw.set_aside
    assert (aside.table, aside.reason, aside.rows) == ("terminations", "a row of sums", 2)


def test_an_occasion_that_is_no_column_is_told_once_with_both_ways_to_say_it(tmp_path):
    source = """\
        name: s
        sources:
          - file: couples.csv
            client_id: couple
            rater: {column: who, recode: {w: client, h: therapist}}
            WHEN
            measures: [{measure: phq-9, score: phq}]
        """
    rows = {"couples": "couple,who,phq\n1,w,3\n1,h,4\n2,w,5\n2,h,6\n"}
    (told,) = study(tmp_path, source.replace("WHEN", "occasion: now"), **rows).problems
    assert told.message.startswith("The file has no column 'now', which study.yaml gives as occ")
    assert told.hint.endswith("If 'now' is the occasion itself, constants: {occasion: now} says it "
                              "of all rows.")  # fmt: skip
    raw = study(tmp_path, source.replace("WHEN", "constants: {occasion: now}"), **rows)
    assert raw.problems == []
    assert set(raw.tables["assessments"]["occasion"]) == {"now"}
    (told,) = study(tmp_path, source.replace("WHEN", "carry: false"), **rows).problems
    assert told.hint == "Add session: or occasion: to the source or to the measure in study.yaml."
