"""Make the two files of a clinic as a lab has them, with mistakes: ``python generate.py``.

Drawn by `alliance_stats.simulate_study`; nobody in them exists.
"""

from pathlib import Path

import pandas as pd

import alliance_stats as al

HERE = Path(__file__).parent / "files"
FORMS = (("wai", 12), ("waiT", 12), ("phq", 9))
ITEMS = [f"{form}{item}" for form, n in FORMS for item in range(1, n + 1)]
CODES = {"completed": 1, "dropout": 2, "mutual": 3, "transferred": 4, "administrative": 5}


def sessions(study: al.Study) -> pd.DataFrame:
    """Return one row a client and session, one column an item, with three kinds of mistakes."""
    answers = study.ratings.copy()
    form = answers["measure"].map({"wai-sr": "wai", "phq-9": "phq"})
    form = form.where(answers["rater"] != "therapist", "waiT")
    answers["name"] = form + answers["item"].astype(str)
    wide = answers.pivot(index=["client_id", "session"], columns="name", values="value")[ITEMS]  # noqa: PD010 - each item once
    wide = wide.reset_index().merge(study.sessions[["client_id", "session", "therapist_id"]])
    wide = wide.fillna(dict.fromkeys(ITEMS, -9))  # -9 for no answer
    wide.loc[20, "wai3"], wide.loc[31, "phq2"] = 44, 5  # a slip of the finger
    wide = pd.concat([wide, wide.loc[[100]]])  # a row entered twice
    wide = wide.rename(columns={"client_id": "pid", "session": "sess", "therapist_id": "ther"})
    return wide[["pid", "ther", "sess", *ITEMS]]


def main() -> None:
    """Write both files."""
    study = al.simulate_study(
        n_therapists=8, n_clients=48, planned_sessions=10, outcome_measure="phq-9",
        outcome_mean=14.0, outcome_client_sd=3.0, outcome_therapist_sd=2.0, dropout_hazard=0.03,
        seed=7,
    )  # fmt: skip
    HERE.mkdir(exist_ok=True)
    sessions(study).to_csv(HERE / "sessions.csv", index=False)
    endings = study.terminations[["client_id", "last_session", "reason"]].replace({"reason": CODES})
    endings.columns = ["pid", "n", "why"]
    endings.to_excel(HERE / "endings.xlsx", sheet_name="final", index=False)


if __name__ == "__main__":
    main()
