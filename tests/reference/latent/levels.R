# Two levels in lavaan's own words: Rscript levels.R FOLDER, which holds levels.csv; writes
# levels.json there. Omega of each level as a defined parameter.
suppressMessages({library(lavaan); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
d <- read.csv(file.path(folder, "levels.csv"))
missing <- if (anyNA(d)) "ml" else "listwise"
model <- '
level: 1
  task =~ i1 + i2 + i3 + i4
  bond =~ i5 + b1*i6 + b2*i7 + b3*i8
  bond ~~ bv*bond
  i5 ~~ e5*i5
  i6 ~~ e6*i6
  i7 ~~ e7*i7
  i8 ~~ e8*i8
level: 2
  task =~ i1 + i2 + i3 + i4
  bond =~ i5 + c1*i6 + c2*i7 + c3*i8
  bond ~~ cv*bond
  i5 ~~ f5*i5
  i6 ~~ f6*i6
  i7 ~~ f7*i7
  i8 ~~ f8*i8
omega_within := (1 + b1 + b2 + b3)^2 * bv / ((1 + b1 + b2 + b3)^2 * bv + e5 + e6 + e7 + e8)
omega_between := (1 + c1 + c2 + c3)^2 * cv / ((1 + c1 + c2 + c3)^2 * cv + f5 + f6 + f7 + f8)
'
fit <- sem(model, d, cluster = "client_id", missing = missing, control = list(iter.max = 20000),
           em.h1.iter.max = 50000, em.h1.tol = 1e-12)
p <- parameterEstimates(fit)
# lavaan's own model without structure stops early (its chi-square is .002 too small): fitted as a
# model of its own it is more likely
pairs <- combn(paste0("i", 1:8), 2)
every <- paste(c(sprintf("%s ~~ %s", pairs[1, ], pairs[2, ]), sprintf("i%d ~~ i%d", 1:8, 1:8)),
               collapse = "\n")
free <- sem(paste("level: 1", every, "level: 2", every, sep = "\n"), d, cluster = "client_id",
            missing = missing,
            control = list(iter.max = 20000, rel.tol = 1e-12))
out <- list(
  fit = as.list(fitMeasures(fit, c("logl", "chisq", "df", "cfi", "tli", "rmsea", "aic", "bic",
                                   "srmr_within", "srmr_between"))),
  free = as.numeric(logLik(free)),
  loadings = p[p$op == "=~", c("lhs", "rhs", "level", "est", "se")],
  omega = p[p$op == ":=", c("lhs", "est", "se")],
  lavaan = as.character(packageVersion("lavaan"))
)
write(toJSON(out, auto_unbox = TRUE, digits = 10), file.path(folder, "levels.json"))
