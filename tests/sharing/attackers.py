"""Attacks on the files of clinics, as somebody would write them who has a file and this program.

Each knows more than a coordinator does: how many sessions every client had, and who treated whom.
What he wants to know is what the file is about: outcomes and predictors of single people.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, lsq_linear, milp

from alliance_stats.sharing.curve import Curve
from alliance_stats.sharing.reading import read_file
from alliance_stats.sharing.shared_file import SharedFile

POINTS = 60


def ratios(file: SharedFile, per_axis: int) -> list[list[float]]:
    """Return points all over what a file knows."""
    assert isinstance(file.body, Curve)
    axes = [axis.points(per_axis) for axis in file.body.axes]
    return (
        [[float(d)] for d in axes[0]]
        if len(axes) == 1
        else [[float(a), float(b)] for a in axes[0] for b in axes[1]]
    )


def weights(sizes: np.ndarray, at: float) -> np.ndarray:
    """Return what of each client's sum is left at a variance ratio: known from its sessions."""
    return 1.0 / (1.0 + sizes * at)


def sums_of_column(file: SharedFile, term: str, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (points, classes) weights of a column's sums by number of sessions, and the sums."""
    columns = [*file.model["terms"], file.model["outcome"]]
    place = columns.index(term)
    numbers, held = np.unique(sizes, return_counts=True)
    W, found = [], []
    for (at,) in ratios(file, POINTS):
        w = weights(numbers, at)
        left = file.body.contribution([at], 0).cross[0, place]
        found.append(left * file.unit[place] + file.shift[place] * (held * numbers) @ w)
        W.append(w)
    return np.array(W), np.array(found)


def counts_by_sessions(path: Path, term: str, sizes: np.ndarray, seconds: float) -> np.ndarray:
    """Search for the number of clients with a yes among those with equally many sessions."""
    W, found = sums_of_column(read_file(path), term, sizes)
    numbers, held = np.unique(sizes, return_counts=True)
    return whole_numbers(W * numbers, found, np.zeros(len(held)), held, seconds)


def scores_by_sessions(path: Path, sizes: np.ndarray, most: float, seconds: float) -> np.ndarray:
    """Search for the mean of whole-numbered scores among clients with equally many sessions."""
    file = read_file(path)
    W, found = sums_of_column(file, file.model["outcome"], sizes)
    numbers, held = np.unique(sizes, return_counts=True)
    rows = numbers * held
    return whole_numbers(W, found, np.zeros(len(rows)), rows * most, seconds) / rows


def whole_numbers(
    M: np.ndarray, found: np.ndarray, low: np.ndarray, high: np.ndarray, seconds: float
) -> np.ndarray:
    """Return the whole numbers that fit sums best, by mixed-integer programming."""
    size = np.abs(M).max(axis=1)
    M, found, k = M / size[:, None], found / size, M.shape[1]
    start = lsq_linear(M, found, bounds=(low, high + 1e-9)).x
    used = np.linspace(0, POINTS - 1, 16).astype(int)
    A, b, free = M[used], found[used], np.eye(len(used))
    problem = milp(
        np.r_[np.zeros(k), np.ones(len(used))],
        constraints=[
            LinearConstraint(np.hstack([A, -free]), -np.inf, b),
            LinearConstraint(np.hstack([A, free]), b, np.inf),
        ],
        integrality=np.r_[np.ones(k), np.zeros(len(used))],
        bounds=Bounds(np.r_[low, np.zeros(len(used))], np.r_[high, np.full(len(used), np.inf)]),
        options={"time_limit": seconds},
    )
    return np.asarray(np.round(start if problem.x is None else problem.x[:k]))


def best_guess(M: np.ndarray, found: np.ndarray, root: np.ndarray, noise: float) -> np.ndarray:
    """Return the means that fit sums best, given how they spread (``root root'``) and rounding.

    The best linear reconstruction there is: sums that rounding drowned count for nothing.
    """
    overall = found[-1] / M[-1].sum()
    U, s, V = np.linalg.svd(M @ root, full_matrices=False)
    rest = U.T @ (found - M.sum(axis=1) * overall)
    return overall + root @ (V.T @ (s / (s**2 + noise**2) * rest))


def means_of_new(paths: Sequence[Path], sizes: np.ndarray, noise: float) -> np.ndarray:
    """Subtract two curves for the mean outcome of clients who are in the second only."""
    at = read_file(paths[0]).body.axes[0].points(POINTS)
    found = []
    for path in paths:
        file = read_file(path)
        left = np.stack([file.body.contribution([d], 0).cross[0] for d in at])
        found.append(left[:, -1] * file.unit[-1] + left[:, 0] * file.shift[-1])
    M = sizes * weights(sizes, at[:, None])
    return best_guess(M, found[1] - found[0], np.diag(np.sqrt(0.6 + 1.0 / sizes)), noise)


def means_by_sessions(path: Path, sizes: np.ndarray, noise: float) -> np.ndarray:
    """Invert a curve to the mean outcome of clients with equally many sessions."""
    file = read_file(path)
    W, found = sums_of_column(file, file.model["outcome"], sizes)
    numbers, held = np.unique(sizes, return_counts=True)
    root = np.diag(np.sqrt((0.6 + 1.0 / numbers) / held))
    return best_guess(W * (numbers * held), found, root, noise)


def means_of_clients(
    path: Path, sizes: np.ndarray, therapists: np.ndarray, noise: float
) -> np.ndarray:
    """Invert a three-level curve to the mean outcome of every client."""
    file = read_file(path)
    count = therapists.max() + 1
    M, found = [], []
    for a, b in ratios(file, 24):
        own = sizes * weights(sizes, a)
        M.append(own / (1.0 + b * np.bincount(therapists, own, count))[therapists])
        left = file.body.contribution([a, b], 0).cross[0, -1]
        found.append(left * file.unit[-1] + file.shift[-1] * M[-1].sum())
    alike = np.equal.outer(therapists, therapists)
    root = np.linalg.cholesky(np.diag(0.6 + 1.0 / sizes) + 0.1 * alike)
    return best_guess(np.array(M), np.array(found), root, noise)


def means_by_rounds(paths: Sequence[Path], squares: np.ndarray, noise: float) -> np.ndarray:
    """Solve all rounds of a search for every client's mean: intercepts and slopes correlated.

    `squares` are clients' cross-products of ones and the slope's column, (clients, 2, 2). What a
    round tells of the outcome is linear in each client's sum and sum weighted by that column.
    """
    n, M, found = len(squares), [], []
    for path in paths:
        file = read_file(path)
        body, terms = file.body, [*file.model["terms"], file.model["outcome"]]
        slope = terms.index(file.model["effects"][0][1])
        pairs = list(zip(*np.triu_indices(body.size), strict=True))
        left = _known_weights(body.centre, body.steps, squares)
        value, first, second = body.near(body.centre)
        rows = np.triu_indices(len(first))
        first, second = (
            first * body.steps[:, None],
            second[rows] * np.outer(*[body.steps] * 2)[rows].reshape(-1, 1),
        )
        told = np.vstack([value, first, second])  # (numbers of derivatives, pairs)
        plain = told[:, 1 + pairs.index((0, body.size - 1))]
        scaled = told[:, 1 + pairs.index((slope, body.size - 1))]
        whole = scaled * file.unit[slope] + plain * file.shift[slope]
        M += [*left[0].reshape(-1, 2 * n), *left[1].reshape(-1, 2 * n)]
        found += [*plain, *whole]
    spread = squares @ np.diag([0.6, 0.01]) @ squares + squares
    values, vectors = np.linalg.eigh(spread)
    roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None]
    whole = (np.array(M).reshape(-1, n, 1, 2) @ roots).reshape(-1, 2 * n)
    U, s, V = np.linalg.svd(whole, full_matrices=False)
    solved = V.T @ (s / (s**2 + noise**2) * (U.T @ np.array(found)))
    return np.asarray((roots @ solved.reshape(n, 2, 1))[:, 0, 0] / squares[:, 0, 0])


