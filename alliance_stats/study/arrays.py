"""A study's scores as labelled arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import DesignError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr

    from .study import Study

DIMS = ("client", "session", "rater")


def to_xarray(study: Study) -> xr.Dataset:
    """Return an ``xarray.Dataset`` over client × session × rater; see `Study.to_xarray`."""
    import pandas as pd
    import xarray as xr

    scores = study.scores
    if not len(scores):
        raise DesignError(
            f"The study '{study.name}' has no scores to lay out over client, session and rater: "
            "it needs ratings of a measure that has a card, or scores."
        )
    sessions = study.tables.get("sessions")
    clients = pd.Index(scores["client_id"].astype(object)).unique()
    numbers = pd.Index(scores["session"].astype("int64"))
    if sessions is not None:
        clients = clients.append(pd.Index(sessions["client_id"].astype(object))).unique()
        numbers = numbers.append(pd.Index(sessions["session"].astype("int64")))
    index = {
        "client": clients.sort_values().rename("client"),
        "session": numbers.unique().sort_values().rename("session"),
        "rater": pd.Index(scores["rater"].astype(object), name="rater").unique().sort_values(),
    }
    variables = {
        name: (DIMS, _laid_out(part, index, "score"), _about(study, *key))
        for key, name, part in _scales(scores)
    }
    attrs = {"study": study.name, "synthetic": int(study.synthetic)}
    coords: dict[str, Any] = {**index, **_by_client(study, index), **_by_session(sessions, index)}
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def variable_name(measure: str, scale: str) -> str:
    """Return the variable of a scale: ``wai-sr`` and ``total`` give ``wai_sr_total``."""
    return f"{measure}_{scale}".replace("-", "_").replace(" ", "_")


def _scales(scores: pd.DataFrame) -> list[tuple[tuple[str, str], str, pd.DataFrame]]:
    groups = scores.groupby(["measure", "scale"], observed=True, sort=True)
    keyed = [((str(key[0]), str(key[1])), part) for key, part in groups]  # type: ignore[index]
    return [(key, variable_name(*key), part) for key, part in keyed]


def _laid_out(part: pd.DataFrame, index: dict[str, pd.Index], column: str) -> np.ndarray:
    """Return the column as a full array, NaN where nobody rated."""
    import numpy as np

    names = {"client": "client_id", "session": "session", "rater": "rater"}
    at = tuple(_places(index[dim], part[names[dim]]) for dim in DIMS)
    values = np.full([len(index[dim]) for dim in DIMS], np.nan)
    values[at] = part[column].to_numpy(dtype=float, na_value=np.nan)
    return values


def _places(index: pd.Index, values: pd.Series) -> np.ndarray:
    """Return where each value stands in the index; every value is in it."""
    import pandas as pd

    return index.get_indexer(pd.Index(values.astype(index.dtype)))


def _about(study: Study, measure: str, scale: str) -> dict[str, Any]:
    about: dict[str, Any] = {"measure": measure, "scale": scale}
    card = study.measures.get(measure)
    if card is not None and scale in card.scales:
        limits = card.scale_range(scale)
        about |= {
            "long_name": f"{card.title}: {card.scales[scale].title}",
            "direction": card.scales[scale].direction,
            "lowest": float(limits.low),
            "highest": float(limits.high),
        }
    return about


def _by_client(study: Study, index: dict[str, pd.Index]) -> dict[str, Any]:
    """Return therapist and site of each client."""
    clients = study.tables.get("clients")
    coords: dict[str, Any] = {}
    if clients is None:
        return coords
    once = clients.drop_duplicates("client_id").set_index(clients["client_id"].drop_duplicates())
    for name, column in (("therapist", "therapist_id"), ("site", "site_id")):
        if column in once.columns:
            values = once[column].astype(object).reindex(index["client"])
            coords[name] = ("client", values.to_numpy(dtype=object))
    return coords


def _by_session(sessions: pd.DataFrame | None, index: dict[str, pd.Index]) -> dict[str, Any]:
    """Return date and attendance of each client's sessions, where the study has them."""
    import numpy as np

    coords: dict[str, Any] = {}
    if sessions is None:
        return coords
    shape = (len(index["client"]), len(index["session"]))
    at = (
        _places(index["client"], sessions["client_id"]),
        _places(index["session"], sessions["session"]),
    )
    if "date" in sessions.columns:
        dates = np.full(shape, np.datetime64("NaT", "ns"))
        dates[at] = sessions["date"].to_numpy(dtype="datetime64[ns]")
        coords["date"] = (DIMS[:2], dates)
    if "attended" in sessions.columns:
        attended = np.full(shape, np.nan)
        attended[at] = sessions["attended"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        coords["attended"] = (DIMS[:2], attended)
    return coords
