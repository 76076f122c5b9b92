"""Write `factor_references.json`: factor models and steps of invariance by lavaan.

    python tests/reference/latent/make_factor_references.py

As `make_references.py`: our structures, cell by cell, in lavaan's syntax; and Holzinger and
Swineford's tests in lavaan's own words (`holzinger.R`), kept as moments.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from answers import FACTORS, dyads, groups, sessions
from make_references import HERE, plain, syntax

from alliance_stats.latent.measurement.answers import answers_of
from alliance_stats.latent.measurement.invariance import STEPS, Compared

OUT = HERE / "factor_references.json"


def by_lavaan(structures: list, tables: list, *, robust: bool) -> dict:
    """Return lavaan's fit of structures (one a group) to tables."""
    blocks = [syntax(one) for one in structures]
    if len(blocks) > 1:
        blocks = [f"group: {g + 1}\n{text}" for g, text in enumerate(blocks)]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        frames = [t.assign(g_=g + 1) for g, t in enumerate(tables)]
        data = frames[0] if len(frames) == 1 else pd.concat(frames)
        data.to_csv(place / "data.csv", index=False)
        (place / "model.lav").write_text("\n".join(blocks) + "\n")
        options = {"robust": robust, "cluster": "", "group": "g_" if len(blocks) > 1 else ""}
        (place / "options.json").write_text(json.dumps(options))
        script = str(HERE / "fit_by_lavaan.R")
        done = subprocess.run(["Rscript", script, folder], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads((place / "result.json").read_text())


def steps_of(data, across: str, *, robust: bool = False) -> dict:
    """Return lavaan's answer to each step."""
    held = answers_of(
        data,
        None,
        FACTORS,
        across=across,
        raters=["client", "therapist"],
        sessions=None,
        scored="mean",
    )
    compared = Compared(held, "robust" if robust else "normal")
    found = {}
    for step, equal in STEPS.items():
        fit = compared.fit(equal)
        structures = list(fit.model.structures)
        rename = {n: f"v{i}" for i, n in enumerate(structures[0].observed)}
        tables = [pd.DataFrame(v, columns=list(rename.values())) for v in held.values]
        latent = {n: f"f{i}" for i, n in enumerate(structures[0].latent)}
        every = {**rename, **latent}
        plainly = [
            type(one)(
                list(rename.values()),
                list(latent.values()),
                [c._replace(row=every[c.row], column=every.get(c.column, "")) for c in one.cells],
            )
            for one in structures
        ]
        result = by_lavaan(plainly, tables, robust=robust)
        labels = {plain(one): one for one in fit.model.names}
        for kind in ("estimates", "errors"):
            result[kind] = {labels[key]: value for key, value in result[kind].items()}
        found[step] = result
        off = max(abs(fit.params[k] - v) for k, v in result["estimates"].items())
        worse = max(abs(fit.bse[k] - v) for k, v in result["errors"].items())
        print(
            across, step, f"chi2 {fit.chi2 - result['chi2']:.1e} {off:.1e} {worse:.1e}", flush=True
        )
    return found


def levels(data: pd.DataFrame) -> dict:
    """Return lavaan's model of two levels."""
    with tempfile.TemporaryDirectory() as folder:
        data.to_csv(Path(folder) / "levels.csv", index=False)
        subprocess.run(["Rscript", str(HERE / "levels.R"), folder], check=True)
        return json.loads((Path(folder) / "levels.json").read_text())


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["Rscript", str(HERE / "holzinger.R"), folder], check=True)
        holzinger = json.loads((Path(folder) / "holzinger.json").read_text())
    found = {
        "holzinger": holzinger,
        "levels": levels(sessions(6)),
        "levels missing": levels(sessions(6, missing=0.1)),
        "groups": steps_of(groups(1, missing=0.08), "clinic"),
        "groups robust": steps_of(groups(2), "clinic", robust=True),
        "dyads": steps_of(dyads(3), "rater"),
        "dyads missing": steps_of(dyads(4, missing=0.08), "rater"),
    }
    OUT.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
