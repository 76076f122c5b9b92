# Holzinger & Swineford (1939), shipped with lavaan, by school: moments, four steps of invariance and
# one group, in lavaan's own words: Rscript holzinger.R FOLDER; writes holzinger.json there.
suppressMessages({library(lavaan); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
d <- HolzingerSwineford1939
items <- paste0("x", 1:9)
model <- "visual =~ x1 + x2 + x3\n textual =~ x4 + x5 + x6\n speed =~ x7 + x8 + x9"
equal <- list(configural = "", metric = "loadings", scalar = c("loadings", "intercepts"),
              strict = c("loadings", "intercepts", "residuals"))
steps <- lapply(equal, function(what) {
  as.list(fitMeasures(cfa(model, d, group = "school", group.equal = what),
                      c("chisq", "df", "cfi", "rmsea", "srmr")))
})
omega <- "
  visual =~ x1 + a2*x2 + a3*x3
  textual =~ x4 + x5 + x6
  speed =~ x7 + x8 + x9
  visual ~~ v*visual
  x1 ~~ e1*x1
  x2 ~~ e2*x2
  x3 ~~ e3*x3
  omega := (1 + a2 + a3)^2 * v / ((1 + a2 + a3)^2 * v + e1 + e2 + e3)
"
one <- cfa(omega, d, meanstructure = TRUE, missing = "ml", fixed.x = FALSE)
p <- parameterEstimates(one)
s <- standardizedSolution(one)
moments <- lapply(split(d[items], d$school), function(g) {
  list(n = nrow(g), mean = unname(colMeans(g)),
       covariance = unname(cov(g) * (nrow(g) - 1) / nrow(g)))
})
loading <- p$op == "=~"
out <- list(moments = moments, steps = steps,
            omega = as.list(p[p$op == ":=", c("est", "se")]),
            loadings = data.frame(term = paste0(p$lhs, "=~", p$rhs), est = p$est, se = p$se,
                                  std = s$est.std, std_se = s$se)[loading, ],
            lavaan = as.character(packageVersion("lavaan")))
write(toJSON(out, auto_unbox = TRUE, digits = 12, matrix = "rowmajor"),
      file.path(folder, "holzinger.json"))
