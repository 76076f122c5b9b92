# Makes yes_no_references.json from what make_yes_no_data.py wrote: run with Rscript in this folder.
suppressMessages({library(lme4); library(glmmTMB); library(jsonlite)})

control <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12,
                        optCtrl = list(rhoend = 1e-9, maxfun = 1e5))
of_glmer <- function(f) list(
  term = names(fixef(f)), beta = unname(fixef(f)), se = unname(sqrt(diag(as.matrix(vcov(f))))),
  sd = unname(sqrt(unlist(VarCorr(f)))), llf = as.numeric(logLik(f)))

repair <- glmer(repaired_next ~ extent + depth + session + (1 | client_id),
                read.csv("rows/repair.csv"), binomial, nAGQ = 25, control = control)
reverse <- glmer(rupture ~ session + outcome_lag1_within + outcome_lag1_between + (1 | client_id),
                 read.csv("rows/reverse.csv"), binomial, nAGQ = 25, control = control)
clients <- read.csv("rows/counts.csv")
poisson <- glmer(n_ruptures ~ group + (1 | client_id), clients, poisson,
                 offset = log(clients$n_judged), nAGQ = 25, control = control)
negative <- glmmTMB(n_ruptures ~ group + (1 | therapist_id), clients, nbinom2,
                    offset = log(clients$n_judged))
b <- summary(negative)$coefficients$cond

write_json(list(
  made_with = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")),
                   glmmTMB = as.character(packageVersion("glmmTMB"))),
  repair = of_glmer(repair), reverse = of_glmer(reverse), poisson = of_glmer(poisson),
  negative_binomial = list(
    term = rownames(b), beta = unname(b[, 1]), se = unname(b[, 2]),
    sd = unname(sqrt(VarCorr(negative)$cond$therapist_id[1, 1])), size = sigma(negative),
    llf = as.numeric(logLik(negative)))),
  "yes_no_references.json", digits = 14, auto_unbox = TRUE, pretty = TRUE)
