# Rscript make_references.R: exact fits (25 nodes and more) of sessions.csv, and of data of R
# packages that are read there, into references.json.
suppressMessages({library(lme4); library(ordinal); library(jsonlite)})
here <- if (length(commandArgs(TRUE))) commandArgs(TRUE)[1] else "."
d <- read.csv(file.path(here, "sessions.csv"))
cases <- list()
add <- function(name, fit, sd, exact = TRUE) {
  V <- as.matrix(vcov(fit))
  b <- if (inherits(fit, "clmm")) coef(fit) else fixef(fit)
  cases[[name]] <<- list(params = as.list(b), bse = as.list(sqrt(diag(V))[names(b)]), sd = sd,
                         llf = as.numeric(logLik(fit)))
}
sd_of <- function(fit) as.numeric(attr(VarCorr(fit)[[1]], "stddev"))
tight <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-10,
                      optCtrl = list(rhoend = 1e-9, maxfun = 1e5))
binary <- function(name, formula, link, data) {
  m <- glmer(formula, data, family = binomial(link), nAGQ = 75, control = tight)
  add(name, m, sd_of(m))
}
for (link in c("logit", "probit", "cloglog"))
  binary(paste0("yes_", link), yes ~ x + arm + session + (1 | client_id), link, d)
binary("k_of_n", cbind(k, n - k) ~ x + arm + (1 | client_id), "logit", d)
binary("k_of_n_cloglog", cbind(k, n - k) ~ x + arm + (1 | client_id), "cloglog", d)
binary("by_therapist", cbind(k, n - k) ~ x * arm + (1 | therapist_id), "logit", d)
m <- glmer(yes ~ x + (1 | client_id), d, family = binomial, weights = n, nAGQ = 75, control = tight)
add("weighted", m, sd_of(m))
m <- glmer(count ~ x + arm + offset(log(minutes)) + (1 | client_id), d, family = poisson,
           nAGQ = 50, control = tight)
add("count", m, sd_of(m))
m <- glmer(yes ~ x + arm + session + (1 | client_id) + (1 | therapist_id), d, family = binomial,
           control = tight)
add("laplace", m, as.numeric(sapply(VarCorr(m), function(v) attr(v, "stddev"))))
for (link in c("logit", "probit")) {
  m <- clmm(ordered(rating) ~ x + arm + (1 | client_id), d, nAGQ = 31, link = link)
  add(paste0("rating_", link), m, as.numeric(m$ST[[1]]))
}
writeLines(toJSON(list(versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")),
  ordinal = as.character(packageVersion("ordinal"))), cases = cases), auto_unbox = TRUE, digits = 10,
  pretty = TRUE), file.path(here, "references.json"))
