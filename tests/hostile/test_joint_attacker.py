"""An attacker with everything that was written of one study, laid side by side.

Report, page of a notebook, codebook and shared file are each asked alone elsewhere; here he
compares what they say of one and the same number of people.
"""

import itertools
import json
import re
import sys
from collections import defaultdict
from functools import partial

import numpy as np
import pytest

import alliance_stats as al
from alliance_stats.core import disclosure
from alliance_stats.core.disclosure import WithheldError
from alliance_stats.core.shown_groups import Ledger

from .test_codebook_disclosure import rests
from .test_page_disclosure import assert_counts_nobody
from .test_report_disclosure import FEW, csv, texts

ODD, RARE = 97.25, "astronaut"
EACH_ONCE = ("clients", "terminations")  # one row a client
OF_WHOM = {"n_clients": "all", "n_of": "judged", "in_therapy": "in therapy"}


@pytest.fixture
def sixty(sixty):
    """Return sixty clients, three of whom share a word and one of whom has a number far out."""
    place = np.arange(60)
    job = np.where(place < 3, RARE, np.where(place < 30, "nurse", "none"))
    age = np.where(place == 7, ODD, 20 + place % 31)
    return sixty.with_tables(clients=sixty.clients.assign(age=age, job=job))


def in_codebook(content):
    """Yield what is counted and how many clients a codebook says that it is."""
    for table in content["tables"]:
        once = table["name"] in EACH_ONCE
        for column in table["columns"]:
            if once:
                yield from (("all", table["rows"]), ("all", column["filled"]))
            if column["name"] == "client_id":
                yield "all" if once else table["name"], column["distinct"]
            for level, n in (column.get("levels") or {}).items():
                yield (table["name"], column["name"], level), n


def in_report(folder):
    """Yield what is counted and how many clients a report says that it is."""
    for path in folder.rglob("*.csv"):
        table = csv(folder, path.relative_to(folder).with_suffix("").as_posix())
        for column in OF_WHOM.keys() & set(table):
            yield from ((OF_WHOM[column], n) for n in table[column])
        rows = table.to_dict("records") if "n" in table else []
        for row in rows:
            if "occasion" in row:
                yield ("clients", "condition", row["condition"]), row["n"]
            elif "reason" in row:
                yield ("terminations", "reason", row["reason"]), row["n"]
            else:
                yield tuple(map(str, list(row.values())[: list(row).index("n")])), row["n"]
        if "occasion" in table and "condition" in table:  # both arms are everybody measured
            whole = table.groupby("occasion")["n"].sum(min_count=table["condition"].nunique())
            yield from ((("assessments", "occasion", at), n) for at, n in whole.items())


def in_words(text):
    """Yield what is counted and how many clients sentences say that it is."""
    for whole, n, behind in re.findall(r"(Of )?(?<![\d,.])(\d+) clients?\b ?(could|have)?", text):
        yield "judged" if behind and not whole else "all", int(n)


def few_in(counts):
    """Return the numbers of few, and those of one quantity that differ by few."""
    held = defaultdict(lambda: {0})
    for what, n in counts:
        held[what] |= {n} if n is not None and n == n else set()
    pairs = [(what, *two) for what, ns in held.items() for two in itertools.combinations(ns, 2)]
    return [one for one in pairs if abs(one[1] - one[2]) < FEW]


OWN = re.compile(rf"(?<![\d.,])97(?:\.[23]\d*)?(?![\d.])|{RARE}|\bC\d\d\b|\b20\d\d-\d\d-\d\d\b")


def values_of_persons(texts, study):
    """Return where a number far out, a word of three, an id or a day of the study stands."""
    days = set(study.tables["sessions"]["date"].dt.strftime("%Y-%m-%d"))
    found = [(name, one) for name, text in texts.items() for one in OWN.findall(text)]
    return [(name, one) for name, one in found if not one.startswith("20") or one in days]


@pytest.mark.usefixtures("warm_kernels")
def test_all_that_travels_tells_no_few_and_nobodys_value(sixty, only, tmp_path):
    only("data", "change")
    out, saved = tmp_path / "out", sixty.save(tmp_path / "study")
    al.write_report(sixty, out, replicates=2)
    book = sixty.codebook()
    book.to_html(out / "codebook.html")
    book.to_json(out / "codebook.json")
    al.run_notebook("change", saved, out / "change.html")
    model = "core_10 ~ session + (1 | client_id)"
    with pytest.raises(WithheldError) as refused:
        al.clinic_file(model.replace("session", "session + age"), sixty, out / "far_out.json")
    said = texts(out)
    counts = [*in_codebook(book.content), *in_report(out)]
    counts += itertools.chain(*map(in_words, said.values()))
    shared = al.clinic_file(model, sixty, out / "clinic.json")  # tells of five, and says so
    counts.append(("all", json.loads(shared.path.read_text("utf-8"))["numbers"]["client_id"]))
    assert len({what for what, n in counts if n == n}) > 20
    assert few_in(counts) == []
    once = [one for one in book.content["tables"] if one["name"] in EACH_ONCE]
    assert rests({"tables": once}, sixty.tables) == []
    written = shared.path.read_text("utf-8").partition('"numbers"')[0]
    everything = {**said, "clinic.json": written, "refused": str(refused.value)}
    assert values_of_persons(everything, sixty) == []
    assert_counts_nobody((out / "change.html").read_text("utf-8"), sixty)


def test_he_finds_few_where_the_limit_is_one(sixty, monkeypatch):
    for name, module in list(sys.modules.items()):
        if name.startswith("alliance_stats.") and "SMALLEST_SHOWN" in vars(module):
            monkeypatch.setattr(module, "SMALLEST_SHOWN", 1)
    monkeypatch.setattr(disclosure, "Ledger", partial(Ledger, least=1))
    content = sixty.codebook().content
    assert (("clients", "job", RARE), 0, 3) in few_in(in_codebook(content))
    assert values_of_persons({"codebook": str(content)}, sixty) != []
