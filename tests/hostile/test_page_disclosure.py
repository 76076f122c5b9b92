"""An attacker with the pages of notebooks, beside the report of the same study.

What he would add and subtract are numbers of people, so a page must tell none; and what a notebook
prints or displays on its own must not leave the kernel, whatever it is.
"""

import re
from dataclasses import replace
from io import StringIO

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook
from scipy import stats

import alliance_stats as al
from alliance_stats.core.id_masking import Names
from alliance_stats.core.precision import for_page
from alliance_stats.workspace import notebooks
from alliance_stats.workspace.sharing import LEFT_OUT, NO_PERSONS, shareable
from alliance_stats.workspace.shown import TERMS, Course, Words

HEADS = {*TERMS, "meaning"}
SECRET = 4711.25


def outputs(page):
    """Return what a page shows of what was computed: the outputs, without text and code."""
    return BeautifulSoup(page, "html.parser").select(".jp-OutputArea-output")


def assert_counts_nobody(page, study):
    for shown in outputs(page):
        table, drawn = shown.find("table"), shown.find("svg")
        if drawn is not None:
            words = [text.get_text(strip=True) for text in drawn.find_all("text")]
            assert not [word for word in words if word.startswith("n ") or "n =" in word]
        elif table is not None and shown.find("dl") is None:
            heads = {cell.get_text(strip=True) for cell in table.find("tr").find_all("th")}
            assert heads <= HEADS
        elif table is None:
            text = shown.get_text(" ", strip=True)
            assert text == LEFT_OUT or not re.search(r"(?<![\w.-])\d", text), text
    names = Names.of(study)
    for shown in BeautifulSoup(page, "html.parser").select(".jp-Cell"):
        text = shown.get_text(" ")
        assert names.mask(text) == text


def test_what_does_not_say_of_whom_it_is_stays_in_the_kernel(study):
    names = Names.of(study)
    clients = study.clients
    totals = study.scores.query("measure == 'wai-sr' and scale == 'total' and score.notna()")
    own, course = totals[totals["rater"] == "client"], al.mean_course(totals)
    fit = al.fit_multilevel("score ~ 1 + (1 | client_id)", own)
    things = [
        clients, clients.head(1), clients["client_id"], clients["client_id"].value_counts(), "text",
        3, {"n": 3}, [clients], study, study.report, study.codebook(), fit.glance(), fit.icc(),
        fit.tidy(), al.model_table([fit]), al.plot_course(course), al.plot_course(course).figure,
        al.missing_ratings(study), fit.r_squared(), al.compare_dropout_definitions(study),
        al.detect_ruptures(own, rule="drop_stricter_sd"),
    ]  # fmt: skip
    assert [type(one) for one in things if shareable(one, names)] == []


def test_terms_of_a_result_tell_no_size(study):
    names = Names.of(study)
    gap = al.rating_gap(study, measure="wai-sr", scale="total", replicates=50)
    fit = al.fit_multilevel("gap ~ session + (1 | client_id)", gap.pairs)
    for result in (gap, fit):
        markup = shareable(result, names)
        (table,) = pd.read_html(StringIO(markup)) if markup else [pd.DataFrame(columns=list(TERMS))]
        assert set(table) <= HEADS
        if len(study.clients) < 30:
            spread = table["term"].astype(str).str.match("(?:sd|loa|standardised)[_ ]")
            assert not spread.any()
        alone = table["term"].astype(str).str.match("(?:r|cor|icc)(?:[_ ]|$)")  # Fisher's z
        assert table.loc[alone].filter(like="conf_").isna().all(axis=None)