def _known_weights(centre: np.ndarray, steps: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Return what is left of clients' two sums, and how that changes: known from the sessions."""
    D = np.array([[centre[0], centre[1]], [centre[1], centre[2]]])
    U = np.linalg.inv(np.eye(2) + D @ squares)
    moves = [steps[0] * np.diag([1.0, 0.0]), steps[1] * np.eye(2)[::-1], steps[2] * np.diag([0, 1])]
    by = [move @ squares @ U for move in moves]
    found = [U, *(-U @ one for one in by)]
    for i in range(3):
        found += [U @ (by[i] @ by[j] + by[j] @ by[i]) for j in range(i, 3)]
    return np.moveaxis(np.array(found), 3, 0)  # column, derivatives, clients, sums


def difference(paths: Sequence[Path], column: int = -1) -> tuple[int, float]:
    """Subtract two files of sums: number of clients between them, and their mean of a column.

    Columns are counted as the file has them: the terms, then the outcome.
    """
    whole, less = (json.loads(Path(path).read_text()) for path in paths)
    rows, sums = [], []
    for held in (whole, less):
        name = list(held["columns"])[column]
        place, at = held["columns"][name], held["sums"]["pairs"].index(f"Intercept x {name}")
        n = held["numbers"]["rows"]
        rows.append(n)
        total = held["sums"]["sums over all rows"][at]
        sums.append(total * place["divided by"] + n * place["taken off"])
    gone = whole["numbers"]["client_id"] - less["numbers"]["client_id"]
    return gone, (sums[0] - sums[1]) / (rows[0] - rows[1])


def class_products(path: Path, sessions: float) -> tuple[list[str], np.ndarray]:
    """Return what clients with so many sessions add up to: columns, and products of their means.

    Sums hold it; a curve is solved for it, as it is the same few sums at every point.
    """
    file = read_file(path)
    names, body = [*file.model["terms"], file.model["outcome"]], file.body
    if isinstance(body, Curve):
        at = body.axes[0].points(POINTS)
        numbers = (6.0, 12.0)
        M = np.stack([np.ones(POINTS), *(n / (1.0 + n * at) for n in numbers)], axis=1)
        left = np.stack([body.contribution([d], 0).cross.ravel() for d in at])
        found = np.linalg.lstsq(M, left, rcond=None)[0][1 + numbers.index(sessions)]
        C = found.reshape(len(names), -1)
    else:
        C = body.outer[list(body.sessions).index(sessions)] / sessions**2
    turn = np.diag(file.unit)
    turn[0] = file.shift
    turn[0, 0] = 1.0
    return names, turn.T @ C @ turn


def cell(path: Path, sessions: float, one: str, other: str) -> float:
    """Return the mean outcome of those with one predictor and not the other, which all have."""
    names, C = class_products(path, sessions)
    a, b = C[names.index(one)], C[names.index(other)]
    return float((a[-1] - b[-1]) / (a[0] - b[0]))


def between_thresholds(paths: Sequence[Path], sessions: float) -> float:
    """Return the mean outcome of those between the thresholds of two files."""
    a, b = (class_products(path, sessions)[1][1] for path in paths)
    return float((a[-1] - b[-1]) / (a[0] - b[0]))


def change(path: Path, term: str) -> float:
    """Return what the outcome changes by within the one client in whom a predictor changes."""
    file = read_file(path)
    inside = file.body.total - (file.body.outer / file.body.sessions[:, None, None]).sum(axis=0)
    place = [*file.model["terms"]].index(term)
    return float(inside[place, -1] / inside[place, place] * file.unit[-1] / file.unit[place])


def outlier_of_class(path: Path, sessions: float, term: str, known: float) -> float:
    """Return the mean outcome of the one with a value `known` far from others of his class."""
    names, C = class_products(path, sessions)
    return _regressed(C, names.index(term), known)


def _regressed(C: np.ndarray, place: int, at: float) -> float:
    """Return the outcome at a predictor's value, from cross-products with the intercept first."""
    left = C - np.outer(C[0], C[0]) / C[0, 0]
    return float(
        (C[0, -1] + left[place, -1] / left[place, place] * (at * C[0, 0] - C[0, place])) / C[0, 0]
    )


def outlier(path: Path, term: str, known: float) -> float:
    """Return the mean outcome of the one client with a value `known` of a predictor.

    Nearly all of the predictor's spread is his, so its product with the outcome is about him.
    """
    file = read_file(path)
    place = [*file.model["terms"]].index(term)
    first = file.body.axes[0].low if isinstance(file.body, Curve) else 0.0
    at = (known - file.shift[place]) / file.unit[place]
    found = _regressed(file.body.contribution([first], 0).cross, place, at)
    return float(found * file.unit[-1] + file.shift[-1])
