"""`combine_studies`: several studies as one, each a site of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from ..core.people import ids_in
from ..errors import AllianceStatsError, DesignError, listing
from ..instruments import Registry
from .labels import together
from .study import Study
from .tables import TABLES, table_schema

KEPT_APART = ("client_id", "therapist_id", "coder_id")
"""Ids that name people: the same id in two studies is two people."""


def combine_studies(studies: Mapping[str, Study], *, name: str = "") -> Study:
    """Return several studies as one, in which each is a site.

    Question answered: how do I analyse the data of several clinics or trials together? Each table
    is that of all studies, one below the other, and ``site_id`` is the name given to the study;
    where a study had sites of its own, they stay in the column ``site_within``.

    The same id of a client, therapist or coder in two studies is taken for two people: where any
    id of a kind occurs twice, all ids of that kind get the name of their study before them
    (``a-17``), in every table. Where a study's file held reverse-keyed items already turned and
    another's did not, they are turned back, so that one card scores both.

    Parameters
    ----------
    studies
        Name of the site → `Study`, two or more.
    name
        What the whole is called; the names joined by ``+`` unless given.

    Returns
    -------
    Study
        ``.notes`` say which ids were changed, which measures and raters only some of the studies
        have, and what each study said of itself. It is not validated: ``al.validate(study)``.

    Raises
    ------
    DesignError
        Where fewer than two studies come, or two score the same measure by different cards: their
        scores would not be comparable.

    Examples
    --------
    >>> import alliance_stats as al
    >>> one, two = (al.simulate_study(n_therapists=3, n_clients=6, seed=seed) for seed in (1, 2))
    >>> both = al.combine_studies({"Bern": one, "Kiel": two})
    >>> both.clients["site_id"].value_counts().to_dict()
    {'Bern': 6, 'Kiel': 6}
    >>> both.clients["client_id"].is_unique
    True
    """
    if not isinstance(studies, Mapping) or len(studies) < 2:
        raise DesignError(
            'combine_studies takes two or more studies by name: {"a": study_a, "b": study_b}.'
        )
    given = {str(site): study for site, study in studies.items()}
    odd = next((site for site, study in given.items() if not isinstance(study, Study)), None)
    if odd is not None:
        raise AllianceStatsError(
            f"combine_studies takes studies, and '{odd}' is a {type(given[odd]).__name__}. "
            "Open it first, with al.open_study."
        )
    notes = [f"{site}: {note}" for site, study in given.items() for note in study.notes]
    tables = {site: study.tables for site, study in given.items()}
    registry = _one_registry(given)
    turned = _turn_back(given, tables, registry)
    _count_treatments(tables)
    notes += [*_tell_apart(tables), *turned, *_differences(tables)]
    for site, held in tables.items():
        _mark_site(held, site)
    whole = {
        table: pd.concat([held[table] for held in tables.values() if table in held])
        for table in TABLES
        if any(table in held for held in tables.values())
    }
    labels, torn = together(study.labels for study in given.values())
    notes += [f"the values of '{name}' are called differently in the studies" for name in torn]
    everywhere = frozenset.intersection(*(study.already_reversed for study in given.values()))
    return Study(
        name or " + ".join(given),
        {table: frame.reset_index(drop=True) for table, frame in whole.items()},
        measures=registry,
        synthetic=all(study.synthetic for study in given.values()),
        already_reversed=everywhere,
        labels=labels,
        notes=tuple(notes),
    )


def _one_registry(studies: Mapping[str, Study]) -> Registry:
    """Return all cards; refuse a measure that is scored differently."""
    cards: dict[str, Any] = {}
    of: dict[str, str] = {}
    for site, study in studies.items():
        for card in study.measures.values():
            known = cards.setdefault(card.name, card)
            first = of.setdefault(card.name, site)
            if replace(known, origin="") != replace(card, origin=""):
                raise DesignError(
                    f"The studies '{first}' and '{site}' score '{card.name}' by different cards; "
                    "their scores would not be comparable. Give one of the forms another id."
                )
    return Registry(cards)


def _count_treatments(tables: dict[str, dict[str, pd.DataFrame]]) -> None:
    """Say in each study whose course a client's is, where some study counts treatments."""
    people = [held["clients"] for held in tables.values() if "clients" in held]
    if not any("person_id" in frame for frame in people):
        return
    for held in tables.values():
        if "clients" in held and "person_id" not in held["clients"]:
            one = held["clients"]
            held["clients"] = one.assign(person_id=one["client_id"].astype(object), episode=1)


