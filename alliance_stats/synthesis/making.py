"""`synthetic_study`: a study that may be shown, drawn from models of one that may not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import whole
from ..core.disclosure import RARE, SMALLEST_SHOWN, WithheldError
from ..core.id_masking import Names
from ..errors import DesignError, listing
from ..simulation.answers import draw_answers
from ..study import Study
from ..study.truth import Truth
from .course import draw_scores, learn_course, scores_of
from .forms import Form, forms_of
from .occasions import draw_occasions, learn_occasions
from .structure import SCORED, Drawn, Structure, draw_structure, learn_structure, with_own_groups

FEWEST_CLIENTS = 20
LEFT_OUT = RARE - 1
"""Clients whom means are not learned of, others where the data differ: beside the same of one
client fewer (another study, a file) what that client adds is told as well as in a sum of five."""
MADE = ("therapists", "clients", "sessions", "ratings", "scores", "terminations", "assessments")


def synthetic_study(study: Study, *, seed: int = 0) -> Study:
    """Make a study that may be shown where the original may not: can others run my code?

    People, sessions, ends of therapy, missing forms and scores are drawn from models of the
    original, and no row of it is copied. So an analysis can be published with data on which it
    runs, tables have their shape, and what it finds is near what it finds in the original. It is
    no substitute for the data: what the models do not hold (see Notes) is not there, and no claim
    about patients rests on it.

    Parameters
    ----------
    study
        The original: with a table of clients, sessions, and scores or answers at sessions.
    seed
        A whole number; the same study and seed give the same synthetic one.

    Returns
    -------
    Study
        With the tables therapists, clients, sessions, ratings or scores, terminations and
        assessments, as far as the original has them; ``.synthetic`` is True, so every page,
        figure and saved file says so, and ``.notes`` say what was not made. `check_synthetic`
        compares it with the original and looks for what it could give away.

    Raises
    ------
    WithheldError
        Where fewer than twenty clients are in the study; it is a `DesignError`.
    DesignError
        Where there are no scores at sessions.

    Notes
    -----
    Nothing is learned of fewer than ten people. Means of scores and how they change are not learned
    of four clients drawn at random, the same for each seed and others for any other data: else two
    of which one holds one client more would give that client's mean away. Who has not the data
    cannot draw again, whatever the seed. Held: caseloads, of ten therapists where there are fewer
    (none where they are fewer than five); clients without a therapist, where they are ten or more,
    else each has one; sites and conditions (shares of ten or more), the hazard of each end over
    spans of sessions, the calendar (quarters in which ten or more begin), missing forms and
    answers, the range and steps of each form; of scores the course by condition, variances and
    covariances between therapists, clients (level and change) and sessions, and what is carried
    from session to session. The parameters of scores are found by indirect inference: multilevel
    models fitted to the draw give what they give in the original. Not held: who drops out by what
    they said, clients who change therapist, what is not normal (ruptures), further columns and
    tables.

    Gourieroux, Monfort & Renault (1993), doi 10.1002/jae.3950080507.

    Examples
    --------
    >>> import alliance_stats as al
    >>> original = al.simulate_study(n_therapists=8, n_clients=60, seed=1)
    >>> shown = al.synthetic_study(original, seed=2)
    >>> shown.synthetic, len(shown.clients)
    (True, 60)
    """
    seed = whole(seed, "seed", 0)
    key, checked = _key_of(study), _checked(study)
    streams = np.random.SeedSequence([*key, seed]).spawn(4)
    original = _without_few(checked, np.random.default_rng(key))
    forms, left = forms_of(original)
    if not forms:
        raise DesignError(
            "A synthetic study is drawn from models of scores at sessions, and the study has none "
            f"that fifty forms or more tell of{f': {listing(left, 20)}' if left else ''}."
        )
    # beside the number of all, one of those who have a therapist would count those without
    structure = replace(learn_structure(checked, forms), n_clients=len(study.tables["clients"]))
    drawn = draw_structure(structure, forms, np.random.default_rng(streams[0]))
    scores, of_all = (scores_of(one, forms, structure.first) for one in (original, checked))
    arms = tuple(dict.fromkeys([*structure.conditions, *structure.alone]))
    course = learn_course(scores, of_all, forms, arms, drawn, streams[1])
    made = draw_scores(course, forms, drawn, streams[1])
    tables = _tables(original, structure, forms, drawn, made, np.random.default_rng(streams[2]))
    occasions = learn_occasions(original, forms, scores)
    if occasions:
        tables["assessments"] = draw_occasions(
            occasions, made, _ids("C", len(drawn.therapist)), np.random.default_rng(streams[3])
        )
    parameters = {"seed": seed, "made_by": "synthetic_study", "forms": [f.name for f in forms]}
    return Study(
        f"synthetic-{Names.of(study).mask(study.name)}",
        tables,
        measures=study.measures,
        synthetic=True,
        raters=study.raters,
        notes=tuple(_notes(study, left)),
        truth=Truth(parameters=parameters),
    )


def _key_of(study: Study) -> list[int]:
    """Return numbers that random ones follow from: who does not have the data cannot draw again.

    Studies that differ in anything have nothing in common, else their difference were exact.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, table in sorted(study.tables.items()):
        rows = table[sorted(table.columns)].astype(str)
        digest.update(name.encode())
        digest.update(np.asarray(pd.util.hash_pandas_object(rows, index=False)).tobytes())
    return np.frombuffer(digest.digest(), dtype=np.uint32).tolist()


