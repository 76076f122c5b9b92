"""What a run can say of its results, and what it has to ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .checks import rows
from .tripod_methods import Said, fitted_models, missing, unit

if TYPE_CHECKING:
    from .result import DropoutPrediction


def results(r: DropoutPrediction) -> dict[str, Said]:
    """Return answer and question of every item of the results the run knows something of."""
    return {
        "20a": (_flow(r), ""),
        "20b": (r.cohort.get("20b") or missing(r), ""),
        "20c": ("Not applicable: no separate evaluation data.", ""),
        "21": (_sizes(r), ""),
        "22": _specification(r),
        "23a": (_performance(r), ""),
        "23b": _heterogeneity(r),
        "24": ("No updating was done.", ""),
        "26": (_limits(r), "Which other limitations are there (whom the clients stand for, how the "
               "ending was judged, missing data)?"),
    }  # fmt: skip


def _flow(r: DropoutPrediction) -> str:
    steps = "; ".join(f"{row.step} {row.n if row.n >= 0 else f'-{-row.n}'}" for row in rows(r.flow))
    events = int(r.predictions["event"].sum())
    own = f"{steps}. With dropout {events}, without {len(r.predictions) - events}."
    return f"{own[0].upper()}{own[1:]} {r.cohort.get('20a', '')}".strip()


def _sizes(r: DropoutPrediction) -> str:
    events = int(r.predictions["event"].sum())
    therapists = r.folds["therapist_id"].nunique()
    return (
        f"{len(r.predictions)} clients, {events} dropouts, {therapists} therapists, the same in "
        f"every model. {r.cohort.get('21', '')}"
    ).strip()


def _specification(r: DropoutPrediction) -> Said:
    models = fitted_models(r)
    parts = [_formula(name, part) for name, part in _by_model(r.specification)]
    words = ""
    if parts:
        words = (
            f"Refitted to all clients, log odds: {' '.join(parts)} A missing number is replaced by "
            "the value in the table .specification, which has all digits."
        )
    if "boosting" in models:
        words += " A boosting model cannot be written down."
        return words.strip(), "Where can the fitted boosting model be had?"
    if not models:
        words = f"The share of dropouts, {r.predictions['event'].mean():.3f}, for everybody."
    return words, ""


def _by_model(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [] if table.empty else [(str(n), p) for n, p in table.groupby("model", sort=False)]


def _formula(name: str, part: pd.DataFrame) -> str:
    terms = []
    for row in rows(part):
        sign, size = ("-" if row.coefficient < 0 else "+"), abs(row.coefficient)
        if row.term == "Intercept":
            terms.append(f"{row.coefficient:.3f}")
        elif np.isfinite(getattr(row, "mean", np.nan)):
            terms.append(f"{sign} {size:.3f} ({row.term} - {row.mean:.3f}) / {row.sd:.3f}")
        else:
            terms.append(f"{sign} {size:.3f} [{row.term}]")
    return f"{name} = {' '.join(terms)}."


def number(value: Any) -> str:
    """Return two decimals, without a minus before zero."""
    text = f"{value:.2f}"
    return "not available" if not np.isfinite(value) else text.replace("-0.00", "0.00")


def _performance(r: DropoutPrediction) -> str:
    words = []
    for model, part in r.performance.groupby("model", sort=False):
        own = part[part["metric"] == "brier"] if model == "base_rate" else part
        cells = []
        for row in rows(own[np.isfinite(own["estimate"])]):
            label = {"auc": "AUC", "brier": "Brier", "ici": "ICI", "scaled_brier": "scaled Brier"}
            name = label.get(row.metric, row.metric.replace("_", " "))
            cell = (
                f"{name} {number(row.estimate)} [{number(row.conf_low)}, {number(row.conf_high)}]"
            )
            if row.metric == "ici" and np.isfinite(row.if_calibrated):
                cell += f" (perfect calibration would show {number(row.if_calibrated)})"
            cells.append(cell)
        absent = [m.replace("_", " ") for m in part.loc[part["estimate"].isna(), "metric"]]
        gap = (
            f" Not shown (see 26): {', '.join(absent)}." if absent and model != "base_rate" else ""
        )
        words.append(f"{model}: {', '.join(cells)}.{gap}")
    if len(r.fairness):
        words.append(f"By group: {_groups(r)}")
    return " ".join(words)


def _groups(r: DropoutPrediction) -> str:
    own = r.fairness[
        (r.fairness["model"] == r.main_model) & r.fairness["metric"].isin(["auc", "all"])
    ]
    cells = []
    for row in rows(own):
        value = (
            "too few of either outcome" if row.metric == "all" else
            f"AUC {number(row.estimate)} [{number(row.conf_low)}, {number(row.conf_high)}]"
        )  # fmt: skip
        cells.append(f"{row.by} {row.group} ({row.n} clients, {row.n_events} dropouts): {value}")
    return f"{r.main_model}, {'; '.join(cells)}. The other measures stand in .fairness."


def _heterogeneity(r: DropoutPrediction) -> Said:
    asks = "How does performance differ between therapists and between clinics?"
    if r.new_therapist.empty:
        return "", asks
    shown = r.new_therapist[np.isfinite(r.new_therapist["estimate"])]
    words = [
        f"{row.model}, {'AUC' if row.metric == 'auc' else row.metric.replace('_', ' ')}: "
        f"{number(row.estimate)} [{number(row.conf_low)}, {number(row.conf_high)}], in a new "
        f"therapist [{number(row.prediction_low)}, {number(row.prediction_high)}]."
        for row in rows(shown)
    ]
    absent = len(shown) < len(r.new_therapist)
    if absent:
        words.append("Not shown for the rest: the therapists are too few, or have too few clients "
                     "of either outcome.")  # fmt: skip
    return " ".join(words), asks if absent else ""


def _without_list(message: str) -> str:
    """Return a message without the ids that `listing` wrote after a colon or in brackets."""
    return _LISTED.sub("", message)


_LISTED = re.compile(r"(?<=\w)(?:: [^:.;()]+(?: \(\d+ in all\))?(?=\.$)| \([^()]*\d+ in all\)\))")


def _limits(r: DropoutPrediction) -> str:
    own = " ".join(map(_without_list, r.messages))  # a checklist is handed in: nobody is named
    return (
        f"{own} Internal evaluation only, in other {unit(r)} of the same study; one partition into "
        "folds from one seed. The model refitted to all clients was not itself evaluated."
    ).strip()
