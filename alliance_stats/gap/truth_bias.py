"""Truth and bias: does the therapist's judgement follow the client's rating, and how far off?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..errors import DesignError, did_you_mean
from ..results import Result
from . import linear
from .levels import complete_rows, grouping, require_one_scale, require_variance, table_of
from .linear import Linear
from .truth_bias_design import affordable, columns, design, formula
from .truth_bias_words import claims_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Standardise = Literal["pooled", "dyad"]
STANDARDISE = (None, "pooled", "dyad")
RANDOM = ("slopes", "intercepts")
NAMES = {"Intercept": "directional_bias", "truth": "truth_force", "bias": "bias_force"}


@dataclass(frozen=True, eq=False)
class TruthAndBias(Result):
    """A truth-and-bias model; made by `fit_truth_and_bias`.

    Attributes
    ----------
    table
        What ``tidy()`` gives: ``directional_bias``, ``truth_force``, ``bias_force`` (with a bias
        variable), ``<term>:<moderator>``; then standard deviations and correlations of the
        directional bias and the truth force between dyads and between therapists.
    varcomp
        ``group, term1, term2, vcov, sdcor``: the same variances, with their covariance.
    dyads
        Each dyad's ``directional_bias`` and ``truth_force`` (the average plus conditional modes)
        and ``n``, its number of sessions. None without `by`.
    claims
        For each number the claim it supports, and what it does not show.
    moderator_means
        The values at which moderators were centred.
    linear
        Coefficients and covariance; ``.linear.fit`` is the multilevel fit.
    """

    table: pd.DataFrame
    varcomp: pd.DataFrame | None
    dyads: pd.DataFrame | None
    claims: pd.DataFrame
    moderator_means: dict[str, float]
    linear: Linear
    levels: tuple[str, ...]
    n_rows: int
    standardise: str | None
    messages: tuple[str, ...] = ()
    title: str = "Truth and bias"

    def tidy(self) -> pd.DataFrame:
        """Return one row a term."""
        return self.table

    def glance(self) -> pd.DataFrame:
        """Return one row: numbers of rows and groups, convergence."""
        fit = self.linear.fit
        row: dict[str, Any] = {"nobs": self.n_rows, "standardise": self.standardise or "no"}
        if fit is not None:
            sizes = dict(zip(self.levels, fit.n_groups.values(), strict=True))
            row |= {f"n_{name}": size for name, size in sizes.items()}
            row |= {"converged": fit.converged, "singular": fit.singular}
        return pd.DataFrame([{**row, "sigma": float(np.sqrt(self.linear.scale))}])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every dyad's truth force against its directional bias."""
        from .plots import plot_truth_and_bias

        return plot_truth_and_bias(self, ax)


def fit_truth_and_bias(
    data: pd.DataFrame,
    *,
    truth: str,
    judgment: str,
    by: str | Sequence[str] | None = "client_id",
    bias: str | None = None,
    moderators: Sequence[str] = (),
    time: str | None = None,
    standardise: Standardise | None = None,
    random: Literal["slopes", "intercepts"] = "slopes",
    df: Literal["satterthwaite", "kenward-roger", "normal"] = "satterthwaite",
    same_scale: bool = False,
) -> TruthAndBias:
    """Does the therapist's judgement follow the client's rating, and how far is it off on average?

    Judgement and truth are both centred on the truth's mean, so that the intercept is the mean
    difference (*directional bias*) and the slope the pull of the truth (*truth force*).

    Parameters
    ----------
    data
        One row a session (or a dyad) with both ratings; `rating_gap`'s ``.pairs`` is such a table.
    truth, judgment
        Columns: what is judged (the client's rating) and the judgement (the therapist's).
    by
        ``"client_id"``: centred on each client's own truth mean over the rows used; directional
        bias and truth force vary between clients. ``["client_id", "therapist_id"]``: and between
        therapists. ``None``: one row a dyad, centred on the grand mean, least squares.
    bias
        A further column that may pull the judgement (the therapist's previous rating, the mean of
        the therapist's other clients), centred on the same truth mean: the *bias force*.
    moderators
        Numeric columns, of any level, that may change directional bias and truth force; centred on
        their mean over the rows, so that the main terms speak of an average row.
    time
        The session number: a moderator like the others. ``truth_force:session`` above zero: the
        therapist comes to follow the client more closely.
    standardise
        ``None``: raw points. ``"pooled"``: deviations divided by each rating's own pooled SD
        within dyads (without `by`: its SD). ``"dyad"``: by each dyad's own SDs; only then is the
        truth force the mean correlation within dyads. Dyads with fewer than 3 sessions or a
        constant rating have no such SD and are left out and counted.
    random
        ``"slopes"``: bias and truth force vary; ``"intercepts"``: only the bias varies.
    df
        How degrees of freedom are found.
    same_scale
        Say True where ranges look unlike although both ratings are on one scale.

    Returns
    -------
    TruthAndBias

    Raises
    ------
    DesignError
        Ratings on different scales, a client with two therapists, no dyad with two sessions.
    ColumnError
        A column is missing or holds no numbers.

    Notes
    -----
    With J the judgement, T the truth, M the truth's mean: ``J - M = b0 + b1 (T - M) + b2 (B - M)``
    with random b0 and b1 (West & Kenny 2011, doi 10.1037/a0022936). The client's rating is taken
    as the truth by convention; it too has error, which pulls the truth force towards zero: by the
    reliability of deviations within dyads.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=10, n_clients=60, seed=4)
    >>> pairs = al.rating_gap(study, measure="wai-sr", scale="total", replicates=2).pairs
    >>> found = al.fit_truth_and_bias(pairs, truth="client", judgment="therapist")
    >>> found.tidy()["term"].tolist()[:2]
    ['directional_bias', 'truth_force']
    """
    _check(standardise, random)
    levels = grouping(by)
    data = table_of(data)
    further = [*moderators, *([time] if time else [])]
    wanted = {"truth": truth, "judgment": judgment}
    wanted |= {"bias": bias} if bias else {}
    wanted |= {f"moderator{i}": name for i, name in enumerate(further)}
    rows, messages = complete_rows(data, wanted, levels)
    if not same_scale:
        require_one_scale(rows["truth"], rows["judgment"], (truth, judgment))
    require_variance(rows["truth"], truth, "a truth force needs a truth that varies.")
    frame, scaled, means = design(rows, levels, bias, further, standardise, messages)
    if levels:
        if random == "slopes":
            random = affordable(frame, messages)
        found = linear.multilevel(formula(frame, levels, random), frame, df=df, levels=levels)
        assert found.fit is not None
        messages += [linear.renamed(message, levels) for message in found.fit.messages]
    else:
        _note_repeated(data, messages)
        found = linear.least_squares(frame["judgment"].to_numpy(), columns(frame))
    terms = _terms(list(found.params.index), further)
    table, varcomp = _tables(found, terms, levels)
    return TruthAndBias(
        table=table,
        varcomp=varcomp,
        dyads=_dyads(found, frame, rows) if levels else None,
        claims=claims_of(terms, scaled, bool(levels)),
        moderator_means=means,
        linear=found,
        levels=tuple(levels),
        n_rows=len(frame),
        standardise=standardise,
        messages=tuple(messages),
    )


