"""Discrete-time hazard of dropout, with or without a random intercept of the therapist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from ...core.arguments import checked_choice, checked_table, numbers, share, whole
from ...core.disclosure import fewest_of_model
from ...core.people import CLIENT, SESSION, refuse_ids, refuse_repeats, trimmed
from ...errors import ColumnError, DesignError, FormulaError, require_columns
from ...inference.distributions import half_width
from ...multilevel.fit import MOST_NODES, fitted_outcome
from ...multilevel.formula.model_formula import Formula, RandomTerm, parse_formula
from ...multilevel.formula.terms import INTERCEPT, Columns, Table, build, response
from ...multilevel.outcomes.meaning import LATENT
from ...multilevel.outcomes.reading import Asked
from ...multilevel.outcomes.result import OutcomeFit
from ..leakage.lookahead import refuse_late_predictors, refuse_outcome
from .changing import Change, Function, changes_over_time, with_changes
from .durations import by_whole_times
from .fit_checks import (
    NO_EFFECT,
    OWN_CLUSTER,
    about_clients_without_group,
    few_events,
    few_groups,
    refuse_a_row_a_client,
    refuse_one_group,
    runaways,
    standardised,
    told,
    turned,
    with_groups_of_their_own,
)
from .result import DropoutHazard

LINKS = ("logit", "cloglog")
ALONE = "(without a group)"
NO_THERAPISTS = pd.DataFrame(columns=["n", "events", "effect", "sd"])
FRAILTY = (
    "Clients differ in their hazard beyond the predictors by an SD of {sd:.2f} on the link's "
    "scale. A client leaves once, so this is read from the course of the hazard alone, and hangs "
    "on the baseline in the formula and on the normal distribution. Compare other baselines, such "
    "as bs(session, df=4), and the fit without it."
)


def fit_dropout_hazard(
    formula: str,
    data: pd.DataFrame,
    *,
    link: str = "logit",
    cluster: str | None = None,
    nodes: int | None = None,
    guard: bool = True,
    confidence: float = 0.95,
    duration: str | None = None,
    entry: str | None = None,
    varying: Mapping[str, str | float | Function] | None = None,
) -> DropoutHazard:
    """What raises or lowers the chance that a client does not come back after a session?

    Parameters
    ----------
    formula
        ``event ~ session + alliance_within + alliance_between + (1 | therapist_id)``. The
        left-hand side is 0/1; the right one may use ``C(...)``, interactions and ``bs(session,
        df=4)``. Random intercepts: of one group, such as therapists, and of clients themselves,
        ``(1 | client_id)``. Rows without a therapist stay and have no effect of one.
    data
        One row a client and session at risk, from `person_period`; with `duration` one row a
        client, with how long and whether it happened.
    link
        ``logit`` (odds ratios) or ``cloglog`` (hazard ratios of a proportional-hazards model in
        continuous time).
    cluster
        Without a random intercept: a column whose groups make the standard errors robust; clients
        without one are each a cluster of their own. (Under a random intercept of therapists they
        have no effect of one.)
    nodes
        Points of the adaptive Gauss-Hermite quadrature; if left out they grow until neither the
        likelihood nor the estimates move.
    guard
        Refuse predictors that know what comes after the session they stand at (needs the columns
        ``client_id`` and ``session``): the outcome itself, how the therapy ended and after how
        many sessions, summaries of the whole therapy, the next session's value, in whatever unit.
    duration
        Of a table with one row a client: the column of the whole sessions (weeks, ...) until the
        event, or until somebody was last known to be without it. Each client is repeated for the
        times at risk, and in the formula the column counts them.
    entry
        With `duration`: the column of the time after which a row is at risk; 0 if left out.
    varying
        Predictors whose coefficient changes over time, and how, as `fit_dropout_cox` takes it:
        ``{"condition": "log"}``, ``"linear"``, a number or a function. The baseline stays that of
        the formula.

    Returns
    -------
    DropoutHazard
        ``.ratios_at([1, 6, 12])`` has the ratios of what changes over time.

    Notes
    -----
    Maximum likelihood. With a random intercept it is `fit_multilevel` with ``family="binomial"``,
    and the coefficients are conditional on the therapist; predictors that tell leaving from staying
    without error are refused. Without one there is nothing to integrate: a logistic regression
    (statsmodels), whose coefficients are averages over therapists and smaller in size. The test
    of a variance is a likelihood ratio against half a chi-squared with 1 df, half at 0; no
    interval of the variance or the ICC is given. Predictors are centred and scaled inside and
    turned back. Singer & Willett (1993, doi 10.3102/10769986018002155) describe the model.

    A client's own intercept is a frailty: those likely to leave do so first, so among those who
    stay the hazard falls though nobody's does, and a predictor seems to lose its effect. It rests
    on a form of the baseline, which is told; page "Dropout" has what it gave in simulations.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> data = pd.DataFrame(
    ...     {"event": [0, 0, 1, 0, 1, 0, 0, 1], "session": [1, 2, 3, 1, 2, 1, 2, 3]}
    ... )
    >>> fit = al.fit_dropout_hazard("event ~ session", data)
    >>> fit.nobs, fit.n_events
    (8, 3)
    """
    share(confidence)
    if nodes is not None:
        whole(nodes, "nodes", 2, MOST_NODES)
    checked_choice("link", link, LINKS)
    parsed, group, own = parsed_hazard(formula, data)
    if duration is None and entry is not None:
        raise DesignError("entry= goes with duration=, the column of when each row ends.")
    lacking: list[str] = []
    data, alone = with_groups_of_their_own(data, cluster or group)
    data = data.assign(**{ALONE: alone})
    if duration is not None:
        data, lacking = _repeated(parsed, data, cluster, duration, entry)
    if (group or own) and cluster:
        raise DesignError(
            f"Give either a random intercept, (1 | {group or CLIENT}), or cluster='{cluster}', not "
            "both."
        )
    used, messages = complete_rows(parsed, data, cluster, repeats=duration is not None)
    alone = used[ALONE]
    what = (OWN_CLUSTER if cluster else NO_EFFECT).format(cluster or group)
    messages = [*lacking, *messages, *about_clients_without_group(used, alone, what)]
    fixed = parsed.fixed.columns if parsed.fixed else ()
    refuse_outcome(fixed, parsed.response.columns)
    refuse_ids(data, parsed.fixed.bare_columns() if parsed.fixed else ())
    if guard and duration is None:
        refuse_late_predictors(data, fixed, parsed.response.columns[0])
    y, x, terms = outcome_and_predictors(parsed, used)
    clock = duration or SESSION
    changes = _changes(varying, x, terms, used, clock)
    x = with_changes(x, changes, used, clock)
    messages += list(data.attrs.get("messages", ()))
    groups = [*([CLIENT] if own else []), *([group] if group else [])]
    if len(groups) > 1 and alone.any():
        raise DesignError(
            f"Beside (1 | {CLIENT}) each row needs a '{group}', and {int(alone.sum())} have none: "
            f"leave (1 | {CLIENT}) or (1 | {group}) out, or rows without one."
        )
    if groups:
        outcome = pd.Series(y, name=parsed.response.columns[0])
        parts = _fit_with_intercepts(outcome, x, used[groups], alone, link, nodes, confidence)
    else:
        parts = _fit_without(y, x, used[cluster] if cluster else None, link)
    runaway = runaways(x, parts["params"], parts.pop("naive_bse"))
    messages += told(runaway)
    messages += _warnings_in_words(parts, group)
    messages += few_events(int(y.sum()), x.shape[1])
    if cluster:
        messages += few_groups(int(used.loc[~alone, cluster].nunique()) or parts["n_groups"])
    return DropoutHazard(
        formula=formula, link=link, group=group, nobs=len(y), n_events=int(y.sum()),
        confidence=confidence, terms=terms, runaway=tuple(runaway), messages=tuple(messages),
        fewest=fewest_clients(x, y, used), clock=clock,
        cluster=cluster or "",
        clusters_alone=int(used.loc[alone, cluster].nunique()) if cluster else 0,
        varying={c.term: (c.name, c.function) for c in changes},
        starts={c.term: c.start for c in changes}, **parts,
    )  # fmt: skip


def _changes(
    varying: Mapping[str, Any] | None,
    x: pd.DataFrame,
    terms: Columns,
    used: pd.DataFrame,
    clock: str,
) -> list[Change]:
    """Return the coefficients that change over time."""
    if not varying:
        return []
    require_columns(used.columns, [clock], what="the data")
    times = np.unique(numbers(used, clock, "the rows at risk"))
    others = x.drop(columns=[c for c in (INTERCEPT,) if c in x.columns])
    return changes_over_time(varying, others, terms.main, clock, times)


def _repeated(
    parsed: Formula, data: pd.DataFrame, cluster: str | None, duration: str, entry: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """Return a row a client and time at risk, of the rows without missing values."""
    clock = [duration, *([entry] if entry else [])]
    require_columns(data.columns, clock, what="the data")
    event = parsed.response.columns[0]
    used, said = complete_rows(parsed, data, cluster, *clock, repeats=True)
    return by_whole_times(used, duration, entry, event), said


def parsed_hazard(formula: str, data: pd.DataFrame) -> tuple[Formula, str, bool]:
    """Return the formula, the group of its random intercept ("" without), and clients' own."""
    if not isinstance(formula, str):
        raise FormulaError(f"formula must be a text such as 'event ~ session', not {formula!r}.")
    checked_table(data, "data")
    parsed = parse_formula(formula).over(data.columns)
    held = [t.group[0] for t in parsed.random if len(t.group) == 1 and _of_those_with(t, data)]
    own, groups = CLIENT in held, [name for name in held if name != CLIENT]
    if len(groups) > 1 or len(groups) + own < len(parsed.random):
        raise FormulaError(
            "A hazard formula may hold one random intercept of a group, such as (1 | "
            f"therapist_id), and one of clients, (1 | {CLIENT}); rows without a therapist stay, "
            "and (0 + x | therapist_id) is the same where x is 1 in those with one and 0 in the "
            f"others. Got\n  {formula}"
        )
    return parsed, groups[0] if groups else "", own


