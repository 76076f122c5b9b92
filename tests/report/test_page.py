"""The page: self-contained, escaped, numbered, and marked where it is synthetic."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

import alliance_stats as al
from alliance_stats.core.display import columns as col
from alliance_stats.core.display.figures import for_print, inline_svg, mask_texts, to_svg
from alliance_stats.core.display.table import Table
from alliance_stats.core.drawing import figure_of, house_style, new_axes
from alliance_stats.core.id_masking import Names
from alliance_stats.report.build import make_section
from alliance_stats.report.content import Caution, Figure, Paragraph, Section
from alliance_stats.report.context import Context, Options, Score
from alliance_stats.report.drawings import plot_course
from alliance_stats.report.naming import shareable
from alliance_stats.report.page import number_blocks, render
from alliance_stats.report.sections import SECTIONS, Entry
from alliance_stats.report.sections.change import _judge
from alliance_stats.report.sections.criterion import cutoff_of

ROUNDED = 5e-4  # where the number of dyads is withheld, three decimals are shown
EVIL = '"><script>alert(1)</script>'


class Reader(HTMLParser):
    """Collects tags and attributes, as a browser would see them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]


def page_of(sections, *, title="A study", synthetic=False, svgs=None):
    return render(
        title=title, synthetic=synthetic, facts=[], sections=sections, svgs=svgs or {}, footer=[]
    )


def evil_figure():
    course = pd.DataFrame(
        {"rater": [EVIL] * 2, "session": [1, 2], "n": [9, 9], "mean": [1.0, 2.0],
         "conf_low": [0.5, 1.0], "conf_high": [1.5, 3.0]}
    )  # fmt: skip
    with house_style():
        ax = plot_course(course, new_axes(), label=EVIL + " $x^2$ &")
    return Figure("evil", EVIL, figure_of(ax), how=EVIL, note=EVIL, alt=EVIL)


def test_nothing_from_the_data_becomes_markup():
    table = Table("evil", EVIL, pd.DataFrame({"x": [EVIL]}), (col.text("x", EVIL),), how=EVIL)
    figure = evil_figure()
    section = Section(
        "s", EVIL, (Paragraph(EVIL), Caution(EVIL), table, figure), EVIL, EVIL, messages=(EVIL,)
    )
    page = page_of([section], title=EVIL, svgs={"evil": to_svg(figure.canvas)})
    reader = Reader(page)
    assert "script" not in reader.tags
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert page.count("alert(1)") > 10  # it is all there, as text


def test_the_page_loads_nothing_from_anywhere(report):
    reader = Reader(report.page.read_text(encoding="utf-8"))
    assert not {"script", "link", "iframe", "img", "object"} & set(reader.tags)
    targets = [v for _, name, v in reader.attributes if name in ("src", "href", "xlink:href")]
    assert targets
    assert all(target.startswith("#") for target in targets)
    contents = [v for tag, name, v in reader.attributes if (tag, name) == ("meta", "content")]
    assert any(content.startswith("default-src 'none'") for content in contents)


