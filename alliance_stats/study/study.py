"""`Study`: the tables of one study, as a value that never changes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from ..core.signatures import answer_for_methods
from ..errors import DesignError, did_you_mean, listing
from .frames import in_order, shared_copy
from .tables import TABLES

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from ..explorer import Explorer
    from ..instruments import Registry
    from .codebook import Codebook
    from .labels import Labels
    from .truth import Truth
    from .validating.report import ValidationReport

_SLOTS = (
    "name",
    "synthetic",
    "already_reversed",
    "raters",
    "time_unit",
    "labels",
    "notes",
    "report",
    "truth",
    "folder",
    "files",
    "_frames",
    "_registry",
)


@answer_for_methods
class Study:
    """One study: its canonical tables, the measures' cards, and what is known of its making.

    A study is a value. Tables are handed out as copies, so that nothing done to them reaches
    the study; `with_tables` gives a changed one. `open_study`, `load_dataset` and
    `simulate_study` make studies; built by hand, a study is not validated until
    ``alliance_stats.validate(study)`` is called.

    Parameters
    ----------
    name
        What the study is called.
    tables
        Table name (``"sessions"``, ``"ratings"`` ...) → DataFrame with the columns of its
        schema; further columns are kept, after those of the schema.
    measures
        The cards to score with; those that ship unless given (`load_registry`).
    synthetic
        True where no real person stands behind the data; pages that show the study say so.
    already_reversed
        ``(measure, rater)`` pairs whose reverse-keyed items the file holds already turned.
    raters
        Raters beyond client, therapist and observer: the word in the tables → its name.
    time_unit
        The unit of the columns ``time``: ``"day"``, ``"week"`` or ``"month"``; None where not said.
    labels
        Column → `Labels`: what a further column and the codes in it are called.
    notes
        Sentences on how the study came about; pages that show the study repeat them.
    report, truth, folder, files
        What validation found; the truth of a simulated study; where it was read from.

    Attributes
    ----------
    therapists, clients, sessions, ratings, terminations, events, ...
        Each table the study holds, by its name.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=5, n_clients=20, seed=1)
    >>> study.clients.columns.tolist()
    ['client_id', 'therapist_id', 'site_id', 'condition']
    >>> study.scores.columns.tolist()[:5]
    ['client_id', 'session', 'rater', 'measure', 'scale']
    """

    name: str
    synthetic: bool
    already_reversed: frozenset[tuple[str, str]]
    raters: Mapping[str, str]
    time_unit: str | None
    labels: Mapping[str, Labels]
    notes: tuple[str, ...]
    report: ValidationReport | None
    truth: Truth | None
    folder: Path | None
    files: tuple[str, ...]
    _frames: dict[str, pd.DataFrame]
    _registry: Registry | None

    def __init__(
        self,
        name: str,
        tables: Mapping[str, pd.DataFrame],
        *,
        measures: Registry | None = None,
        synthetic: bool = False,
        already_reversed: frozenset[tuple[str, str]] = frozenset(),
        raters: Mapping[str, str] | None = None,
        time_unit: str | None = None,
        labels: Mapping[str, Labels] | None = None,
        notes: tuple[str, ...] = (),
        report: ValidationReport | None = None,
        truth: Truth | None = None,
        folder: Path | None = None,
        files: tuple[str, ...] = (),
    ) -> None:
        unknown = [table for table in tables if table not in TABLES]
        if unknown:
            raise DesignError(
                f"A study has no table '{unknown[0]}'; its tables are {listing(TABLES, 20)}."
                f"{did_you_mean(unknown[0], TABLES)}"
            )
        values = {
            "name": str(name),
            "synthetic": bool(synthetic),
            "already_reversed": frozenset(already_reversed),
            "raters": dict(raters or {}),
            "time_unit": time_unit,
            "labels": dict(labels or {}),
            "notes": tuple(notes),
            "report": report,
            "truth": truth,
            "folder": folder,
            "files": tuple(files),
            "_frames": {one: in_order(one, tables[one]) for one in TABLES if one in tables},
            "_registry": measures,
        }
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"A study never changes: '{name}' cannot be set. Use study.with_tables(...) to get "
            "a study with other tables."
        )

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"A study never changes: '{name}' cannot be deleted.")

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._frames:
            return shared_copy(self._frames[name])
        raise AttributeError(self._absent(name))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._frames]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The study's tables by name, in the order of the schemas."""
        return {name: shared_copy(frame) for name, frame in self._frames.items()}

    def table(self, name: str) -> pd.DataFrame:
        """Return one table, or raise `DesignError` saying which ones the study holds."""
        if name == "scores":
            return self.scores
        if name not in self._frames:
            raise DesignError(self._absent(name))
        return shared_copy(self._frames[name])

    def has(self, name: str) -> bool:
        """Return whether the study holds a table, with at least one row."""
        return name in self._frames and len(self._frames[name]) > 0

    @property
    def measures(self) -> Registry:
        """The cards the study is scored with: those that ship and its own."""
        return self._measures

    @cached_property
    def _measures(self) -> Registry:
        from ..instruments import load_registry

        return load_registry() if self._registry is None else self._registry

    @property
    def scores(self) -> pd.DataFrame:
        """Scores of every form: computed from ``ratings`` by the cards, and those given.

        Where a file held both items and a total, the score is the one computed. Columns:
        client_id, session, rater, measure, scale, score, n_answered, n_items. What could not be
        scored is said in ``.attrs["messages"]``.
        """
        return shared_copy(self._scores)

    @cached_property
    def _scores(self) -> pd.DataFrame:
        from .scored import study_scores

        return study_scores(self)

    @cached_property
    def _made(self) -> dict[tuple[Any, ...], pd.DataFrame]:
        """What functions made of this study, each once (`once_a_study`)."""
        return {}

    def select(
        self,
        score: str,
        *,
        scale: str | None = None,
        rater: str | None = None,
        at: str | None = None,
    ) -> pd.DataFrame:
        """Return the scores of one measure, scale and rater, with who and when beside them.

        Parameters
        ----------
        score
            ``"wai-sr/total/client"``: measure, scale, rater. What is not said is ``total`` and
            the client where there are such scores, else the only one there is.
        scale, rater
            The parts by arguments of their own.
        at
            ``"session"``: scores at sessions; ``"occasion"``: the ``assessments``. By default
            sessions, and occasions where the score was taken at none.

        Returns
        -------
        DataFrame
            One row a client and session (or occasion): ``client_id``, ``therapist_id`` (who held
            the session, else the client's), ``site_id``, ``condition``, ``session`` (or
            ``occasion``, ``week``), ``date``, as far as the study has them; ``measure, scale,
            rater, score``, in the units of the card. A form that could not be scored has its row,
            without a score. ``.attrs["score"]`` is the full name.

        Raises
        ------
        ScoreError
            Where nothing, or more than one thing, is what was named; the sentence says what
            there is, and the nearest. It is a `ColumnError` and a `DesignError`.

        Examples
        --------
        >>> import alliance_stats as al
        >>> study = al.simulate_study(n_therapists=4, n_clients=12, seed=1)
        >>> study.select("wai-sr/task").attrs["score"]
        'wai-sr/task/client'
        >>> study.select("wai-sr/bnd")
        Traceback (most recent call last):
            ...
        alliance_stats.errors.ScoreError: There are no scores of wai-sr with scale 'bnd'; ...
        """
        from .select import select

        return select(self, score, scale=scale, rater=rater, at=at)

    def with_tables(self, **tables: pd.DataFrame | None) -> Study:
        """Return a study with tables put in place, added, or (None) left out.

        Parameters
        ----------
        **tables
            ``terminations=frame`` and the like. The report of the old study is not carried
            over: validate the new one.
        """
        frames = {**self._frames, **tables}
        kept = {name: frame for name, frame in frames.items() if frame is not None}
        changed = self._with(tables=kept, report=None)
        if "_scores" in self.__dict__ and not {"ratings", "scores"} & tables.keys():
            changed.__dict__["_scores"] = self._scores  # what they are made of is the same
        return changed

    def split(self, by: str = "condition") -> dict[str, Study]:
        """Return a study for each group of clients, by its name: for what takes no ``by=``.

        Parameters
        ----------
        by
            A column of the clients: ``condition``, ``site_id``. Clients without a value of it are
            in none of the studies.

        Examples
        --------
        >>> import alliance_stats as al
        >>> study = al.load_dataset("demo-trial")
        >>> {arm: len(part.clients) for arm, part in study.split("condition").items()}
        {'alliance-focused': 154, 'standard': 166}
        """
        from .splitting import split

        return split(self, by)

    def _with(self, **changes: Any) -> Study:
        values = {name: self.__dict__[name] for name in _SLOTS if not name.startswith("_")}
        values |= {"tables": self._frames, "measures": self._registry}
        return Study(**(values | changes))

    def describe(self) -> pd.DataFrame:
        """Return the size of the study: units, sessions, missing forms and answers.

        Returns
        -------
        DataFrame
            Columns ``about`` (units, sessions per client, clients per therapist, missing),
            ``group`` (rater and measure where it applies), ``quantity`` and ``value``. Shares
            run from 0 to 1.
        """
        from .description import describe

        return describe(self)

    def to_xarray(self) -> xr.Dataset:
        """Return the scores as arrays over client × session × rater.

        One variable a scale, named ``wai_sr_total`` and the like, with its measure, scale,
        range and direction in ``.attrs``; coordinates ``therapist`` and ``site`` by client and,
        where the study has them, ``date`` and ``attended`` by client and session.
        """
        from .arrays import to_xarray

        return to_xarray(self)

    def save(self, folder: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the study as a Data Package: ``datapackage.json``, a CSV a table, its own cards.

        The package passes ``frictionless validate`` and `open_study` gives an equal study.
        Text is written as it is, byte for byte; guard against formulas when you turn a CSV into
        a spreadsheet.

        Parameters
        ----------
        folder
            Made where it is not there.
        overwrite
            Write over files of the same names; a package saved from here is always replaced.

        Returns
        -------
        Path
            The folder.
        """
        from .saving import save

        return save(self, folder, overwrite=overwrite)

    def export(
        self,
        folder: str | PathLike[str],
        *,
        format: str = "csv",
        wide: bool = False,
        overwrite: bool = False,
    ) -> Path:
        """Write the tables for SPSS, Stata, JASP, R or a spreadsheet.

        Columns keep their labels; in ``.sav`` an answer that was not given has a code declared
        as missing and labelled, in ``.dta`` it is ``.a``. Dates are dates, yes and no are 1 and 0
        with labels. Names that SPSS or Stata refuse are written with ``_`` for what they do not
        take; the label says what the column was called. The ids are in the files as they are:
        `pseudonymise` first to give them away. So is text that begins with ``=`` in CSV, which a
        spreadsheet takes for a formula: open the ``.xlsx`` there, where it is text.

        Parameters
        ----------
        folder
            Made where it is not there.
        format
            ``"sav"``, ``"dta"``, ``"csv"`` or ``"parquet"``: a file a table; ``"xlsx"``: one book
            with a sheet a table. What columns mean stands in ``codebook.csv`` or a sheet
            ``codebook`` where the format has no labels.
        wide
            One table with a row a client: what is known of him, his ending, and a column for each
            answer and score (``wai_sr_client_i7_s3``, ``phq_9_client_total_post``).
        overwrite
            Write over files of the same names.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        AllianceStatsError
            For an unknown format, files that are there already, and where nothing can be written.

        Examples
        --------
        >>> import tempfile
        >>> import alliance_stats as al
        >>> study = al.simulate_study(n_therapists=3, n_clients=6, seed=1)
        >>> folder = study.export(tempfile.mkdtemp(), format="sav")
        >>> al.read_table(folder / "clients.sav").attrs["variable_labels"]["client_id"]
        'Client'
        """
        from .exporting import export

        return export(self, folder, format=format, wide=wide, overwrite=overwrite)

    def explore(self, *, show_persons: bool = False) -> Explorer:
        """Return a page to look through the study: courses, ruptures, endings, the rating gap.

        It shows itself in a notebook; ``.save("page.html")`` writes it as one file that loads
        nothing from anywhere. It needs ``alliance-stats[explore]`` (Vega-Lite draws it).

        Parameters
        ----------
        show_persons
            Show single clients, with numbers in place of ids (``.clients`` says who is who): one
            by one or many at once, by therapist, measure and rater, with the ruptures that each
            rule finds at parameters chosen on the page, endings, and the gap between client and
            therapist. Such a page is for the owner of the data. Without it the page may be shared:
            it holds means of all at sessions with ten clients or more, and no number of people.

        Returns
        -------
        Explorer
            ``.save(path)``, ``.html``, ``.content`` (what the page holds), ``.clients``.

        Raises
        ------
        AllianceStatsError
            Where what draws the page is not installed.
        DesignError
            Where the study has no scores.

        Notes
        -----
        The page holds no rule: what it marks was found by `detect_ruptures` beforehand, for every
        combination of parameters that it offers.

        Examples
        --------
        >>> import alliance_stats as al
        >>> study = al.simulate_study(n_therapists=4, n_clients=12, seed=1)
        >>> study.explore()
        Explorer('simulated-1', means, 9 scores)
        """
        from importlib import import_module

        # the page stands above the topics, and they above the study: it is asked for by name
        return import_module("alliance_stats.explorer").explore(self, show_persons=show_persons)

    def codebook(self) -> Codebook:
        """Return the codebook: tables, columns, measures; `to_html` and `to_json` write it."""
        from .codebook import codebook_and_ledger

        return codebook_and_ledger(self)[0]

    def equals(self, other: object) -> bool:
        """Return whether two studies hold the same tables, cell by cell, under the same name.

        How text is stored (pandas' ``str``, ``object``, categories) does not matter; the order
        of rows and columns does.
        """
        from .frames import same_frames

        if not isinstance(other, Study):
            return False
        same = self.name == other.name and self.synthetic == other.synthetic
        same = same and self.already_reversed == other.already_reversed
        same = same and self.raters == other.raters and self.time_unit == other.time_unit
        same = same and self.labels == other.labels
        return same and same_frames(self._frames, other._frames)

    def _absent(self, name: str) -> str:
        held = list(self._frames)
        return (
            f"The study '{self.name}' has no table '{name}'; it holds "
            f"{listing(held, 20) or 'no tables'}.{did_you_mean(name, held)}"
        )

    def __repr__(self) -> str:
        mark = ", synthetic" if self.synthetic else ""
        sizes = ", ".join(f"{name} {len(frame):,}" for name, frame in self._frames.items())
        return f"<Study {self.name}{mark}: {sizes or 'no tables'}>"

    def _repr_html_(self) -> str:
        mark = " <em>(synthetic data)</em>" if self.synthetic else ""
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td style='text-align:right'>{len(frame):,}</td>"
            f"<td>{escape(', '.join(map(str, frame.columns)))}</td></tr>"
            for name, frame in self._frames.items()
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return (
            f"<div><strong>Study {escape(self.name)}</strong>{mark}"
            "<table><thead><tr><th>table</th><th>rows</th><th>columns</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>{f'<ul>{notes}</ul>' if notes else ''}</div>"
        )