def _of_those_with(term: RandomTerm, data: pd.DataFrame) -> bool:
    """Return whether a random term is an intercept, or one of those alone who have the group."""
    if term.part.is_intercept:
        return True
    name = term.part.columns[0] if len(term.part.columns) == 1 else ""
    if term.part.text.replace(" ", "") != f"0+{name}" or term.group[0] not in data.columns:
        return False
    known = trimmed(data[term.group[0]]).notna()
    return bool((pd.to_numeric(data[name], errors="coerce") == known).all())


def complete_rows(
    parsed: Formula, data: pd.DataFrame, cluster: str | None, *more: str, repeats: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows without missing values in any variable used, and what was left out.

    `more` are further columns that are used; with `repeats` rows are no sessions, and a client may
    have several.
    """
    if not repeats:
        refuse_a_row_a_client(data)
        refuse_repeats(data, ["client_id", "session"], "Person-period rows")
    if cluster is not None:
        require_columns(data.columns, [cluster], what="the data")
    columns = list(dict.fromkeys([*parsed.columns, *([cluster] if cluster else []), *more]))
    gaps = data[columns].isna()
    keep = ~gaps.any(axis=1)
    messages = []
    if not keep.all():
        counts = ", ".join(f"{name} {n}" for name, n in gaps.sum().items() if n)
        messages.append(f"{int((~keep).sum())} of {len(data)} rows lack a value ({counts}).")
    return data.loc[keep], messages


def outcome_and_predictors(
    parsed: Formula, used: pd.DataFrame, *, all_may_end: bool = False
) -> tuple[np.ndarray, pd.DataFrame, Columns]:
    """Return the outcome of 0 and 1, the columns of the predictors, and how they were made.

    With `all_may_end` each row may hold the event: how long it took differs.
    """
    if used.empty:
        raise DesignError("No row has a value of every variable in the formula.")
    table = Table(used)
    name, y = response(parsed, table)
    if not np.isin(y, (0.0, 1.0)).all():
        raise ColumnError(f"The left-hand side '{name}' of the formula must hold 0 and 1 only.")
    if y.max() == 0:
        raise DesignError(f"There is no event among {len(y)} rows, so no hazard to model.")
    if y.min() == 1 and not all_may_end:
        raise DesignError(
            f"There is nothing but event among {len(y)} rows, so no hazard to model. If a row is a "
            "client who left, name the column of how long it took with duration=."
        )
    terms = build(parsed.fixed, table)
    return y, pd.DataFrame(dict(terms.named_arrays())), terms


def fewest_clients(x: pd.DataFrame, y: np.ndarray, used: pd.DataFrame) -> int | None:
    """Return how few clients a coefficient is about, and how few left; None where not known."""
    if "client_id" not in used.columns:
        return None
    return fewest_of_model(x.to_numpy(dtype=float).T, used["client_id"], y)


def _fit_without(
    y: np.ndarray, x: pd.DataFrame, cluster: pd.Series | None, link: str
) -> dict[str, Any]:
    scaled, back = standardised(x)
    codes = None
    if cluster is not None:
        refuse_one_group(cluster)
        codes = pd.factorize(cluster)[0]
    plain, fitted = _glm(y, scaled, link, codes)
    cov = turned(np.asarray(fitted.cov_params()), back)
    naive = turned(np.asarray(plain.cov_params()), back)
    return {
        "params": pd.Series(back @ np.asarray(fitted.params), index=x.columns),
        "bse": pd.Series(np.sqrt(np.diag(cov)), index=x.columns),
        "naive_bse": pd.Series(np.sqrt(np.diag(naive)), index=x.columns),
        "cov": pd.DataFrame(cov, index=x.columns, columns=x.columns),
        "therapists": NO_THERAPISTS,
        "variance": float("nan"),
        "variance_p_value": float("nan"),
        "icc": float("nan"),
        "n_groups": int(cluster.nunique()) if cluster is not None else 0,
        "llf": float(fitted.llf),
        "aic": float(-2 * fitted.llf + 2 * x.shape[1]),
        "converged": bool(fitted.converged),
    }


def _glm(
    y: np.ndarray, x: np.ndarray, link: str, codes: np.ndarray | None = None
) -> tuple[Any, Any]:
    """Return the fit with the model's own errors, and the one robust to clusters (or the same)."""
    import warnings

    from statsmodels.genmod.families import Binomial, links
    from statsmodels.genmod.generalized_linear_model import GLM

    known = {"logit": links.Logit, "cloglog": links.CLogLog}
    model = GLM(y, x, family=Binomial(link=known[link]()))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # separation is told in our own words
        plain = model.fit()
        if codes is None:
            return plain, plain
        return plain, model.fit(cov_type="cluster", cov_kwds={"groups": codes})


def _fit_with_intercepts(
    y: pd.Series,
    x: pd.DataFrame,
    groups: pd.DataFrame,
    alone: pd.Series,
    link: str,
    nodes: int | None,
    confidence: float,
) -> dict[str, Any]:
    """Fit with random intercepts of the groups: clients, of whatever they lie in, or both.

    Rows that stand `alone` have no effect of what clients lie in.
    """
    names = [str(name) for name in groups.columns]
    held = {name: groups[name] if name == CLIENT else groups.loc[~alone, name] for name in names}
    for name in names:
        if held[name].nunique() < 2:
            raise DesignError(
                f"A random intercept of '{name}' needs at least two groups; there is "
                f"{held[name].nunique()}."
            )
    scaled, back = standardised(x)
    # a predictor may have the name of a group
    known = {name: name if name not in x.columns else f"({name})" for name in names}
    columns = {known[name]: groups[name].to_numpy() for name in names}
    rows = pd.DataFrame(scaled, columns=x.columns).assign(**{str(y.name): y.to_numpy()}, **columns)
    rows["(given)"] = (~alone).to_numpy(dtype=float)
    effect = {name: "1" if name == CLIENT or not alone.any() else "0 + `(given)`" for name in names}
    terms = f"`{y.name}` ~ 0 + {' + '.join(f'`{term}`' for term in x.columns)}"

    def fitted(kept: Iterable[str]) -> OutcomeFit:
        random = "".join(f" + ({effect[name]} | `{known[name]}`)" for name in kept)
        return fitted_outcome(terms + random, rows, Asked("binomial", link), nodes=nodes)

    fit = fitted(names)
    found = fit.varcomp.set_index("group")["vcov"]
    variances = {name: float(found[known[name]]) for name in names}

    def p_value(name: str) -> float:
        if not variances[name] > 0:  # both likelihoods are the same but for rounding
            return 1.0
        others = [other for other in names if other != name]
        without = fitted(others).llf if others else _glm(y.to_numpy(), scaled, link)[0].llf
        return 0.5 * float(chi2.sf(max(2 * (fit.llf - without), 0.0), 1))

    group = next((name for name in names if name != CLIENT), "")
    variance, frailty = (variances.get(name, float("nan")) for name in (group, CLIENT))
    cov = turned(fit.cov_params().to_numpy(), back)
    bse = pd.Series(np.sqrt(np.diag(cov)), index=x.columns)
    return {
        "params": pd.Series(back @ fit.params.to_numpy(), index=x.columns),
        "bse": bse,
        "naive_bse": bse,
        "cov": pd.DataFrame(cov, index=x.columns, columns=x.columns),
        "therapists": _therapists(held[group], known[group], y[~alone.to_numpy()], fit, confidence)
        if group
        else NO_THERAPISTS,
        "variance": variance,
        "variance_p_value": p_value(group) if group else float("nan"),
        "icc": variance / (sum(variances.values()) + LATENT[link]),
        "frailty": frailty,
        "frailty_p_value": p_value(CLIENT) if CLIENT in variances else float("nan"),
        "n_groups": held[group].nunique() if group else 0,
        "n_alone": int(alone.sum()) if group else 0,
        "llf": fit.llf,
        "aic": fit.aic,
        "converged": fit.converged,
    }


def _therapists(
    groups: pd.Series, column: str, y: pd.Series, fit: OutcomeFit, confidence: float
) -> pd.DataFrame:
    """Return rows at risk, events and the conditional mode of each therapist."""
    own = y.groupby(groups.to_numpy(), sort=False).agg(["size", "sum"])
    effect = fit.random_effects[column].iloc[:, 0].loc[own.index].to_numpy()
    spread = fit.random_effects_sd[column].iloc[:, 0].loc[own.index].to_numpy()
    half = half_width(spread, confidence=confidence)
    return pd.DataFrame(
        {
            groups.name: own.index.to_numpy(),
            "n": own["size"].to_numpy(),
            "events": own["sum"].to_numpy().astype(int),
            "effect": effect,
            "sd": spread,
            "conf_low": effect - half,
            "conf_high": effect + half,
        }
    )


def _warnings_in_words(parts: dict[str, Any], group: str) -> list[str]:
    messages = []
    if not parts["converged"]:
        messages.append("The optimiser stopped before the maximum; do not report this fit.")
    for name, variance in ((group, parts["variance"]), (CLIENT, parts.get("frailty"))):
        if variance == 0:
            messages.append(
                f"The variance between groups of '{name}' is estimated as zero: the data show no "
                "difference between them beyond chance, which with few groups says little."
            )
    if (parts.get("frailty") or 0) > 0:
        messages.append(FRAILTY.format(sd=parts["frailty"] ** 0.5))
    return messages
