"""Every page of the documentation: its code runs and prints what it shows, its links lead on."""

import contextlib
import importlib.util
import re
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
import typer

import alliance_stats as al
from alliance_stats import cli

DOCS = Path(__file__).parents[2] / "docs"


def _load(name):
    place = DOCS / name / "__init__.py" if (DOCS / name).is_dir() else DOCS / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"docs_{name}", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


site_pages, run_pages = _load("_pages"), _load("run_pages")
MADE = ("reference", "notebooks", "_build")
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if path.relative_to(DOCS).parts[0] not in MADE]
RUN = run_pages.pages()


def name(path):
    return path.relative_to(DOCS).as_posix()


def prose(path):
    return run_pages.FENCE.sub("", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", RUN, ids=name)
def test_the_page_runs_and_prints_what_it_shows(path, tmp_path, request):
    mpl.use("agg")
    text = path.read_text(encoding="utf-8")
    if "alliance-stats run " in text:
        request.getfixturevalue("warm_kernels")
    for block, printed in run_pages.run(text, tmp_path):
        if block.shown is not None:
            assert run_pages.difference(block.shown, printed) == ""


def test_the_example_of_multilevel_models_ends_as_the_page_says():
    text = (DOCS / "multilevel.md").read_text(encoding="utf-8")
    code, *_ = [block.body for block in run_pages.blocks(text) if block.language == "python"]
    names = {}
    exec(compile(code, "multilevel.md", "exec"), names)
    assert names["fit"].converged
    assert names["fit"].df_method == "kenward-roger"


def test_pages_with_code_are_found():
    assert {"tutorial.md", "multilevel.md", "evidence.md"} <= {name(path) for path in RUN}
    assert sum(name(path).startswith("how-to/") for path in RUN) >= 12


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_name_and_command_of_the_page_is_there(path):
    text = path.read_text(encoding="utf-8")
    used = set(re.findall(r"(?<![\w.])al\.([A-Za-z_]\w*)", text))
    assert sorted(word for word in used if not hasattr(al, word)) == []
    program = typer.main.get_command(cli.app)
    said = [" ".join(line) for b in run_pages.blocks(text) if b.language == "sh"
            for line in run_pages.commands(b.body)]  # fmt: skip
    said += re.findall(r"`alliance-stats ([^`]+)`", prose(path))
    for line in said:
        words = line.split()
        if words[0].startswith("-"):
            continue
        command = program.commands.get(words[0])
        assert command is not None, line
        known = {flag for parameter in command.params for flag in parameter.opts} | {"--help"}
        assert {word for word in words[1:] if word.startswith("-")} <= known, line


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_link_of_the_page_leads_somewhere(path, made):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose(path)):
        if target.startswith(("http://", "https://")):
            continue
        to = (path.parent / target).resolve()
        assert to.exists() or to.relative_to(DOCS.resolve()).as_posix() in made, target


@pytest.fixture(scope="module")
def made():
    """Return the names of the pages that are made when the site is built."""
    with contextlib.suppress(FileNotFoundError):
        return set(site_pages.pages())


def test_a_difference_is_seen(tmp_path):
    for shown, printed, said in (
        ("mean 1.23", "mean 1.24", ""),
        ("mean 1.23", "mean 1.25", "shows '1.23'"),
        ("n 12", "n 13", "shows '12'"),
        ("one two", "one", "shows 'two'"),
        ("one", "one two", "also prints 'two'"),
        ("a ... z", "a b c z", ""),
    ):
        found = run_pages.difference(shown, printed)
        assert (found == "") if said == "" else (said in found)
    page = "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n"
    ((block, printed), _) = run_pages.run(page, tmp_path)
    assert "shows '3', it prints '2'" in run_pages.difference(block.shown, printed)
    assert "\n2\n" in run_pages.refreshed(page)


def test_the_page_on_multilevel_models_names_what_a_fit_has():
    text = (DOCS / "multilevel.md").read_text(encoding="utf-8")
    called = set(re.findall(r"`fit\.(\w+)", text))
    assert len(called) > 20
    assert sorted(word for word in called if not hasattr(al.MultilevelFit, word)) == []


def test_the_equivalents_for_users_of_r_and_spss_exist():
    text = (DOCS / "for-r-and-spss-users.md").read_text(encoding="utf-8")
    called = set(re.findall(r"`fit\.(\w+)", text))
    assert called
    kinds = (al.MultilevelFit, al.OutcomeFit)
    assert sorted(w for w in called if not any(hasattr(kind, w) for kind in kinds)) == []


def test_the_thirty_points_are_counted_as_the_table_has_them():
    page = (DOCS / "methods" / "thirty-points.md").read_text("utf-8")
    rows = [line.split("|")[3:-1] for line in page.splitlines() if re.match(r"\| \d", line)]
    here, *others = zip(*rows, strict=True)
    assert (
        f"Here: {sum(map(_there, here))} of {len(rows)}, {sum('●' in one for one in here)}" in page
    )
    lmer, jasp, jamovi = (sum(map(_there, other)) for other in others)
    assert f"R's pair has {lmer}, JASP {jasp}, jamovi {jamovi}" in page


def _there(cell):
    return "●" in cell or "○" in cell
