"""Make dropout-trials.csv and nonresponse-trials.csv from two open Metapsy data sets.

    python extract_trials.py depression.csv response.csv

`depression.csv` is `data.csv` of https://github.com/metapsy-project/data-depression-psyctr (doi
10.5281/zenodo.7254845): trials of psychotherapy for adult depression against a control condition.
Kept are arms of individual psychotherapy with attrition and number randomised.

`response.csv` is `data.csv` of https://github.com/metapsy-project/data-total-response (doi
10.5281/zenodo.8408317, Open Data Commons Attribution License). Kept are its trials of depression:
each therapy arm, and each control arm once. The counts of responders are that data set's own; where
a trial did not count responders, its makers estimated them from means and SDs. Nothing is imputed
here.
"""

import re
import sys
from pathlib import Path

import pandas as pd

ATTRITION_DOI = "10.5281/zenodo.7254845"
RESPONSE_DOI = "10.5281/zenodo.8408317"
COLUMNS = (
    "study_id", "claim", "label", "year", "doi", "kind", "measured", "definition", "denominator",
    "metric", "estimate", "se", "ci_low", "ci_high", "k", "n", "events", "where", "note",
    "verified",
)  # fmt: skip


def main(depression: str, response: str) -> None:
    here = Path(__file__).parent
    raw = pd.read_csv(depression, sep=";", decimal=",", encoding="latin1", low_memory=False)
    dropout(raw[raw["format"] == "ind"]).to_csv(here / "dropout-trials.csv", index=False)
    raw = pd.read_csv(response, sep=";", decimal=",", encoding="utf-8")
    nonresponse(raw[raw["disorder"] == "Depression"]).to_csv(
        here / "nonresponse-trials.csv", index=False
    )


def dropout(arms: pd.DataFrame) -> pd.DataFrame:
    """Clients randomised to therapy who count as attrition in the data set."""
    kept = arms.dropna(subset=["attr_arm1", "rand_arm1"])
    kept = kept[(kept["rand_arm1"] > 0) & (kept["attr_arm1"] <= kept["rand_arm1"])]
    kept = kept.assign(
        arm=kept["condition_arm1"], multi=kept["multi_arm1"].fillna("").astype(str)
    ).drop_duplicates(["study", "arm", "multi"])
    return as_effects(
        kept, ["study", "arm", "multi"], kept["attr_arm1"], kept["rand_arm1"],
        claim="dropout", doi=ATTRITION_DOI, kind="study",
        measured="attrition from the therapy arm of a trial",
        definition="attrition as the data set counts it (attr_arm1, which it does not describe)",
        denominator="all randomised to the arm", where="columns attr_arm1 and rand_arm1",
        note="Read in the data set, not in the trial's own paper. That attr_arm1 is loss before "
        "the assessment after therapy is our reading.",
    )  # fmt: skip


def nonresponse(trials: pd.DataFrame) -> pd.DataFrame:
    """Clients whose depression fell by less than half, in therapy and in control conditions."""
    words = {
        "claim": "non-benefit", "doi": RESPONSE_DOI,
        "definition": "symptoms fell by less than 50 % from before to after therapy",
        "denominator": "patients of the arm, as the data set counts them",
        "note": "Read in the data set, not in the trial's own paper. Where a trial did not count "
        "responders, the data set's makers estimated them from means and SDs.",
    }  # fmt: skip
    therapy = trials.assign(arm="therapy")
    control = trials.drop_duplicates(["study", "improved.cg", "n.cg"]).assign(arm="control")
    return pd.concat(
        [
            as_effects(
                therapy, ["study.es", "arm"], therapy["n.ig"] - therapy["improved.ig"],
                therapy["n.ig"], kind="study",
                measured="no response to psychotherapy for depression",
                where="columns improved.ig and n.ig", **words,
            ),
            as_effects(
                control, ["study", "arm"], control["n.cg"] - control["improved.cg"],
                control["n.cg"], kind="control", measured="no response without the psychotherapy",
                where="columns improved.cg and n.cg", **words,
            ),
        ]
    )  # fmt: skip


def as_effects(
    arms: pd.DataFrame, names: list[str], events: pd.Series, n: pd.Series, **words: str
) -> pd.DataFrame:
    """Return the arms as rows of the effects table, named by `names` (and 2, 3, ... if alike)."""
    rows = arms[names].astype(str).itertuples(index=False)
    ids = pd.Series(["-".join(slug(part) for part in row if part) for row in rows])
    again = ids.groupby(ids).cumcount() + 1
    table = pd.DataFrame(
        {
            "study_id": ids.where(again == 1, ids + "-" + again.astype(str)).to_numpy(),
            "label": arms["study"].str.strip(), "year": arms["year"].astype(int),
            "events": events.round().astype(int), "n": n.round().astype(int),
        }
    ).assign(metric="proportion", k=1, verified=True, **words)  # fmt: skip
    return table.reindex(columns=list(COLUMNS)).sort_values("study_id")


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