def _without_few(study: Study, rng: np.random.Generator) -> Study:
    """Return the study without a few clients, drawn at random.

    They are the same for every seed: else the mean over many seeds would be that of all.
    """
    gone = rng.choice(study.tables["clients"]["client_id"].unique(), LEFT_OUT, replace=False)
    return study.with_tables(
        **{
            name: table[~table["client_id"].isin(gone)].reset_index(drop=True)
            for name, table in study.tables.items()
            if "client_id" in table
        }
    )


def _checked(study: Study) -> Study:
    """Return the study with one therapist where none is known; refuse one that is too small.

    Clients without a therapist are groups of one; where they are few, nothing is learned of them.
    """
    for name in ("clients", "sessions"):
        if not study.has(name):
            raise DesignError(f"A synthetic study needs the table '{name}'; the study has none.")
    clients = study.tables["clients"]
    if len(clients) < FEWEST_CLIENTS:
        raise WithheldError(
            f"The study has fewer than {FEWEST_CLIENTS} clients: a model of so few tells of "
            "single ones, so nothing is made of it."
        )
    seen = clients.get("therapist_id", pd.Series()).dropna()
    if seen.nunique() < RARE or len(seen) < SMALLEST_SHOWN:
        clients = clients.assign(therapist_id="T")
    if clients["therapist_id"].isna().sum() < SMALLEST_SHOWN:
        clients = clients.dropna(subset=["therapist_id"])
    return study.with_tables(clients=with_own_groups(clients))


def _notes(study: Study, left: Sequence[str]) -> list[str]:
    said = [
        "SYNTHETIC: every row was drawn from models of another study, none is of a real person. It "
        "shows that code runs and what its tables look like; it is no evidence about patients.",
    ]
    tables = [name for name in study.tables if name not in MADE]
    if tables:
        said.append(f"Tables of the original that were not made: {listing(tables, 20)}.")
    if left:
        said.append(f"Scores of the original that were not made: {listing(left, 20)}.")
    return said


def _ids(letter: str, n: int) -> np.ndarray:
    width = max(len(str(n)), 2)
    return np.array([f"{letter}{number:0{width}d}" for number in range(1, n + 1)])


def _tables(
    study: Study,
    s: Structure,
    forms: Sequence[Form],
    drawn: Drawn,
    made: pd.DataFrame,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    """Return the tables of the synthetic study."""
    client, therapist = _ids("C", s.n_clients), _ids("T", s.n_therapists)
    of_client = np.append(therapist.astype(object), np.full(s.n_alone, None))[drawn.therapist]
    alone = s.n_therapists < SMALLEST_SHOWN
    sites = _ids("S", max(len(s.sites), 1))
    who: dict[str, Any] = {"client_id": client}
    if not alone:
        who["therapist_id"] = of_client
    if s.sites:
        who["site_id"] = sites[drawn.site[drawn.therapist]]
    if s.conditions:
        who["condition"] = drawn.condition
    rows = drawn.sessions
    keys = {"client_id": client[rows["client"]], "session": rows["session"].to_numpy()}
    sessions = pd.DataFrame(keys)
    if not alone:
        sessions["therapist_id"] = of_client[rows["client"]]
    if "date" in rows:
        sessions["date"] = rows["date"].to_numpy()
    if s.attended is not None:
        sessions["attended"] = rows["attended"].to_numpy()
    found = {"clients": pd.DataFrame(who), "sessions": sessions}
    if not alone:
        people = pd.DataFrame({"therapist_id": therapist})
        found["therapists"] = (
            people.assign(site_id=sites[drawn.site[: len(therapist)]]) if s.sites else people
        )
    if study.has("terminations") and (drawn.reason != "").any():
        last = rows.groupby("client")["session"].max().to_numpy()
        ends: dict[str, Any] = {"client_id": client, "last_session": last, "reason": drawn.reason}
        ends |= {"definition": "synthetic", "judged_by": "therapist"}
        found["terminations"] = pd.DataFrame(ends)[drawn.reason != ""].reset_index(drop=True)
    blocks = [_block(form, made, client, drawn, rng) for form in forms]
    for table, whole_ in (("ratings", True), ("scores", False)):
        mine = [
            b for form, b in zip(forms, blocks, strict=True) if (form.answers is None) != whole_
        ]
        if mine:
            found[table] = pd.concat(mine, ignore_index=True).sort_values(
                ["client_id", "session"], kind="stable", ignore_index=True
            )
    return found


def _block(
    form: Form, made: pd.DataFrame, client: np.ndarray, drawn: Drawn, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the answers of one form, or its totals."""
    rows = made[made[form.name].notna()]
    score = rows[form.name].to_numpy()
    keys = pd.DataFrame(
        {
            "client_id": client[rows["client"]],
            "session": rows["session"].to_numpy(),
            "rater": form.rater,
            "measure": form.measure,
        }
    )
    if form.answers is None:
        return keys.assign(scale=form.scale, score=score)
    answers = draw_answers(
        form.answers,
        form.answers.item_mean(score),
        rows["client"].to_numpy(),
        item_sd=form.item_sd,
        answer_sd=form.answer_sd,
        item_means=np.array(form.item_means),
        rng=rng,
    )
    k = answers.shape[1]
    order = rng.random(answers.shape).argsort(axis=1).argsort(axis=1)
    lacking = np.minimum(rng.binomial(k, form.item_missing, len(answers)), form.too_many - 1)
    scored = drawn.sessions.loc[rows.index, SCORED + form.name].to_numpy()
    answers[order < np.where(scored, lacking, form.too_many)[:, None]] = np.nan
    long = keys.loc[keys.index.repeat(k)].reset_index(drop=True)
    return long.assign(item=np.tile(form.answers.items, len(keys)), value=answers.ravel())
