"""How many planted identifiers `scan_identifiers` finds, and how many innocent columns it accuses.

    python -m pip install -e ".[bench]"
    python tests/benchmarks/identifiers.py --write docs/methods/identifiers.md

People are made by Faker (names, addresses, numbers of its own lists, none of ours) in five
languages. Each planted column stands alone, under a name that tells nothing, in 60 rows; once
wholly, and once in one cell in twelve among codes. Innocent columns are such as studies hold.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from faker import Faker

import alliance_stats as al

ROWS, SPARSE = 60, 12
LOCALES = ("en_US", "en_GB", "de_DE", "nl_NL", "fr_FR", "es_ES")
MARK = "<!-- table -->"


def planted(locale: str, seed: int) -> dict[tuple[str, str], list[object]]:
    """Return (kind, form) → 60 values."""
    fake = Faker(locale)
    fake.seed_instance(seed)
    sentence = {
        "en": "She said that her {0} was ill and could not come",
        "de": "Sie sagte, dass ihr {0} krank war und nicht kam",
        "nl": "Zij zei dat haar {0} ziek was en niet kwam",
        "fr": "Elle a dit que son {0} est malade et ne vient pas",
        "es": "Ella dijo que su {0} no viene porque es mayor",
    }[locale[:2]]
    makers: dict[tuple[str, str], object] = {
        ("name", "given and family name"): lambda: f"{fake.first_name()} {fake.last_name()}",
        ("name", "family name, given name"): lambda: f"{fake.last_name()}, {fake.first_name()}",
        ("name", "lower case"): lambda: f"{fake.first_name()} {fake.last_name()}".lower(),
        ("name", "upper case"): lambda: f"{fake.first_name()} {fake.last_name()}".upper(),
        ("name", "given name alone"): fake.first_name,
        ("name", "family name alone, lower case"): lambda: fake.last_name().lower(),
        ("date of birth", "day, text"): lambda: fake.date_of_birth(None, 18, 80).strftime(
            "%d.%m.%Y"
        ),
        ("date of birth", "day, two digits"): lambda: fake.date_of_birth(None, 18, 80).strftime(
            "%d/%m/%y"
        ),
        ("date of birth", "YYYYMMDD"): lambda: int(
            fake.date_of_birth(None, 18, 80).strftime("%Y%m%d")
        ),
        ("date of birth", "year"): lambda: fake.date_of_birth(None, 18, 80).year,
        ("e-mail", "address"): fake.email,
        ("phone number", "as written"): fake.phone_number,
        ("phone number", "whole number"): lambda: int(fake.numerify("1%########")),
        ("address", "street"): fake.street_address,
        ("online identifier", "web address"): fake.url,
        ("online identifier", "IP address"): fake.ipv4,
        ("online identifier", "IPv6 address"): fake.ipv6,
        ("online identifier", "handle"): lambda: "@" + fake.user_name(),
        ("official number", "IBAN"): fake.iban,
        ("official number", "social security"): fake.ssn,
        ("official number", "tax number as whole number"): lambda: int(
            fake.numerify("%##########")
        ),
        ("free text", "sentence"): lambda: sentence.format(fake.last_name().lower()),
    }
    if locale in {"en_GB", "nl_NL"}:
        makers["address", "postcode"] = fake.postcode
    if locale == "de_DE":
        makers["official number", "KVNR"] = lambda: fake.bothify("?#########").upper()
    if locale == "es_ES":
        makers["official number", "DNI"] = fake.nif
    return {key: [make() for _ in range(ROWS)] for key, make in makers.items()}


def innocent(seed: int) -> dict[str, object]:
    """Return columns that studies hold and that name nobody."""
    rng = np.random.default_rng(seed)
    n = ROWS

    def pick(*values: object) -> list[object]:
        return [values[i] for i in rng.integers(0, len(values), n)]

    days = [
        (int(m), int(d))
        for m, d in zip(rng.integers(1, 13, n), rng.integers(1, 28, n), strict=True)
    ]
    return {
        "client_id": [f"C{i:03d}" for i in range(n)],
        "record": list(range(100_000_001, 100_000_001 + n)),
        "uuid": [f"{rng.integers(16**8):08x}-{rng.integers(16**4):04x}" for _ in range(n)],
        "session": rng.integers(1, 30, n),
        "age": rng.integers(18, 80, n),
        "sex": pick("female", "male", "diverse"),
        "geschlecht": pick("w", "m"),
        "condition": pick("CBT", "Psychodynamic Therapy", "Waiting List"),
        "arm": pick("Treatment as usual", "Cognitive behavioural therapy with alliance focus"),
        "site": pick("North Clinic", "University Hospital", "Practice"),
        "measure_name": pick("wai-sr", "core-10"),
        "scale": pick("Task", "Bond", "Goal"),
        "instrument": pick("Beck Depression Inventory", "Hamilton Scale", "Outcome Questionnaire"),
        "score": rng.normal(3, 1, n).round(2),
        "bdi_total": rng.integers(0, 63, n),
        "date": pd.date_range("2023-01-02", periods=n, freq="7D"),
        "day": [f"2023-{m:02d}-{d:02d}" for m, d in days],
        "tag": [f"{d:02d}.{m:02d}.2022" for m, d in days],
        "visit": [int(f"2022{m:02d}{d:02d}") for m, d in days],
        "year": rng.integers(2015, 2024, n),
        "start_time": rng.integers(1_600_000_000, 1_700_000_000, n),
        "duration_ms": rng.integers(1_000, 9_000_000, n),
        "diagnosis": pick("F32.1", "F41.1", "F60.31"),
        "icd": pick("Major depression", "Panic disorder"),
        "reason": pick("completed", "dropout", "administrative"),
        "answer": pick("Seldom", "Often", "Always"),
        "answer_de": pick("trifft zu", "trifft nicht zu", "weiss nicht"),
        "education": pick("High school", "College", "Master's degree"),
        "marital_status": pick("married", "single", "widowed", "living together"),
        "occupation": pick("employed full time", "student", "retired", "unemployed"),
        "ethnicity": pick("White", "Black", "Asian", "Mixed"),
        "religion": pick("Christian", "Muslim", "none"),
        "language": pick("German", "Dutch", "English"),
        "therapist_school": pick("psychodynamic", "systemic", "humanistic"),
        "phone_sessions": rng.integers(0, 5, n),
        "email_consent": pick("yes", "no"),
        "n_comments": rng.integers(0, 9, n),
        "birth_order": rng.integers(1, 5, n),
        "city_size": pick("small", "medium", "large"),
        "name_changed": pick(0, 1),
        "mobile_app_use": pick("daily", "weekly"),
        "insurance_type": pick("public", "private"),
        "street_drug_use": pick(0, 1),
        "note_count": rng.integers(0, 20, n),
        "item_text": pick("item 1", "item 2"),
        "version": pick("1.0.2", "2.1.0"),
        "marker": pick("avoidant_storytelling", "patient_complains"),
        "rater": pick("client", "therapist"),
        "minutes": rng.integers(20, 90, n),
        "time": pick("09:15", "14:30", "18:45"),
        "range": pick("18-25", "26-35", "36-45"),
        "dose": pick("20 mg", "40 mg"),
        "cost": rng.normal(1200, 300, n).round(2),
        "income": rng.integers(10, 90, n) * 1000,
        "weight": rng.normal(75, 12, n).round(1),
        "group": pick("A", "B", "C"),
        "flag": pick(True, False),
        "missing": [None] * (n - 2) + [-99, -99],
        "colour": pick("green", "amber", "red"),
        "month": pick("January", "May", "June", "August"),
        "wave": pick("T1", "T2", "Follow-up"),
        "file": pick("sessions.sav", "endings.xlsx"),
    }


def run(replicates: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scan every column by itself."""
    hits: dict[tuple[str, str], list[bool]] = defaultdict(list)
    rng = np.random.default_rng(seed)
    for replicate in range(replicates):
        for place, locale in enumerate(LOCALES):
            for key, values in planted(locale, seed + 100 * replicate + place).items():
                hits[(*key, "every cell")].append(_finds(key[0], values))
                if isinstance(values[0], str) and "alone" not in key[1]:
                    mixed = [f"K{rng.integers(10, 99)}" for _ in values]
                    mixed[::SPARSE] = values[::SPARSE]
                    hits[(*key, "one cell in twelve")].append(_finds(key[0], mixed))
    accused: dict[str, list[str]] = defaultdict(list)
    for replicate in range(replicates):
        for name, column in innocent(seed + replicate).items():
            found = al.scan_identifiers(pd.DataFrame({name: column}))
            accused[name].append(", ".join(found["kind"]))
    rows = [(*key, len(v), float(np.mean(v))) for key, v in hits.items()]
    table = pd.DataFrame(rows, columns=["kind", "form", "where", "columns", "found"])
    false = pd.DataFrame(
        [
            (name, len(v), float(np.mean([bool(k) for k in v])), max(v))
            for name, v in accused.items()
        ],
        columns=["column", "columns", "accused", "of"],
    )
    return table, false


