"""Writing a study for other programs: SPSS, Stata, Excel, CSV and Parquet, labels included."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas.api import types

from ..core.outputs import exchange, scratch_beside
from ..core.resources import at_home
from ..errors import AllianceStatsError, did_you_mean, listing
from .tables import table_schema
from .validating.report_xlsx import OPTIONS

if TYPE_CHECKING:
    from .study import Study

FORMATS = ("sav", "dta", "xlsx", "csv", "parquet")
CODES = (-99, -999, -9999)
"""What stands for "no answer" in SPSS; the first that no answer has."""
LONGEST_NAME = {"sav": 64, "dta": 32}
"""Bytes that a name may have."""
NO_NAME = {"sav": r"[^\w.@#$]", "dta": r"\W"}
"""What no name holds; letters of other languages may stand in it."""
RESERVED = {
    "sav": {*"all and by eq ge gt le lt ne not or to with".split()},  # noqa: SIM905
    "dta": {*"byte double float if in int long str strl using with".split()},  # noqa: SIM905
}
FORMS = {"ratings": ("session", "item", "value"), "scores": ("session", "scale", "score"),
         "assessments": ("occasion", "scale", "score")}  # fmt: skip
"""Tables of forms: when, which part, and what was answered."""


@dataclass
class _Sheet:
    """One table as it is written, with what its columns and values mean."""

    frame: pd.DataFrame
    labels: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[Any, str]] = field(default_factory=dict)
    answers: tuple[str, ...] = ()


def export(
    study: Study, folder: str | PathLike[str], *, format: str, wide: bool, overwrite: bool
) -> Path:
    """Write `study` into `folder`; see `Study.export`. All files are written, or none."""
    if format not in FORMATS:
        raise AllianceStatsError(
            f"A study is exported as {listing(FORMATS)}, not {format!r}."
            f"{did_you_mean(format, FORMATS)}"
        )
    sheets = _wide(study) if wide else {n: _of(study, n, t) for n, t in study.tables.items()}
    target = at_home(folder)
    if target.exists() and not target.is_dir():
        raise AllianceStatsError(f"A study is exported into a folder, and '{target}' is a file.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_beside(target) as scratch:
            new = scratch / "new"
            new.mkdir()
            _write(sheets, new, format)
            files = sorted(path.name for path in new.iterdir())
            taken = [name for name in files if (target / name).exists()]
            if taken and not overwrite:
                raise AllianceStatsError(
                    f"The folder '{target}' already holds {listing(taken)}. Name another folder, "
                    "or pass overwrite=True."
                )
            target.mkdir(exist_ok=True)
            exchange(scratch, target, files)
    except OSError as error:
        raise AllianceStatsError(
            f"The study could not be exported to '{target}' ({error.strerror or error})."
        ) from None
    return target


# -- what is written --------------------------------------------------------------------------


def _of(study: Study, table: str, frame: pd.DataFrame) -> _Sheet:
    """Return a table with labels from its schema and the study's; words of a list stay words."""
    titles = {name: one.title or name for name, one in study.labels.items()}
    titles |= {f.name: f.title for f in table_schema(table).fields}
    labels = {str(name): titles.get(str(name), str(name)) for name in frame.columns}
    values = {
        str(name): dict(study.labels[str(name)].values)
        for name in frame.columns
        if str(name) in study.labels and types.is_numeric_dtype(frame[name].dtype)
    }
    return _Sheet(frame, labels, values, answers=FORMS[table][2:] if table in FORMS else ())


def _wide(study: Study) -> dict[str, _Sheet]:
    """Return one table with a row a client: what is known of him, and every answer and score."""
    tables = study.tables
    parts = [_forms(study, name, frame) for name, frame in tables.items() if name in FORMS]
    if "ratings" in tables:
        parts.append(_forms(study, "scores", study.scores))
    elif not parts:
        raise AllianceStatsError("The study holds no ratings or scores to lay side by side.")
    people = tables.get("clients")
    if people is None:
        ids = pd.concat([part.frame["client_id"] for part in parts]).drop_duplicates()
        people = ids.sort_values().to_frame()
    whole = _of(study, "clients", people)
    if "terminations" in tables and tables["terminations"]["client_id"].is_unique:
        parts.insert(0, _of(study, "terminations", tables["terminations"]))
    for part in parts:
        fresh = [name for name in part.frame if name not in whole.frame]
        whole.frame = whole.frame.merge(
            part.frame[["client_id", *fresh]], on="client_id", how="left", sort=False
        )
        whole.labels = part.labels | whole.labels
        whole.values = part.values | whole.values
        whole.answers += tuple(name for name in part.answers if name in fresh)
    return {"wide": whole}


def _forms(study: Study, table: str, frame: pd.DataFrame) -> _Sheet:
    """Return forms with a row a client and a column a measure, rater, part and time."""
    when, part, value = FORMS[table]
    frame = frame.dropna(subset=["client_id", when])
    keys = frame[["measure", "rater", part, when]].astype(str)
    mark = {"session": "s", "occasion": ""}[when]
    item = "i" if part == "item" else ""
    names = [_name(f"{m}_{r}_{item}{p}_{mark}{w}") for m, r, p, w in keys.itertuples(index=False)]
    titles = {
        name: f"{study.measures.get(m).title if m in study.measures else m}, {r}, "
        f"{part} {p}, {when} {w}"
        for name, (m, r, p, w) in zip(names, keys.itertuples(index=False, name=None), strict=True)
    }
    order = list(dict.fromkeys(names))
    flat = frame.assign(column=names).drop_duplicates(["client_id", "column"])
    laid = flat.set_index(["client_id", "column"])[value].unstack()[order].reset_index()  # noqa: PD010
    laid.columns.name = None
    return _Sheet(laid, titles, answers=tuple(order))