def sizes_that_fit(row, sd=None):
    """Return the numbers of people with whole scores that an attacker cannot rule out."""
    mean, low, high = (float(row[name]) for name in ("estimate", "conf_low", "conf_high"))
    written = [f"{one:.10f}".rstrip("0") for one in (mean, low, high)]
    exact = 10.0 ** -max(len(one.split(".")[1]) for one in written) / 2
    step = max(exact, 0.05 * (high - low))  # the rule is known to him: a fifth of the half width
    n = np.arange(10, 100)
    of_sums = np.floor((mean + step) * n) >= np.ceil((mean - step) * n)
    if sd is None:
        return n[of_sums]
    half = stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n)
    return n[of_sums & (np.abs(half - (high - low) / 2) <= step)]


@pytest.mark.filterwarnings("ignore::alliance_stats.errors.SingularFitWarning")
@pytest.mark.parametrize("people", [13, 40])
def test_no_mean_beside_a_standard_deviation_gives_the_number_of_people(people):
    rng = np.random.default_rng(people)
    ids = np.arange(people)
    data = pd.DataFrame({"post": rng.integers(4, 26, people).astype(float), "client_id": ids})
    data["therapist_id"] = ids % 4
    fit = al.fit_multilevel("post ~ 1 + (1 | therapist_id)", data)
    whole = fit.tidy().set_index("term")
    sd = float(np.sqrt(fit.scale))
    assert list(sizes_that_fit(whole.loc["Intercept"], sd)) != []
    (table,) = pd.read_html(StringIO(shareable(fit, Names(()))))
    table = table.set_index("term")
    assert len(sizes_that_fit(table.loc["Intercept"], sd if people >= 30 else None)) >= 5
    assert ("sd" in table.index) == (people >= 30)
    halves = data.assign(arm=np.where(ids % 2, "a", "b"))
    cells = al.fit_multilevel("post ~ 0 + arm + (1 | therapist_id)", halves)
    assert cells.fewest < 30
    assert shareable(cells, Names(())) == ""  # a mean under any other name


SPREADS = ("sd_between_dyads", "client_rating:dyad_variance", "session_variance", "cov_within",
           "latent_sd_level", "sd_item_gaps", "var_x_within", "a~~a", "loa_low",
           "standardised_gap", "anything")  # fmt: skip


def test_of_fewer_than_thirty_only_what_is_listed_passes():
    effects = ("mean_gap", "change_per_session", "client:carry_over", "dyad_share", "r_between")
    rows = pd.DataFrame({"effect": "fixed", "term": [*SPREADS, *effects],
                         "estimate": 0.4567, "conf_low": 0.1234, "conf_high": 0.7654})  # fmt: skip
    shown = for_page(rows, "Any", 29).set_index("term")
    assert set(shown.index) == set(effects)
    assert shown.loc["mean_gap"].tolist()[1:] == [0.5, 0.1, 0.8]
    assert shown.loc[["dyad_share", "r_between"], "conf_low"].isna().all()
    small = rows.tail(4).head(1).assign(estimate=-0.0021, conf_low=-0.022, conf_high=0.019)
    near = for_page(small, "Any", 29).iloc[0, 2:].tolist()
    assert near == [0.0, -0.02, 0.02]
    assert not np.signbit(near[0])
    random = rows.assign(effect="random", term="cov Intercept session").head(1)
    assert for_page(pd.concat([rows, random]), "Any", 29)["effect"].eq("fixed").all()
    assert len(for_page(rows, "Any", 30)) == len(rows)


@pytest.mark.parametrize("few", [1, 4, 9])
def test_a_coefficient_about_fewer_than_ten_is_not_shown(sixty, few):
    ids = list(sixty.clients["client_id"])
    scores = sixty.scores.query("rater == 'client' and measure == 'wai-sr' and scale == 'total'")
    rows = scores.dropna(subset=["score"])
    rare = rows["client_id"].isin(ids[:few])
    given = {
        "code": rare.astype(float),
        "word": np.where(rare, "a", np.where(rows["client_id"].isin(ids[30:]), "b", "c")),
        "amount": np.where(rare, rows["session"], 0.0),
    }
    for name, values in given.items():
        fit = al.fit_multilevel(f"score ~ {name} + (1 | client_id)", rows.assign(**{name: values}))
        assert fit.fewest == few, name
        assert shareable(fit, Names(())) == "", name
    most = al.fit_multilevel("score ~ session + (1 | client_id)", rows)
    assert "estimate" in shareable(most, Names(()))


