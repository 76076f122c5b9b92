"""Files whose rows are of several kinds: forms, raters, sites; answers in words; means for sums."""

import textwrap

import pytest

import alliance_stats as al

REDCAP = """\
    record_id,redcap_repeat_instrument,redcap_repeat_instance,age,phq,gaf
    1,,,34,,
    1,client_form,1,,12,
    1,client_form,2,,10,
    1,therapist_form,1,,,55
    1,therapist_form,2,,,60
    """


def study(folder, sources, head="", **files):
    text = f"name: s\n{head}sources:\n" + textwrap.indent(textwrap.dedent(sources), "  ")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(textwrap.dedent(content), encoding="utf-8")
    return folder


def scores(opened):
    return opened.scores[["client_id", "session", "rater", "measure", "score"]].values.tolist()


def told(folder):
    return [(p.level, p.rule, p.row, p.message) for p in al.validate(folder).problems]


THERE_ONCE = [
    ["1", 1, "client", "phq-9", 12],
    ["1", 2, "client", "phq-9", 10],
    ["1", 1, "therapist", "gaf", 55],
    ["1", 2, "therapist", "gaf", 60],
]


def test_a_row_a_form_gives_each_score_once_and_what_is_asked_once_to_the_client(tmp_path):
    sources = """\
        - file: e.csv
          client_id: record_id
          session: redcap_repeat_instance
          measures:
            - {measure: phq-9, rater: client, score: phq}
            - {measure: gaf, rater: therapist, score: gaf}
        """
    opened = al.open_study(study(tmp_path, sources, e=REDCAP))
    assert scores(opened) == THERE_ONCE
    assert opened.clients["age"].tolist() == [34]
    assert "age" not in opened.sessions


def test_one_file_is_listed_once_for_each_kind_of_row(tmp_path):
    sources = """\
        - file: e.csv
          where: {redcap_repeat_instrument: null}
          table: clients
          client_id: record_id
          carry: [age]
        - file: e.csv
          where: {redcap_repeat_instrument: client_form}
          client_id: record_id
          session: redcap_repeat_instance
          measures: [{measure: phq-9, rater: client, score: phq}]
          carry: false
        - file: e.csv
          where: {redcap_repeat_instrument: [therapist_form, other]}
          client_id: record_id
          session: redcap_repeat_instance
          measures: [{measure: gaf, rater: therapist, score: gaf}]
          carry: false
        """
    folder = study(tmp_path, sources, e=REDCAP)
    assert told(folder) == []
    opened = al.open_study(folder)
    assert scores(opened) == THERE_ONCE
    assert opened.clients["age"].tolist() == [34]
    assert len(opened.sessions) == 2


def test_rows_that_no_source_takes_are_counted_and_told(tmp_path):
    sources = """\
        - file: e.csv
          where: {redcap_repeat_instrument: client_form}
          client_id: record_id
          session: redcap_repeat_instance
          measures: [{measure: phq-9, rater: client, score: phq}]
        """
    folder = study(tmp_path, sources, e=REDCAP)
    message = "3 rows of 5 (rows 2, 5, 6) are taken by no source."
    assert told(folder) == [("info", "rows_not_taken", 2, message)]
    rows = al.validate(folder).rows.set_index("table")
    assert rows.loc["sessions", ["rows_in", "rows_kept"]].tolist() == [5, 2]


@pytest.mark.parametrize(
    ("where", "rule", "words"),
    [
        ("{kind: clent}", "where_takes_nothing", "nowhere holds clent; it holds client, other."),
        ("{kind: []}", "where_takes_nothing", "it gives no value of column 'kind'."),
        ("{kin: client}", "unknown_column", "no column 'kin', which 'where' in study.yaml names."),
    ],
)
def test_a_where_that_takes_nothing_is_told(tmp_path, where, rule, words):
    sources = f"""\
        - file: e.csv
          where: {where}
          client_id: id
          session: n
          measures: [{{measure: phq-9, rater: client, score: phq}}]
        """
    found = told(study(tmp_path, sources, e="id,kind,n,phq\n1,client,1,5\n1,other,2,6\n"))
    (problem,) = [p for p in found if p[0] == "error" and p[1] == rule]
    assert words in problem[3]


