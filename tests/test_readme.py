"""What the README shows runs, and whatever it names is there."""

import re
from pathlib import Path

import pytest
import yaml

import alliance_stats as al
from alliance_stats import cli
from alliance_stats.study.mapping.describing import describe

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_first_analysis_runs_as_it_stands(capsys):
    (code,) = blocks("python")
    exec(code, {})
    told = capsys.readouterr().out
    for said in ("unrepaired", "expected", "Alliance, session before", "Mean gap (points)"):
        assert said in told


def test_every_name_and_command_is_there():
    names = set(re.findall(r"\bal\.([a-z_]+)", README))
    assert len(names) > 15
    assert sorted(names - set(al.__all__)) == []
    commands = {
        command.name or command.callback.__name__ for command in cli.app.registered_commands
    }
    shown = set(re.findall(r"^.*?\balliance-stats ([a-z]+)", "".join(blocks("sh")), re.MULTILINE))
    assert {"demo", "new", "validate", "report", "run"} <= shown
    assert sorted(shown - commands) == []


def test_the_study_yaml_it_shows_is_understood():
    (text,) = blocks("yaml")
    _, problems = describe(yaml.safe_load(text))
    assert [problem.message for problem in problems] == []


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\((docs/[^)]+|[A-Z]+\.md)\)", README))))
def test_every_file_it_links_to_is_there(path):
    assert (Path(__file__).parents[1] / path).is_file()
