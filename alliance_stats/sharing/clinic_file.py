"""What a clinic may send for a joint model: the file, its audit, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core import resources
from ..core.arguments import checked_choice, checked_table, flag, is_number, share, shown, whole
from ..core.disclosure import WithheldError
from ..core.outputs import keep_inputs, write_whole
from ..errors import DesignError
from ..study import Study
from . import audit
from .agreement import Agreement, is_file_of_agreement, read_agreement, table_of, whole_score
from .answers import Answers
from .audit import MIN_CLIENTS, USUAL, Standard
from .beside import beside_tables, changed_since, forms_of, known_before
from .columns import ClinicColumns, read_columns
from .curve import Curve
from .expansion import Expansion
from .exposure import USUAL_ABOVE, USUAL_RATIO
from .form import Body, Kind, answer, axes_of, beyond_ends, choose_form
from .ledger import Ledger, fingerprint
from .noise import Budget, about_noise, bounded
from .rounding import moved_by
from .rounds import Point
from .shared_file import SharedFile
from .sums import Sums
from .written import ClinicFile

USUAL_RATIOS = (USUAL_RATIO, USUAL_ABOVE)
MOST_DIGITS = 12
COARSE = 2  # digits so few that a more exact way is named


def clinic_file(
    formula: str,
    data: pd.DataFrame | Study,
    path: str | PathLike[str] | None,
    *,
    min_clients: int | None = None,
    clinic: str | None = None,
    categories: Mapping[str, Sequence[str]] | None = None,
    units: Mapping[str, str] | None = None,
    kind: Kind | None = None,
    digits: int | None = None,
    ratios: Mapping[str, tuple[float, float]] | None = None,
    most_told: float | None = None,
    noise: tuple[float, float, int] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    reviewed: bool = False,
    ledger: str | PathLike[str] | None = None,
    family: str | None = None,
    link: str | None = None,
    at: str | PathLike[str] | None = None,
) -> ClinicFile:
    """Write what a clinic may send for a joint multilevel model: sums, no rows; or say why not.

    The person who puts the clinics together reads the files by `combine_clinics`. The file is JSON
    that a data protection officer can read, and opens with what it tells.

    Parameters
    ----------
    formula
        The model all clinics agreed on, with an intercept and with random terms. One mail holds
        one or two of them without correlations: ``(1 | client_id)``, ``(1 | client_id) +
        (1 | therapist_id)``, ``(1 + x || client_id)``. Correlated slopes, ``(1 + x | client_id)``,
        take rounds of mail. Functions that learn from rows (``scale``, ``poly``) are refused.
        Or the path of a YAML file with ``formula``, ``scores``, ``categories``, ``units`` and
        settings, which the coordinator sends to all clinics.
    data
        The clinic's rows, one a session; or its study, whose scores the formula then names, by
        the measure's id with ``_`` for ``-`` (``core_10``, ``wai_sr_within``) or as the file says.
    path
        Where the file goes; None to see the audit only.
    min_clients
        The fewest clients that a number may be about; by default 5.
    clinic
        The clinic's name in the joint model; by default that of the file.
    categories
        For columns of words all categories, the reference first, as all clinics agreed:
        ``{"condition": ["CBT", "PDT"]}``, those this clinic has nobody in included.
    units
        In which unit columns are, in words; combining compares them.
    kind
        ``"sums"``: for two levels, sums by number of sessions, exact; needs many clients with
        equally many sessions. ``"curve"``: the likelihood over a range of variance ratios,
        rounded. ``"round"``: numbers at one point, in a search of several mails. ``"auto"`` (the
        default): sums where they may be sent, else a curve, else rounds.
    digits
        To which decimal a curve is rounded (in units near each column's SD); by default for each
        column as many, up to 8, as the audit allows. Eight give the deviance to about 1e-6.
    ratios
        For a curve by group the least and largest variance of its intercepts relative to the
        residual one; by default 0.1 to 3 for the lowest groups, 0 to 1 above. Slopes go from none
        to the largest, by what they add to a row on average. A wide range tells more.
    most_told
        The largest share of the variance of one person's mean that somebody who knows all numbers
        of sessions may be able to compute: by default ``1 / min_clients``, as in a sum
        over five people.
    noise
        Differential privacy for two-level models: ``(epsilon, delta, most sessions of a client)``.
        The sums get noise by that budget (Balle & Wang 2018); what it costs in standard errors is
        shown, and with less than tens of thousands of clients it is much.
    bounds
        With `noise` the ends of each column's scale: ``{"distress": (0, 40)}``.
    reviewed
        With settings looser than the defaults: whoever answers for the data has read what the
        file tells, and lets it go. Without it nothing is written then.
    ledger
        The folder beside whose data the ledger of sent files lies; by default the study's, or that
        of `path`. Files are compared with those of one ledger only: with a table of no study name
        the same for all.
    family, link
        What kind of outcome it is, as in `fit_multilevel`: ``"gaussian"`` (the default),
        ``"binomial"`` (1 and 0), ``"poisson"``, ``"negative_binomial"`` or ``"ordinal"`` (its
        answers in `categories`, the lowest first). All but the first take rounds of mail.
    at
        From the second round of mail on: the file that the coordinator sent
        (`CombinedFit.next_round`), which says where the round looks.

    Returns
    -------
    ClinicFile
        Shows the audit; ``.findings`` is what goes beyond the defaults.

    Raises
    ------
    WithheldError
        Where the file would tell of too few people, with the reasons and what helps. It is a
        `DesignError`.
    DesignError, ColumnError, FormulaError
        Where the model cannot be shared by one file, or the rows do not carry it.

    Notes
    -----
    Three-level curves tell much of therapists, who are few: with the defaults a clinic needs many
    dozens of them. The page "Data that may not leave" says which attacks were tried.

    Examples
    --------
    >>> import alliance_stats as al, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> client = np.repeat(np.arange(40), 8)
    >>> data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(8.0), 40)})
    >>> data["distress"] = 20 - data.session + rng.normal(0, 3, 40)[client] + rng.normal(0, 2, 320)
    >>> found = al.clinic_file("distress ~ session + (1 | client_id)", data, None)
    >>> found.kind, found.path is None
    ('sums', True)
    """
    agreed = read_agreement(Path(formula)) if is_file_of_agreement(formula) else Agreement(formula)
    min_clients = _either(min_clients, agreed, "min_clients", MIN_CLIENTS)
    kind, digits = _either(kind, agreed, "kind", "auto"), _either(digits, agreed, "digits", None)
    ratios = _either(ratios, agreed, "ratios", None)
    alone = Path(path).parent if path is not None and ledger is None else None
    if isinstance(data, Study):
        alone = None
        ledger = ledger if ledger is not None or _shipped(data) else data.folder
        table = table_of(data, agreed.formula, agreed.scores)
    else:
        table = checked_table(data, "data")
    least = whole(min_clients, "min_clients", 1)
    standard = Standard(least, 1.0 / least if most_told is None else _told_share(most_told))
    checked_choice("kind", kind, ("auto", "sums", "curve", "round"))
    if digits is not None:
        digits = whole(digits, "digits", 0, MOST_DIGITS)
    words = _mapping(categories, "categories", "a column's words", ["CBT", "PDT"])
    words = {**agreed.categories, **words}
    asked = [_either(one, agreed, n, u) for one, n, u in ((family, "family", "gaussian"),
                                                         (link, "link", None))]  # fmt: skip
    outcome = agreed.formula.split("~")[0].strip()
    kind_of = Answers.of(asked[0], asked[1], words.get(outcome))
    columns = read_columns(agreed.formula, table, words, kind_of)
    named = {**agreed.units, **_mapping(units, "units", "what a column is measured in", "points")}
    _check_units(columns, named)
    budget = None if noise is None else Budget.of(noise)
    if budget is not None:
        columns = bounded(columns, _mapping(bounds, "bounds", "the ends of a scale", (0, 40)))
    book = _book(path, ledger)
    entry = book.entry(columns, "", str(path))
    people = entry.people

    def rows(formula: str) -> pd.DataFrame:
        return table_of(data, formula, agreed.scores) if isinstance(data, Study) else table

    others = [] if budget is not None else book.other_models(entry)
    known, unknown = known_before(others, columns, rows, columns.categories)
    changed = [] if budget is not None else changed_since(book, entry, columns, least)
    model, name = columns.model(named), _name(clinic, path)
    if kind == "round" or (kind == "auto" and not columns.one_mail) or at is not None:
        if budget is not None:
            raise DesignError("noise= is for sums of two levels, which go by one mail.")
        point = Point() if at is None else Point.read(at, columns.formula.text)
        if clinic is None:  # Bern-2.json is Bern's second
            name = name.removesuffix(f"-{point.number}")
        before = book.rounds(columns.outcome, people)
        form = answer(columns, model, point, name, digits, standard, before, known, changed)
        assert isinstance(form.body, Expansion)
        usual: Sequence[float] = form.body.centre.tolist()
    else:
        if not columns.one_mail:
            raise DesignError(f"kind='{kind}' cannot hold this model, which takes rounds of mail.")
        axes = axes_of(columns, _mapping(ratios, "ratios", "a group's range", (0.1, 3)))
        form = choose_form(columns, axes, kind, digits, standard, budget, known, changed)
        usual = [
            max(axis.low, min(d, axis.high)) for axis, d in zip(axes, USUAL_RATIOS, strict=False)
        ]
    body = form.body
    numbers = _numbers(columns, body)
    cost = _cost(columns, body, usual, numbers["rows"])
    earlier = book.earlier(people)
    if budget is None:
        tells = audit.told(columns, form.exposure, form.digits, standard, earlier, cost)
        if isinstance(body, Expansion):
            tells["in words"].append(audit.about_round(body.point.number, len(before)))
    else:
        tells = about_noise(budget, book.spent(people), cost)
    file = SharedFile(
        clinic=name,
        model=model,
        numbers=numbers,
        tells=tells,
        shift=columns.shift,
        unit=columns.unit,
        body=body,
        version=version("alliance-stats"),
    )
    entry = replace(entry, body=fingerprint(file.content()[file.kind]))
    entry = replace(entry, digits=dict(form.digits or {}))
    if isinstance(body, Expansion):
        entry = replace(entry, at=dict(body.point.at))
    if budget is not None:
        entry = replace(entry, epsilon=budget.epsilon)
    against = [
        *audit.about_columns(columns, standard),
        *book.forbids(entry, least),
        *form.against,
    ]
    if against:
        raise WithheldError(_refusal(against, columns, standard))
    beyond = [*audit.about_columns(columns, USUAL), *book.forbids(entry, MIN_CLIENTS), *form.beyond]
    findings = (*([] if standard.usual else beyond), *unknown, *book.repeats(entry))
    advice = _advice(columns, file, standard)
    if isinstance(body, Curve):
        advice += tuple(beyond_ends(columns, body))
    if budget is None:
        advice += tuple(beside_tables(columns, forms_of(columns, data, agreed), least))
    if alone is not None:
        advice += (
            f"The rows are a table of no study: what was sent of them is remembered beside "
            f"'{alone}' alone. Files elsewhere are not compared; name one ledger= always.",
        )
    if path is None:
        return ClinicFile(None, file, findings, advice)
    if findings and not flag(reviewed, "reviewed"):
        raise WithheldError(
            "Nothing was written yet: with these settings the file tells more than the defaults "
            f"allow. {' '.join(findings)} If whoever answers for the data lets it go, call again "
            "with reviewed=True."
        )
    keep_inputs(path, Path(ledger) if ledger is not None else None)
    written = Path(write_whole(path, file.written(), what="the clinic's file"))
    book.write(entry)
    return ClinicFile(written, replace(file, path=str(written)), findings, advice)


def _either(given: Any, agreed: Agreement, name: str, usual: Any) -> Any:
    """Return an argument: as given, else as agreed on, else as it is by default."""
    return given if given is not None else agreed.settings.get(name, usual)


def _cost(columns: ClinicColumns, body: Body, at: Sequence[float], rows: int) -> dict[str, float]:
    """Return how far rounding or noise moves the clinic's own fit (see `moved_by`)."""
    if isinstance(body, Expansion) and columns.answers is not None:
        return body.cost
    cross = body.contribution(at, 0).cross
    unsure = [(body.variances(at), np.eye(len(cross)))]
    return moved_by(unsure, cross, rows - len(columns.names))


