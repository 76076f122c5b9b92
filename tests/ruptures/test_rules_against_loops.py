"""The vectorised rules against plain loops over clients and sessions."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import alliance_stats as al
from alliance_stats.ruptures.rules.change_point import best_cuts

SLACK = 1e-9
"""Relative rounding allowed at a cut-off, as the rules state it."""
CLOSE = 1e-8
"""Running sums over all clients against sums of one client: rounding of a few hundred terms."""


@st.composite
def studies(draw, least=1):
    """Frames with gaps, missing scores, ties and short courses, rows in any order."""
    rows = []
    for client in range(draw(st.integers(1, 5))):
        n = draw(st.integers(least, 14))
        gaps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 3]), min_size=n, max_size=n))
        quarter = st.integers(0, 24).map(lambda value: value / 4)
        score = st.one_of(quarter, quarter, quarter, quarter, st.just(float("nan")))
        scores = draw(st.lists(score, min_size=n, max_size=n))
        rows += list(zip([f"c{client}"] * n, np.cumsum(gaps), scores, strict=True))
    # one long course, so that there is always somebody to judge
    rows += [("long", session + 1, float(session % 4)) for session in range(12)]
    order = draw(st.permutations(range(len(rows))))
    return pd.DataFrame([rows[row] for row in order], columns=["client_id", "session", "score"])


def courses(frame):
    seen = frame.dropna().sort_values("session")
    return {
        client: (rows["session"].tolist(), rows["score"].tolist())
        for client, rows in seen.groupby("client_id")
    }


def sd(values, lost=1):
    middle = sum(values) / len(values)
    squares = sum((value - middle) ** 2 for value in values)
    return math.sqrt(squares / (len(values) - lost)) if len(values) > lost else math.nan


def line(session, score):
    mt, mx = sum(session) / len(session), sum(score) / len(score)
    denominator = sum((t - mt) ** 2 for t in session)
    top = sum((t - mt) * (x - mx) for t, x in zip(session, score, strict=True))
    slope = top / denominator if denominator else 0.0
    return [mx + slope * (t - mt) for t in session]


def loop_drop(frame, reference, scale, k, max_gap, n_reference=3):
    everybody = courses(frame)
    freedom = sum(len(x) - 1 for _, x in everybody.values())
    squares = sum(sd(x) ** 2 * (len(x) - 1) for _, x in everybody.values() if len(x) > 1)
    pooled = math.sqrt(squares / freedom)
    total = sd([value for _, x in everybody.values() for value in x])
    flags = set()
    for client, (session, score) in everybody.items():
        if len(score) < 4:
            continue
        fitted = line(session, score)
        residual = [a - b for a, b in zip(score, fitted, strict=True)]
        unit = {
            "within_sd": sd(score),
            "pooled_within_sd": pooled,
            "sample_sd": total,
            "stricter_sd": max(sd(score), pooled),
            "residual_sd": math.sqrt(sum(e * e for e in residual) / (len(score) - 2)),
        }[scale]
        for t in range(len(score)):
            run = t
            while run > 0 and (max_gap is None or session[run] - session[run - 1] <= max_gap):
                run -= 1
            level = math.nan
            if reference == "trend":
                level = fitted[t]
            elif reference == "client_mean":
                level = sum(score) / len(score)
            elif reference == "previous" and run < t:
                level = score[t - 1]
            elif reference == "running_mean" and t - run >= n_reference:
                level = sum(score[t - n_reference : t]) / n_reference
            if unit > 1e-8 and level - score[t] >= k * unit * (1 - SLACK):
                flags.add((client, session[t]))
    return flags


def found_flags(result):
    rows = result.sessions[result.sessions["flag"]]
    return set(zip(rows["client_id"], rows["session"].tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(
    studies(),
    st.sampled_from(["previous", "running_mean", "trend", "client_mean"]),
    st.sampled_from(["within_sd", "pooled_within_sd", "sample_sd", "stricter_sd", "residual_sd"]),
    st.sampled_from([0.53, 1.03, 1.97]),
    st.sampled_from([1, 2, None]),
)
def test_falls(frame, reference, scale, k, max_gap):
    found = al.detect_ruptures(
        frame,
        rule="drop",
        reference=reference,
        scale=scale,
        k=k,
        max_gap=max_gap,
        min_sessions=4,
    )
    assert found_flags(found) == loop_drop(frame, reference, scale, k, max_gap)


def loop_episodes(rows, level, window, max_gap):
    """Follow each client of .sessions by the words of the definition."""
    out = []
    for client, table in rows.groupby("client_id"):
        seen = table[table["score"].notna()].reset_index(drop=True)
        session, score = seen["session"].tolist(), seen["score"].tolist()
        t = 0
        while t < len(seen):
            if not seen["flag"][t]:
                t += 1
                continue
            pre, low, nadir, repair, followed = seen["reference"][t], score[t], t, None, 0
            threshold = seen["threshold"][t]
            u = t + 1
            while u < len(seen):
                broken = max_gap is not None and session[u] - session[u - 1] > max_gap
                if broken or (window is not None and session[u] - session[t] > window):
                    break
                followed += 1
                if score[u] < low:
                    low, nadir = score[u], u
                if level == "threshold":
                    back = score[u] > threshold + 1e-9
                else:
                    back = score[u] - low >= level * (pre - low) - 1e-9
                u += 1
                if back:
                    repair = session[u - 1]
                    break
            wanted = 3 if window is None else window
            outcome = "repaired" if repair else "censored" if followed < wanted else "unrepaired"
            out.append((client, session[t], session[nadir], repair, round(pre - low, 6), outcome))
            t = u
    return sorted(out)


@settings(max_examples=60, deadline=None)
@given(
    studies(),
    st.sampled_from([1.0, 0.5, "threshold"]),
    st.sampled_from([None, 1, 3]),
    st.sampled_from([1, 2, None]),
    st.sampled_from(["previous", "client_mean"]),
)
def test_episodes(frame, level, window, max_gap, reference):
    found = al.detect_ruptures(
        frame,
        rule="drop",
        reference=reference,
        scale="points",
        points=0.99,
        repair_level=level,
        repair_window=window,
        max_gap=max_gap,
    )
    table = found.episodes
    repair = [None if pd.isna(value) else int(value) for value in table["repair_session"]]
    ours = zip(
        table["client_id"],
        table["rupture_session"].tolist(),
        table["nadir_session"].tolist(),
        repair,
        table["depth"].round(6).tolist(),
        table["outcome"],
        strict=True,
    )
    assert sorted(ours) == loop_episodes(found.sessions, level, window, max_gap)
    clients = found.clients.set_index("client_id")
    judged = clients["n_judged"] > 0
    assert clients.loc[~judged, "n_ruptures"].isna().all()
    assert clients.loc[judged, "n_ruptures"].to_dict() == {
        **dict.fromkeys(clients.index[judged], 0),
        **table.groupby("client_id").size().to_dict(),
    }


def loop_chart(session, score, max_gap):
    ranges = [
        abs(score[t] - score[t - 1])
        for t in range(1, len(score))
        if max_gap is None or session[t] - session[t - 1] <= max_gap
    ]
    return sum(score) / len(score), (sum(ranges) / len(ranges) / 1.128 if ranges else math.nan)


@settings(max_examples=40, deadline=None)
@given(studies(), st.sampled_from([1, None]))
def test_charts(frame, max_gap):
    same = {"max_gap": max_gap, "min_sessions": 4}
    shewhart = al.detect_ruptures(frame, rule="control_chart", k=1.47, **same)
    ewma = al.detect_ruptures(frame, rule="ewma", k=1.47, smoothing=0.3, **same)
    cusum = al.detect_ruptures(frame, rule="cusum", k=2.47, **same)
    expected = {"chart": set(), "ewma": set(), "cusum": set()}
    for client, (session, score) in courses(frame).items():
        centre, sigma = loop_chart(session, score, max_gap)
        limits = shewhart.limits.set_index("client_id").loc[client]
        assert limits["centre"] == pytest.approx(centre, abs=CLOSE)
        assert limits["sigma"] == pytest.approx(sigma, abs=CLOSE, nan_ok=True)
        if len(score) < 4 or not sigma > 1e-9:
            continue
        z = total = 0.0
        step = 0
        for t in range(len(score)):
            if t and max_gap is not None and session[t] - session[t - 1] > max_gap:
                z = total = step = 0
            step += 1
            fall = centre - score[t]
            z = 0.3 * fall + 0.7 * z
            total = max(0.0, total + fall / sigma - 0.5)
            width = sigma * math.sqrt(0.3 / 1.7 * (1 - 0.7 ** (2 * step)))
            for name, over in (
                ("chart", fall > 1.47 * sigma),
                ("ewma", z > 1.47 * width),
                ("cusum", total > 2.47),
            ):
                if over:
                    expected[name].add((client, session[t]))
    assert found_flags(shewhart) == expected["chart"]
    assert found_flags(ewma) == expected["ewma"]
    assert found_flags(cusum) == expected["cusum"]


def loop_losses(frame, points, percent, stability):
    flags = set()
    for client, (session, score) in courses(frame).items():
        at = dict(zip(session, score, strict=True))
        if len(score) < 4:
            continue
        for t in session:
            if t - 1 not in at:
                continue
            before = [at[s] for s in (t - 3, t - 2, t - 1) if s in at]
            after = [at[s] for s in (t, t + 1, t + 2) if s in at]
            fall = at[t - 1] - at[t]
            if len(before) < 2 or len(after) < 2 or fall < points:
                continue
            if fall <= 0 or fall < percent / 100 * at[t - 1] * (1 - SLACK) or at[t - 1] == 0:
                continue
            n1, n2 = len(before), len(after)
            m1, m2 = sum(before) / n1, sum(after) / n2
            squares = sum((x - m1) ** 2 for x in before) + sum((x - m2) ** 2 for x in after)
            cut = stats.t.ppf(0.975, n1 + n2 - 2) * math.sqrt(squares / (n1 + n2 - 2))
            cut *= math.sqrt(1 / n1 + 1 / n2) if stability == "t" else 1
            if m1 - m2 > cut + 1e-9:
                flags.add((client, t))
    return flags


@settings(max_examples=60, deadline=None)
@given(studies(), st.sampled_from(["heuristic", "t"]), st.sampled_from([0.6, 1.1]))
def test_sudden_losses(frame, stability, points):
    found = al.detect_ruptures(
        frame, rule="sudden_loss", points=points, percent=23, stability=stability
    )
    assert found_flags(found) == loop_losses(frame, points, 23, stability)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=4, max_size=9),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_best_cuts_are_the_best_of_all(values, max_changes, min_length):
    x = np.array(values, dtype=float)
    x = x - x.mean()
    max_changes = min(max_changes, len(x) // min_length - 1)
    if max_changes < 1:
        return
    explained, cuts = best_cuts(x[:, None], max_changes, min_length)
    for changes in range(1, max_changes + 1):
        best = math.inf
        for places in itertools.combinations(range(1, len(x)), changes):
            edges = [0, *places, len(x)]
            if min(np.diff(edges)) < min_length:
                continue
            parts = [x[a:b] for a, b in itertools.pairwise(edges)]
            best = min(best, sum(np.square(part - part.mean()).sum() for part in parts))
        rest = np.square(x).sum() - explained[changes, 0]
        assert rest == pytest.approx(best, abs=CLOSE)
        edges = [0, *cuts[changes][:, 0].tolist(), len(x)]
        assert min(np.diff(edges)) >= min_length
        parts = [x[a:b] for a, b in itertools.pairwise(edges)]
        assert sum(np.square(p - p.mean()).sum() for p in parts) == pytest.approx(best, abs=CLOSE)
