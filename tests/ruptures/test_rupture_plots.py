"""Pictures draw what their data functions say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import alliance_stats as al
from alliance_stats.ruptures import plots


def scores():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "client_id": np.repeat([f"c{i}" for i in range(5)], 12),
            "session": np.tile(np.arange(1, 13), 5),
            "score": rng.normal(5, 0.5, 60),
        }
    )
    frame.loc[5, "score"] = 1.0
    return frame.drop(index=8)


@pytest.fixture(scope="module")
def found():
    return al.detect_ruptures(scores(), rule="drop_points", points=1.5)


def drawn(ax):
    """Fail on any warning that drawing itself would give."""
    ax.figure.canvas.draw()
    return ax


def test_the_course_breaks_where_a_session_is_unobserved(found):
    sessions, episodes = plots.course_data(found, "c0")
    assert sessions["session"].tolist() == list(range(1, 13))
    assert sessions.loc[sessions["session"] == 9, "score"].isna().all()
    assert 6 in episodes["rupture_session"].tolist()


def test_a_course_with_marks_of_several_rules(found):
    other = al.detect_ruptures(scores(), rule="control_chart")
    ax = drawn(found.plot("c0", other))
    assert isinstance(ax, Axes)
    labels = {text.get_text() for text in ax.get_legend().get_texts()}
    assert {"rupture", "nadir", "rupture by control chart", "episode"} <= labels
    assert "n = 11 sessions" in ax.get_title()
    assert ax.get_ylabel() == "Score (higher is better)"
    line = next(item for item in ax.lines if item.get_label() == "score")
    assert np.isnan(line.get_ydata()[8])


def test_it_draws_on_the_axes_it_is_given(found):
    ax = Figure().add_subplot()
    assert found.plot("c0", ax=ax) is ax


def test_the_chart_shows_centre_and_limits():
    found = al.detect_ruptures(scores(), rule="control_chart", detrend=True)
    chart = plots.chart_data(found, "c0")
    assert np.allclose(chart["upper"] - chart["centre"], chart["centre"] - chart["lower"])
    judged = found.sessions[found.sessions["client_id"] == "c0"].set_index("session")
    both = chart.set_index("session").loc[judged.index]
    assert np.allclose(both["lower"], judged["threshold"])
    drawn(found.plot_chart("c0"))
    for rule in ("ewma", "cusum"):
        ax = drawn(al.detect_ruptures(scores(), rule=rule).plot_chart("c1"))
        assert "autocorrelation" in ax.get_title()


def test_small_multiples_and_heat_map(found):
    axes = found.plot_clients(columns=3)
    assert axes.shape == (2, 3)
    drawn(axes[0, 0])
    table = plots.heatmap_data(found)
    assert table.shape == (5, 12)
    first = found.clients.set_index("client_id")["first_rupture"].dropna().idxmin()
    assert table.index[0] == first
    assert "n = 5" in drawn(found.plot()).get_ylabel()


def test_the_matrix_of_agreement_and_the_four_cells():
    rules = ["drop_within_sd", "drop_trend", "control_chart"]
    agreement = al.compare_rules(scores(), rules)
    ax = drawn(agreement.plot())
    assert len(ax.texts) == 9
    events = pd.DataFrame(
        {
            "client_id": ["c0", "c0", "c1"],
            "session": [2, 2, 4],
            "rater": ["client", "therapist", "client"],
            "kind": "rupture",
        }
    )
    ax = drawn(al.compare_reports(events, sessions=scores()).plot())
    assert ax.get_xlabel() == "Sessions (n = 59)"


def test_errors(found):
    with pytest.raises(al.DesignError, match=r"There is no client 'C1'.*Did you mean 'c1'"):
        found.plot("C1")
    with pytest.raises(al.DesignError, match="has no control limits"):
        found.plot_chart("c0")