def test_no_two_elements_share_an_id(report):
    reader = Reader(report.page.read_text(encoding="utf-8"))
    ids = [value for _, name, value in reader.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {v[1:] for _, name, v in reader.attributes if name == "href" and v.startswith("#")}
    assert links <= set(ids)


def test_tables_and_figures_are_numbered_in_reading_order(report):
    page = report.page.read_text(encoding="utf-8")
    for kind in ("Table", "Figure"):
        numbers = [int(n) for n in re.findall(rf'class="label">{kind} (\d+)<', page)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) > 3


def test_every_table_and_figure_says_how_it_was_made(report):
    blocks = [b for s in report.sections for b in s.blocks if isinstance(b, Table | Figure)]
    assert blocks
    assert [b.key for b in blocks if not b.how.strip()] == []
    assert report.page.read_text(encoding="utf-8").count('<details class="how">') == len(blocks)


def test_a_section_opens_with_its_answer_and_folds_what_comes_after(report):
    page = report.page.read_text(encoding="utf-8")
    told = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    folds = re.findall(r'<details class="more"><summary>(.*?)</summary>', told)
    assert any("Table" in name for name in folds)
    for section in told.split("<section ")[1:]:
        shown = re.sub(r'<details class="more">.*?\n</details>\n', "", section, flags=re.DOTALL)
        assert shown.count('<figure class="drawn"') <= 2
        assert "<p>" in shown or "<figure" in shown
    for section in report.sections:
        if section.headline and section.status == "complete":
            assert section.blocks[0].text.startswith(section.headline)
    plain = re.sub(r'<details class="how">.*?</details>', "", told, flags=re.DOTALL)
    assert not re.search(r"\bal\.[a-z]", plain)  # calls stand under How alone


def test_a_table_of_many_columns_is_set_narrow_so_that_none_is_cut_off():
    few, many = (
        Table(
            f"t{n}", "", pd.DataFrame({"x": ["1"]}), (col.text("x", "A long heading"),) * n, how=""
        )
        for n in (8, 11)
    )
    page = page_of([Section("s", "S", (few, many))])
    assert re.findall(r'<div class="scroll( wide)?">', page) == ["", " wide"]
    assert ".wide table" in page
    heading = re.search(r"th\.gt_right \{([^}]*)\}", page)
    assert "white-space: normal" in heading[1]


def test_two_blocks_may_not_share_a_key():
    table = Table("t", "", pd.DataFrame(), (), how="")
    with pytest.raises(ValueError, match="share a key"):
        number_blocks([Section("a", "A", (table, table))])


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_synthetic_study_is_called_so(synthetic):
    page = page_of([], synthetic=synthetic)
    assert ("Synthetic data: nobody in this report exists" in page) is synthetic
    assert ("<title>A study (synthetic data)</title>" in page) is synthetic


def test_a_section_that_cannot_be_computed_says_why():
    page = page_of([Section("s", "Dropout", reason="No table 'terminations'.")])
    assert "This section could not be computed." in page
    assert "No table &#39;terminations&#39;." in page


def test_text_in_figures_stays_text_and_math_signs_stay_signs():
    figure = evil_figure()
    svg = to_svg(figure.canvas).decode()
    assert "&gt;&lt;script&gt;alert(1)" in svg
    assert "$x^2$" in svg
    assert "<script" not in inline_svg(svg.encode(), "k", EVIL)


def test_a_figure_is_the_same_twice():
    course = pd.DataFrame({"rater": ["client"], "session": [1], "n": [9], "mean": [1.0],
                           "conf_low": [0.5], "conf_high": [1.5]})  # fmt: skip
    drawn = []
    for _ in range(2):
        with house_style():
            drawn.append(to_svg(figure_of(plot_course(course, new_axes(), label="x"))))
    assert drawn[0] == drawn[1]


def test_drawing_leaves_the_settings_of_matplotlib_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    with house_style():
        new_axes()
    assert dict(matplotlib.rcParams) == before


def test_no_client_is_named_on_the_page(study, report):
    page = report.page.read_text(encoding="utf-8")
    ids = [*study.tables["clients"]["client_id"], *study.tables["therapists"]["therapist_id"]]
    words = set(re.findall(r"[\w\-]+", re.sub(r"<[^>]*>", " ", page)))
    assert len(ids) > 90
    assert not words & set(map(str, ids))


def test_messages_that_name_or_count_people_stay_out_of_the_page(study):
    client = study.tables["clients"]["client_id"].iloc[3]
    said = ("3 rows were left out.", f"Client {client} has none.", "The fit is singular.")
    kept = shareable(Section("s", "S", messages=said), Names.of(study)).messages
    assert kept == (
        "The fit is singular.",
        "What else was reported is for the owner of the data (--show-persons).",
    )  # fmt: skip
    owner = shareable(Section("s", "S", messages=said), Names.of(study), whole=True).messages
    assert owner[0] == said[0]
    assert client not in " ".join(owner)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("One group only (C01).", "One group only (…)."),
        ("Client Ann B, of ward/3, wrote.", "Client …, of …, wrote."),
        ("ann@example.org and C01, C012", "… and …, C012"),
        ("Mr X, jun. left; Mr X, jun.", "… left; …"),
        ("7 of 12 sessions (58.3%) took place.", "7 of 12 sessions (58.3%) took place."),
    ],
)
def test_ids_in_words_are_replaced_the_longest_first(text, shown):
    ids = {"C01", "Ann", "Ann B", "ward/3", "ann@example.org", "Mr X, jun.", "7", "12"}
    assert Names(ids).mask(text) == shown


def test_clients_therapists_sites_and_coders_are_all_kept_out_of_texts():
    codes = pd.DataFrame({"client_id": ["C-1"], "coder_id": ["Kim Day"]})
    clients = pd.DataFrame({"client_id": ["C-1"], "therapist_id": ["T-9"], "site_id": ["Ward"]})
    names = Names.of(al.Study("s", {"clients": clients, "principle_codes": codes}))
    assert names.mask("C-1, T-9, Ward, Kim Day") == "…, …, …, …"


def test_an_error_that_names_a_client_is_masked_on_the_page(study):
    client = str(study.tables["clients"]["client_id"].iloc[0])
    section = Section("s", "S", (Caution(f"Not done ({client})."),), reason=f"No {client}.")
    hidden = shareable(section, Names.of(study))
    assert (hidden.blocks[0].text, hidden.reason) == ("Not done (…).", "No ….")


def test_what_ruptures_are_told_from_is_not_their_outcome(study):
    context = Context(study, Options(alliance="core-10", outcome="core-10", replicates=5))
    ruptures = next(entry for entry in SECTIONS if entry.key == "ruptures")
    section = make_section(ruptures, context, strict=True)
    assert section.status == "partial"
    assert any("cannot be the outcome" in b.text for b in section.blocks if isinstance(b, Caution))


