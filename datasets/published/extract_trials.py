"""Make dropout-trials.csv and nonresponse-trials.csv from the open Metapsy data set.

    python extract_trials.py data.csv

`data.csv` is that of https://github.com/metapsy-project/data-depression-psyctr (doi
10.5281/zenodo.7254845): trials of psychotherapy for adult depression against a control condition.
Kept are arms of individual psychotherapy. Nothing is imputed: an arm enters only with
the counts the data set holds.
"""

import re
import sys
from pathlib import Path

import pandas as pd

DOI = "10.5281/zenodo.7254845"
COLUMNS = (
    "study_id", "claim", "label", "year", "doi", "kind", "measured", "definition", "denominator",
    "metric", "estimate", "se", "ci_low", "ci_high", "k", "n", "events", "where", "note",
    "verified",
)  # fmt: skip


def main(path: str) -> None:
    raw = pd.read_csv(path, sep=";", decimal=",", encoding="latin1", low_memory=False)
    arms = raw[raw["format"] == "ind"]
    here = Path(__file__).parent
    dropout(arms).to_csv(here / "dropout-trials.csv", index=False)
    nonresponse(arms).to_csv(here / "nonresponse-trials.csv", index=False)


def dropout(arms: pd.DataFrame) -> pd.DataFrame:
    """Clients randomised to therapy of whom the trial lost sight before the end."""
    kept = arms.dropna(subset=["attr_arm1", "rand_arm1"])
    kept = kept[(kept["rand_arm1"] > 0) & (kept["attr_arm1"] <= kept["rand_arm1"])]
    return as_effects(
        kept, "dropout", kept["attr_arm1"], kept["rand_arm1"],
        measured="attrition from the therapy arm of a trial",
        definition="randomised to individual psychotherapy and lost before the post assessment",
        denominator="all randomised to the arm", where="columns attr_arm1 and rand_arm1",
    )  # fmt: skip


def nonresponse(arms: pd.DataFrame) -> pd.DataFrame:
    """Clients in therapy whose depression fell by less than half."""
    kept = arms[arms["outcome_type"].eq("response (50%)")]
    kept = kept.dropna(subset=["event_arm1", "totaln_arm1"])
    return as_effects(
        kept, "non-benefit", kept["totaln_arm1"] - kept["event_arm1"], kept["totaln_arm1"],
        measured="no response to individual psychotherapy for depression",
        definition="symptoms fell by less than 50 % at the end of therapy",
        denominator="as the trial counted it", where="columns event_arm1 and totaln_arm1",
    )  # fmt: skip


def as_effects(
    arms: pd.DataFrame, claim: str, events: pd.Series, n: pd.Series, **words: str
) -> pd.DataFrame:
    """Return the arms as rows of the effects table, one an arm."""
    table = pd.DataFrame(
        {
            "study": arms["study"].str.strip(),
            "arm": arms["condition_arm1"],
            "multi": arms["multi_arm1"].fillna("").astype(str),
            "year": arms["year"].astype(int),
            "events": events.round().astype(int),
            "n": n.round().astype(int),
        }
    ).drop_duplicates(["study", "arm", "multi"])
    table["study_id"] = [
        "-".join(slug(part) for part in parts if part)
        for parts in table[["study", "arm", "multi"]].itertuples(index=False)
    ]
    table = table.assign(
        claim=claim, label=table["study"], doi=DOI, kind="study", metric="proportion", k=1,
        note="Read in the data set, not in the trial's own paper.", verified=True, **words,
    )  # fmt: skip
    return table.reindex(columns=COLUMNS).sort_values("study_id")


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


if __name__ == "__main__":
    main(sys.argv[1])