def _name(text: str) -> str:
    """Return a name that SPSS, Stata and R take: letters, digits and underscores."""
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower()


# -- writing ----------------------------------------------------------------------------------


def _write(sheets: dict[str, _Sheet], folder: Path, format: str) -> None:
    if format == "xlsx":
        with pd.ExcelWriter(
            folder / "study.xlsx",
            engine="xlsxwriter",
            engine_kwargs={"options": {k: OPTIONS[k] for k in OPTIONS if "strings" in k}},
        ) as book:
            for name, sheet in sheets.items():
                _plain(sheet.frame).to_excel(book, sheet_name=name, index=False)
            _legend(sheets).to_excel(book, sheet_name="codebook", index=False)
        return
    for name, sheet in sheets.items():
        path = folder / f"{name}.{format}"
        if format == "sav":
            _to_sav(sheet, path)
        elif format == "dta":
            _to_dta(sheet, path)
        elif format == "csv":
            _plain(sheet.frame).to_csv(path, index=False, lineterminator="\n")
        else:
            sheet.frame.to_parquet(path, index=False)
    if format in ("csv", "parquet"):
        _legend(sheets).to_csv(folder / "codebook.csv", index=False, lineterminator="\n")


def _legend(sheets: dict[str, _Sheet]) -> pd.DataFrame:
    rows = [
        (name, c, label, "; ".join(f"{k} = {v}" for k, v in sheet.values.get(c, {}).items()))
        for name, sheet in sheets.items()
        for c, label in sheet.labels.items()
    ]
    return pd.DataFrame(rows, columns=["table", "column", "label", "values"])


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with days as days, for files of text."""
    days = {n: c.dt.date for n, c in frame.items() if types.is_datetime64_any_dtype(c.dtype)}
    return frame.assign(**days)  # type: ignore[arg-type]


def _coded(sheet: _Sheet, format: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table as SPSS and Stata hold it: texts, numbers, days; and labels of values."""
    values: dict[str, dict[Any, str]] = {}
    made: dict[str, Any] = {}
    taken: set[str] = set()
    for name, column in sheet.frame.items():
        key = _free_name(str(name), format, taken)
        values |= {key: sheet.values[str(name)]} if sheet.values.get(str(name)) else {}
        if types.is_bool_dtype(column.dtype):
            made[key], values[key] = column.astype("Float64").astype(float), {0: "no", 1: "yes"}
        elif types.is_datetime64_any_dtype(column.dtype):
            made[key] = column.dt.date.astype(object).where(column.notna(), None)
        elif types.is_numeric_dtype(column.dtype):
            made[key] = pd.to_numeric(column.astype("Float64").astype(float))
        else:
            made[key] = column.astype(object).where(column.notna(), "").astype(str)
    return pd.DataFrame(made, index=sheet.frame.index), values


def _free_name(name: str, format: str, taken: set[str]) -> str:
    """Return a name as the program takes it, which no other column has in it; note it as taken."""
    plain = re.sub(NO_NAME[format], "_", name)
    plain = plain if plain[:1].isalpha() else f"v{plain}"
    plain = f"{plain}_" if plain.casefold() in RESERVED[format] or plain[-1] == "." else plain
    for n in range(1, len(taken) + 2):
        end = "" if n == 1 else f"_{n}"
        short = plain.encode()[: LONGEST_NAME[format] - len(end)].decode(errors="ignore") + end
        if short.casefold() not in taken:  # SPSS sees no difference between A and a
            break
    taken.add(short.casefold())
    return short


def _to_sav(sheet: _Sheet, path: Path) -> None:
    """Write a table for SPSS; an answer that was not given has a code declared as missing."""
    import pyreadstat

    frame, values = _coded(sheet, "sav")
    missing = _not_given(sheet, frame, values)
    pyreadstat.write_sav(
        frame,
        path,
        column_labels=_labels(sheet, frame, 256),
        variable_value_labels=values,
        missing_ranges=missing,
    )


def _to_dta(sheet: _Sheet, path: Path) -> None:
    """Write a table for Stata; an answer that was not given is its ``.a``."""
    import pyreadstat

    frame, values = _coded(sheet, "dta")
    missing = _not_given(sheet, frame, values, "a")
    pyreadstat.write_dta(
        frame,
        path,
        column_labels=_labels(sheet, frame, 80),
        variable_value_labels=values,
        missing_user_values=missing,
    )


def _not_given(
    sheet: _Sheet, frame: pd.DataFrame, values: dict[str, dict[Any, str]], letter: str = ""
) -> dict[str, list[Any]]:
    """Put a code where no answer was given, and label it; return the codes that mean missing.

    It is Stata's `letter`, or a number that no answer has.
    """
    missing = {}
    for name, made in zip(sheet.frame.columns, frame.columns, strict=True):
        column = frame[made]
        code = letter or next((code for code in CODES if not (column == code).any()), None)
        if name in sheet.answers and code is not None and column.isna().any():
            frame[made] = column.astype(object if letter else float).fillna(code)
            missing[made] = [code]
            values[made] = {code: "no answer"}  # no form has labels of its own
    return missing


def _labels(sheet: _Sheet, frame: pd.DataFrame, longest: int) -> list[str | None]:
    return [
        sheet.labels.get(str(name), str(made))[:longest]
        for name, made in zip(sheet.frame.columns, frame.columns, strict=True)
    ]
