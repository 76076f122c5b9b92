"""One rule and one cut-off are taken unless told: functions, report, templates, README, page."""

import inspect
import re
from pathlib import Path

import nbformat
import pytest
import yaml

import alliance_stats as al
from alliance_stats.core import resources
from alliance_stats.report.context import Options
from alliance_stats.ruptures.rules import REGISTRY, RUPTURE_RULE

ROOT = Path(__file__).resolve().parents[2]
CUT = 2.0
"""Of 1, 1.5, 2 and 2.5 the best balance of what is found and what is false, as the page has it."""


def test_the_rule_asks_for_a_fall_of_two_sd():
    assert REGISTRY[RUPTURE_RULE].parameters["k"] == CUT


def test_no_rule_of_falls_takes_a_cut_off_another_of_its_cut_offs_is_better_than():
    page = (ROOT / "docs" / "rupture-rules.md").read_text(encoding="utf-8")
    typical = page.split("### The typical design")[1].split("###")[0]
    found: dict[str, dict[float, float]] = {}
    for label, sensitivity, ppv in re.findall(r"\| (\w+, k=[\d.]+) \| (\d+) \| (\d+) \|", typical):
        rule, k = label.split(", k=")
        f1 = 2 * int(sensitivity) * int(ppv) / (int(sensitivity) + int(ppv))
        found.setdefault(rule, {})[float(k)] = f1
    for rule in ("within_sd", "pooled_sd", "sample_sd", "stricter_sd"):
        by_k = found[f"drop_{rule}"]
        assert REGISTRY[f"drop_{rule}"].parameters["k"] == max(by_k, key=by_k.get)
    assert REGISTRY["drop_running_mean"].parameters["k"] == 1.5
    assert REGISTRY["drop"].parameters["k"] == CUT


@pytest.mark.parametrize(
    "function",
    [
        al.fit_rupture_repair,
        al.fit_event_study,
        al.fit_rupture_outcome,
        al.fit_rupture_count,
        al.fit_principles_repair,
    ],
)
def test_every_function_with_a_rule_of_its_own_takes_this_one(function):
    assert inspect.signature(function).parameters["rule"].default == RUPTURE_RULE


def test_so_does_the_report():
    assert (Options().rupture_rule, Options().rupture_parameters) == (RUPTURE_RULE, {})


def test_so_does_the_plan_of_a_new_study():
    study = Path(al.__file__).parent / "workspace" / "templates" / "study"
    plan = (study / "analysis-plan.yaml").read_text(encoding="utf-8")
    primary = yaml.safe_load(plan)["primary"]
    assert (primary["rule"], primary["k"]) == (RUPTURE_RULE, CUT)


@pytest.mark.parametrize("name", ["rupture-repair", "first-analysis"])
def test_so_do_the_templates(name):
    book = nbformat.read(resources.folder("notebooks") / "templates" / f"{name}.ipynb", 4)
    names = {}
    exec(next(cell.source for cell in book.cells if cell.cell_type == "code"), names)
    assert (names["rule"], names.get("k", CUT)) == (RUPTURE_RULE, CUT)


def test_so_does_the_first_analysis_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    asked = next(line for line in readme.splitlines() if line.startswith("asked = "))
    assert f'"rule": "{RUPTURE_RULE}"}}' in asked  # and no cut-off beside it


def test_the_page_shows_it_as_the_best_balance_of_found_and_false():
    page = (ROOT / "docs" / "rupture-models.md").read_text(encoding="utf-8")
    rows = page[page.index("<!-- default: ") :].split("<!-- end -->")[0].splitlines()[3:]
    cells = [[cell.strip(" *") for cell in row.split("|")[1:4]] for row in rows]
    found = {float(k): 2 * int(a) * int(b) / (int(a) + int(b)) for k, a, b in cells}
    assert max(found, key=found.get) == CUT
    assert [row for row in rows if "**" in row] == [rows[list(found).index(CUT)]]
