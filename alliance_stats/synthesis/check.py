"""`check_synthetic`: is a synthetic study like the original, and does it give anybody away?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd

from ..core.disclosure import SMALLEST_SHOWN
from ..core.results import Result
from ..errors import DesignError, listing, plural
from ..inference.rows import tidy_rows
from ..multilevel.fit import fitted
from ..study import Study
from .course import scores_of
from .forms import Form, forms_of
from .structure import held_sessions, with_own_groups

NEAR = 0.05  # share of real clients that are nearer than this to another real one
SHARES = (0.25, 0.5, 0.75)  # of clients, whose number of sessions is compared
FEWEST_ROWS = 50


@dataclass(frozen=True, eq=False)
class SyntheticCheck(Result):
    """A synthetic study beside its original.

    Attributes
    ----------
    likeness
        A row a number that a reader would take from either study: ``what`` (``variance``,
        ``lag``, ``length``, ``reason``, ``clients``, ``arm``), ``group, term, original,
        synthetic`` and, where it has one, the original's ``std_error``. It shows estimates of the
        original: look before it is given away.
    disclosure
        ``what, value, expected``: synthetic clients who are nearer to a real one than nearly all
        real clients are to each other, courses that are copies, and values that fewer than ten
        clients of the original have.
    """

    likeness: pd.DataFrame
    disclosure: pd.DataFrame
    n_clients: int
    messages: tuple[str, ...] = ()
    title = "Synthetic study less its original"

    def tidy(self) -> pd.DataFrame:
        """Return the difference, synthetic less original, of every number."""
        table = self.likeness
        difference = table["synthetic"] - table["original"]
        names = table["what"] + " " + table["term"]
        return tidy_rows(names.str.strip(), difference, table["std_error"], group=table["group"])

    def glance(self) -> pd.DataFrame:
        """Return one row: how far variances and lags are apart, and what gives people away."""
        table = self.likeness
        variances = table[table["what"] == "variance"]
        lags = table[table["what"] == "lag"]
        relative = (variances["synthetic"] / variances["original"] - 1.0).abs()
        within = ((lags["synthetic"] - lags["original"]).abs() <= lags["std_error"]).mean()
        told = dict(zip(self.disclosure["what"], self.disclosure["value"], strict=True))
        row = {
            "median_variance_difference": float(relative.median()),
            "lags_within_one_se": float(within),
            "near_clients": told["nearer than real clients"],
            "copies": told["copies of a course"],
            "singletons": told["rare values"],
            "n_clients": self.n_clients,
        }
        return pd.DataFrame([row])


def check_synthetic(study: Study, synthetic: Study) -> SyntheticCheck:
    """Compare a synthetic study with its original: is it like it, and does it tell of anybody?

    Parameters
    ----------
    study
        The original.
    synthetic
        What `synthetic_study` made of it, or another study of the same measures.

    Returns
    -------
    SyntheticCheck
        ``likeness``, ``disclosure`` and the sentences that follow in ``.messages``.

    Raises
    ------
    DesignError
        Where one has no clients or sessions, or the two have no score in common.

    Notes
    -----
    A client is described by the number of sessions and, of each score, its mean, first and last
    value and SD, each over its SD between real clients; the distance is Euclidean. A synthetic
    client is near where the nearest real one is closer than the nearest real neighbour of 95 % of
    real clients is; of another sample of the same population about five in a hundred are.

    Examples
    --------
    >>> import alliance_stats as al
    >>> original = al.simulate_study(n_therapists=8, n_clients=60, seed=1)
    >>> shown = al.synthetic_study(original, seed=2)
    >>> int(al.check_synthetic(original, shown).glance()["copies"].iloc[0])
    0
    """
    for one in (study, synthetic):
        if one.table("clients").empty or one.table("sessions").empty:
            raise DesignError(f"The study '{one.name}' has no clients or no sessions to compare.")
    mine, theirs = (forms_of(one)[0] for one in (study, synthetic))
    names = {form.name for form in theirs}
    forms = [form for form in mine if form.name in names]
    if not forms:
        raise DesignError("The two studies have no score at sessions in common.")
    first = int(study.tables["sessions"]["session"].min())
    both = [_scores(one, forms, first) for one in (study, synthetic)]
    told = [
        {**_models(rows, forms), **_ends(one), **_people(one)}
        for rows, one in zip(both, (study, synthetic), strict=True)
    ]
    rows = [
        (*key, value, told[1].get(key, (np.nan,))[0], error)
        for key, (value, error) in told[0].items()
    ]
    columns = ["what", "group", "term", "original", "synthetic", "std_error"]
    near, expected, ratio = _nearest(*(_described(rows_, forms) for rows_ in both))
    copies = len(_courses(both[0], forms) & _courses(both[1], forms))
    rare = _rare(study, synthetic)
    disclosure = pd.DataFrame(
        [
            ("nearer than real clients", near, expected),
            ("distance over that of real clients (median)", ratio, 1.0),
            ("copies of a course", float(copies), 0.0),
            ("rare values", float(len(rare)), 0.0),
        ],
        columns=["what", "value", "expected"],
    )
    likeness, n = pd.DataFrame(rows, columns=columns), len(synthetic.tables["clients"])
    said = (*_lost(likeness), *_said(near, copies, rare, n))
    return SyntheticCheck(likeness, disclosure, n, said)


def _lost(likeness: pd.DataFrame) -> list[str]:
    """Say where clients or whole arms of the original are not in the synthetic study."""
    table = likeness.set_index("what")
    clients, said = table.loc["clients"], []
    if clients["original"] != clients["synthetic"]:
        said.append(
            f"The synthetic study has {clients['synthetic']:.0f} clients, the original "
            f"{clients['original']:.0f}."
        )
    alone = likeness[likeness["term"] == "without a therapist"]
    if (alone["original"] > 0).any() and not alone["synthetic"].any():
        said.append(
            f"{plural(int(alone['original'].iloc[0]), 'client')} of the original without a "
            "therapist; in the synthetic study each has one."
        )
    arms = likeness[likeness["what"] == "arm"]
    gone = arms.loc[arms["synthetic"].isna(), "term"].tolist()
    if gone:
        said.append(f"Arms of the original that the synthetic study has not: {listing(gone)}.")
    return said


def _said(near: float, copies: int, rare: Sequence[str], n: int) -> list[str]:
    chance = NEAR + 2.0 * np.sqrt(NEAR * (1 - NEAR) / n)
    said = [
        f"{near:.0%} of the synthetic clients are nearer to a real one than {1 - NEAR:.0%} of real "
        f"clients are to each other; of another sample of the same people about {NEAR:.0%} would "
        f"be{', so somebody may be told' if near > chance else ''}."
    ]
    if copies:
        said.append(
            f"{copies} synthetic courses are those of real clients, score by score; short courses "
            "can be alike by chance. Look before giving the study away."
        )
    if rare:
        words = ", ".join(rare)
        said.append(f"Values that fewer than {SMALLEST_SHOWN} real clients have: {words}.")
    return said


def _scores(study: Study, forms: Sequence[Form], first: int) -> pd.DataFrame:
    clients = study.tables["clients"]
    if "therapist_id" not in clients:
        clients = clients.assign(therapist_id="T")
    study = study.with_tables(clients=with_own_groups(clients))
    frame = scores_of(study, forms, first)
    names = {form.name: f"f{place}" for place, form in enumerate(forms)}
    return frame.rename(columns=names)


Told = dict[tuple[str, str, str], tuple[float, float]]


def _models(rows: pd.DataFrame, forms: Sequence[Form]) -> Told:
    """Return variance components of every score, and effects of the session before."""
    found: Told = {}
    groups = "(1 | client)" + " + (1 | therapist)" * (len(rows["therapist"].unique()) > 1)
    for place, form in enumerate(forms):
        own = rows.dropna(subset=[f"f{place}"])
        parts = fitted(f"f{place} ~ time + {groups}", own).varcomp
        for group, value in zip(parts["group"], parts["vcov"], strict=True):
            found["variance", str(group).lower(), form.name] = (float(value), np.nan)
    for x, y in permutations(range(len(forms)), 2):
        lagged = _lagged(rows, f"f{x}", f"f{y}")
        if len(lagged) < FEWEST_ROWS:
            continue
        fit = fitted(f"f{y} ~ time + within + between + {groups}", lagged)
        if "within" in fit.names:
            term = f"{forms[x].name} on {forms[y].name}"
            found["lag", "within", term] = (float(fit.params["within"]), float(fit.bse["within"]))
    return found


def _lagged(rows: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return rows with the x of the session before, within and between clients."""
    before = rows[["client", "session", x]].assign(session=rows["session"] + 1)
    frame = rows.drop(columns=x).merge(before, on=["client", "session"]).dropna(subset=[x, y])
    between = frame.groupby("client")[x].transform("mean")
    return frame.assign(within=frame[x] - between, between=between)


