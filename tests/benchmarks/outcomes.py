"""Models of yes/no, counts and answers: beside R, how fast, and whether their intervals cover.

    python tests/benchmarks/outcomes.py answers [--write docs/methods/outcomes.md]
    python tests/benchmarks/outcomes.py speed [--write docs/methods/outcomes.md]
    python tests/benchmarks/outcomes.py coverage [--replicates 400] [--write docs/coverage.md]

`answers` needs R with lme4, ordinal, glmmTMB, mlmRev, MASS, geepack and HSAUR3 (whose data it
reads there; none of them is kept here) and takes some minutes; of data whose package is missing
this is said, and their rows on the page stay as they are.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

import alliance_stats as al
from alliance_stats.multilevel.outcomes.maximise import laplace

# name: (package, data, what is made of it in R, formula in R, options of ours, exact fit in R)
LOGIT = {"family": "binomial"}
GUIMMUN = "y ~ kid2p + mom25p + ord + ethn + momEd + husEd + momWork + rural + pcInd81 + "
TOENAIL = "y ~ treatment * time + (1 | patientID)"
RATING = "rating ~ temp + contact + (1 | judge)"
CASES: dict[str, tuple[str, str, str, str, dict[str, str], str]] = {
    "guImmun": ("mlmRev", "guImmun", "d$y <- d$immun == 'Y'",
                GUIMMUN + "(1 | mom) + (1 | comm)", LOGIT, "published"),
    "toenail": ("HSAUR3", "toenail", "d$y <- d$outcome != 'none or mild'", TOENAIL, LOGIT, "100"),
    "toenail, probit": ("HSAUR3", "toenail", "d$y <- d$outcome != 'none or mild'", TOENAIL,
                        {"family": "binomial", "link": "probit"}, "100"),
    "cbpp": ("lme4", "cbpp", "", "incidence ~ period + (1 | herd)",
             {"family": "binomial", "trials": "size"}, "25"),
    "cbpp, cloglog": ("lme4", "cbpp", "", "incidence ~ period + (1 | herd)",
                      {"family": "binomial", "trials": "size", "link": "cloglog"}, "25"),
    "Contraception": ("mlmRev", "Contraception", "d$y <- d$use == 'Y'",
                      "y ~ age + I(age^2) + urban + livch + (1 | district)", LOGIT, "25"),
    "bacteria": ("MASS", "bacteria", "d$p <- d$y == 'y'; d$late <- 1 * (d$week > 2)",
                 "p ~ trt + late + (1 | ID)", LOGIT, "50"),
    "ohio": ("geepack", "ohio", "", "resp ~ age * smoke + (1 | id)", LOGIT, "100"),
    "respiratory": ("geepack", "respiratory", "d$who <- paste(d$center, d$id)",
                    "outcome ~ treat + baseline + visit + (1 | who)", LOGIT, "100"),
    "epil": ("MASS", "epil", "", "y ~ lbase * trt + lage + V4 + (1 | subject)",
             {"family": "poisson"}, "25"),
    "Salamanders": ("glmmTMB", "Salamanders", "", "count ~ spp + mined + (1 | site)",
                    {"family": "poisson"}, "25"),
    "wine": ("ordinal", "wine", "", RATING, {"family": "ordinal"}, "31"),
    "wine, probit": ("ordinal", "wine", "", RATING,
                     {"family": "ordinal", "link": "probit"}, "31"),
}  # fmt: skip
PUBLISHED = {
    "guImmun": {
        "kid2pY": 1.71741,
        "ruralY": -0.88619,
        "pcInd81": -1.15124,
        "(Intercept)": -1.23623,
    }
}
R = """
suppressMessages({library(lme4); library(ordinal); library(glmmTMB); library(jsonlite)})
out <- commandArgs(TRUE)[1]; cases <- fromJSON(commandArgs(TRUE)[2], simplifyVector = FALSE)
tight <- glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5))
told <- function(m, llf = TRUE) {
  b <- if (inherits(m, "clmm")) coef(m) else if (inherits(m, "glmmTMB")) fixef(m)$cond else
    fixef(m)
  V <- if (inherits(m, "glmmTMB")) vcov(m)$cond else as.matrix(vcov(m))
  sd <- if (inherits(m, "clmm")) as.numeric(m$ST[[1]]) else if (inherits(m, "glmmTMB"))
    sapply(VarCorr(m)$cond, function(v) attr(v, "stddev")) else
    sapply(VarCorr(m), function(v) attr(v, "stddev"))
  list(params = as.list(b), bse = as.list(sqrt(diag(V))[names(b)]), sd = as.numeric(sd),
       llf = as.numeric(logLik(m)))
}
found <- list()
for (name in names(cases)) {
  k <- cases[[name]]
  if (!requireNamespace(k$package, quietly = TRUE)) next
  e <- new.env(); data(list = k$data, package = k$package, envir = e); d <- e[[k$data]]
  eval(parse(text = k$make))
  d[] <- lapply(d, function(x) if (is.factor(x)) as.character(x) else x)  # categories sorted
  write.csv(d, file.path(out, paste0(k$file, ".csv")), row.names = FALSE)
  f <- k$formula
  if (!is.null(k$trials)) f <- sub("^\\\\w+", "cbind(incidence, size - incidence)", f)
  f <- as.formula(f); link <- if (is.null(k$link)) "logit" else k$link
  t0 <- proc.time()[["elapsed"]]
  if (k$family == "ordinal") {
    d$rating <- ordered(d$rating)
    lap <- clmm(f, d, link = link); exact <- clmm(f, d, link = link, nAGQ = as.integer(k$nodes))
  } else {
    family <- if (k$family == "poisson") poisson() else binomial(link)
    fit <- function(...)
      tryCatch(glmer(f, d, family, control = tight, ...), error = function(e) NULL)
    lap <- if (k$nodes == "published") glmmTMB(f, d, family) else fit()
    exact <- if (k$nodes == "published") NULL else fit(nAGQ = as.integer(k$nodes))
  }
  found[[name]] <- list(laplace = if (is.null(lap)) "fails" else told(lap),
                        exact = if (is.null(exact)) "fails" else told(exact))
}
writeLines(toJSON(found, auto_unbox = TRUE, digits = 12), file.path(out, "found.json"))
"""


def in_r(folder: Path) -> dict:
    """Fit every case in R, and leave its data in the folder."""
    asked = {}
    for name, (package, data, make, formula, options, nodes) in CASES.items():
        asked[name] = {"package": package, "data": data, "make": make, "formula": formula,
                       "nodes": nodes, "file": re.sub(r"\W+", "_", name), **options}  # fmt: skip
    script = folder / "answers.R"
    script.write_text(R)
    run = ["Rscript", str(script), str(folder), json.dumps(asked)]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "found.json").read_text())


def as_in_r(name: str) -> str:
    """Return a term as R names it."""
    threshold = re.fullmatch(r"threshold\[(\d)\]", name)
    if threshold:
        return f"{threshold[1]}|{int(threshold[1]) + 1}"
    for here, there in ((" ** ", "^"), ("Intercept", "(Intercept)"), ("[T.", ""), ("]", "")):
        name = name.replace(here, there)
    return name


def data_of(name: str, folder: Path) -> pd.DataFrame:
    """Read a case's data as R left them."""
    data = pd.read_csv(folder / f"{re.sub(r'[^A-Za-z0-9_]+', '_', name)}.csv", dtype={"ord": str})
    for column in data.columns:  # what R reads as a factor or a truth
        if column in ("period", "visit") and name != "respiratory":
            data[column] = data[column].astype(str)
        if data[column].dtype == bool:
            data[column] = data[column].astype(int)
    return data


