# One model fitted by lavaan: Rscript fit_by_lavaan.R FOLDER, which holds data.csv, model.lav and
# options.json; writes result.json there. Nothing is added to the model by itself.
suppressMessages({library(lavaan); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
data <- read.csv(file.path(folder, "data.csv"))
o <- fromJSON(file.path(folder, "options.json"))
model <- paste(readLines(file.path(folder, "model.lav")), collapse = "\n")
args <- list(
  model, data = data, meanstructure = TRUE, fixed.x = FALSE, int.ov.free = FALSE,
  int.lv.free = FALSE, auto.fix.first = FALSE,
  missing = "ml", estimator = if (o$robust || o$cluster != "") "MLR" else "ML",
  em.h1.iter.max = 50000, em.h1.tol = 1e-10,
  control = list(iter.max = 20000, eval.max = 40000)
)
if (!is.null(o$group) && o$group != "") args$group <- o$group
if (o$cluster != "") args$cluster <- o$cluster
started <- proc.time()
fit <- suppressWarnings(do.call(lavaan, args))
seconds <- sum((proc.time() - started)[1:2])
table <- parTable(fit)
free <- table[table$free > 0 & table$label != "", ]
free <- free[!duplicated(free$label), ]
index <- c("chisq", "df", "cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "srmr",
           "aic", "bic", if (args$estimator == "MLR") c("chisq.scaled", "chisq.scaling.factor",
             "cfi.scaled", "tli.scaled", "rmsea.scaled", "rmsea.ci.lower.scaled",
             "rmsea.ci.upper.scaled"))
out <- list(
  llf = as.numeric(logLik(fit)), converged = lavInspect(fit, "converged"),
  chi2 = unname(fitMeasures(fit, "chisq")), df = unname(fitMeasures(fit, "df")),
  fit = as.list(fitMeasures(fit, index)),
  estimates = as.list(setNames(free$est, free$label)),
  errors = as.list(setNames(free$se, free$label)),
  seconds = unname(seconds), lavaan = as.character(packageVersion("lavaan")),
  R = R.version.string
)
write(toJSON(out, auto_unbox = TRUE, digits = 10), file.path(folder, "result.json"))
