"""What cannot be right in a description or in times and ids: one sentence each, at its place."""

import textwrap

import pytest

import alliance_stats as al

PHQ = "measures: [{measure: phq-9, rater: client, score: phq}]"


def told(folder, sources, head="", **files):
    text = f"name: s\n{head}sources:\n" + textwrap.indent(textwrap.dedent(sources), "  ")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    return [
        (p.level, p.rule, p.file, p.row, p.column, p.message) for p in al.validate(folder).problems
    ]


def test_a_time_that_falls_while_sessions_rise(tmp_path):
    source = f"- {{file: a.csv, client_id: id, session: n, time: week, {PHQ}}}"
    times = "id,n,week,phq\na,1,1,9\na,2,30,8\na,3,3.5,7\na,4,6,6\n"
    (found,) = told(tmp_path, source, "time_unit: week\n", a=times)
    assert found == (
        "warning", "sessions_out_of_order", "a.csv", 3, "week",
        "The times of client a do not follow the session numbers: session 2 at 30 does not fit "
        "between its neighbours.",
    )  # fmt: skip


def test_a_time_that_falls_while_occasions_follow_each_other(tmp_path):
    source = f"- {{file: a.csv, client_id: id, occasion: when, time: week, {PHQ}}}"
    times = "id,when,week,phq\na,pre,8,9\na,post,0,8\nb,post,8,1\nb,pre,0,7\nb,other,-3,7\n"
    found, order = told(tmp_path, source, "time_unit: week\n", a=times)
    assert order[1] == "occasion_order_unknown"
    assert found[:5] == ("warning", "occasions_out_of_order", "a.csv", 2, "week")
    assert "client a do not follow their occasions: occasion 'pre' at 8" in found[5]


def test_an_occasion_with_two_times(tmp_path):
    source = """\
        - file: a.csv
          client_id: id
          occasion: when
          time: week
          measures:
            - {measure: phq-9, rater: client, score: phq}
            - {measure: gad-7, rater: client, score: gad}
        """
    times = "id,when,week,phq,gad\na,pre,0,9,\na,pre,2,,5\nb,pre,0,9,\nb,pre,0,,5\n"
    (found,) = told(tmp_path, source, "time_unit: week\n", a=times)
    assert found == (
        "warning", "occasion_with_two_times", "a.csv", 2, "week",
        "Occasion 'pre' of client a has different times: 0 and 2.",
    )  # fmt: skip
    scores = al.open_study(tmp_path).assessments[["client_id", "measure", "score"]]
    assert scores.values.tolist() == [
        ["a", "phq-9", 9],
        ["b", "phq-9", 9],
        ["a", "gad-7", 5],
        ["b", "gad-7", 5],
    ]


def test_prefixes_that_make_two_clients_one(tmp_path):
    sources = "".join(
        f"- {{file: {file}.csv, client_id: id, session: n, id_prefix: {prefix}, {PHQ}}}\n"
        for file, prefix in (("a", "A"), ("b", "A1"))
    )
    found = told(tmp_path, sources, a="id,n,phq\n11,1,5\n", b="id,n,phq\n1,2,6\n")
    assert found[0] == (
        "error", "colliding_ids", "b.csv", None, "id",
        "1 client id (A11) is made by both prefixes, 'A' and 'A1', so two clients would count as "
        "one.",
    )  # fmt: skip


def test_ids_that_have_their_prefix_elsewhere_already_are_taken_for_the_same(tmp_path):
    sources = f"""\
        - {{file: a.csv, client_id: id, session: n, id_prefix: A-, {PHQ}}}
        - {{file: b.csv, table: terminations, client_id: id, last_session: n, reason: r}}
        """
    found = told(tmp_path, sources, a="id,n,phq\n7,1,5\n", b="id,n,r\nA-7,1,completed\n")
    assert [(level, rule) for level, rule, *_ in found] == [("info", "colliding_ids")]
    assert "in b.csv without it; they are taken for the same clients." in found[0][5]


@pytest.mark.parametrize(
    ("source", "header", "words"),
    [
        (PHQ + ", constants: {site_id: north}", "id,n,phq,site_id", "is 'north' for all rows"),
        ("measures: [{measure: phq-9, rater: parent, score: phq}]", "id,n,phq", "got 'parent'."),
        ('date: "d_{session}", ' + PHQ, "id,n,phq,d_1", "it is not read."),
    ],
)
def test_what_contradicts_itself_in_a_source(tmp_path, source, header, words):
    row = "a,1,5" + ",x" * (header.count(",") - 2)
    line = f"- {{file: a.csv, client_id: id, session: n, {source}}}"
    found = told(tmp_path, line, a=f"{header}\n{row}\n")
    assert sum(words in message for *_, message in found) == 1, found


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("phq_{session}", "The columns phq_1, phq_01 fit one pattern at the same place"),
        ("gad_{session}", "no column 'gad_1', nor any other that fits 'gad_{session}'."),
    ],
)
def test_a_pattern_that_fits_two_columns_or_none(tmp_path, pattern, words):
    measure = f'{{measure: phq-9, rater: client, score: "{pattern}"}}'
    source = f"- {{file: a.csv, client_id: id, measures: [{measure}]}}"
    (found,) = told(tmp_path, source, a="id,phq_1,phq_01\na,1,2\n")
    assert found[0] == "error"
    assert words in found[5]


