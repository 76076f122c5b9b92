"""The data that ship with the package: studies, and tables of published numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .core.resources import folder
from .core.yaml_reading import read_yaml
from .errors import AllianceStatsError, did_you_mean, listing

if TYPE_CHECKING:
    import pandas as pd

    from .study import Study

_STUDY_FILES = ("study.yaml", "datapackage.json")


@dataclass(frozen=True)
class _Shipped:
    """One dataset: a folder with a study, or one CSV of a folder of tables."""

    name: str
    kind: str
    path: Path


def list_datasets() -> pd.DataFrame:
    """Return what ships: one row a dataset.

    Returns
    -------
    DataFrame
        Columns ``name``, ``kind`` (``study`` or ``table``), ``title``, ``synthetic`` (no real
        person stands behind the data) and ``licence``.

    Examples
    --------
    >>> import alliance_stats as al
    >>> al.list_datasets().set_index("name").loc["demo-trial", "kind"]
    'study'
    """
    import pandas as pd

    rows = [_row(one) for one in _shipped().values()]
    return pd.DataFrame(rows, columns=["name", "kind", "title", "synthetic", "licence"])


def load_dataset(name: str) -> Study | pd.DataFrame:
    """Return one shipped dataset: a `Study`, or a DataFrame for a table of published numbers.

    Parameters
    ----------
    name
        As `list_datasets` has it. ``"demo-trial"`` is the synthetic study of the documentation.

    Raises
    ------
    AllianceStatsError
        Where nothing of that name ships; the nearest name is offered.

    Examples
    --------
    >>> import alliance_stats as al
    >>> al.load_dataset("demo-trial").synthetic
    True
    """
    shipped = _shipped()
    if name not in shipped:
        raise AllianceStatsError(
            f"No dataset '{name}' ships with the package; there are {listing(shipped, 20)}."
            f"{did_you_mean(name, shipped)} A study of your own is opened with open_study(folder)."
        )
    found = shipped[name]
    if found.kind == "study":
        from .study.opening import open_shipped

        return open_shipped(found.path)
    from .study import read_table

    return read_table(found.path)


def _shipped() -> dict[str, _Shipped]:
    """Return the datasets by name; a table of a folder is called ``folder/table``."""
    found: list[_Shipped] = []
    for place in sorted(path for path in folder("datasets").iterdir() if path.is_dir()):
        if any((place / file).is_file() for file in _STUDY_FILES):
            found.append(_Shipped(place.name, "study", place))
        else:
            tables = sorted(place.glob("*.csv"))
            found += [_Shipped(f"{place.name}/{path.stem}", "table", path) for path in tables]
    return {one.name: one for one in found}


def _row(one: _Shipped) -> list[Any]:
    if one.kind == "study":
        about = _about(one.path)
        title = str(about.get("title") or about.get("name") or one.name)
        return [one.name, one.kind, title, bool(about.get("synthetic")), about.get("licence", "")]
    return [one.name, one.kind, one.path.stem.replace("-", " ").replace("_", " "), False, ""]


def _about(place: Path) -> dict[str, Any]:
    """Return what a shipped study says of itself."""
    import json

    description = place / "study.yaml"
    if description.is_file():
        return dict(read_yaml(description).value)
    package = json.loads((place / "datapackage.json").read_text(encoding="utf-8"))
    own = package.get("alliance_stats", {})
    return {**package, **own, "licence": ", ".join(x["name"] for x in package.get("licenses", []))}
