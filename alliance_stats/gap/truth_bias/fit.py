"""Truth and bias: does the therapist's judgement follow the client's rating, and how far off?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, flag
from ...core.results import Result
from .. import linear, model_rows
from ..linear import Linear
from ..model_rows import require_one_scale, require_variance
from ..random_effects import fit_with_slopes, possible_slopes, variance_rows
from .design import affordable, columns, design
from .words import claims_of

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
        variable), ``<term>:<moderator>``; then standard deviations (``sd``), correlation (``cor``)
        and covariance (``cov``) of the directional bias and the truth force between dyads and
        between therapists, with intervals from the variances' expected information. An estimate on
        its edge has none, and a correlation there is NaN: see ``messages``.
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

    @property
    def fewest(self) -> int | None:  # type: ignore[override]
        """How many people the fewest are that a coefficient is about."""
        return self.linear.fewest

    def tidy(self) -> pd.DataFrame:
        """Return one row a term."""
        return self.table

    def glance(self) -> pd.DataFrame:
        """Return one row: numbers of rows and groups, convergence."""
        row: dict[str, Any] = {"nobs": self.n_rows, "standardise": self.standardise or "no"}
        row |= self.linear.described(self.levels)
        return pd.DataFrame([{**row, "sigma": float(np.sqrt(self.linear.scale))}])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every dyad's truth force against its directional bias."""
        from ..description.plots import plot_truth_and_bias

        return plot_truth_and_bias(self, ax)


def fit_truth_and_bias(
    data: pd.DataFrame,
    *,
    truth: str,
    judgment: str,
    by: str | Sequence[str] | None = "client_id",
    bias: str | None = None,
    moderators: str | Sequence[str] | None = (),
    time: str | None = None,
    standardise: Standardise | None = None,
    slopes: Literal["all", "none"] = "all",
    df: Literal["satterthwaite", "kenward-roger", "normal"] = "satterthwaite",
    same_scale: bool = False,
    random: Literal["slopes", "intercepts"] | None = None,
    confidence: float = 0.95,
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
        therapists; use it wherever therapists are known. ``None``: one row a dyad, centred on the
        grand mean, least squares; so is any `by` with one row a unit (couples, say).
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
    slopes
        ``"all"``: bias and truth force vary together, and the bias force and the effect of each
        moderator vary by themselves wherever they change within dyads (or within therapists): an
        effect that differs between dyads but is fitted as one for all has too narrow an interval.
        What is found not to vary goes, and ``messages`` say so. ``"none"``: only the
        directional bias varies.
    df
        How degrees of freedom are found.
    same_scale
        Say True where ranges look unlike although both ratings are on one scale.
    random
        Old name of `slopes`: ``"slopes"`` or ``"intercepts"``.
    confidence
        Level of the intervals.

    Returns
    -------
    TruthAndBias

    Raises
    ------
    DesignError
        Ratings on different scales, no dyad with two sessions.
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
    checked_choice("standardise", standardise, STANDARDISE)
    kind = model_rows.random_part(slopes, random, RANDOM)
    checked_choice("df", df, linear.METHODS)
    flag(same_scale, "same_scale")
    further = [*model_rows.names_of(moderators, "moderators"), *([time] if time else [])]
    wanted = {"truth": truth, "judgment": judgment}
    wanted |= {"bias": bias} if bias else {}
    wanted |= {f"moderator{i}": name for i, name in enumerate(further)}
    rows, levels, messages = model_rows.model_rows(data, wanted, by)
    if not same_scale:
        require_one_scale(rows["truth"], rows["judgment"], (truth, judgment))
    require_variance(rows["truth"], truth, "a truth force needs a truth that varies.")
    model_rows.refuse_pairwise(rows, "truth", "judgment", levels, (truth, judgment))
    levels = model_rows.levels_in(rows, levels, messages)
    frame, scaled, means = design(rows, levels, bias, further, standardise, messages)
    if levels:
        found = _multilevel(frame, levels, further, kind, df, messages, confidence)
    else:
        found = linear.least_squares(
            frame["judgment"].to_numpy(), frame[columns(frame)], confidence
        )
    model_rows.note_clusters(data, levels, messages)
    terms = _terms(list(found.params.index), further)
    table, varcomp = _tables(found, terms, levels, messages)
    return TruthAndBias(
        table=table,
        varcomp=varcomp,
        dyads=_dyads(found, frame, rows) if levels else None,
        claims=claims_of(table, terms, scaled, bool(levels), list(means)),
        moderator_means=means,
        linear=found,
        levels=tuple(levels),
        n_rows=len(frame),
        standardise=standardise,
        messages=tuple(messages),
    )


def _multilevel(
    frame: pd.DataFrame,
    levels: list[str],
    further: list[str],
    random: str,
    df: Any,
    messages: list[str],
    confidence: float,
) -> Linear:
    """Fit with bias and force that vary, and every other effect that can vary within a level."""
    if random == "slopes":
        random = affordable(frame, messages)
    slopes, core = [], "1"
    names = {f"moderator{i}": f"directional_bias:{name}" for i, name in enumerate(further)}
    names["bias"] = "bias_force"
    if random == "slopes":
        core = "1 + truth"
        others = [c for c in map(str, frame) if c in names]
        slopes = possible_slopes(frame, others, len(levels))
    fixed = f"judgment ~ {' + '.join(columns(frame))}"
    found = fit_with_slopes(
        fixed, core, slopes, frame, df=df, levels=levels, names=names, messages=messages,
        confidence=confidence,
    )  # fmt: skip
    assert found.fit is not None
    told = [linear.renamed(message, levels) for message in found.fit.messages]
    for inner, outer in {**names, "truth": "truth_force", "Intercept": "directional_bias"}.items():
        told = [message.replace(f"'{inner}'", f"'{outer}'") for message in told]
    messages += told
    return found


def _terms(params: list[str], further: list[str]) -> dict[str, str]:
    """Return the reader's name of each coefficient."""
    names = dict(NAMES)
    for i, name in enumerate(further):
        names[f"moderator{i}"] = f"directional_bias:{name}"
        names[f"truth_moderator{i}"] = f"truth_force:{name}"
    return {name: names[name] for name in params}


def _tables(
    found: Linear, terms: dict[str, str], levels: list[str], messages: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    fixed = found.rows(np.eye(len(terms)), list(terms.values()))
    if found.fit is None:
        return fixed, None
    groups = {f"level{i + 1}": name for i, name in enumerate(levels)}

    def named(text: str) -> str:
        return " ".join(terms.get(word, word) for word in text.split(" "))

    random, edges = variance_rows(found.fit, found.confidence)
    random["term"] = [named(term) for term in random["term"]]
    random["group"] = random["group"].replace(groups)
    if edges:
        places = ", ".join(f"{named(term)} ({groups[group]})" for group, term in edges)
        messages.append(
            f"No interval, and no correlation, of {places}: the estimate lies on its edge (a "
            "variance of zero or nearly so, or a correlation of one in size), which means that "
            "these data cannot tell it, not that it is zero or perfect."
        )
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