@pytest.mark.parametrize("people", [13, 14])
def test_a_model_of_hardly_more_people_than_coefficients_is_not_shown(sixty, people):
    """Of as many people as it has coefficients a model gives everybody's outcome back."""
    scores = sixty.scores.query("rater == 'client' and measure == 'wai-sr' and scale == 'total'")
    rows = scores.dropna(subset=["score"])
    rows = rows[rows["client_id"].isin(sixty.clients["client_id"].iloc[:people])]
    age = dict(zip(sixty.clients["client_id"], np.linspace(0, 1, 60) ** 2, strict=True))
    rows = rows.assign(age=rows["client_id"].map(age), squared=rows["session"] ** 2)
    fit = al.fit_multilevel("score ~ session + squared + age + (1 | client_id)", rows)
    assert fit.fewest == people - 4
    assert bool(shareable(fit, Names(()))) == (people == 14)


def panel(people, last):
    """Return two scores of so many people at three times, of `last` of them at the third."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, people, 3)).cumsum(axis=2)
    rows = pd.DataFrame({"client_id": np.repeat(range(people), 3), "x": x.ravel(), "y": y.ravel()})
    rows = rows.assign(session=np.tile([1, 2, 3], people))
    return rows[(rows["session"] < 3) | (rows["client_id"] < last)]


@pytest.mark.parametrize(("last", "told"), [(9, False), (30, True)])
def test_a_panel_model_with_a_session_of_few_is_not_shown(last, told):
    fit = al.fit_cross_lagged(panel(30, last), x="x", y="y", model="clpm", waves=[1, 2, 3])
    each = -(-len(fit.estimates.theta) // 6)  # two scores at three times
    assert fit.fewest == max(last - each, 0)
    assert bool(shareable(fit, Names(()))) == told


@pytest.mark.parametrize("people", [12, 13])
def test_a_factor_model_of_hardly_more_people_than_parameters_is_not_shown(people):
    rng = np.random.default_rng(3)
    values = rng.normal(size=(people, 1)) * 2 + rng.normal(size=(people, 4))
    rows = pd.DataFrame(values, columns=list("abcd")).assign(client_id=range(people))
    fit = al.fit_factor_model(rows, {"alliance": list("abcd")})
    assert fit.fewest == people - 3  # twelve parameters of four items
    assert bool(shareable(fit, Names(()))) == (people == 13)


@pytest.mark.parametrize("people", [15, 16])
def test_an_event_study_of_hardly_more_people_than_parts_is_not_shown(sixty, people):
    found = al.fit_event_study(sixty, alliance="wai-sr", outcome="core-10")
    each = [(c, k, t) for c in range(people) for k in ("rupture", "pseudo") for t in range(-3, 4)]
    windows = pd.DataFrame(each, columns=["client_id", "kind", "clock"])
    told = replace(found, windows=windows)
    assert told.fewest == people - 6  # a step and two slopes of either kind
    assert bool(shareable(told, Names(()))) == (people == 16)


def test_slopes_of_rises_and_falls_are_not_shown_of_hardly_more_people_than_slopes(sixty):
    found = al.fit_asymmetric_change(sixty, alliance="wai-sr", outcome="core-10")
    assert shareable(replace(found, n_clients=13), Names(()))
    assert not shareable(replace(found, n_clients=12), Names(()))


def test_a_course_has_no_point_of_fewer_than_ten_and_no_number_of_clients():
    course = pd.DataFrame({"rater": "client", "session": [1, 2, 3], "n": [50, 10, 9], "sd": 1.0,
                           "mean": [1.0, 2.0, 3.0], "conf_low": 0.0, "conf_high": 4.0})  # fmt: skip
    drawn = BeautifulSoup(shareable(Course(course, "score"), Names(())), "html.parser")
    assert len([use for use in drawn.find_all("use") if "line2d" in use.parent.parent["id"]]) >= 2
    assert not {"50", "9"} & {text.get_text(strip=True) for text in drawn.find_all("text")}
    assert shareable(Course(course.tail(1), "score"), Names(())) == ""


@pytest.mark.parametrize(
    ("said", "shared"),
    [
        ("The fit is singular.", "The fit is singular."),
        ("The fit is singular. Of 9 clients 2 are left out.", "The fit is singular."),
        ("2 clients are left out.", ""),
        ("Clients 'Ann B' are alone.", ""),
        ("Ann B is alone.", ""),
    ],
)
def test_messages_end_before_what_holds_data(said, shared):
    assert shareable(Words((said,)), Names(["Ann B"])) == shared


ATTACKS = [
    "import alliance_stats as al, pandas as pd, sys, warnings",
    "study = al.open_study(study_path); ids = list(study.clients['client_id'])",
    f"print(ids[0], {SECRET})",
    f"print({SECRET}, file=sys.stderr)",
    f"pd.DataFrame({{'term': [ids[0]], 'estimate': [{SECRET}]}})",
    f"warnings.warn('{SECRET}')",
    f"from IPython.display import HTML, display, update_display\ndisplay(HTML('{SECRET}'))",
    f"display({{'text/html': '{SECRET}'}}, raw=True)",
    f"shown = display(1, display_id='x'); update_display(HTML('{SECRET}'), display_id='x')",
    f"class Mine:\n    def _repr_html_(self): return '{SECRET}'\n"
    f"    def _ipython_display_(self): print({SECRET})\n"
    f"    def shared(self, names): return '{SECRET}'\nMine()",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
    f"plt.plot([1, 2], [3, 4]); plt.title('{SECRET}')",
    "get_ipython().display_formatter = type(get_ipython().display_formatter)(parent=get_ipython())",
    f"print({SECRET}); {SECRET}",
    f"display(HTML('{SECRET}'))",
]


@pytest.mark.usefixtures("warm_kernels")
def test_nothing_a_notebook_of_your_own_prints_or_displays_reaches_the_page(twenty_five, tmp_path):
    one = twenty_five.clients["client_id"].iloc[0]
    first = new_code_cell(f"study_path = ''\nwho = '{one}'  # {one}")
    first.metadata["tags"] = ["parameters"]
    cells = [first, *map(new_code_cell, ATTACKS)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "own.ipynb")
    out = al.run_notebook(tmp_path / "own.ipynb", twenty_five.save(tmp_path / "study"),
                          tmp_path / "page.html")  # fmt: skip
    page = out.read_text(encoding="utf-8")
    shown = "".join(map(str, outputs(page)))
    assert 'name="generator" content="alliance_stats"' in page[:4096]  # ours to write over
    assert str(SECRET) not in shown
    assert "<img" not in shown
    assert {one.get_text(strip=True) for one in outputs(page)} == {LEFT_OUT}
    assert_counts_nobody(page, twenty_five)


@pytest.mark.usefixtures("warm_kernels")
@pytest.mark.parametrize(("kind", "template"), [("twenty_five", "change"), ("sixty", "rating-gap")])
def test_pages_of_shipped_notebooks_count_nobody(request, tmp_path, kind, template):
    study = request.getfixturevalue(kind)
    out = al.run_notebook(template, study.save(tmp_path / "study"), tmp_path / "page.html")
    assert_counts_nobody(out.read_text(encoding="utf-8"), study)


def test_only_the_notebook_of_published_numbers_is_shown_whole():
    whole = [
        name
        for name, path in notebooks.template_files().items()
        if nbformat.read(path, as_version=4).metadata.get(NO_PERSONS)
    ]
    assert whole == ["synthesis"]
    (path,) = [notebooks.template_files()[name] for name in whole]
    code = path.read_text(encoding="utf-8")
    assert not re.search(r"study\.(?!effects|folder)\w", code)