@pytest.mark.parametrize(
    ("measure", "line", "words"),
    [
        ("core-10", 11.0, "clinical range"),
        ("phq-9", 10.0, "caseness"),
        ("qids-sr16", None, "several cut-offs"),
        ("hscl-11", None, "no cut-off"),
    ],
)
def test_a_degree_of_severity_is_no_line_between_ill_and_well(study, measure, line, words):
    card = al.measure(measure)
    score = Score(measure, "total", "client", measure.upper(), card.direction)
    found, text = cutoff_of(Context(study, Options()), score)
    assert found == line
    assert words in text


def test_a_score_at_the_cut_off_is_in_the_upper_group_whatever_is_better(study):
    context = Context(study, Options(cutoff=25.0))
    higher = Score("ors", "total", "client", "ORS", "higher_is_better")
    pairs = pd.DataFrame({"pre": [25.0, 24.9, 20.0], "post": [38.0, 30.0, 25.0]})
    criterion = al.reliable_change(
        pairs, pre="pre", post="post", reliability=0.9, direction="higher_is_better"
    ).criterion
    line, _ = cutoff_of(context, higher)
    judged = _judge(pairs, higher, dataclasses.replace(criterion, cutoff=line))
    assert judged.data["clinical_at_intake"].tolist() == [False, True, True]


def faulty(context, draft):
    raise KeyError("alliance")


def test_an_error_of_the_program_does_not_cost_the_report(study):
    section = make_section(Entry("x", "X", faulty), Context(study, Options()))
    assert section.status == "failed"
    assert section.reason.startswith("The program met an error it did not expect (KeyError).")
    assert any("KeyError: 'alliance'" in message for message in section.messages)
    with pytest.raises(KeyError):
        make_section(Entry("x", "X", faulty), Context(study, Options()), strict=True)


@pytest.mark.parametrize(
    ("gone", "failing"),
    [
        ("ratings", {"alliance", "ruptures", "dropout", "gap"}),
        ("terminations", {"dropout"}),
    ],
)
def test_what_the_data_cannot_carry_is_said_in_words(study, gone, failing):
    less = study.with_tables(**{gone: None})
    context = Context(less, Options(replicates=5))
    sections = {entry.key: make_section(entry, context, strict=True) for entry in SECTIONS}
    said = {key for key, section in sections.items() if section.status != "complete"}
    assert failing <= said
    for key in failing:
        words = sections[key].reason or " ".join(
            b.text for b in sections[key].blocks if isinstance(b, Caution)
        )
        assert gone in words or "no scores" in words


def test_the_numbers_of_the_report_are_those_of_the_functions(study, report):
    tables = {b.key: b for s in report.sections for b in s.blocks if isinstance(b, Table)}
    scores = study.scores
    own = scores[(scores["measure"] == "wai-sr") & (scores["scale"] == "total")]
    gap = al.rating_gap(study, measure="wai-sr", scale="total", seed=1).tidy().set_index("term")
    shown = tables["gap"].frame.set_index("term")["estimate"]
    exact = gap["estimate"].loc[shown.index]
    half = (gap["conf_high"] - gap["conf_low"]).loc[shown.index] / 2
    off = (half / 4).fillna(0) + ROUNDED  # rounded with their intervals where sizes are withheld
    both = shown.notna() & exact.notna()
    assert both.sum() > 5
    assert (np.abs(shown - exact) <= off)[both].all()
    found = al.detect_ruptures(own[own["rater"] == "client"], rule="drop_stricter_sd")
    classes = tables["rupture-classes"].frame.set_index("class")
    counts = found.clients["class"].value_counts()
    for name, row in classes.iterrows():
        if name in ("none", "repaired", "unrepaired", "censored"):
            assert row["n"] == counts.get(name, 0)


def test_texts_of_a_figure_are_replaced_before_it_is_drawn_in_any_kind():
    ax = new_axes()
    ax.plot([0, 1], [0, 1], label="Ann B")
    ax.set_title("Course of Ann B")
    ax.set_xticks([0, 1], ["Ann B", "others"])
    ax.text(0.5, 0.5, "Ann B")
    ax.legend()
    figure = figure_of(ax)
    mask_texts(figure, Names(["Ann B"]).mask)
    assert b"Ann B" not in to_svg(figure)
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert "Course of \u2026" in texts
    assert not any("Ann B" in text for text in texts)


def test_figures_for_print_are_the_same_bytes_and_carry_no_date():
    def drawn():
        ax = new_axes()
        ax.plot([0, 1], [0, 1])
        return for_print(figure_of(ax))

    first, second = drawn(), drawn()
    assert first == second
    assert first["png"].startswith(b"\x89PNG")
    assert b"CreationDate" not in first["pdf"]