def _ends(study: Study) -> Told:
    """Return how long therapies lasted, and why they ended."""
    last = held_sessions(study.tables["sessions"]).groupby("client_id")["session"].max()
    found: Told = {}
    for share in SHARES:
        found["length", "", f"in sessions, {share:.0%} of clients below"] = (
            float(last.quantile(share)),
            np.nan,
        )
    ends = study.tables.get("terminations")
    if ends is not None:
        reasons = ends["reason"].value_counts()
        for reason, n in reasons[reasons >= SMALLEST_SHOWN].items():
            share = n / reasons.sum()
            error = float(np.sqrt(share * (1 - share) / reasons.sum()))
            found["reason", "", str(reason)] = (float(share), error)
    return found


def _people(study: Study) -> Told:
    """Return how many clients there are, and the share of each arm of ten or more."""
    clients = study.tables["clients"]
    found: Told = {("clients", "", "number"): (float(len(clients)), np.nan)}
    if "therapist_id" in clients:
        alone = float(clients["therapist_id"].isna().sum())
        found["alone", "", "without a therapist"] = (alone, np.nan)
    if "condition" in clients:
        arms = clients["condition"].value_counts()
        for arm, n in arms[arms >= SMALLEST_SHOWN].items():
            share = n / arms.sum()
            error = float(np.sqrt(share * (1 - share) / arms.sum()))
            found["arm", "", str(arm)] = (float(share), error)
    return found


