# Reference of truth and bias at three levels: Rscript tests/reference/gap/make_three_levels.R
suppressMessages({library(lme4); library(lmerTest); library(nlme); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
d <- read.csv(file.path(here, "three_levels.csv"))
m <- ave(d$client, d$client_id); d$t <- d$client - m; d$j <- d$therapist - m
fit <- lmerTest::lmer(j ~ t + (1 + t | client_id) + (1 + t | therapist_id), d,
  control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e6)))
stopifnot(!isSingular(fit))
s <- coef(summary(fit))
again <- lme(j ~ t, random = list(therapist_id = ~ 1 + t, client_id = ~ 1 + t), data = d,
  control = lmeControl(opt = "optim", msTol = 1e-10, tolerance = 1e-10))
ends <- intervals(again, which = "var-cov")$reStruct
write_json(list(
  versions = list(R = R.version.string, lmerTest = as.character(packageVersion("lmerTest")),
                  nlme = as.character(packageVersion("nlme"))),
  estimate = unname(s[, "Estimate"]), se = unname(s[, "Std. Error"]), df = unname(s[, "df"]),
  varcomp = as.data.frame(VarCorr(fit))$vcov,
  intervals = lapply(ends, function(x) unname(as.matrix(x)))),
  file.path(here, "three_levels.json"), digits = NA, auto_unbox = TRUE, pretty = TRUE)
