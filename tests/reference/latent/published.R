# The example of the random intercept cross-lagged panel model that goes with Mulder and Hamaker
# (2021, doi 10.1080/10705511.2020.1784738), by lavaan: Rscript published.R RICLPM.dat writes
# published.json. The file (1,189 simulated persons, five waves of x, then five of y) stands in the
# repository JeroenDMulder/RI-CLPM under data/. Complete answers enter a normal likelihood by their
# number, means and covariances alone, so these are kept and the file is not.
suppressMessages({library(lavaan); library(jsonlite)})
d <- read.table(commandArgs(TRUE)[1])
names(d) <- c(paste0("x", 1:5), paste0("y", 1:5))
i <- 1:5
model <- paste(c(
  paste("RIx =~", paste0("1*x", i, collapse = " + ")),
  paste("RIy =~", paste0("1*y", i, collapse = " + ")),
  "RIx ~~ RIx", "RIy ~~ RIy", "RIx ~~ RIy",
  paste0("wx", i, " =~ 1*x", i), paste0("wy", i, " =~ 1*y", i),
  paste0("x", i, " ~~ 0*x", i), paste0("y", i, " ~~ 0*y", i),
  paste0("wx", i, " ~~ wx", i), paste0("wy", i, " ~~ wy", i), paste0("wx", i, " ~~ wy", i),
  paste0("x", i, " ~ 1"), paste0("y", i, " ~ 1")), collapse = "\n")
lags <- function(a, b, c, d) paste(c(
  paste0("wx", 2:5, " ~ ", a, "wx", 1:4, " + ", b, "wy", 1:4),
  paste0("wy", 2:5, " ~ ", c, "wx", 1:4, " + ", d, "wy", 1:4)), collapse = "\n")
answer <- function(paths) {
  fit <- lavaan(paste(model, paths, sep = "\n"), d, int.ov.free = FALSE,
                information = "observed")
  e <- parameterEstimates(fit)
  e <- e[e$op == "~" & e$lhs %in% c("wx2", "wy2"), ]
  c(as.list(fitMeasures(fit, c("chisq", "df", "logl"))), list(estimates = e$est, errors = e$se))
}
moments <- list(columns = names(d), n = nrow(d), means = unname(colMeans(d)),
                covariances = unname(cov(d)) * (nrow(d) - 1) / nrow(d))
answers <- list(free = answer(lags("", "", "", "")), equal = answer(lags("a*", "b*", "c*", "d*")))
write(toJSON(c(moments, answers), digits = NA, auto_unbox = TRUE, pretty = 1), "published.json")
