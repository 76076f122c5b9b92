"""Draw the pictures of the gallery (``docs/gallery.md``): ``python docs/gallery_pictures.py``.

They are of the shipped demo study and of shipped published tables; look at each before it is
committed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes

import alliance_stats as al
from alliance_stats.core.drawing import figure_of, house_style, new_axes

HERE = Path(__file__).parent / "images" / "gallery"
SCORE = "wai-sr/total/client"


def pictures() -> dict[str, Callable[[], Axes]]:
    """Return each picture's name, and what draws it."""
    study = al.load_dataset("demo-trial")
    found = al.detect_ruptures(study, measure=SCORE, rule="drop_stricter_sd")
    gap = al.rating_gap(study, measure="wai-sr", scale="total")

    def model() -> al.MultilevelFit:
        rows = study.select(SCORE).dropna(subset=["score"])
        return al.fit_multilevel("score ~ session + (1 | client_id) + (1 | therapist_id)", rows)

    def surface() -> Axes:
        last = study.select("core-10").groupby("client_id")["score"].last().rename("distress")
        means = gap.pairs.groupby("client_id")[["client", "therapist"]].mean()
        rows = means.join(last).dropna().reset_index()
        return al.fit_response_surface(rows, x="client", y="therapist", outcome="distress").plot()

    def one_client() -> Axes:
        judged = found.clients.dropna(subset=["n_repaired"])
        clients = judged.sort_values(["n_repaired", "n_sessions"], kind="stable")
        return found.plot(clients["client_id"].iloc[-1])

    return {
        "course": lambda: al.plot_course(
            al.mean_course(study, measure="wai-sr", scale="total"), new_axes(), label="WAI-SR total"
        ),
        "one-client": one_client,
        "many-clients": lambda: found.plot_clients().flat[0],
        "event-study": lambda: al.fit_event_study(
            study, alliance="wai-sr", outcome="core-10", rule="drop_stricter_sd"
        ).plot(),
        "dropout": lambda: al.dropout_incidence(study).plot(),
        "gap": lambda: gap.plot(),
        "bland-altman": lambda: al.plot_bland_altman(gap),
        "surface": surface,
        "check": lambda: al.check_model(model()).plot(),
        "forest": lambda: al.plot_published(
            al.load_dataset("published/dropout").query("metric == 'proportion'"),
            xlabel="Share who drop out",
        ),
        "incidence-arms": lambda: al.dropout_incidence(study, by="condition").plot(),
    }


def main(wanted: list[str]) -> None:
    """Draw all pictures, or those that are named."""
    HERE.mkdir(parents=True, exist_ok=True)
    for name, draw in pictures().items():
        if wanted and name not in wanted:
            continue
        start = time.process_time()
        with house_style():
            figure_of(draw()).savefig(HERE / f"{name}.png", dpi=110)
        print(f"{name}: {time.process_time() - start:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
