# Makes references.json: run with `Rscript make_references.R` in this folder.
suppressMessages({library(lme4); library(survival); library(jsonlite)})

hazard <- read.csv("person_period.csv")
control <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12,
                        optCtrl = list(rhoend = 1e-9, maxfun = 1e5))
hazard$client_id <- paste(hazard$therapist_id, hazard$c)
fit_one <- function(link, formula = event ~ session + x + (1 | therapist_id), nodes = 25) {
  f <- glmer(formula, hazard, family = binomial(link), nAGQ = nodes, control = control)
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
               frailty = "glmer(event ~ x + (1 | client_id), binomial(link), nAGQ = 75)",
               incidence = "survfit(Surv(last_session, factor(reason)) ~ 1)"),
  logit = fit_one("logit"), cloglog = fit_one("cloglog"),
  frailty = sapply(c("logit", "cloglog"), fit_one, event ~ x + (1 | client_id), 75,
                   simplify = FALSE),
  incidence = list(time = s$time, n_at_risk = s$n.risk[, 1], dropout = s$pstate[, 2],
                   std_error = s$std.err[, 2]))
write_json(out, "references.json", digits = 14, auto_unbox = TRUE, pretty = TRUE)

# What follows writes further.json, from survival's own data (textbook) and the files above.
suppressMessages(library(cmprsk))
set.seed(11)
d <- ends
d$group <- rep(c("a", "b", "c"), length.out = nrow(d))
d$entry <- pmin(d$last_session, rep(c(0, 0, 2, 3), length.out = nrow(d)))
status <- match(d$reason, c("dropout", "completed", "transferred"), nomatch = 0)
gray3 <- cuminc(d$last_session, status, d$group)$Tests
gray2 <- cuminc(d$last_session, status, ifelse(d$group == "a", "a", "rest"))$Tests
write.csv(d, "endings_groups.csv", row.names = FALSE)
late <- survfit(Surv(pmax(entry - 1, 0), last_session, factor(reason, kinds)) ~ 1, d, id = client_id)
l <- summary(late)
# Klein & Moeschberger's and the survival book's example: monoclonal gammopathy.
m <- mgus2
m$time <- with(m, ifelse(pstat == 0, futime, ptime))
m$reason <- with(m, ifelse(pstat == 1, "dropout", ifelse(death == 1, "completed", "ongoing")))
mg <- summary(survfit(Surv(time, factor(reason, c("ongoing", "dropout", "completed"))) ~ 1, m),
              times = c(120, 240, 360))
mgtest <- cuminc(m$time, match(m$reason, c("dropout", "completed"), nomatch = 0), m$sex)$Tests
write.csv(data.frame(client_id = m$id, last_session = m$time, reason = m$reason, sex = m$sex),
          "mgus2.csv", row.names = FALSE)
one <- function(t) list(event = rownames(t), statistic = unname(t[, "stat"]),
                        p = unname(t[, "pv"]), df = unname(t[, "df"]))
cox <- coxph(Surv(session - 1, session, event) ~ x, hazard, ties = "efron",
             cluster = therapist_id)
breslow <- coxph(Surv(session - 1, session, event) ~ x, hazard, ties = "breslow",
                 cluster = therapist_id)
cx <- function(f) list(beta = unname(coef(f)), se = sqrt(diag(f$naive.var)),
                       robust = sqrt(diag(f$var)))
two <- lapply(c(efron = "efron", breslow = "breslow"), function(ties)
  cx(coxph(Surv(session - 1, session, event) ~ x + I(x^2), hazard, ties = ties,
           cluster = therapist_id)))
write_json(list(
  made_with = list(R = R.version.string, survival = as.character(packageVersion("survival")),
                   cmprsk = as.character(packageVersion("cmprsk"))),
  gray3 = one(gray3), gray2 = one(gray2),
  truncated = list(time = l$time, n_at_risk = l$n.risk[, 1], dropout = l$pstate[, 2],
                   std_error = l$std.err[, 2]),
  mgus2 = list(time = mg$time, pcm = mg$pstate[, 2], death = mg$pstate[, 3],
               std_error = mg$std.err[, 2], test = one(mgtest)),
  cox_efron = cx(cox), cox_breslow = cx(breslow), cox_two = two),
  "further.json", digits = 14, auto_unbox = TRUE, pretty = TRUE)

# durations.json: times as they are measured, from survival's own data (lung cancer, veterans).
v <- veteran
v$id <- seq_len(nrow(v))
write.csv(v[, c("id", "time", "status", "trt", "celltype", "karno", "age")], "veteran.csv",
          row.names = FALSE)
cox_of <- function(f) list(beta = unname(coef(f)), llf = f$loglik[2],
                           se = unname(sqrt(diag(if (is.null(f$naive.var)) f$var else f$naive.var))),
                           robust = unname(sqrt(diag(f$var))))
pieces <- survSplit(Surv(time, status) ~ ., v, cut = c(30, 90), episode = "part", id = "who")
pieces$late <- pieces$karno * (pieces$part > 1)
write.csv(pieces[, c("who", "tstart", "time", "status", "trt", "karno", "late")],
          "veteran_pieces.csv", row.names = FALSE)
log_time <- function(x, t, ...) x * log(t)
write_json(list(
  made_with = list(R = R.version.string, survival = as.character(packageVersion("survival"))),
  efron = cox_of(coxph(Surv(time, status) ~ trt + karno, v, cluster = celltype)),
  breslow = cox_of(coxph(Surv(time, status) ~ trt + karno, v, ties = "breslow",
                         cluster = celltype)),
  strata = cox_of(coxph(Surv(time, status) ~ trt + karno + strata(celltype), v)),
  log = cox_of(coxph(Surv(time, status) ~ trt + karno + tt(karno), v, tt = log_time)),
  log_strata = cox_of(coxph(Surv(time, status) ~ trt + karno + tt(karno) + strata(celltype), v,
                            tt = log_time)),
  after = cox_of(coxph(Surv(time, status) ~ trt + karno + tt(karno), v,
                       tt = function(x, t, ...) x * (t > 90))),
  pieces = cox_of(coxph(Surv(tstart, time, status) ~ trt + karno + late, pieces, cluster = who))),
  "durations.json", digits = 14, auto_unbox = TRUE, pretty = TRUE)
