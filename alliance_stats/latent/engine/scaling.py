"""What a chi-square of scores that are not normal is divided by, and people's scores summed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .likelihood import Likelihood
from .patterns import Sample
from .saturated import Saturated
from .structure import Cell, Model, Structure

Array = npt.NDArray[np.float64]


def meat_of(scores: Sequence[Array], clusters: Sequence[Array] | None) -> tuple[Array, int | None]:
    """Return the sum of the scores' products, and the number of clusters they are summed by."""
    S = np.concatenate(scores)
    if clusters is None:
        return S.T @ S, None
    _, code = np.unique(np.concatenate(list(clusters)), return_inverse=True)
    n = int(code.max()) + 1
    summed = np.zeros((n, S.shape[1]))
    np.add.at(summed, code, S)
    return summed.T @ summed * n / max(n - 1, 1), n


def scaling_factors(
    model: Model,
    samples: Sequence[Sample],
    free: Sequence[Saturated],
    trace: float,
    clusters: Sequence[Array] | None,
) -> tuple[float, float]:
    """Return the factors of the chi-squares of a model and of independent variables.

    As Mplus and lavaan compute them with missing values (Yuan & Bentler 2000). They rest on the
    scores of each moment of the data; fewer units than moments say nothing of it.
    """
    moments = sum(s.p * (s.p + 3) // 2 for s in samples)
    units = (
        sum(s.n for s in samples) if clusters is None else len(np.unique(np.concatenate(clusters)))
    )
    df = moments - len(model.names)
    if df <= 0 or units <= moments or not all(one.converged for one in free):
        return np.nan, np.nan
    whole = _trace(
        [without_structure_model(own, s.p) for s, own in zip(samples, free, strict=True)],
        samples,
        clusters,
    )
    alone = _trace([independence_model(sample) for sample in samples], samples, clusters)
    base_df = moments - 2 * sum(s.p for s in samples)
    return (whole - trace) / df, (whole - alone) / base_df if base_df else np.nan


def _trace(
    models: Sequence[Model], samples: Sequence[Sample], clusters: Sequence[Array] | None
) -> float:
    """Return the trace of scores' products times the inverse information, of models by group."""
    of_people, inverses = [], []
    for one, sample in zip(models, samples, strict=True):
        likelihood = Likelihood(one, [sample])
        inverses.append(np.linalg.inv(likelihood.hessian(one.start) / 2.0))
        of_people.append(likelihood.scores(one.start, 0))
    sizes = np.cumsum([0, *(len(inverse) for inverse in inverses)])
    padded = [
        np.hstack([np.zeros((len(S), a)), S, np.zeros((len(S), sizes[-1] - b))])
        for S, a, b in zip(of_people, sizes[:-1], sizes[1:], strict=True)
    ]
    meat = meat_of(padded, clusters)[0]
    return sum(
        float(np.trace(inverse @ meat[a:b, a:b]))
        for inverse, a, b in zip(inverses, sizes[:-1], sizes[1:], strict=True)
    )


def without_structure_model(found: Saturated, p: int) -> Model:
    """Return the saturated model as a model, started at its maximum."""
    names = [str(i) for i in range(p)]
    cells = [Cell("intercept", one, "", f"m{one}", found.mu[i]) for i, one in enumerate(names)]
    cells += [
        Cell("residual", names[i], names[j], f"s{i},{j}", found.sigma[i, j])
        for i in range(p)
        for j in range(i + 1)
    ]
    return Model.of(Structure(names, (), cells))


def independence_model(sample: Sample) -> Model:
    """Return the model in which no variable goes with another, started at its maximum."""
    mean, variance = np.nanmean(sample.values, axis=0), np.nanvar(sample.values, axis=0)
    names = [str(i) for i in range(sample.p)]
    cells = [Cell("intercept", one, "", f"m{one}", mean[i]) for i, one in enumerate(names)]
    cells += [Cell("residual", one, one, f"s{one}", variance[i]) for i, one in enumerate(names)]
    return Model.of(Structure(names, (), cells))
