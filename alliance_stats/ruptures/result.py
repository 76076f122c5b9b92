"""What a rule found: sessions, episodes, clients, and the numbers that describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.display.labels import inside
from ..errors import plural
from ..inference.rows import glance_row
from ..study.splitting import parts_of
from . import plots
from .episodes import OUTCOMES
from .performance.calibration import beside_reports
from .rates import TOLD, describe, describe_probable, repair_times
from .repair_table import RepairTimes
from .rules import find_rule
from .rules.told import ByRule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ..core.display.page import Block


@dataclass(frozen=True, repr=False)
class Ruptures(ByRule):
    """Ruptures and repairs of all clients under one rule.

    Attributes
    ----------
    sessions
        One row a session of the input, sorted by client and session: ``client_id``,
        ``session``, ``score``, ``flag`` (rupture by the criterion), ``distance`` (how far the
        session has fallen, in the rule's unit), ``judged`` (the criterion could be applied),
        ``reference`` (the level the fall is counted from), ``threshold`` (the score at which
        the session would be flagged), ``episode`` (row number in `episodes`, -1 outside); with
        ``range``: ``at_ceiling``, ``at_floor`` (the best and the worst possible score); with the
        rule ``state_model``: ``probability`` (that the session is in a rupture),
        ``probability_begins`` and ``probability_ends`` (that one begins or ends there).
    episodes
        One row a rupture: ``client_id``, ``rupture_session``, ``nadir_session``,
        ``repair_session`` (missing where there was none), ``last_session`` (the last session
        followed), ``pre_level``, ``nadir_level``, ``depth`` (pre-level to nadir, positive, in
        points of the scale), ``length`` (session numbers from rupture to repair, or to the end
        of what was followed, that one included), ``outcome``: ``repaired``; ``unrepaired`` (not
        repaired in what was followed of it, three sessions at least, or the ``repair_window``);
        ``censored`` (not followed far enough: a missed session or the end of the ratings).
    clients
        One row a client: ``n_sessions`` (observed), ``n_judged``, ``n_ruptures``,
        ``n_repaired``, ``n_unrepaired``, ``n_censored`` (missing, not 0, where no session could be
        judged), ``first_rupture``, ``class`` (``none``,
        ``repaired``, ``censored``, ``unrepaired``, ``too_few_sessions``, ``no_spread``); with
        the rule ``state_model``: ``probability`` (that the client had a rupture at all); with
        ``range``: ``share_ceiling``, ``share_floor``, ``ceiling``, ``floor``.
    rule, parameters
        The rule's name, and every parameter with its value.
    unit
        The unit of ``distance``.
    limits
        For control charts one row a client: centre, limits, mean moving range, sigma, lag-1
        autocorrelation; else None.
    estimates
        What a rule with a model (``state_model``) has estimated, by name; else empty.
    messages
        What could not be judged, and why.
    score
        The score whose course was judged, ``measure/scale/rater``; empty where nothing names it.
    by
        The column of `clients` whose groups have rates of their own in `tidy`; None without.
    """

    sessions: pd.DataFrame
    episodes: pd.DataFrame
    clients: pd.DataFrame
    rule: str
    parameters: Mapping[str, Any]
    unit: str
    limits: pd.DataFrame | None = None
    estimates: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    score: str = ""
    by: str | None = None
    _shares = "."

    @property
    def title(self) -> str:  # type: ignore[override]
        """What counted as a rupture, in words."""
        return f"Ruptures: {inside(find_rule(self.rule).title)}"

    @property
    def settings(self) -> str:
        """The rule with its parameters, as they are typed."""
        shown = {k: round(v, 4) if type(v) is float else v for k, v in self.parameters.items()}
        given = ", ".join(f"{k}={v!r}" for k, v in shown.items() if v is not None)
        return f"Rule {self.rule}: {given}."

    def term_labels(self) -> dict[str, str]:
        """Return what the rates are called."""
        later = {f"repaired_within_{n}": f"Repaired within {plural(n, 'session')}" for n in TOLD}
        return {"clients_with_rupture": "Clients with a rupture", **later}

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the rule with its parameters, and the rates."""
        return [self.settings, *super().shown(labels)]

    def tidy(self) -> pd.DataFrame:
        """Return rates with clients as the unit of sampling, by ``group`` where one was named.

        Terms: ``ruptures_per_session`` (ruptures over judged sessions), ``clients_with_rupture``
        (share of judged clients), ``repaired_within_1``, ``_2``, ``_3`` (share of ruptures repaired
        so many session numbers later, by Kaplan-Meier: see `repair_times`). Standard errors are
        over clients, intervals Wilson's with the number of ruptures or sessions that these errors
        amount to. With the rule ``state_model`` the rates are those its probabilities expect, with
        the parameters' uncertainty in their errors, and repairs follow from ``closing``.
        """
        parts = parts_of(self.clients, self.by)
        rates = [self._rates(own).assign(group=name) for name, own in parts]
        return pd.concat(rates, ignore_index=True)

    def _rates(self, clients: pd.DataFrame) -> pd.DataFrame:
        """Return the rates of some of the clients."""
        sessions, episodes = (
            table[table["client_id"].isin(clients["client_id"])]
            for table in (self.sessions, self.episodes)
        )
        if "probability" in self.clients:
            return describe_probable(clients, sessions, self.estimates)
        return describe(clients, episodes)

    def _done(self) -> tuple[str, dict[str, Any]]:
        kind, facts = super()._done()
        if "depth" not in self.estimates:
            return kind, facts
        return "RupturesOfStates", {**self.estimates, **self.parameters, **facts}

    def repair_times(self) -> pd.DataFrame:
        """Return how soon ruptures were repaired, with how many were still followed.

        Ruptures are followed for unequal times: to the end of the ratings, to the first missed
        session (``max_gap``), or to the end of ``repair_window``. The share repaired among those
        whose outcome was observed depends on that; the time to repair does not.

        Returns
        -------
        pandas.DataFrame
            One row a number of ``sessions`` after the rupture (differences of session numbers):
            ``n_at_risk`` (ruptures followed so far and not repaired before), ``n_repaired``,
            ``n_censored`` (followed no further), ``repaired`` (share repaired by then,
            1 - Kaplan-Meier), ``std_error`` (over clients), ``conf_low``, ``conf_high``.
        """
        return RepairTimes(repair_times(self.episodes))

    def glance(self) -> pd.DataFrame:
        """Return one row: how many clients, sessions, ruptures, repairs."""
        clients = self.clients
        judged = clients["n_judged"] > 0
        dated = not clients.loc[judged, "n_ruptures"].isna().any()
        found = {
            "n_clients_with_rupture": (clients["n_ruptures"] > 0).sum(),
            "n_ruptures": len(self.episodes),
            **{f"n_{name}": clients[f"n_{name}"].sum() for name in OUTCOMES},
        }
        return glance_row(
            self,
            "rule",
            n_clients=len(clients),
            n_clients_judged=int(judged.sum()),
            n_sessions=int(clients["n_sessions"].sum()),
            n_sessions_judged=int(clients["n_judged"].sum()),
            **(found if dated else dict.fromkeys(found, pd.NA)),
        )

    def calibration(
        self,
        events: pd.DataFrame | None = None,
        *,
        rater: str = "client",
        codes: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Return how often ruptures were reported where they were probable (``state_model``).

        Parameters
        ----------
        events
            The table of reports (``study.tables["events"]``).
        rater
            Whose reports: ``client``, ``therapist`` or ``observer``.
        codes
            In place of reports: observers' codes (``study.tables["observer_codes"]``). A session
            counts as reported where any coder saw a marker; sessions nobody coded are left out.

        Returns
        -------
        pandas.DataFrame
            One row a band of probability: ``from``, ``to``, ``n_sessions``, ``probability`` (its
            mean), ``reported`` (share of sessions with a rupture reported) with ``std_error``
            (clients as the unit). ``.attrs`` has the Brier score and the number of reports.

        Notes
        -----
        A rater who reports one rupture in three makes the share a third of a right probability:
        look whether it rises, not whether it is equal.
        """
        return beside_reports(self.sessions, events, rater, codes)

    def plot(self, client_id: Any = None, *others: Ruptures, ax: Axes | None = None) -> Axes:
        """Draw one client's course with its episodes, or all clients as a heat map.

        Parameters
        ----------
        client_id
            Whose course; without it, all clients.
        *others
            Results of other rules on the same scores; their ruptures are marked below.
        ax
            Axes to draw on; a new figure where None.
        """
        if client_id is None:
            return plots.plot_heatmap(self, ax=ax)
        return plots.plot_course(self, client_id, *others, ax=ax)

    def plot_clients(self, client_ids: Sequence[Any] | None = None, *, columns: int = 4) -> NDArray:
        """Draw the courses of several clients as small multiples; return their Axes.

        Without `client_ids`, the first twelve clients with a rupture, then others.
        """
        return plots.plot_small_multiples(self, client_ids, columns=columns)

    def plot_chart(self, client_id: Any, *, ax: Axes | None = None) -> Axes:
        """Draw one client's control chart: centre, limits, sessions beyond them."""
        return plots.plot_control_chart(self, client_id, ax=ax)
