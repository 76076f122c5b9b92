"""Fitting a multilevel model: from formula and data to a result."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

import pandas as pd

from ..core.arguments import checked_choice, flag, whole
from ..core.partitions import source_of
from ..core.people import CLIENT
from ..errors import (
    ColumnError,
    ConvergenceWarning,
    DesignError,
    FewClustersWarning,
    SingularFitWarning,
    did_you_mean,
    warn,
)
from .after_fit.inference import METHODS, Method
from .engine.design import make_design
from .engine.membership import check_memberships
from .engine.residual import design_in_time
from .engine.structured import places_of
from .fit_options import (
    check_residual,
    refuse_for_measurements,
    refuse_for_outcomes,
    refuse_for_partitions,
)
from .formula.model_formula import Formula, parse_formula
from .outcomes import inference as outcome_inference
from .outcomes.reading import FAMILIES, Asked, read_model
from .outcomes.result import METHODS as APPROXIMATIONS
from .outcomes.result import OutcomeFit
from .partitions.design import start_of, summed_design
from .random_slopes import check_slopes, fit_varying, start_near
from .result import MultilevelFit, Prior

Residual = Literal["independent", "ar1", "unstructured"]
MOST_NODES = 201
Partitioned = pd.DataFrame | str | os.PathLike[str]
"""Rows in memory, or where partitions of them are; a Dask DataFrame is one in all but its type."""


Family = Literal["gaussian", "binomial", "poisson", "negative_binomial", "ordinal"]
Outcomes = Literal["binomial", "poisson", "negative_binomial", "ordinal"]


@overload
def fit_multilevel(
    formula: str, data: Partitioned, *, family: Literal["gaussian"] = ..., **options: Any
) -> MultilevelFit: ...
@overload
def fit_multilevel(
    formula: str, data: pd.DataFrame, *, family: Outcomes, **options: Any
) -> OutcomeFit: ...
def fit_multilevel(  # type: ignore[misc]  # what is asked of a family is asked below
    formula: str,
    data: pd.DataFrame | str | os.PathLike[str],
    *,
    family: Family = "gaussian",
    slopes: str | Sequence[str] = "none",
    reml: bool = True,
    df: Method | Literal["between-within"] | None = None,
    weights: str | Sequence[float] | None = None,
    residual: Residual = "independent",
    time: str | None = None,
    residual_by: str | None = None,
    by: str = CLIENT,
    prior: Prior | None = None,
    allow_saturated: bool = False,
    link: str | None = None,
    trials: str | None = None,
    offset: str | Sequence[float] | None = None,
    zero: Literal["none", "inflated", "hurdle"] = "none",
    method: Literal["quadrature", "laplace"] = "quadrature",
    nodes: int | None = None,
    membership: Mapping[str, pd.DataFrame] | None = None,
    progress: bool = False,
) -> MultilevelFit | OutcomeFit:
    """Fit a multilevel model to sessions within clients within therapists.

    Which part of an outcome goes with a predictor within clients, which between them, and how
    much do clients and therapists differ in level and in slope? Any number of levels is allowed
    for measurements, two nested ones for other outcomes, and their order is found from the data.
    Groups may be nested (each client under one therapist), cross (clients who changed therapist,
    items by clients) or share a row (two therapists of one session); ``.grouping`` says which. Of
    groups that are not nested only the one with the most groups may be large (thousands).

    Parameters
    ----------
    formula
        lme4's language: ``distress ~ session + alliance_within + (1 + alliance_within |
        client_id) + (1 | therapist_id)``. ``||`` leaves correlations out, ``(1 | a/b)`` is ``b``
        numbered anew within each ``a``, ``0 +`` leaves an intercept out, ``a:b`` and ``a*b`` are
        interactions, ``.`` is every other column, ``C(x)`` makes categories of numbers. It knows
        ``I(x^2)``, ``log``, ``log2``, ``log10``, ``log1p``, ``exp``, ``expm1``, ``sqrt``, ``abs``,
        ``sign``, ``sin``, ``cos``, ``tanh``, ``floor``, ``ceiling``, ``round``, ``pmin``,
        ``pmax``, ``center``, ``scale``, ``standardize``, ``poly``, ``bs``, ``ns``, ``C``,
        ``factor``, ``relevel`` and what `register_formula_function` adds; nothing of it is run as
        code (`list_formula_functions`). Text columns are categories; the
        first in sorted order (or of a pandas categorical; categories without rows do not count)
        is the reference. ``(1 + x || g)`` with categories ``x`` gives each of their columns a
        variance of its own, which depends on the reference; lme4 keeps a factor's columns
        correlated, as ``(1 | g) + (0 + x | g)`` does here and there.
    data
        One row a session. Rows with a missing value in any variable of the formula are left
        out; ``.messages`` says how many, by variable. Or, for data larger than memory, the path of
        a folder of Parquet files or a Dask DataFrame: see the page "Data larger than memory".
    family
        What the outcome is: ``"gaussian"``, a measurement (the default; what follows from `slopes`
        to `time` is for it); ``"binomial"``, a yes or no as 1 and 0, or the number of successes
        among `trials`; ``"poisson"`` or ``"negative_binomial"`` (variance mu + mu^2 / size), a
        count; ``"ordinal"``, ordered answers (an ordered category, or whole numbers). These are
        fitted by maximum likelihood, the random effects integrated by adaptive Gauss-Hermite
        quadrature nested along the groups; the lowest level may have up to three effects, the
        level above an intercept. See `OutcomeFit`.
    slopes
        Random slopes beyond those the formula writes: ``"none"``, ``"all"`` (every predictor that
        changes within the units of the lowest group, as ``session`` and ``x_within`` do within
        clients), or the names of some. An effect that differs between clients but is fitted as
        one for all has too narrow an interval. What these data cannot carry is left out by the
        rule on the page "Multilevel models"; ``.messages`` say what varies and what does not.
    reml
        Restricted maximum likelihood (the default), or maximum likelihood.
    df
        For measurements ``"satterthwaite"`` (the default, as lmerTest), ``"kenward-roger"`` (as
        pbkrtest; the standard errors are the adjusted ones; needs ``reml=True``; advised with few
        therapists) or ``"normal"`` (z tests). For other outcomes ``"normal"`` (the default) or
        ``"between-within"``: what each covers stands on the page "Do intervals cover?".
    weights
        Prior weights: a column or one number a row (a Series by its index, as `offset`). The
        residual variance of a row is ``scale / weight``, as in lme4; of other outcomes a row counts
        `weight` times.
    residual
        ``"independent"``, or ``"ar1"``: residuals of one client (of the lowest group) that lie a
        time ``d`` apart have the correlation ``phi ** d``, with phi in [0, 1), as nlme's
        ``corCAR1``. Then ``.phi`` is the estimate and ``df="kenward-roger"`` is not to be had. Or
        ``"unstructured"``: the residuals of a client (of `by`) at each two occasions have a
        covariance of their own, as in trials with a few planned measurements; no random effect of
        clients beside it (nlme's ``gls`` with ``corSymm`` and ``varIdent``).
        ``.residual_covariance`` is the estimate.
    time
        With ``residual="ar1"``: the column of session numbers or times; with ``"unstructured"``:
        of the occasions.
    residual_by
        A column whose groups, two or more, each have a residual variance (with
        ``"unstructured"``: a covariance) of their own.
    by
        With ``residual="unstructured"``: the column of those who were measured at the occasions.
    prior
        ``"boundary"`` keeps variances off zero where groups are few, by the penalty of Chung et
        al. (2013): a gamma(2.5, 0) on each standard deviation (of correlated effects, a Wishart),
        as blme's ``blmer``. ``.llf`` is the likelihood at that estimate, without the penalty. Two
        groups are too few for it, and refused.
    allow_saturated
        Whether a group may have as many random effects as there are rows. Their variance and the
        residual's can then not be told apart; that is refused, unless you know why.
    link
        ``"logit"`` (the default), ``"probit"`` or ``"cloglog"`` of a binomial, ``"logit"`` or
        ``"probit"`` of an ordinal outcome; ``"log"`` of counts.
    trials
        The column with the number of trials a row's successes are counted of.
    offset
        What is added to the linear predictor with a coefficient of one: a column, an expression
        such as ``"log(minutes)"``, or one number a row.
    zero
        Of counts: ``"inflated"``, some rows are zero whatever their rate; ``"hurdle"``, zeros have
        a probability of their own and the counts are above zero. Either probability is one for
        all rows; its logit is ``zero:Intercept``.
    method
        ``"quadrature"``, or ``"laplace"``: one node at the mode, fast, and with few rows a client
        wrong; ``fit.laplace`` holds it beside the answer.
    nodes
        A number of nodes; if left out it grows until neither deviance nor estimates move. What
        it gives is R's answer with as many (``nAGQ``).
    membership
        For groups that share a row, by the name they have in the formula: a table with a row for
        each row of the data and group, its columns ``row`` (the index of the data), the group's
        name, and ``weight``. ``{"therapist_id": frame}`` goes with ``(1 | therapist_id)``;
        `therapist_exposure` makes such a table. Where the groups stand in columns of the data,
        ``(1 | mm(first, second, weights=[w1, w2]))`` says the same; without weights, in equal
        shares.
    progress
        Whether to show a bar while partitions are read.

    Returns
    -------
    MultilevelFit or OutcomeFit
        Coefficients are named ``Intercept``, by column, ``a:b`` and, for categories,
        ``x[T.level]``.

    Raises
    ------
    FormulaError
        Where the formula cannot be read or names no column; the place is marked.
    DesignError
        Where the data cannot carry the model, or two groupings that are not nested are both large.
    ColumnError
        Where a column does not hold what it should.

    Warns
    -----
    SingularFitWarning
        Where a variance is estimated as zero or a correlation as one.
    FewClustersWarning
        Where z tests were asked for with few top-level groups.
    ConvergenceWarning
        Where the conditions of a minimum do not hold at the end.

    Notes
    -----
    Functions in the formula (``scale(x)``, ``poly(x, 2)``) see the complete rows only; R computes
    them before it leaves rows out, so their values can differ where rows are incomplete.

    Bates, Maechler, Bolker & Walker (2015), doi 10.18637/jss.v067.i01, for the model and its
    deviance; the likelihood is evaluated from each client's cross-products instead of sparse
    matrices. Satterthwaite: doi 10.18637/jss.v082.i13. Kenward-Roger: doi 10.2307/2533558.

    Examples
    --------
    >>> import alliance_stats as al, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> client = np.repeat(np.arange(30), 8)
    >>> data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(8.0), 30)})
    >>> data["distress"] = 20 - data.session + rng.normal(0, 3, 30)[client] + rng.normal(0, 2, 240)
    >>> fit = al.fit_multilevel("distress ~ session + (1 | client_id)", data)
    >>> bool(fit.converged)
    True
    """
    source = None if isinstance(data, pd.DataFrame) else source_of(data)
    rows: Any = data
    checked_choice("family", family, FAMILIES)
    if source is not None:
        refuse_for_partitions(
            family=family != "gaussian",
            slopes=slopes != "none",
            weights=weights is not None,
            residual=residual != "independent",
            residual_by=residual_by,
            membership=membership,
        )
    if family != "gaussian":
        refuse_for_measurements(
            slopes=slopes != "none",
            residual=residual != "independent",
            residual_by=residual_by,
            prior=prior,
            allow_saturated=allow_saturated,
            time=time,
            membership=membership,
        )
        asked = Asked(family, link, trials, offset, zero)
        of: dict[str, Any] = {"weights": weights, "df": df, "method": method, "nodes": nodes}
        outcome = fitted_outcome(formula, rows, asked, **of)
        warn_of(outcome)
        return outcome
    refuse_for_outcomes(link=link, trials=trials, offset=offset, nodes=nodes, zero=zero != "none")
    tests: Method = checked_choice("df", "satterthwaite" if df is None else df, METHODS)
    if tests == "kenward-roger" and not reml:
        raise DesignError("Kenward-Roger needs a REML fit: use reml=True, or df='satterthwaite'.")
    check_residual(residual, time, tests, residual_by)
    check_slopes(slopes)
    options: dict[str, Any] = {
        "reml": reml,
        "df": tests,
        "weights": weights,
        "membership": membership,
    }
    checked_choice("prior", prior, (None, "boundary"))
    if prior is not None and (residual != "independent" or residual_by is not None):
        raise DesignError("prior='boundary' goes with independent residuals of one variance.")
    saturated = flag(allow_saturated, "allow_saturated")
    if source is not None:
        parsed = parse_formula(formula).over(source.columns)
        sums = summed_design(parsed, source, saturated=saturated, progress=progress)
        start = start_of(sums, reml) if prior is None else None
        fit = MultilevelFit.of_design(sums, reml=reml, df=tests, prior=prior, theta=start)
    elif residual == "unstructured" or residual_by is not None:
        if slopes != "none":
            raise DesignError("slopes= needs residual='independent' or 'ar1' without residual_by=.")
        structure = (time, residual_by, by if residual == "unstructured" else None)
        fit = _fit_structured(formula, rows, structure, options)
    else:
        options |= {"slopes": slopes, "time": time, "prior": prior, "saturated": saturated}
        fit = fitted(formula, rows, **options)
    warn_of(fit)
    return fit


def _fit_structured(
    formula: str,
    data: pd.DataFrame,
    structure: tuple[str | None, str | None, str | None],
    options: Mapping[str, Any],
) -> MultilevelFit:
    """Fit a model whose residuals have a covariance of their own, by time, group and client."""
    time, group, units = structure
    for name in (time, group, units):
        if name is not None and name not in data.columns:
            raise ColumnError(
                f"The data have no column '{name}'.{did_you_mean(name, data.columns)}"
            )
    parsed = parse_formula(formula)
    shared = check_memberships(options["membership"], parsed, data)
    parsed = parsed.over([*data.columns, *shared])
    if units is not None and any(units in term.group for term in parsed.random):
        raise DesignError(
            f"residual='unstructured' holds all that differs between groups of '{units}': leave "
            f"(… | {units}) out."
        )
    further = [name for name in structure if name is not None]
    design = make_design(
        parsed, data, options["weights"], shared, further=further, units=units, fill=True
    )
    where = places_of(design, design.frame, time=time, by=group)
    return MultilevelFit.of_design(design, reml=options["reml"], df=options["df"], where=where)


def fitted(
    formula: str,
    data: pd.DataFrame,
    *,
    slopes: str | Sequence[str] = "none",
    reml: bool = True,
    df: Method = "satterthwaite",
    weights: str | Sequence[float] | None = None,
    time: str | None = None,
    near: MultilevelFit | None = None,
    membership: Mapping[str, pd.DataFrame] | None = None,
    prior: Prior | None = None,
    saturated: bool = False,
) -> MultilevelFit:
    """Fit a model whose arguments are known to be right, and warn of nothing.

    The search starts from the estimates of `near`, a model much like this one, where there is one:
    what it finds is the same, sooner.
    """

    def once(parsed: Formula, near: MultilevelFit | None = None) -> MultilevelFit:
        parsed, neighbours = parsed.over(columns), None
        if time is None:
            design = make_design(parsed, data, weights, shared, saturated=saturated)
        else:
            design, neighbours = design_in_time(parsed, data, weights, time)
        theta = None if near is None else start_near(design, near)
        how: dict[str, Any] = {"reml": reml, "df": df, "prior": prior}
        return MultilevelFit.of_design(design, theta=theta, neighbours=neighbours, **how)

    parsed = parse_formula(formula)
    shared = check_memberships(membership, parsed, data)
    columns = [*data.columns, *shared]
    parsed = parsed.over(columns)
    if slopes == "none":
        return once(parsed, near)
    return fit_varying(make_design(parsed, data, weights, shared), data, slopes, once, near)


def fitted_outcome(
    formula: str,
    data: pd.DataFrame,
    asked: Asked,
    *,
    weights: str | Sequence[float] | None = None,
    df: str | None = None,
    method: Literal["quadrature", "laplace"] = "quadrature",
    nodes: int | None = None,
) -> OutcomeFit:
    """Fit a model of an outcome that is no measurement, and warn of nothing."""
    df = "normal" if df is None else df
    checked_choice("df", df, outcome_inference.METHODS)
    checked_choice("method", method, APPROXIMATIONS)
    if nodes is not None:
        nodes = whole(nodes, "nodes", 2, MOST_NODES)
        if method == "laplace":
            raise DesignError(
                "method='laplace' is one node at the mode; leave nodes= out, or leave method= out "
                f"for quadrature with {nodes} nodes."
            )
    parsed = parse_formula(formula).over(data.columns)
    model = read_model(parsed, data, asked, weights)
    return OutcomeFit.of_model(model, df=df, method=method, nodes=nodes)


def warn_of(fit: MultilevelFit | OutcomeFit) -> None:
    """Warn of what a user must not overlook."""
    if not fit.converged:
        warn(fit.convergence_note, ConvergenceWarning)
    if fit.df_method == "normal" and fit.few_groups_note:
        warn(fit.few_groups_note, FewClustersWarning)
    if fit.singular:
        warn(fit.singular_note, SingularFitWarning)
