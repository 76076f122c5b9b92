# Makes references.json: run with `Rscript make_references.R` in this folder.
suppressMessages({library(lme4); library(survival); library(jsonlite)})

hazard <- read.csv("person_period.csv")
control <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12,
                        optCtrl = list(rhoend = 1e-9, maxfun = 1e5))
fit_one <- function(link) {
  f <- glmer(event ~ session + x + (1 | therapist_id), hazard, family = binomial(link),
             nAGQ = 25, control = control)
  list(beta = unname(fixef(f)), se = unname(sqrt(diag(as.matrix(vcov(f))))),
       sd = unname(sqrt(unlist(VarCorr(f)))), llf = as.numeric(logLik(f)))
}

ends <- read.csv("endings.csv")
kinds <- c("ongoing", "dropout", "completed", "transferred")
curves <- survfit(Surv(ends$last_session, factor(ends$reason, kinds)) ~ 1)
s <- summary(curves)

out <- list(
  made_with = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")),
                   survival = as.character(packageVersion("survival"))),
  calls = list(hazard = "glmer(event ~ session + x + (1 | therapist_id), binomial(link), nAGQ = 25)",
               incidence = "survfit(Surv(last_session, factor(reason)) ~ 1)"),
  logit = fit_one("logit"), cloglog = fit_one("cloglog"),
  incidence = list(time = s$time, n_at_risk = s$n.risk[, 1], dropout = s$pstate[, 2],
                   std_error = s$std.err[, 2]))
write_json(out, "references.json", digits = 14, auto_unbox = TRUE, pretty = TRUE)
