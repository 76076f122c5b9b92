"""The cards themselves: their schema, their registry, and what is said of a faulty one."""

import json
import re
import time

import pandas as pd
import pytest
import yaml

import alliance_stats as al
from alliance_stats.core.resources import folder
from alliance_stats.errors import MeasureError
from alliance_stats.instruments.card_check import read_card

CARDS = sorted((folder("schemas") / "measures").glob("*.yaml"))
ALLIANCE = ["wai", "wai-s", "wai-sr", "haq-ii", "arm-5", "srs", "sai", "psq", "3rs", "calpas"]
DISTRESS = ["oq-45", "core-om", "core-10", "core-5", "phq-9", "gad-7", "bdi-ii", "bsi-18"]
OTHER = ["scl-90-r", "hscl-11", "ors", "wsas", "iip-32", "iip-64", "dass-21", "qids-sr16", "gaf"]
TRIALS = ["ham-d", "madrs", "bdi-ia", "who-5", "shaps", "wemwbs", "stai", "ecbi", "das", "y-bocs",
          "lsas", "pcl-5", "eq-5d-index", "wai-b3"]  # fmt: skip
WANTED = sorted([*ALLIANCE, *DISTRESS, *OTHER, *TRIALS])

OWN = """\
id: my-scale
aliases: [mine]
title: My scale
construct: process
form: three items
raters: {client: own form}
n_items: 3
range: {low: 0, high: 4}
reversed_items: [2]
scales:
  total: {items: all}
  first: {items: [1, 2]}
scoring: {method: sum}
missing_rule: {kind: prorate, max_missing: {total: 1}, text: One may be missing.}
direction: higher_is_better
cutoffs: [{scale: total, value: 6, meaning: high, source: me, verified: false}]
licence: {class: free}
sources: {me: {citation: A citation., doi: 10.1000/xyz}}
verified:
  n_items: {status: true, source: me, read: page 1}
  range: {status: false}
  reversed_items: {status: false}
  scales: {status: false}
  scoring: {status: false}
  missing_rule: {status: false}
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "my-scale.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path


def test_the_instruments_are_there():
    assert sorted(path.stem for path in CARDS) == WANTED
    assert set(al.load_registry()) == set(WANTED)


def test_the_schemas_are_schemas():
    import jsonschema

    for name in ("measures/measure.schema.json", "principles/principle.schema.json"):
        text = (folder("schemas") / name).read_text(encoding="utf-8")
        jsonschema.Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_each_card_meets_the_schema_and_itself(path):
    assert read_card(path)["id"] == path.stem


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_no_card_says_anything_in_words_of_a_single_item(path):
    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    for scale in card.get("scales", {}).values():
        words = {k: v for k, v in scale.items() if isinstance(v, str)}
        assert set(words) <= {"title", "method", "items", "direction"}
        assert words.get("items", "all") == "all"
        assert len(words.get("title", "").split()) <= 5
    for row in card.get("item_ranges", ()):
        assert all(isinstance(value, (int, float)) for value in row.values())
    for key in ("reversed_items", "not_applicable_items"):
        assert all(isinstance(item, int) for item in card.get(key, ()))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_what_is_verified_names_where_it_was_read(path):
    card = al.measure(path.stem)
    for fact, mark in card.verified.items():
        if mark:
            assert card.sources[mark.source], fact
            assert mark.read, fact
    for number in (*card.cutoffs, *card.reliable_change, *card.reliabilities):
        assert number.source in card.sources
        assert number.read


def test_what_has_no_key_is_left_out_and_said():
    for card in al.load_registry().values():
        if not card.scales:
            assert card.unknown
            assert card.why_not_scored()
        if not all(card.verified.values()):
            assert any(mark.read for mark in card.verified.values() if not mark)


def test_a_card_answers_the_usual_questions():
    card = al.measure("oq45")
    assert card.name == "oq-45"
    assert card.title == "Outcome Questionnaire 45.2"
    assert (card.items[0], card.items[-1], card.n_items) == (1, 45, 45)
    assert tuple(card.range) == (0, 4)
    assert list(card.scales) == [
        "symptom_distress",
        "interpersonal_relations",
        "social_role",
        "total",
    ]
    assert len(card.scales["total"]) == 45
    assert 13 in card.scales["symptom_distress"]
    assert card.scale_range("total") == (0, 180)
    assert card.direction == "lower_is_better"
    assert card.reliable_change[0].value == 14
    assert "rounded to a whole number" in str(card.missing_rule)
    assert bool(card.verified["reversed_items"]) is True
    assert bool(card.verified["scales"]) is True
    assert bool(al.measure("wai").verified["scales"]) is False
    assert card.sources["lambert1996"].url.startswith("https://")
    assert al.measure("hscl-11").sources["lutz2006"].doi.startswith("10.1026/")
    assert card.licence.kind == "commercial"
    assert hash(card) == hash(al.measure("oq-45"))


@pytest.mark.parametrize(
    ("name", "scale", "ends"),
    [
        ("wai-sr", "total", (1, 5)),
        ("core-om", "clinical", (0, 40)),
        ("dass-21", "stress", (0, 42)),
        ("qids-sr16", "total", (0, 27)),
        ("iip-64", "total", (0, 256)),
        ("psq", "rupture", (0, 1)),
        ("ors", "total", (0, 40)),
    ],
)
def test_the_range_of_a_scale(name, scale, ends):
    assert al.measure(name).scale_range(scale) == ends


def test_the_key_as_a_table():
    key = al.measure("wai-s").key()
    assert list(key.columns) == ["scale", "item", "reversed", "low", "high"]
    assert len(key) == 12 + 12
    assert sorted(key.loc[key["reversed"], "item"].unique()) == [4, 10]


def test_the_table_of_measures():
    table = al.list_measures()
    assert len(table) == len(WANTED)
    row = table.set_index("name").loc["wai-sr"]
    assert (row["raters"], row["scales"]) == ("client, therapist", "task, bond, goal, total")
    assert row["not_verified"] == "missing_rule"
    assert table.set_index("name").loc["core-10", "verified"]


@pytest.mark.parametrize("name", ["wai-sr", "WAI SR", "wai_sr", "waisr", "WAI-SR-T"])
def test_spelling_does_not_matter(name):
    assert al.measure(name).name == "wai-sr"
    assert name in al.load_registry()


@pytest.mark.parametrize(
    ("name", "near"), [("phq-99", "phq-9"), ("oq-46", "oq-45"), ("core-omm", "core-om")]
)
def test_an_unknown_name_offers_the_nearest(name, near):
    assert name not in al.load_registry()
    assert al.load_registry().get(name) is None
    with pytest.raises(MeasureError, match=f"'{name}' is not known.*Did you mean '{near}'"):
        al.measure(name)


@pytest.mark.parametrize("name", [None, 3, 2.5, "", ("a", 1)])
def test_what_is_no_name_is_refused_in_words(name):
    with pytest.raises(MeasureError, match="is not known"):
        al.measure(name)


def test_a_card_shows_itself_and_escapes_what_it_shows(own):
    assert repr(al.measure("wai-sr")).startswith("<Measure wai-sr: Working Alliance Inventory")
    html = al.measure("core-om")._repr_html_()
    assert "Read in a source" in html
    assert "mean x 10" in html
    text = OWN.replace("title: My scale", "title: <script>alert(1)</script>")
    (own / "my-scale.yaml").write_text(text, encoding="utf-8")
    shown = al.measure("mine", registry=al.load_registry(own))._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "coding system" in al.measure("3rs")._repr_html_()


def test_a_total_without_items_is_a_card_of_four_lines(tmp_path):
    lines = ["id: my-total", "title: T", "total: {low: 0, high: 30}", "direction: lower_is_better"]
    (tmp_path / "my-total.yaml").write_text("\n".join(lines), encoding="utf-8")
    card = al.load_registry(tmp_path)["my-total"]
    assert card.scale_range("total") == (0, 30)
    assert card.step is None
    assert not any(card.verified.values())
    (tmp_path / "my-total.yaml").write_text("\n".join(lines[:3]), encoding="utf-8")
    with pytest.raises(MeasureError, match="'direction' is missing"):
        al.load_registry(tmp_path)


def test_the_brief_alliance_form_is_three_items_of_the_revised_one():
    brief, long = al.measure("wai-b3"), al.measure("wai-sr")
    where = {"goal": 11, "task": 10, "bond": 9}  # Li et al. (2023), abstract
    assert all(where[scale] in long.scales[scale] for scale in where)
    assert [brief.scales[scale].items for scale in where] == [(1,), (2,), (3,)]


def test_a_card_in_a_folder_is_enough(own):
    registry = al.load_registry(own)
    assert len(registry) == len(WANTED) + 1
    assert registry.replaced == ()
    assert al.measure("MINE", registry=registry).origin.endswith("my-scale.yaml")
    frame = pd.DataFrame({"client_id": ["a"], "session": [1], "mine1": 4, "mine2": 4, "mine3": 1})
    table = al.score(frame, "my-scale", registry=registry)
    assert table["score"].tolist() == [5, 4]
    short = al.score(frame.assign(mine3=None), "my-scale", registry=registry)
    assert short["score"].tolist() == [6, 4]
    assert al.score(frame, registry.find("mine"))["score"].tolist() == [5, 4]
    with pytest.raises(MeasureError, match="not known"):
        al.measure("my-scale")


def test_a_mean_without_an_item_that_does_not_apply(own):
    text = OWN.replace("method: sum", "method: mean").replace(
        "reversed_items: [2]", "reversed_items: []\nnot_applicable_items: [3]"
    )
    (own / "my-scale.yaml").write_text(text, encoding="utf-8")
    frame = pd.DataFrame(
        {"client_id": ["a"], "session": [1], "mine1": 4, "mine2": 1, "mine3": None}
    )
    table = al.score(frame, "mine", registry=al.load_registry(own)).set_index("scale")
    assert table["score"].to_dict() == {"total": 2.5, "first": 2.5}


def test_a_card_in_the_folder_replaces_a_shipped_one_and_says_so(own):
    text = OWN.replace("id: my-scale", "id: phq-9").replace("aliases: [mine]", "aliases: [phq9]")
    (own / "phq-9.yaml").write_text(text, encoding="utf-8")
    registry = al.load_registry(own)
    assert registry.replaced == ("phq-9",)
    assert registry["phq9"].n_items == 3
    assert al.measure("phq-9").n_items == 9


def test_a_folder_that_is_not_there_holds_no_cards(tmp_path):
    assert al.load_registry(tmp_path / "none") is al.load_registry()


def test_two_cards_with_one_name_are_refused(own):
    text = OWN.replace("id: my-scale", "id: another").replace("[mine]", "[gad7]")
    (own / "another.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(MeasureError, match="'gad7' belongs to two measures, 'gad-7' and 'another'"):
        al.load_registry(own)


FAULTS = [
    ("range:", "rnage:", r"line 8, rnage: the key 'rnage' is not known here.*Did you mean 'range'"),
    (
        "direction: higher",
        "directon: higher",
        r"line 15, directon: .*Did you mean 'direction'",
    ),
    (
        "{low: 0, high: 4}",
        "{low: 0, hihg: 4}",
        r"line 8, range.hihg: .*Did you mean 'high'",
    ),
    ("licence: {class: free}\n", "", "line 1: the key 'licence' is missing"),
    (
        "n_items: 3\nrange: {low: 0, high: 4}\n",
        "",
        "line 1: the keys 'n_items', 'range' are missing",
    ),
    ("construct: process", "construct: alliances", "line 4, construct: 'alliances' is not one of"),
    ("n_items: 3", "n_items: three", "line 7, n_items: expected integer, found 'three'"),
    ("items: [1, 2]", "items: [1, 9]", "scales.first.items: item 9 is beyond the last item, 3"),
    ("reversed_items: [2]", "reversed_items: [4]", "line 9, reversed_items: item 4 is beyond"),
    ("low: 0, high: 4", "low: 4, high: 0", "line 8, range: low must be below high"),
    ("max_missing: {total: 1}", "max_missing: {totl: 1}", "no scale 'totl'.*Did you mean 'total'"),
    ("cutoffs: [{scale: total", "cutoffs: [{scale: al", "there is no scale 'al'"),
    ("source: me, verified", "source: you, verified", "the source 'you' is not under 'sources'"),
    ("source: me, read", "source: mee, read", "'mee' is not under 'sources'.*Did you mean 'me'"),
    ("doi: 10.1000/xyz", "doi: xyz", "sources.me.doi: 'xyz' does not match"),
    ("items: [1, 2]", "items: [1, 2], method: single", "method single takes one item, not 2"),
    ("{items: [1, 2]}", "{sum_of: [total, lst]}", "there is no other scale 'lst'"),
    ("{items: [1, 2]}", "{domains: [[1, 2], [2]]}", "an item is in two domains"),
    ("{items: [1, 2]}", "{items: [1, 2], text: {1: words}}", "the key 'text' is not known here"),
    ("items: [1, 2]", "items: [1, two]", "scales.first.items"),
    ("items: [1, 2]", "items: [1], sum_of: [total, b]", "exactly one of the keys items, sum_of"),
    ("doi: 10.1000/xyz", "isbm: 3", "the key 'isbm' is not known here.*Did you mean 'isbn'"),
    (", doi: 10.1000/xyz", "", "give at least one of the keys doi, url, pmid, isbn"),
    ("title: My scale", "title: My scale\ntitle: Twice", "line 4: the key 'title' is given twice"),
    ("[mine]", "[mine", "cannot be read as YAML in line 3"),
    ("title: My scale", "title: &a My scale\nversion: *a", r"uses a YAML alias \(\*name\)"),
    ("title: My scale", "title: !!python/name:os.system x", "is not valid YAML|cannot be read"),
    ("id: my-scale", "id: other", "has the id 'other'; the file must be named after it"),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[fault[1][:30] for fault in FAULTS])
def test_a_faulty_card_is_told_with_its_place(own, old, new, message):
    assert OWN.count(old) >= 1
    (own / "my-scale.yaml").write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MeasureError, match=message) as caught:
        al.load_registry(own)
    assert "my-scale.yaml" in str(caught.value) or "A card holds" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold keys and values"),
        (b"- a\n- b\n", "must hold keys and values"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
        (b"a" * 300_000, "is larger than 200,000 bytes"),
        (b"id: [" + b"[" * 5000, "nested|nesting"),
        (b"\x00\x01", "holds the character"),
    ],
)
def test_what_is_no_card_is_refused_in_words(tmp_path, content, message):
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(MeasureError, match=message):
        al.load_registry(tmp_path)


def test_no_fault_is_worded_by_a_library(own):
    for _, new, message in FAULTS:
        assert not re.search("Traceback|jsonschema|ValidationError", message + new)


def test_loading_is_quick_the_second_time():
    al.load_registry()
    start = time.process_time()
    for _ in range(100):
        al.measure("wai-sr")
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(".nan", "expected number"), ("1e999", "must be a number, got"), ("-1e999", "must be")],
)
def test_a_number_that_is_none_is_refused(own, wrong, said):
    text = OWN.replace("low: 0", f"low: {wrong}")
    (own / "my-scale.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(MeasureError, match=rf"line 8, range.*{said}"):
        al.load_registry(own)


@pytest.mark.parametrize("target", ["/dev/zero", "../outside.yaml", "linked.yaml", "none"])
def test_a_card_that_is_a_link_out_of_the_folder_is_not_read(own, target):
    (own.parent / "outside.yaml").write_text("secret: 1", encoding="utf-8")
    (own / "linked.yaml").symlink_to(target)
    with pytest.raises(MeasureError, match=r"linked\.yaml (is a link|cannot be read|is not there)"):
        al.load_registry(own)


def test_the_card_that_new_hands_out_is_one(tmp_path):
    """Each card of the page in a new study's folder opens as it stands there."""
    al.new_study(tmp_path / "study")
    folder = tmp_path / "study" / "measures"
    page = (folder / "README.md").read_text(encoding="utf-8")
    for text in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL):
        name = re.search(r"id: (\S+)", text)[1]
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    assert {"my-scale", "my-total"} <= set(al.load_registry(folder))
    rule = re.search(r"or: (\{kind: prorate.*\})", page)[1]
    text = text.replace("total: {low: 0, high: 80}", "range: {low: 0, high: 80}")
    (folder / "my-total.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(MeasureError, match="four lines are enough"):
        al.load_registry(folder)
    scale = (folder / "my-scale.yaml").read_text(encoding="utf-8")
    (folder / "my-total.yaml").unlink()
    (folder / "my-scale.yaml").write_text(scale.replace("{kind: all_items}", rule), "utf-8")
    assert al.load_registry(folder)["my-scale"].missing_rule.kind == "prorate"