def ours(name: str, data: pd.DataFrame) -> al.OutcomeFit:
    """Fit a case."""
    _, _, _, formula, options, _ = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.AllianceStatsWarning)
        return al.fit_multilevel(formula, data, **options)


HEAD = (
    "| data | Laplace in R: log-likelihood; SDs |"
    " ours, by maximum likelihood: log-likelihood; SDs |"
    " Laplace's largest error in a coefficient (SE) |"
    " ours from R's exact fit: coefficients (SE); SDs (relative) |"
)


def answers(page: Path | None) -> str:
    """Compare every case with R; return the table. Cases R has no data of keep the page's rows."""
    lines = [HEAD, "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        found = in_r(folder)
        for name, case in CASES.items():
            if name in found:
                fit = ours(name, data_of(name, folder))
                lines.append(row(name, found[name]["laplace"], found[name]["exact"], fit))
            else:
                lines += kept(name, case[0], page)
    return "\n".join(lines)


def kept(name: str, package: str, page: Path | None) -> list[str]:
    """Say that a case could not be fitted, and return its row on the page, where there is one."""
    old = [] if page is None else page.read_text(encoding="utf-8").splitlines()
    there = [line for line in old if line.startswith(f"| {name} |")][:1]
    stays = "its row stays as it is" if there else "it has no row"
    print(f"{name}: R lacks the package {package}; {stays}.", file=sys.stderr)
    return there


def row(name: str, approximate: dict | str, exact: dict | str, fit: al.OutcomeFit) -> str:
    """Return a case's line of the table."""
    assert fit.converged, name
    terms, error = [as_in_r(term) for term in fit.names], fit.bse.to_numpy()
    mine = fit.params.to_numpy()
    known = PUBLISHED[name] if name in PUBLISHED else exact["params"] if exact != "fails" else {}
    apart = [abs(known[term] - mine[i]) / error[i] for i, term in enumerate(terms) if term in known]
    right = f"{fit.llf:.4f}; {_list(fit.varcomp['sdcor'])} | "
    sds = fit.varcomp["sdcor"].to_numpy()
    of_sds = "–" if exact == "fails" else f"{np.abs(np.array(exact['sd']) / sds - 1).max():.0e}"
    ours = f"{max(apart):.0e}; {of_sds} |" if apart else "R's fails |"
    if isinstance(approximate, str):
        return f"| {name} | fails | {right}– | {ours}"
    other = np.array([approximate["params"][term] for term in terms])
    worst = int((np.abs(other - mine) / error).argmax())
    off = abs(other[worst] - mine[worst]) / error[worst]
    return (
        f"| {name} | {approximate['llf']:.3f}; {_list(approximate['sd'])} | {right}{off:.2f} "
        f"(`{terms[worst]}` {other[worst]:.3f} instead of {mine[worst]:.3f}) | {ours}"
    )


def _list(values: object) -> str:
    return ", ".join(f"{value:.4f}" for value in np.atleast_1d(values))


# -- speed ---------------------------------------------------------------------------------------

FORMULA = "y ~ session + within + between + (1 | client) + (1 | therapist)"


def simulate(clients: int, seed: int = 1) -> pd.DataFrame:
    """Draw 0/1 sessions of clients of therapists; about fifteen a client."""
    rng = np.random.default_rng(seed)
    sessions = rng.integers(2, 29, clients)
    client = np.repeat(np.arange(clients), sessions)
    therapists = max(clients // 40, 10)
    therapist = rng.integers(0, therapists, clients)[client]
    session = np.concatenate([np.arange(1.0, n + 1) for n in sessions])
    within, between = rng.normal(size=client.size), rng.normal(size=clients)[client]
    eta = -0.5 - 0.02 * session + 0.4 * within + 0.5 * between
    eta += 1.2 * rng.normal(size=clients)[client] + 0.6 * rng.normal(size=therapists)[therapist]
    y = (rng.random(client.size) < 1 / (1 + np.exp(-eta))).astype(int)
    columns = {"y": y, "session": session, "within": within, "between": between}
    return pd.DataFrame({**columns, "client": client, "therapist": therapist})


def seconds(call, times: int = 1) -> float:  # type: ignore[no-untyped-def]
    """Return the least processor time of a call."""
    found = []
    for _ in range(times):
        begin = time.process_time()
        call()
        found.append(time.process_time() - begin)
    return min(found)


def speed() -> str:
    """Time what the issue of speed is about; ratios of one run on one core."""
    warnings.simplefilter("ignore", al.AllianceStatsWarning)
    data = simulate(20_000)
    al.fit_multilevel(FORMULA, data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    binary = seconds(lambda: al.fit_multilevel(FORMULA, data, family="binomial"))
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    gauss = seconds(lambda: al.fit_multilevel(FORMULA, data).df, 3)
    frame = float(data.memory_usage(deep=True).sum())
    small = simulate(100)
    small = small.head(1500)
    fit = al.fit_multilevel(FORMULA, small, family="binomial")
    refits = seconds(lambda: [fit.refit(fit.simulate(i)) for i in range(50)]) / 50
    lines = [
        f"- {len(data):,} sessions, three levels, binary: {binary:.2f} s of processor time, "
        f"{binary / gauss:.0f} Gaussian fits of the same rows ({gauss:.3f} s each); memory beyond "
        f"what the Gaussian fit took: {max(peak, 0) / frame:.1f} data frames.",
        f"- 1,000 refits of {len(small):,} sessions: {1000 * refits:.0f} s of processor time.",
    ]
    if shutil.which("Rscript"):
        lines.append(_published_example())
    return "\n".join(lines)


def _published_example() -> str:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        script = folder / "time.R"
        script.write_text(
            "suppressMessages({library(lme4); library(glmmTMB)})\n"
            "data(guImmun, package = 'mlmRev'); guImmun$y <- 1 * (guImmun$immun == 'Y')\n"
            "write.csv(guImmun, commandArgs(TRUE)[1], row.names = FALSE)\n"
            "user <- function(fit) cat(system.time(suppressWarnings(fit))[['user.self']], '')\n"
            f"f <- {GUIMMUN}(1 | mom) + (1 | comm)\n"
            "user(glmmTMB(f, guImmun, binomial)); user(glmer(f, guImmun, binomial))\n"
        )
        run = ["Rscript", str(script), str(folder / "guImmun.csv")]
        told = subprocess.run(run, check=True, capture_output=True, text=True).stdout
        tmb, lme4 = map(float, told.split())
        data = data_of("guImmun", folder)
        mine = seconds(lambda: ours("guImmun", data), 5)
        fit = ours("guImmun", data)
        approximate = seconds(lambda: laplace(fit.model.problem, fit.best))
        others = [f"lme4 {lme4:.0f} s", f"glmmTMB {tmb:.1f} s", *_of_glmm(data)]
    return (
        f"- guImmun, exact: {mine:.2f} s. Laplace's approximation: {', '.join(others)}; here, "
        f"after the exact fit, {approximate:.2f} s."
    )


def _of_glmm(data: pd.DataFrame) -> list[str]:
    """Time the Python package glmm, where it is installed."""
    try:
        import glmm
    except ImportError:
        return []
    formula = f"{GUIMMUN}(1 | mom) + (1 | comm)"
    return [f"glmm {seconds(lambda: glmm.fit(data, formula, 'binomial'), 5):.2f} s"]


# -- coverage ------------------------------------------------------------------------------------

TRUTH = {"within": 0.5, "between": 0.4, "arm": 0.6}
THERAPISTS = (10, 20, 40)
CLIENTS, SESSIONS, CLIENT_SD, THERAPIST_SD = 8, 6, 1.0, 0.6


def draw(therapists: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a study whose arm is its therapists'."""
    clients = therapists * CLIENTS
    client = np.repeat(np.arange(clients), SESSIONS)
    therapist = client // CLIENTS
    within, between = rng.normal(size=client.size), rng.normal(size=clients)[client]
    arm = (therapist % 2).astype(float)
    eta = -0.5 + 0.5 * within + 0.4 * between + 0.6 * arm
    eta += CLIENT_SD * rng.normal(size=clients)[client]
    eta += THERAPIST_SD * rng.normal(size=therapists)[therapist]
    y = (rng.random(client.size) < 1 / (1 + np.exp(-eta))).astype(int)
    columns = {"y": y, "within": within, "between": between, "arm": arm}
    return pd.DataFrame({**columns, "client": client, "therapist": therapist})


def study(therapists: int, seed: np.random.SeedSequence, draws: int) -> list[dict]:
    """Fit one study; return for each method whether its intervals hold the truth."""
    formula = "y ~ within + between + arm + (1 | client) + (1 | therapist)"
    rng = np.random.default_rng(seed)
    data, rows = draw(therapists, rng), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.AllianceStatsWarning)
        for df in ("normal", "between-within"):
            fit = al.fit_multilevel(formula, data, family="binomial", df=df)
            rows.append(_covers(df, therapists, fit.conf_int(), fit.converged))
        if draws:
            booted = fit.bootstrap(draws, seed=int(rng.integers(1 << 30)))
            rows.append(_covers("bootstrap", therapists, booted.conf_int(), fit.converged))
    return rows


def _covers(method: str, therapists: int, interval: pd.DataFrame, converged: bool) -> dict:
    held = {t: bool(interval.loc[t, 0] <= v <= interval.loc[t, 1]) for t, v in TRUTH.items()}
    return {"method": method, "therapists": therapists, "converged": converged, **held}


def coverage(replicates: int, booted: int, draws: int, seed: int, jobs: int) -> str:
    """Return the table of coverage."""
    seeds = np.random.SeedSequence(seed).spawn(replicates * len(THERAPISTS))
    tasks = [
        (THERAPISTS[i % len(THERAPISTS)], one, draws if i < booted * len(THERAPISTS) else 0)
        for i, one in enumerate(seeds)
    ]
    found = joblib.Parallel(n_jobs=jobs, batch_size=4)(joblib.delayed(study)(*t) for t in tasks)
    table = pd.DataFrame([row for rows in found for row in rows])
    lines = [
        "| therapists | intervals | studies | `within` | `between` | `arm` |",
        "|---|---|---|---|---|---|",
    ]
    names = {"normal": "z (the default)", "between-within": "between-within",
             "bootstrap": f"bootstrap, percentiles of {draws}"}  # fmt: skip
    for (therapists, method), own in table.groupby(["therapists", "method"], sort=False):
        shares = " | ".join(f"{100 * own[term].mean():.1f} %" for term in TRUTH)
        lines.append(f"| {therapists} | {names[method]} | {len(own)} | {shares} |")
    assert table["converged"].mean() > 0.99
    return "\n".join(sorted(lines[2:], key=lambda line: int(line.split("|")[1]))).join(
        ["\n".join(lines[:2]) + "\n", ""]
    )


def put(page: Path | None, name: str, text: str) -> None:
    """Print a part, or put it between its marks on a page."""
    print(text)
    if page is not None:
        old = page.read_text(encoding="utf-8")
        new, n = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)",
            lambda match: f"{match[1]}{text}\n{match[2]}",
            old,
            flags=re.DOTALL,
        )
        if n != 1:
            sys.exit(f"{page} has no marks for {name}.")
        page.write_text(new, encoding="utf-8")


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("answers", "speed", "coverage"))
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--booted", type=int, default=100, help="replicates that are bootstrapped")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20240610)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.part == "coverage":
        text = coverage(
            options.replicates, options.booted, options.draws, options.seed, options.jobs
        )
    else:
        text = answers(options.write) if options.part == "answers" else speed()
    put(options.write, f"outcomes {options.part}", text)


if __name__ == "__main__":
    main()
