"""How far is the mean change off when clients leave by what was seen of them?

Run ``python tests/benchmarks/dropout_missing.py``: studies of 400 clients with slopes of their
own, of whom three in ten leave by the score seen last (missing at random). Bias is against the
mean change had everybody in that study stayed, coverage against the mean of the population.
"""

import numpy as np
import pandas as pd

import alliance_stats as al

RUNS, CLIENTS, LAST = 60, 400, 12


def made(rng: np.random.Generator) -> tuple[al.Study, float, float]:
    """Return a study, the true mean change, and that to the last score seen."""
    start, slope = rng.normal(22, 4, CLIENTS), rng.normal(-0.7, 0.5, CLIENTS)
    course = start[:, None] + slope[:, None] * np.arange(LAST) + rng.normal(0, 2, (CLIENTS, LAST))
    leaves = rng.random((CLIENTS, LAST)) < 1 / (1 + np.exp(3.6 - (course - 20) / 4))
    leaves[:, -1] = False
    gone = leaves.any(axis=1)
    ends = np.where(gone, leaves.argmax(axis=1) + 1, LAST)
    client, session = np.nonzero(np.arange(LAST) < ends[:, None])
    ids = np.arange(CLIENTS)
    scores = pd.DataFrame(
        {"client_id": client, "session": session + 1, "rater": "client", "measure": "core-10",
         "scale": "total", "score": course[client, session], "n_answered": 10, "n_items": 10}
    )  # fmt: skip
    tables = {
        "clients": pd.DataFrame({"client_id": ids, "therapist_id": ids % 40}),
        "scores": scores,
        "terminations": pd.DataFrame(
            {"client_id": ids, "last_session": ends,
             "reason": np.where(gone, "dropout", "completed")}
        ),
    }  # fmt: skip
    truth = (course[:, -1] - course[:, 0]).mean()
    seen = (course[ids, ends - 1] - course[:, 0]).mean()
    return al.Study("made", tables), float(truth), float(seen)


def main() -> None:
    """Print the table."""
    off, naive, held, left = [], [], 0, []
    for run in range(RUNS):
        study, truth, seen = made(np.random.default_rng(run))
        found = al.dropout_sensitivity(study, measure="core-10", deltas=[0], imputations=10)
        row = found.table.iloc[0]
        off.append(row["estimate"] - truth)
        naive.append(seen - truth)
        held += row["conf_low"] <= -0.7 * (LAST - 1) <= row["conf_high"]
        left.append(found.n_imputed / found.n_clients)
    error = np.std(off, ddof=1) / np.sqrt(RUNS)
    print(f"{np.mean(left):.0%} dropped out; bias at delta 0 {np.mean(off):+.3f} (SE {error:.3f}), "
          f"of the last score seen {np.mean(naive):+.3f}; intervals held the population mean in "
          f"{held / RUNS:.0%} of {RUNS} runs")  # fmt: skip


if __name__ == "__main__":
    main()
