"""A study.yaml with mistakes: each is told once, at its line, and none is taken for something."""

import pytest

import alliance_stats as al

LINES = [
    "name: x",
    "sources:",
    "- file: d.csv",
    "  client_id: pid",
    "  session: sess",
    "  measures:",
    '  - {measure: wai-sr, rater: client, items: "wai{item}"}',
    "  - {measure: phq-9, rater: client, score: phq}",
]
GOOD = "\n".join(LINES) + "\n"


def problems(tmp_path, text):
    names = ["pid", "sess", *(f"wai{item}" for item in range(1, 13)), "phq"]
    rows = [["c1", "1", *"345345345345", "7"], ["c1", "2", *"445345345345", "6"]]
    (tmp_path / "d.csv").write_text("\n".join(map(",".join, [names, *rows])) + "\n", "utf-8")
    (tmp_path / "study.yaml").write_text(text, "utf-8")
    report = al.validate(tmp_path)
    assert (report.rows["rows_in"] == report.rows["rows_kept"]).all()
    return [(p.row, p.message) for p in report.problems]


def test_the_description_without_a_mistake(tmp_path):
    assert problems(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("client_id: pid", "clent_id: pid", 4, "Did you mean 'client_id'?"),
        ("client_id: pid", "client_id: [pid]", 4, "'client_id' must name one column"),
        ("sources:", "source:", 2, "Did you mean 'sources'?"),
        ("session: sess", "sesion: sess", 5, "Did you mean 'session'?"),
        ("session: sess", "session: true", 5, "'session' must name one column"),
        ("session: sess", "session: -3", 5, "be a number from 0 to 10000, got"),
        ("session: sess", "session: 20240131", 5, "be a number from 0 to 10000, got"),
        ("session: sess", "session: nope", None, "no column 'nope', which study.yaml gives as"),
        ("session: sess", "session: " + "1" * 5000, None, "line 5 holds a number of 5,000 digits"),
        ('"wai{item}"', "[]", 7, "'items' must be"),
        ('"wai{item}"', "[wai1, wai2, wai1]", 7, "'wai1' is given for the items 1, 3"),
        ('"wai{item}"', "[wai1, null]", 7, "Item 2 must name one column"),
        ('"wai{item}"', "{true: wai1}", 7, "An item must be a number"),
        ('"wai{item}"', "{1" + "0" * 30 + ": wai1}", 7, "no form with an item 1e+30"),
        ('"wai{item}"', '"wai{item:05d}"', None, "no column 'wai00001'"),
        ("score: phq", "score: phq, occasion: {a: 1}", 8, "'occasion' must be one value"),
        ("name: x", "name: [a]", 1, "'name' must be one value"),
    ],
)
def test_one_mistake_is_one_problem_at_its_line(tmp_path, old, new, line, sentence):
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new))
    assert [row for row, _ in found] == [line], found
    assert sentence in found[0][1]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ('delimiter: "ab"', "'delimiter' must be one character"),
        ('delimiter: "\\0"', "'delimiter' must be one character"),
        ("delimiter: é", "'delimiter' must be one character"),
        ("decimal: x", "'decimal' must be '.' or ','"),
        ('encoding: "a\\0b"', "There is no text encoding called"),
        ("date_format: '%Q'", "'date_format' must say where day, month and year stand"),
        ("date_format: '%d/%m'", "'date_format' must say where day, month and year stand"),
        ("recode: {pid: {c1: [a]}}", "What 'c1' is recoded to must be one value"),
        ("constants: {site_id: [1]}", "'site_id' must be one value"),
        ("constants: {client_id: c9}", "'client_id' is given both as a column and under"),
        ("carry: [nope]", "no column 'nope', which 'carry' in study.yaml names"),
        ("missing: [1" + "0" * 400 + "]", "line 9 holds a number of 401 digits"),
        ("- {measure: phq-9, rater: client, score: phq}", "The same measure is listed twice"),
    ],
)
def test_one_mistake_in_a_further_key_is_one_problem(tmp_path, key, sentence):
    found = problems(tmp_path, f"{GOOD}  {key}\n")
    assert len(found) == 1, found
    assert sentence in found[0][1]


def test_a_file_name_longer_than_any_file_has(tmp_path):
    found = problems(tmp_path, GOOD.replace("d.csv", "d" * 5000 + ".csv"))
    assert len(found) == 1
    assert "cannot be opened" in found[0][1]