def test_rows_taken_twice_are_told(tmp_path):
    source = """\
        - file: e.csv
          where: {kind: KINDS}
          client_id: id
          session: n
          measures: [{measure: phq-9, rater: client, score: phq}]
        """
    both = "".join(textwrap.dedent(source.replace("KINDS", kinds)) for kinds in ("[a, b]", "b"))
    found = told(study(tmp_path, both, e="id,kind,n,phq\n1,a,1,5\n1,b,2,6\n"))
    assert [(level, row) for level, rule, row, _ in found if rule == "rows_taken_twice"] == [
        ("error", 3)
    ]


FORMS = "id,n,form,tot,oth\na,1,p,9,8\na,1,g,7,\nb,1,p,5,4\n"


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("{form: p}", "{form: [p, g]}", "phq-9 of the client (total) and as gad-7 of the client"),
        ("{form: p}", "{form: g}", ""),  # each its own rows
    ],
)
@pytest.mark.parametrize("table", [True, False])
def test_one_total_given_as_two_measures_is_told_once(tmp_path, first, second, words, table):
    def source(where, measure):
        held = (
            "table: scores, columns: {client_id: id, session: n, score: tot}, constants: "
            f"{{measure: {measure}, rater: client, scale: total}}"
            if table
            else "client_id: id, session: n, measures: "
            f"[{{measure: {measure}, rater: client, score: tot}}]"
        )
        return f"- {{file: e.csv, where: {where}, {held}}}\n"

    both = source(first, "phq-9") + source(second, "gad-7")
    found = [p for p in told(study(tmp_path, both, e=FORMS)) if p[0] == "error"]
    assert [(rule, row) for _, rule, row, _ in found] == [("rows_taken_twice", 2)][: len(words)]
    assert all("2 rows (rows 2, 4)" in p[3] and words in p[3] for p in found)
    assert all("lines 3 and 4 of study.yaml" in p[3] for p in found)


@pytest.mark.parametrize(
    "measures",
    [
        ("phq-9, rater: client, score: tot", "gad-7, rater: client, score: oth"),
        ("phq-9, rater: client, score: tot, session: 0", "phq-9, rater: client, score: tot"),
    ],
)
def test_other_cells_or_another_time_of_the_same_rows_are_not_taken_twice(tmp_path, measures):
    both = "".join(
        f"- {{file: e.csv, where: {{form: p}}, client_id: id, measures: [{{measure: {m}"
        + ("}]}\n" if "session" in m else ", occasion: pre}]}\n")
        for m in measures
    )
    assert [p for p in told(study(tmp_path, both, e=FORMS)) if p[0] == "error"] == []


WORDS = "id,who,n,phq,gaf\n1,P,1,12,\n1,T,1,,55\n1,M,1,9,\n"
BY_RATER = """\
    - file: e.csv
      client_id: id
      session: n
      rater: {column: who, recode: {P: client, T: therapist, M: parent}}
      measures:
        - {measure: phq-9, score: phq}
        - {measure: gaf, score: gaf}
    """


def test_the_rater_stands_in_a_column_and_may_be_a_parent(tmp_path):
    folder = study(tmp_path, BY_RATER, "raters: {parent: Parent}\n", e=WORDS)
    assert told(folder) == []
    opened = al.open_study(folder)
    assert scores(opened) == [
        ["1", 1, "client", "phq-9", 12],
        ["1", 1, "parent", "phq-9", 9],
        ["1", 1, "therapist", "gaf", 55],
    ]
    again = al.open_study(opened.save(tmp_path / "saved"))
    assert again.raters == opened.raters == {"parent": "Parent"}
    assert scores(again) == scores(opened)
    assert al.validate(opened).ok


def test_a_rater_that_is_not_declared_is_told_with_what_to_write(tmp_path):
    found = told(study(tmp_path, BY_RATER, e=WORDS))
    assert [(level, rule, row) for level, rule, row, _ in found] == [("error", "unknown_rater", 4)]
    assert "'parent' in column 'who' is no rater" in found[0][3]


