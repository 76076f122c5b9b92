"""Write `references.json`: each case fitted by lavaan, its syntax written from our structure.

    python tests/reference/latent/make_references.py [case ...]

The cells of a structure are put into lavaan's syntax one by one, with the same labels. That the
structures are the models of the literature is checked by `textbook.R`, written by hand. lavaan
starts where ours starts. Needs R with lavaan and jsonlite.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from panels import CASES, call_of, panel, textbook_data

import alliance_stats as al
from alliance_stats.latent.engine.structure import Structure

HERE = Path(__file__).parent
OUT = HERE / "references.json"


def plain(label: str) -> str:
    """Return a label as R takes it."""
    return "L_" + re.sub(r"\W", "_", label)


def syntax(structure: Structure) -> str:
    """Return a structure in lavaan's words."""
    measured = {cell.column for cell in structure.cells if cell.matrix == "loading"}
    lines = [
        f"{one} =~ 0*{structure.observed[0]}" for one in structure.latent if one not in measured
    ]
    for cell in structure.cells:
        left, right = cell.row, cell.column or "1"
        sign = {"loading": "=~", "covariance": "~~", "residual": "~~"}.get(cell.matrix, "~")
        if cell.matrix == "loading":
            left, right = right, left
        value = float(cell.value)
        named = f"{plain(cell.label)}*{right} + start({value})*{right}"
        lines.append(f"{left} {sign} {named if cell.label else f'{value}*{right}'}")
    return "\n".join([*lines, ""])


def textbook() -> dict:
    """Return what lavaan says of the models written by hand."""
    with tempfile.TemporaryDirectory() as folder:
        textbook_data().to_csv(Path(folder) / "data.csv", index=False)
        subprocess.run(["Rscript", str(HERE / "textbook.R"), folder], check=True)
        return json.loads((Path(folder) / "textbook.json").read_text())


def on_steps(data, fit):
    """Return a table whose columns are called by the step at which they were measured."""
    at = [int(one) for one in fit.waves]
    new = {f"{v}{k}": f"{v}{t}" for v in "xy" for k, t in enumerate(at, 1)}
    return data.rename(columns=new)


def main(names: list[str]) -> None:
    """Fit the cases named, or all."""
    found = json.loads(OUT.read_text()) if OUT.exists() else {}
    found["textbook"] = textbook()
    for name in names or CASES:
        case = CASES[name]
        data = panel(**case.draw)
        fit = al.fit_cross_lagged(data, **call_of(case))
        structures = fit.estimates.model.structures
        blocks = [syntax(one) for one in structures]
        if len(blocks) > 1:
            blocks = [
                f"group: {name}\n{text}" for name, text in zip(fit.subgroups, blocks, strict=True)
            ]
            data = data.sort_values("arm")  # lavaan numbers groups as they come
        if "step" in case.call:
            data = on_steps(data, fit)
        with tempfile.TemporaryDirectory() as folder:
            data.to_csv(Path(folder) / "data.csv", index=False)
            (Path(folder) / "model.lav").write_text("\n".join(blocks) + "\n")
            options = {
                "missing": bool(data.isna().any().any()),
                "robust": case.call.get("errors") == "robust",
                "cluster": case.call.get("cluster", ""),
                "group": case.call.get("group", ""),
            }
            (Path(folder) / "options.json").write_text(json.dumps(options))
            script = str(HERE / "fit_by_lavaan.R")
            done = subprocess.run(["Rscript", script, folder], capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
            result = json.loads((Path(folder) / "result.json").read_text())
        labels = {plain(one): one for one in fit.estimates.model.names}
        for kind in ("estimates", "errors"):
            result[kind] = {labels[key]: value for key, value in result[kind].items()}
        result["check"] = float(data.select_dtypes("float").sum().sum())
        found[name] = result
        OUT.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")
        off = max(abs(fit.params[k] - v) for k, v in result["estimates"].items())
        worse = max(abs(fit.bse[k] - v) for k, v in result["errors"].items())
        print(
            f"{name}: lavaan {result['seconds']:.1f} s, llf {fit.llf - result['llf']:.2e}, chi2 "
            f"{fit.chi2 - result['chi2']:.2e}, estimates {off:.2e}, errors {worse:.2e}", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