def _described(rows: pd.DataFrame, forms: Sequence[Form]) -> pd.DataFrame:
    """Return what describes a client."""
    groups = rows.sort_values(["client", "session"]).groupby("client")
    found = {"sessions": groups["session"].max().astype(float)}
    for place in range(len(forms)):
        for what in ("mean", "first", "last", "std"):
            found[f"{what} {place}"] = getattr(groups[f"f{place}"], what)()
    return pd.DataFrame(found)


def _nearest(real: pd.DataFrame, made: pd.DataFrame) -> tuple[float, float, float]:
    """Return the share of made clients near a real one, what is expected, and distances' ratio."""
    from scipy.spatial import cKDTree

    mean, sd = real.mean(), real.std().replace(0.0, 1.0).fillna(1.0)
    points, others = (((x - mean) / sd).fillna(0.0).to_numpy() for x in (real, made))
    tree = cKDTree(points)
    own = tree.query(points, k=2)[0][:, 1]
    away = tree.query(others, k=1)[0]
    limit = np.quantile(own, NEAR)
    return float((away < limit).mean()), NEAR, float(np.median(away) / np.median(own))


def _courses(rows: pd.DataFrame, forms: Sequence[Form]) -> set[tuple[object, ...]]:
    """Return courses of three sessions or more, score by score."""
    columns = [f"f{place}" for place in range(len(forms))]
    found = set()
    for _, course in rows.sort_values("session").groupby("client"):
        if len(course) >= 3:
            values = course[["session", *columns]].round(2).fillna(-1.0).to_numpy()
            found.add(tuple(values.ravel().tolist()))
    return found


def _rare(study: Study, synthetic: Study) -> list[str]:
    """Return words of the synthetic study that fewer than ten clients of the original have."""
    found = []
    for table, column in (("clients", "condition"), ("terminations", "reason")):
        real, made = (one.tables.get(table) for one in (study, synthetic))
        if real is None or made is None or column not in real or column not in made:
            continue
        n = real[column].value_counts()
        found += [str(v) for v in made[column].dropna().unique() if n.get(v, 0) < SMALLEST_SHOWN]
    return found
