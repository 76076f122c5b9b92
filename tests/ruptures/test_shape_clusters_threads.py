"""Clustering few clients is not spread over threads."""

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_info, threadpool_limits

from alliance_stats.ruptures.rules.shape_clusters import cluster


def test_few_clients_are_clustered_by_one_thread(monkeypatch):
    seen = []
    real = KMeans.fit

    def fit(self, *args):
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return real(self, *args)

    monkeypatch.setattr(KMeans, "fit", fit)
    features = np.random.default_rng(1).normal(size=(30, 3))
    with threadpool_limits(2):
        cluster(features, {"n_clusters": 2, "n_init": 2, "seed": 1})
    assert set(seen) == {1}