def _numbers(columns: ClinicColumns, body: Body) -> dict[str, int]:
    """Return how many rows and groups there are; with noise as far as the noisy sums tell it.

    The likelihood holds the rows; those left out may be one person's form, and are told in tens.
    """
    if isinstance(body, Sums) and body.noise:
        rows, groups = float(body.clients @ body.sessions), float(body.clients.sum())
        return {"rows": round(rows), "rows left out": 0, columns.groups[0]: round(groups)}
    sizes = dict(zip(columns.groups, map(int, columns.grouping.sizes), strict=True))
    return {"rows": columns.n, "rows left out": round(columns.left_out, -1)} | sizes


def _mapping(value: object, name: str, what: str, such_as: object) -> Mapping[str, Any]:
    """Return an argument that gives something for each of some names; none is empty."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value):
        raise DesignError(
            f"{name}= gives {what} by name, such as {{'name': {such_as!r}}}, not {shown(value)}."
        )
    return value


def _told_share(value: float) -> float:
    return 1.0 if is_number(value) and value == 1 else share(value, "most_told")


def _advice(columns: ClinicColumns, file: SharedFile, standard: Standard) -> tuple[str, ...]:
    if file.digits is None or file.digits > COARSE or len(columns.groups) > 1:
        return ()
    sizes = np.bincount(columns.grouping.units)
    cut = audit.enough_sessions(sizes, standard.min_clients, len(columns.names))
    if cut is None or cut < 2:
        return ()
    return (
        f"With the first {cut} sessions of each client only, sums could be sent that are exact; "
        "the model would then be about these sessions.",
    )


def _refusal(against: Sequence[str], columns: ClinicColumns, standard: Standard) -> str:
    shown = " ".join(against[:4])
    more = f" And {len(against) - 4} more reasons." if len(against) > 4 else ""
    sizes = np.sort(np.bincount(columns.grouping.units))[::-1]
    cut = int(sizes[min(standard.min_clients, len(sizes)) - 1])
    ways = ["leave terms out", "put rare categories together"]
    if len(columns.groups) > 1:
        ways.append(f"leave (1 | {columns.groups[-1]}) out, as therapists are few")
    if cut < sizes[0]:
        ways.append(f"keep the first {cut} sessions of each client, as few have more")
    return (
        f"Nothing was written: the file would tell of single people. {shown}{more} What helps: "
        f"{'; '.join(ways)}."
    )


def _check_units(columns: ClinicColumns, units: Mapping[str, str]) -> None:
    known = {*columns.names, columns.outcome, *columns.formula.columns}
    known |= {whole_score(name) for name in known}
    wrong = [name for name in units if name not in known]
    if wrong:
        raise DesignError(f"units= names '{wrong[0]}', which the model does not use.")


def _name(clinic: str | None, path: str | PathLike[str] | None) -> str:
    if clinic is None:
        return Path(path).stem if path is not None else "clinic"
    if not isinstance(clinic, str) or not clinic.strip() or len(clinic) > 100:
        raise DesignError("clinic= is the clinic's name, a text of up to 100 characters.")
    return clinic.strip()


def _shipped(study: Study) -> bool:
    """Say whether a study is one of the package's own, of which nothing is remembered there."""
    home = resources.folder("datasets").resolve()
    return study.folder is not None and study.folder.resolve().is_relative_to(home)


def _book(path: str | PathLike[str] | None, ledger: str | PathLike[str] | None) -> Ledger:
    folder = ledger if ledger is not None else Path(path).parent if path is not None else Path()
    return Ledger.beside(folder)