def test_a_session_of_one_and_a_half(tmp_path):
    source = f"- {{file: a.csv, client_id: id, session: n, {PHQ}}}"
    (found,) = told(tmp_path, source, a="id,n,phq\na,1,5\na,1.5,6\n")
    assert found == (
        "error", "not_a_whole_number", "a.csv", 3, "n",
        "'1.5' in column 'n' is not a whole number. It cannot be used.",
    )  # fmt: skip


def test_occasions_of_known_order_are_not_told(tmp_path):
    source = f"- {{file: a.csv, client_id: id, occasion: when, {PHQ}}}"
    rows = "id,when,phq\na,Prä,9\na,Zwischenmessung,8\na,nach Therapie,7\na,6-Monats-Katamnese,7\n"
    assert told(tmp_path, source, a=rows) == []


def test_an_occasion_of_unknown_order_is_told_with_the_line_that_mends_it(tmp_path):
    source = f"- {{file: a.csv, client_id: id, occasion: when, {PHQ}}}"
    rows = "id,when,phq\na,Prä,9\na,Mitte,8\na,Post,7\nb,Praä,9\nb,Zeit B,9\n"
    (told_once,) = told(tmp_path, source, a=rows)
    assert told_once[:5] == ("warning", "occasion_order_unknown", "a.csv", 5, "when")
    assert "because of Praä, Zeit B ('Praä' is most like 'Prä')" in told_once[5]
    (problem,) = al.validate(tmp_path).problems
    assert "write recode: {occasion: {Praä: Prä, Zeit B: '?'}}" in problem.hint
    mended = source.replace(PHQ, f"recode: {{occasion: {{Praä: Prä, Zeit B: fu}}}}, {PHQ}")
    assert told(tmp_path, mended, a=rows) == []


@pytest.mark.parametrize(("second", "n"), [("1.5", 1), ("2", 1), ("2.0", 1), ("post", 0)])
def test_decimals_as_occasions_are_told_to_be_times(tmp_path, second, n):
    source = f"- {{file: a.csv, client_id: id, occasion: m, week: m2, {PHQ}}}"
    found = told(tmp_path, source, a=f"id,m,m2,phq\na,0.5,1,9\na,{second},2,8\n")
    assert [p[:5] for p in found] == [("info", "occasions_are_times", "a.csv", 2, "m")][:n]
    whole = told(tmp_path, source, a="id,m,m2,phq\na,0,1,9\na,12,2,8\n")
    timed = told(
        tmp_path,
        source.replace("occasion: m, week: m2", "time: m"),
        "time_unit: month\n",
        a="id,m,phq\na,0.5,9\na,1.5,8\n",
    )
    assert whole == timed == []


def test_two_words_for_one_stage_are_not_taken_for_a_mistyped_one(tmp_path):
    source = f"- {{file: a.csv, client_id: id, occasion: when, {PHQ}}}"
    rows = "id,when,phq\na,Prä,9\na,Ende,8\na,Entlassung,7\n"
    (problem,) = told(tmp_path, source, a=rows)
    assert "because of Ende, Entlassung. What" in problem[5]


ARMS = f"- {{file: a.csv, client_id: id, occasion: when, condition: arm, {PHQ}}}"


def test_an_arm_in_other_case_or_with_blanks_is_no_further_arm(tmp_path):
    rows = "id,when,arm,phq\na,pre,KVT,9\na,post,kvt ,8\nb,pre,TAU,9\nc,pre,KVT,9\n"
    (problem,) = told(tmp_path, ARMS, a=rows)
    assert problem == (
        "info", "spelled_differently", "a.csv", 3, "arm",
        "Words of 'arm' that differ only in case and blanks are taken as one: 'kvt ' as 'KVT' "
        "(1 row).",
    )  # fmt: skip
    assert set(al.open_study(tmp_path).tables["clients"]["condition"]) == {"KVT", "TAU"}


def test_a_client_of_two_arms_is_told_with_the_arms(tmp_path):
    rows = "id,when,arm,phq\na,pre,KVT,9\na,post,TAU,8\nb,pre,TAU,9\n"
    (problem,) = told(tmp_path, ARMS, a=rows)
    assert problem[:2] == ("warning", "varies_within_client")
    assert "for client a (KVT, TAU); the first is used" in problem[5]