def _finds(kind: str, values: list[object]) -> bool:
    found = set(al.scan_identifiers(pd.DataFrame({"x": values}))["kind"])
    interchangeable = {"phone number", "official number"}  # a run of digits does not say of what
    return kind in found or (kind in interchangeable and bool(found & interchangeable))


def page(table: pd.DataFrame, false: pd.DataFrame) -> str:
    """Return the tables in Markdown."""
    rate, alarms = (
        (table["found"] * table["columns"]).sum() / table["columns"].sum(),
        false["accused"].mean(),
    )
    lines = [
        f"Found: **{100 * rate:.1f} %** of {table['columns'].sum():,} planted columns. "
        f"Accused: **{100 * alarms:.1f} %** of {false['columns'].sum():,} innocent columns "
        f"({len(false)} kinds).",
        "", "| kind | form | every cell | one cell in twelve |", "|---|---|---:|---:|",
    ]  # fmt: skip
    wide = table.pivot_table(index=["kind", "form"], columns="where", values="found", sort=False)
    for (kind, form), row in wide.iterrows():
        sparse = row["one cell in twelve"]
        lines.append(f"| {kind} | {form} | {100 * row['every cell']:.0f} % | "
                     + ("|" if np.isnan(sparse) else f"{100 * sparse:.0f} % |"))  # fmt: skip
    wrong = false[false["accused"] > 0]
    lines += [
        "",
        "Innocent columns accused: "
        + (
            "; ".join(f"`{r.column}` ({100 * r.accused:.0f} %, {r.of})" for r in wrong.itertuples())
            or "none"
        )
        + ".",
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the tables, or write them between the marks of a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    text = page(*run(asked.replicates, asked.seed))
    if asked.write is None:
        print(text)
        return
    before, _, after = asked.write.read_text(encoding="utf-8").split(MARK)
    asked.write.write_text(f"{before}{MARK}\n{text}\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
