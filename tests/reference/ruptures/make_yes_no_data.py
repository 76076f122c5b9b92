"""Make yes_no_panel.csv and yes_no_codes.csv, and from them the rows that R fits.

Run in this folder, then make_yes_no_references.R; the folder ``rows`` is not kept. Clients differ
much in how often the alliance falls, and in how soon it is back. The package writes the rows, so
that R fits what the package fits; the test reads the panel.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import alliance_stats as al

CLIENTS, SESSIONS, THERAPISTS = 120, 16, 10
HOW = {"alliance": "bond", "rule": "drop_points", "points": 1.5}


def panel() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(20)
    of_therapist = rng.normal(0, 1.0, THERAPISTS)
    rows, codes = [], []
    for client in range(CLIENTS):
        often = rng.normal(-3.0 + 0.6 * (client % 2), 1.2) + of_therapist[client % THERAPISTS]
        soon, level, low = rng.normal(0, 1.0), rng.normal(15, 3), False
        for session in range(1, SESSIONS + 1):
            extent = int(rng.integers(0, 5))
            distress = level + rng.normal(0, 2)
            bond = (2.5 if low else 5.0) + rng.normal(0, 0.1)
            rows.append((client, client % THERAPISTS, session, bond, distress, client % 2))
            codes.append((client, session, "x", "helps", extent))
            if low:
                low = rng.random() > 1 / (1 + np.exp(0.4 - 0.5 * extent - soon))
            else:
                low = rng.random() < 1 / (1 + np.exp(-often - 0.15 * (distress - level)))
    columns = ["client_id", "therapist_id", "session", "bond", "distress", "group"]
    frame = pd.DataFrame(rows, columns=columns).round({"bond": 2, "distress": 2})
    of_codes = ["client_id", "session", "coder_id", "principle", "extent"]
    return frame, pd.DataFrame(codes, columns=of_codes)


if __name__ == "__main__":
    panel_, codes_ = panel()
    panel_.to_csv("yes_no_panel.csv", index=False)
    codes_.to_csv("yes_no_codes.csv", index=False)
    Path("rows").mkdir(exist_ok=True)
    principles = al.fit_principles_repair(panel_, principles=codes_, **HOW)
    principles.rows.rename(columns={"helps": "extent"}).to_csv("rows/repair.csv", index=False)
    counts = al.fit_rupture_count(panel_, predictors="group", **HOW)
    counts.fit.design.frame.to_csv("rows/counts.csv", index=False)
    reverse = al.fit_rupture_repair(panel_, outcome="distress", levels=2, **HOW)
    rows = reverse.fits["reverse: rupture, 2 levels"].design.frame
    rows.to_csv("rows/reverse.csv", index=False)
