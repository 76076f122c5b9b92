"""Shape-of-change clusters: the form of the whole course, not the date of a rupture.

Each client's scores are regressed on session number u (centred at the client's mean session)
and its square: x = level + slope u + curvature u^2 + e. Slope, curvature and the SD of e
(n_i - 3), each divided by its SD over clients, go into k-means with `n_clusters` groups
(scikit-learn, k-means++ with `n_init` starts and a fixed seed). Clusters are numbered from 1 by
falling mean slope.

The rule dates no session: it flags none, and a client's class is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import DesignError
from ..courses import Booleans, Courses, Floats, Integers
from .base import Flags, Rule


def shapes(courses: Courses) -> tuple[Floats, Floats, Floats]:
    """Return each client's slope, curvature and residual SD; NaN with fewer than 4 sessions."""
    u = courses.session - courses.spread(courses.sums(courses.session) / courses.length)
    square = np.square(u)
    s2 = courses.sums(square)
    s3, s4 = courses.sums(square * u), courses.sums(np.square(square))
    y = courses.centred
    t1, t2 = courses.sums(u * y), courses.sums(square * y)
    v22 = s4 - np.square(s2) / courses.length
    determinant = s2 * v22 - np.square(s3)
    enough = (courses.length >= 4) & (determinant > 1e-9 * np.maximum(s2 * v22, 1e-300))
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(enough, (t1 * v22 - t2 * s3) / determinant, np.nan)
        curvature = np.where(enough, (t2 * s2 - t1 * s3) / determinant, np.nan)
        rest = courses.squares - slope * t1 - curvature * t2
        spread = np.sqrt(np.maximum(rest, 0.0) / (courses.length - 3))
    return slope, curvature, spread


def cluster(features: Floats, p: Mapping[str, Any]) -> Integers:
    """Return each client's cluster, from 1 by falling mean slope."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    spread = features.std(axis=0)
    scaled = features / np.where(spread > 0, spread, 1.0)
    with threadpool_limits(1):  # on so few numbers threads only wait for one another
        means = KMeans(p["n_clusters"], n_init=p["n_init"], random_state=p["seed"]).fit(scaled)
    order = np.argsort(-means.cluster_centers_[:, 0], kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(1, order.size + 1)
    return rank[means.labels_]


def group_shapes(courses: Courses, p: Mapping[str, Any]) -> Flags:
    """Group clients by the shape of their course (see the module)."""
    slope, curvature, spread = shapes(courses)
    able = np.isfinite(spread) & (courses.length >= p["min_sessions"])
    features = np.column_stack([slope, curvature, spread])[able]
    n = p["n_clusters"]
    distinct = np.unique(features, axis=0).shape[0] if len(features) < 1000 else len(features)
    if distinct < n:
        raise DesignError(
            f"{n} clusters need at least {n} clients with different courses that are long enough; "
            f"there are {distinct}. Lower n_clusters or min_sessions."
        )
    number = np.zeros(courses.start.size, dtype=np.int64)
    number[able] = cluster(features, p)
    missing = np.full(courses.session.size, np.nan)
    none: Booleans = np.zeros(courses.session.size, dtype=bool)
    return Flags(
        none,
        missing,
        courses.spread(able).astype(bool),
        missing,
        missing,
        client_columns={
            "cluster": number,
            "slope": courses.sign * slope,
            "curvature": courses.sign * curvature,
            "residual_sd": spread,
        },
        notes=("This rule groups whole courses and dates no rupture: read .clients['cluster'].",),
    )


RULES = (
    Rule(
        name="shape_clusters",
        title="Clusters of slope, curvature and variability",
        short="shapes of courses",
        definition="x = level + slope u + curvature u^2 + e; k-means on slope, curvature, SD of e",
        function=group_shapes,
        own={"n_clusters": 4, "n_init": 4, "seed": 0, "min_sessions": 6},
        unit="none: no session is dated",
        least_sessions=4,
        source="Stiles et al. 2004, doi 10.1037/0022-006X.72.1.81 (the idea)",
        verified=False,
        note="The features are those named for Stiles et al. 2004; their clustering method and "
        "number of groups were not read.",
        dates_sessions=False,
    ),
)