def _turn_back(
    studies: Mapping[str, Study], tables: dict[str, dict[str, pd.DataFrame]], registry: Registry
) -> list[str]:
    """Turn reversed items back where a file held them turned and another did not."""
    pairs = {site: study.already_reversed for site, study in studies.items()}
    mixed = frozenset.union(*pairs.values()) - frozenset.intersection(*pairs.values())
    notes = []
    for site, held in tables.items():
        for measure, rater in sorted(mixed & pairs[site]):
            if "ratings" not in held or measure not in registry:
                continue
            card, ratings = registry[measure], held["ratings"].copy()
            mine = (ratings["measure"] == measure) & (ratings["rater"] == rater)
            for item in card.reversed_items:
                low, high = card.item_range(item)
                at = mine & (ratings["item"] == item)
                ratings.loc[at, "value"] = low + high - ratings.loc[at, "value"]
            held["ratings"] = ratings
            notes.append(f"{site}: the reversed items of {measure} by the {rater} were turned back")
    return notes


def _tell_apart(tables: dict[str, dict[str, pd.DataFrame]]) -> list[str]:
    """Put the study's name before the ids of a kind of which two studies share one."""
    notes = []
    for column in KEPT_APART:
        ids = {site: set(map(str, ids_in(held, column))) for site, held in tables.items()}
        seen: set[str] = set()
        shared: set[str] = set()
        for found in ids.values():
            shared |= seen & found
            seen |= found
        if not shared:
            continue
        for site, held in tables.items():
            for table, frame in held.items():
                for name in (column, *({"client_id": ("person_id",)}.get(column, ()))):
                    if name in frame:
                        there = frame[name].notna()
                        named = (site + "-" + frame[name].astype(str)).where(there, None)
                        frame = held[table] = frame.assign(**{name: named})
        who = column.removesuffix("_id")
        after = [one for held in tables.values() for one in ids_in(held, column)]
        if len(after) != len(set(after)):
            raise DesignError(
                f"With the names of the studies before them, ids of {who}s are still the same in "
                f"two ({listing(tables)}). Give the studies other names."
            )
        notes.append(
            f"Ids of {who}s stood in more than one study; they are taken for different people, and "
            "each id has the name of its study before it"
        )
    return notes


def _mark_site(held: dict[str, pd.DataFrame], site: str) -> None:
    for table, frame in held.items():
        if any(field.name == "site_id" for field in table_schema(table).fields):
            own = {"site_within": frame["site_id"]} if "site_id" in frame else {}
            held[table] = frame.assign(**own, site_id=site)


def _differences(tables: dict[str, dict[str, pd.DataFrame]]) -> list[str]:
    """Return in words which tables, and which forms by whom, only some of the studies have."""
    notes = []
    forms: dict[str, list[str]] = {}
    for site, held in tables.items():
        for table in ("ratings", "scores", "assessments"):
            if table in held:
                pairs = held[table][["measure", "rater"]].drop_duplicates()
                for measure, rater in pairs.itertuples(index=False, name=None):
                    kind = "items" if table == "ratings" else "totals"
                    forms.setdefault(f"{measure} by the {rater} ({kind})", []).append(site)
    for what, sites in sorted(forms.items()):
        if len(set(sites)) < len(tables):
            notes.append(f"{what}: in {listing(dict.fromkeys(sites))} only")
    for table in TABLES:
        sites = [site for site, held in tables.items() if table in held]
        if 0 < len(sites) < len(tables):
            notes.append(f"the table {table}: in {listing(sites)} only")
    return notes