def _check(standardise: object, random: object) -> None:
    if standardise not in STANDARDISE:
        hint = did_you_mean(standardise, STANDARDISE[1:])
        raise DesignError(
            f"standardise must be None, 'pooled' or 'dyad', not {standardise!r}.{hint}"
        )
    if random not in RANDOM:
        raise DesignError(
            f"random must be 'slopes' or 'intercepts', not {random!r}."
            f"{did_you_mean(random, RANDOM)}"
        )


def _note_repeated(data: pd.DataFrame, messages: list[str]) -> None:
    if "client_id" in data.columns and data["client_id"].duplicated().any():
        messages.append(
            "by=None treats rows as independent, but clients have several rows: intervals are "
            "too narrow. Use by='client_id', or one row a dyad."
        )


def _terms(params: list[str], further: list[str]) -> dict[str, str]:
    """Return the reader's name of each coefficient."""
    names = dict(NAMES)
    for i, name in enumerate(further):
        names[f"moderator{i}"] = f"directional_bias:{name}"
        names[f"truth_moderator{i}"] = f"truth_force:{name}"
    return {name: names[name] for name in params}


def _tables(
    found: Linear, terms: dict[str, str], levels: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    fixed = found.rows(np.eye(len(terms)), list(terms.values()))
    if found.fit is None:
        return fixed, None
    groups = {f"level{i + 1}": name for i, name in enumerate(levels)}
    random = found.fit.tidy().query("effect == 'random'").copy()
    words = random["term"].str.split(" ")
    random["term"] = [" ".join(terms.get(word, word) for word in parts) for parts in words]
    random["group"] = random["group"].replace(groups)
    varcomp = found.fit.varcomp.copy()
    varcomp["group"] = varcomp["group"].replace(groups)
    for column in ("term1", "term2"):
        varcomp[column] = [terms.get(name, name) for name in varcomp[column]]
    return pd.concat([fixed, random], ignore_index=True), varcomp


def _dyads(found: Linear, frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return each dyad's directional bias and truth force, shrunken, at average moderators."""
    fit = found.fit
    assert fit is not None
    sizes = frame.groupby("level1").size()
    out = pd.DataFrame({"n": sizes})
    parents = (
        frame.drop_duplicates("level1").set_index("level1")["level2"] if "level2" in frame else None
    )
    for name, term in (("Intercept", "directional_bias"), ("truth", "truth_force")):
        value = pd.Series(float(found.params[name]), index=out.index)
        own = fit.random_effects["level1"]
        if name in own:
            value = value + own[name].reindex(out.index).to_numpy()
        if parents is not None and name in fit.random_effects["level2"]:
            above = fit.random_effects["level2"][name]
            value = value + above.reindex(parents.reindex(out.index)).to_numpy()
        out[term] = value
    return out.rename_axis("dyad").reset_index()
