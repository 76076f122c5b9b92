# Makes pool_tests.json from sets.csv: run with `Rscript follow_the_pool.R` in this folder.
# What is asked further of a pool, by the pool's own estimator and test.
suppressMessages({library(metafor); library(jsonlite)})
num <- function(x) as.numeric(x)
tight <- list(threshold = 1e-12, maxiter = 10000)
sets <- read.csv("sets.csv")
keep <- c("bcg", "conscientiousness", "very unequal precision")
five <- data.frame(case = "five", label = letters[1:5],
                   yi = c(0.645, -0.008, 0.0276355552083566, -0.084, 0.694),
                   vi = c(0.226, 0.14, 0.249, 0.249, 0.228)^2, x = 1:5, cluster = NA)
sets <- rbind(sets[sets$case %in% keep, ], five)

follow <- function(d, method, test) {
  fit <- rma(yi, vi, data = d, method = method, test = test, control = tight)
  reg <- rma(yi, vi, mods = ~ x, data = d, method = method, test = test, control = tight)
  egger <- regtest(fit)
  once <- leave1out(fit)
  list(egger = list(statistic = egger$zval, df = if (is.null(egger$dfs) || is.na(egger$dfs)) NULL else egger$dfs,
                    p = egger$pval, limit = egger$est),
       regression = list(beta = num(reg$beta), se = reg$se, p = reg$pval, tau2 = reg$tau2,
                         qm = reg$QM, qm_p = reg$QMp),
       leave_one_out = list(se = once$se, low = once$ci.lb, high = once$ci.ub))
}
out <- lapply(split(sets, sets$case), function(d) {
  found <- list()
  for (method in c("REML", "ML", "DL", "EE")) for (test in c("z", "knha"))
    found[[paste(method, test)]] <- follow(d, method, test)
  found
})
# Three kinds of study with equal standard errors: Welch's test of the effects is that of the pools.
kinds <- data.frame(kind = rep(c("a", "b", "c"), c(4, 6, 5)),
                    yi = c(.11, .32, .25, .41, .52, .18, .71, .60, .33, .45, .05, -.12, .30, .22, .15))
welch <- oneway.test(yi ~ kind, data = kinds)
two <- oneway.test(yi ~ kind, data = subset(kinds, kind != "c"))
pack <- function(w) list(f = num(w$statistic), df2 = num(w$parameter[2]), p = w$p.value)
write_json(list(
  made_with = list(R = R.version.string, metafor = as.character(packageVersion("metafor"))),
  five = five[, c("label", "yi", "vi", "x")], pools = out,
  kinds = kinds, welch = list(three = pack(welch), two = pack(two))),
  "pool_tests.json", digits = 14, auto_unbox = TRUE, pretty = TRUE)