def test_one_measure_of_a_rater_that_is_not_declared_is_told_at_its_line(tmp_path):
    sources = BY_RATER.replace("score: phq}", "rater: partner, score: phq}")
    found = told(study(tmp_path, sources, "raters: {parent: Parent}\n", e=WORDS))
    assert found[0][2:] == (
        9,
        "The rater must be one of client, therapist, observer, parent, got 'partner'. "
        "Did you mean 'parent'?",
    )


ITEMS = ",".join(f"w{n}" for n in range(1, 13))


def _words(answers, first="Seldom"):
    measure = f'{{measure: wai-sr, rater: client, items: "w{{item}}"{answers}}}'
    sources = f"- {{file: e.csv, client_id: id, session: n, measures: [{measure}]}}\n"
    return sources, f"id,n,{ITEMS}\n1,1,{first}{',Seldom' * 11}\n1,2{',always' * 12}\n"


def test_answers_in_words_are_the_numbers_they_stand_for(tmp_path):
    sources, text = _words(", answers: {Seldom: 1, Always: 5}")
    opened = al.open_study(study(tmp_path, sources, e=text))
    assert opened.ratings["value"].tolist() == [1] * 12 + [5] * 12


def test_the_hint_for_answers_in_words_never_erases_them(tmp_path):
    sources, text = _words("")
    issues = al.validate(study(tmp_path, sources, e=text)).issues
    assert issues["hint"].str.contains("answers: {").all()
    assert not issues["hint"].str.contains("missing").any()


def test_a_word_that_no_answer_names_is_told_at_its_cell(tmp_path):
    sources, text = _words(", answers: {Seldom: 1, Always: 5}", first="Nver")
    (problem,) = al.validate(study(tmp_path, sources, e=text)).problems
    assert (problem.row, problem.column, problem.value) == (2, "w1", "Nver")


def test_means_become_the_sums_of_the_card(tmp_path):
    source = (
        "- {file: e.csv, client_id: id, session: n, measures: "
        "[{measure: phq-9, rater: client, score: phq, scored: SCORED}]}\n"
    )
    folder = study(tmp_path, source.replace("SCORED", "mean"), e="id,n,phq\n1,1,1\n1,2,2\n")
    assert al.open_study(folder).scores["score"].tolist() == [9, 18]
    assert "converted_total" in [rule for _, rule, _, _ in told(folder)]
    folder = study(tmp_path, source.replace("SCORED", "sum"), e="id,n,phq\n1,1,13\n1,2,2\n")
    assert al.open_study(folder).scores["score"].tolist() == [13, 2]
    assert told(folder) == []


def test_sites_with_the_same_numbers_and_files_without_ids(tmp_path):
    sources = """\
        - {file: a.csv, client_id: id, therapist_id: t, session: n, id_prefix: A-,
           measures: [{measure: phq-9, rater: client, score: phq}]}
        - {file: b.csv, client_id: "{row}", session: 1,
           measures: [{measure: phq-9, rater: client, score: phq}]}
        """
    files = {"a": "id,t,n,phq\n1,7,1,5\n1,7,2,6\n", "b": "phq\n8\n9\n"}
    folder = study(tmp_path, sources, **files)
    opened = al.open_study(folder)
    assert opened.scores["client_id"].tolist() == ["A-1", "A-1", "2", "3"]
    assert opened.therapists["therapist_id"].tolist() == ["A-7"]


def test_own_words_for_missing(tmp_path):
    source = (
        "- {file: e.csv, client_id: id, session: n, missing_words: [unbekannt], measures: "
        "[{measure: phq-9, rater: client, score: phq}]}\n"
    )
    folder = study(tmp_path, source, e="id,n,phq\nNA,1,unbekannt\nNA,2,4\n")
    assert told(folder) == []
    opened = al.open_study(folder)
    assert opened.clients["client_id"].tolist() == ["NA"]
    assert opened.scores["score"].isna().tolist() == [True, False]