def test_words_for_nothing_given_are_missing_and_told_once(tmp_path):
    source = f"- {{file: a.csv, client_id: id, occasion: when, {PHQ}}}"
    rows = "id,when,phq\na,pre,k.A.\na,post,8\nb,pre,k.A.\nb,post,keine Angabe\nc,pre,-\n"
    (problem,) = told(tmp_path, source, a=rows)
    assert problem[:2] == ("info", "missing_words")
    assert "'k.A.' in 'phq' (2 cells), 'keine Angabe' in 'phq' (1 cell)" in problem[5]
    named = source.replace(PHQ, f"missing_words: [NA], {PHQ}")
    assert {rule for _, rule, *_ in told(tmp_path, named, a=rows)} == {"not_a_number"}


def test_a_total_filled_in_from_items_at_an_occasion_is_not_told(tmp_path):
    source = """\
        - file: a.csv
          client_id: id
          measures: [{measure: phq-9, rater: client, items: "phq_{occasion}_{item}"}]
        """
    names = ",".join(f"phq_pre_{item}" for item in range(1, 10))
    assert told(tmp_path, source, a=f"id,{names}\na,1,1,0,0,2,1,2,2,\nb,1,1,0,0,2,1,2,2,1\n") == []
    assert al.open_study(tmp_path).tables["assessments"]["score"].tolist() == [10.125, 10.0]


def test_rows_an_occasion_without_a_score_are_no_clients_listed_twice(tmp_path):
    source = "- {file: a.csv, client_id: id, occasion: when, condition: arm}"
    rows = "id,when,arm,sum\na,pre,KVT,9\na,post,KVT,8\nb,pre,TAU,9\n"
    missing, *others = told(tmp_path, source, a=rows)
    assert missing[:2] == ("error", "no_scores")
    assert missing[5].startswith("No column of scores was recognised: 'when' says")
    assert not [rule for _, rule, *_ in others if rule == "duplicate_key"]
    assert told(tmp_path, source, a="id,when,arm\na,pre,KVT\nb,pre,TAU\n")[0][0] == "info"


def test_a_word_for_missing_in_place_of_an_id_is_told_by_that_word(tmp_path):
    source = f"- {{file: a.csv, client_id: id, therapist_id: who, occasion: when, {PHQ}}}"
    rows = "id,who,when,phq\nNA,t1,pre,5\nb,NA,pre,6\nc,t1,pre,6\n"
    client, _, therapist = told(tmp_path, source, a=rows)
    assert client[:5] == ("error", "missing_value", "a.csv", 2, "id")
    assert "has 'NA' for an id, which is read as missing; the row is left out." in client[5]
    assert therapist[:5] == ("info", "missing_words", "a.csv", 3, "who")
    empty = told(tmp_path, source, a=rows.replace("c,t1", ",t1"))
    assert "The cell for client is empty" in empty[0][5]  # which cell holds the word is not known
    assert told(tmp_path, source.replace(PHQ, f"missing_words: ['-'], {PHQ}"), a=rows) == []


def test_a_word_that_is_no_answer_is_held_against_the_answers(tmp_path):
    words = 'items: "p{item}", answers: {Never: 0, Often: 3}'
    source = f"- {{file: a.csv, client_id: id, occasion: when, {PHQ.replace('score: phq', words)}}}"
    names = ",".join(f"p{item}" for item in range(1, 10))
    told(tmp_path, source, a=f"id,when,{names}\na,pre{',Never' * 8},Oftn\n")
    (problem,) = al.validate(tmp_path).problems
    assert (problem.column, problem.value) == ("p9", "Oftn")
    assert problem.hint.endswith("under answers: in study.yaml, which has Never, Often.")


@pytest.mark.parametrize(("given", "advised"), [("48", True), ("8", False), ("61", False)])
def test_sums_for_means_are_advised_where_they_would_fit(tmp_path, given, advised):
    form = PHQ.replace("phq-9", "wai-sr").replace("phq}", "wai}")
    source = f"- {{file: a.csv, client_id: id, session: n, {form}}}"
    told(tmp_path, source, a=f"id,n,wai\na,1,{given}\nb,1,{given}\n")
    hint = al.validate(tmp_path).problems[0].hint
    assert ("write scored: sum at the measure" in hint) == advised


def test_a_converted_total_out_of_range_is_told_in_few_digits_and_as_it_stands(tmp_path):
    form = PHQ.replace("phq-9", "wai-sr").replace("score: phq", "score: wai, scored: sum")
    source = f"- {{file: a.csv, client_id: id, session: n, {form}}}"
    found, _ = told(tmp_path, source, a="id,n,wai\na,1,4\nb,1,48\n")
    assert "The score 0.3333 is outside" in found[5]
    assert found[5].endswith("In the file it is '4'.")
