"""The server: whom it lets in, what it refuses, and that every refusal is a sentence."""

import json

import pytest

from alliance_stats.app import server

from .conftest import TOKEN


def test_only_the_token_lets_in(ask, served):
    for path in ("/", "/state", "/static/app.js", "/report/index.html", "/study.zip", "/explorer"):
        assert ask("GET", path, Cookie=None)[0] == 403
        status, value, _ = ask("GET", path, Cookie=f"alliance_stats_{served}=wrong")
        assert status == 403
        assert "its token lets you in" in value["error"]
    status, value, _ = ask("GET", "/?token=wrong", Cookie=None)
    assert (status, value["error"]) == (
        403,
        "The token is wrong; open the address that was printed.",
    )
    status, _, head = ask("GET", f"/?token={TOKEN}", Cookie=None)
    assert (status, head["location"]) == (303, "/")
    assert "HttpOnly" in head["set-cookie"]
    assert "SameSite=strict" in head["set-cookie"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.evil"])
def test_other_names_of_hosts_are_refused(ask, host):
    status, value, _ = ask("GET", "/state", Host=host)
    assert status == 400
    assert value["error"] == "This page answers under the name of this machine only."


def test_only_the_page_changes_something(ask, served, desk):
    others = ("https://evil.example", "null", f"http://127.0.0.1:{served + 1}")
    for wrong in (*({"Origin": one} for one in others), {"x_alliance_stats": None}):
        status, value, _ = ask("PUT", "/files/a.csv", b"id;x\n1;2", **wrong)
        assert status == 403
        assert value["error"] == "Only the page itself may change something."
    assert desk.files() == []
    assert ask("PUT", "/files/a.csv", b"id;x\n1;2", Origin=f"http://127.0.0.1:{served}")[0] == 200


def test_pages_reach_nothing_elsewhere(ask):
    _, page, head = ask("GET", "/")
    assert head["content-security-policy"] == server.STRICT
    assert "'unsafe" not in server.STRICT
    assert b"http://" not in page
    assert b"https://" not in page
    assert head["cache-control"] == "no-store"
    assert head["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/report/../../../etc/passwd", "/report/%2e%2e/%2e%2e/study.yaml", "/static/..%2fserver.py",
     "/report//etc/passwd", "/static/app.html", "/nothing", "/report/index.html"],
)  # fmt: skip
def test_no_path_leads_out(ask, laid, path):
    laid.results.mkdir()
    status, value, _ = ask("GET", path)
    assert (status, value["error"]) == (404, "There is nothing here under this name.")


@pytest.mark.parametrize("name", ["..%2F..%2Fa.csv", "%2Fetc%2Fa.csv", "a%00.csv", ".hidden.csv"])
def test_no_file_is_written_elsewhere(ask, desk, name):
    status, value, _ = ask("PUT", f"/files/{name}", b"id;x\n1;2")
    assert status == 422
    assert value["error"] == "A file's name is a plain name, without folders in it."
    assert desk.files() == []


def test_a_name_too_long_for_any_disk_is_a_sentence(ask):
    status, value, _ = ask("PUT", f"/files/{'%C3%A4' * 140}.csv", b"id;x\n1;2")
    assert (status, value["error"][:27]) == (422, "The file's name is too long")


def test_a_huge_file_is_given_up(ask, monkeypatch):
    monkeypatch.setattr(server, "LARGEST_FILE", 1000)
    for head in ({}, {"Transfer_Encoding": "chunked", "Content_Length": None}):
        body = iter([b"x" * 600, b"x" * 600]) if head else b"x" * 1200
        status, value, _ = ask("PUT", "/files/a.csv", body, **head)
        assert status == 422
        assert value["error"].startswith("'a.csv' is larger than 200 MB, more than this page takes")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.sav", b"$FL2 broken"), ("a.xlsx", b"PK\x03\x04 broken"), ("a.csv", b"\x00\x01\x02" * 50),
     ("a.dta", b""), ("a.parquet", b"PAR1"), ("a.csv", b""), ("a.sav", b"%PDF-1.7")],
)  # fmt: skip
def test_a_broken_file_is_a_sentence_and_the_rest_goes_on(ask, name, content):
    assert (
        ask("PUT", "/files/good.csv", b"client;session;wai_sr_total\n1;1;4,5\n1;2;4,0\n")[0] == 200
    )
    status, value, _ = ask("PUT", f"/files/{name}", content)
    assert status == 200
    (broken,) = value["broken"]
    assert broken["file"] == name
    assert broken["why"].count("Traceback") == 0
    assert len(broken["why"]) > 20
    assert [one["file"] for one in value["files"]] == ["good.csv"]


@pytest.mark.parametrize(
    "asked",
    [b"", b"[]", b"{", {"kind": "no"}, {"kind": "role"}, {"kind": "_work"}, {"kind": 3},
     {"kind": "role", "file": "a.csv", "sheet": "", "column": "x", "role": "client_id"},
     {"kind": "role", "file": "good.csv", "sheet": "", "column": "client", "role": "__class__"},
     {"kind": "role", "file": "good.csv", "sheet": "", "column": "no", "role": "reason"},
     {"kind": "measure", "source": 9, "entry": 0, "measure": "x", "rater": "y"},
     {"kind": "words", "file": "good.csv", "sheet": "", "words": []},
     {"kind": "missing", "source": 0, "entry": 0, "value": 10**400},
     {"kind": "missing", "source": 0, "entry": 0, "value": "x"}, b"[" * 100_000,
     {"kind": "measure", "source": 0, "entry": 0, "measure": "\ud800", "rater": "client"},
     {"kind": "name", "name": "\ud800"}, {"kind": "text", "text": "name: \ud800"},
     {"kind": "name", "name": " "}, {"kind": "text", "text": "!!python/object:os.system x"}],
)  # fmt: skip
def test_odd_choices_are_refused_and_change_nothing(ask, desk, asked):
    ask("PUT", "/files/good.csv", b"client;session;wai_sr_total\n1;1;4,5\n1;2;4,0\n")
    before = desk.text
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    status, value, _ = ask("POST", "/choose", body)
    assert status == 422
    assert value["error"].rstrip().endswith((".", ")", "?"))
    assert desk.text == before
    assert ask("GET", "/state")[0] == 200


def test_odd_rows_of_a_sheet_are_refused(ask):
    for query in ("row=x", "row=-1", "row=99999999999", "file=../a"):
        assert ask("GET", f"/sheet?{query}")[0] == 422


def test_what_is_missing_is_asked_for_in_a_sentence(monkeypatch):
    monkeypatch.setattr(server, "find_spec", lambda name: None)
    with pytest.raises(server.AllianceStatsError, match=r'pip install "alliance-stats\[app\]"'):
        server.require_app()