def test_a_constant_that_is_also_a_column_wins_and_is_told_and_recode_is_of_the_use(tmp_path):
    sources = """\
        - file: a.csv
          table: assessments
          columns: {client_id: pid, occasion: occ, measure: scale, score: score}
          constants: {rater: client, scale: total}
          recode: {measure: {phq: phq-9, gad: gad-7}}
        """
    folder = study(tmp_path, sources, a="pid,occ,scale,score\na,pre,phq,9\na,pre,gad,3\n")
    assert [rule for _, rule, _, _ in told(folder)] == ["constant_and_column"]
    found = al.open_study(folder).assessments[["measure", "scale", "score"]]
    assert found.values.tolist() == [["phq-9", "total", 9], ["gad-7", "total", 3]]


def test_a_time_with_decimals_and_a_unit_stands_beside_or_in_place_of_an_occasion(tmp_path):
    sources = """\
        - {file: a.csv, client_id: id, time: m, measures:
           [{measure: phq-9, rater: client, score: phq}]}
        - {file: b.csv, client_id: id, occasion: wave, time: d, time_unit: day, measures:
           [{measure: gad-7, rater: client, score: gad}]}
        """
    files = {"a": "id,m,phq\n1,0.5,9\n1,1.5,8\n", "b": "id,wave,d,gad\n1,post,60.875,4\n"}
    folder = study(tmp_path, sources, "time_unit: month\n", **files)
    opened = al.open_study(folder)
    assert opened.assessments[["occasion", "time", "score"]].values.tolist() == [
        ["month 0.5", 0.5, 9],
        ["month 1.5", 1.5, 8],
        ["post", 2, 4],
    ]
    again = al.open_study(opened.save(tmp_path / "saved"))
    assert again.time_unit == opened.time_unit == "month"
    assert again.assessments.equals(opened.assessments)
    assert [rule for _, rule, _, _ in told(folder)] == ["converted_time"]


def test_a_card_may_have_a_form_of_a_rater_that_the_study_declares(tmp_path):
    card = "id: kid\ntitle: Kid\nraters: {parent: own form}\n"
    card += "total: {low: 0, high: 30}\ndirection: lower_is_better\n"
    (tmp_path / "measures").mkdir()
    (tmp_path / "measures" / "kid.yaml").write_text(card, encoding="utf-8")
    source = """\
        - {file: e.csv, client_id: id, session: n, measures: [{measure: kid, score: kid}]}
        """
    head = "raters: {parent: Parent}\n"
    opened = al.open_study(study(tmp_path, source, head, e="id,n,kid\n1,1,12\n"))
    assert opened.select("kid//parent")["score"].tolist() == [12]
    errors = [p for p in told(study(tmp_path, source, e="id,n,kid\n1,1,12\n")) if p[0] == "error"]
    assert [rule for _, rule, *_ in errors] == ["not_allowed"]


def test_both_partners_of_a_couple_rate_and_keep_what_is_their_own(tmp_path):
    sources = """\
        - file: c.csv
          client_id: couple
          rater: {column: who, recode: {W: wife, H: husband}}
          measures: [{measure: phq-9, score: phq, occasion: once}]
        """
    rows = """\
        couple,who,married,age,phq
        1,W,8,40,3
        1,H,8,44,5
        2,W,2,31,9
        2,H,2,30,1
        """
    folder = study(tmp_path, sources, "raters: {wife: Wife, husband: Husband}\n", c=rows)
    opened = al.open_study(folder)
    assert opened.report.issues.empty
    assert opened.clients["married"].tolist() == [8, 2]
    assert "age" not in opened.clients  # one partner's age is not that of the couple
    held = opened.assessments.set_index(["client_id", "rater"])
    assert held.loc[("1", "husband"), ["age", "score"]].tolist() == [44, 5]
    gap = al.rating_gap(opened, measure="phq-9", raters=("husband", "wife"))
    wife_minus_husband = gap.tidy().set_index("term").loc["mean_gap", "estimate"]
    assert wife_minus_husband == pytest.approx(3)
