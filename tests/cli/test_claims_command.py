"""`alliance-stats claims` prints the ledger and fails where a claim does."""

import pandas as pd

import alliance_stats as al
from alliance_stats.workspace.printing import claims_in_words


def test_the_ledger_is_printed(call):
    code, out, err = call("claims")
    assert (code, err) == (0, "")
    assert "holds  training-effect" in out
    assert "verdict on the claim: not supported" in out
    for words in al.claims()["words"].unique():
        assert out.count(f'"{words}"') == 1  # a sentence and its one verdict
    assert out.count("verdict on the claim:") == al.claims()["words"].nunique()
    rows = out.splitlines()
    sentences = al.claims(by="sentence").set_index("words")
    for row in al.claims(by="sentence").itertuples(index=False):  # a row a sentence, on top
        (line,) = [line for line in rows if line.endswith(f"  {row.words}")]
        assert line.startswith(row.verdict)
        told = line.split()[-len(row.words.split()) - 4 :][:4]
        near = row.verdict in ("not tested as worded", "no evidence found")
        counts = (row.k, *sentences.loc[row.words, ["full text", "abstract", "data set"]])
        assert told == [f"({n})" if near else f"{n}" for n in counts]
    assert "All forms are more than those that somebody pooled." in " ".join(out.split())
    assert "1 row (1 abstract): Swift & Greenberg 2012" in out
    assert "196 rows (196 data set): Aagaard, 2017" in out
    assert "UNVERIFIED, not read in its own source: Hannan et al. 2005" in out
    # Of 74 numbers, those that a formula makes are told apart from cells given again and counts.
    last = " ".join(out.rstrip().split("\n\n")[-1].split())
    assert last.startswith(f"{len(al.claims())} numbers recomputed, 0 do not hold. 12 are computed")
    assert call("claims", "--quiet") == (0, "", "")


def test_a_claim_that_fails_is_told_and_fails_the_command(call, monkeypatch):
    row = {"claim": "a", "expected": 0.2, "tolerance": 0.01, "recomputed": 0.3, "holds": False,
           "verdict": "contested", "why": "The number is 0.3, not 0.2."}  # fmt: skip
    table = pd.DataFrame([row])
    assert next(iter(claims_in_words(table))).startswith("FAILS  a")
    monkeypatch.setattr(al, "check_claims", lambda: table)
    code, out, _ = call("claims")
    assert code == 1
    assert "The number is 0.3, not 0.2." in out
