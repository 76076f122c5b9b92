# Makes levels.json, levels.csv and more_counts.csv: run with `Rscript levels_and_counts.R` here.
# Published effects (yi, vi) and counts come from the package metadat; its help pages name the
# articles. The sets are those of three levels, and counts of one arm or group.
suppressMessages({library(metafor); library(metadat); library(clubSandwich); library(jsonlite)})
num <- function(x) as.numeric(x)
tight <- list(threshold = 1e-13, maxiter = 10000)
tight_mv <- list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-16, maxit = 10000)

# --- effects in clusters ----------------------------------------------------------------------
keep <- function(case, cluster, yi, vi, x)
  data.frame(case = case, cluster = num(factor(cluster)), yi = num(yi), vi = num(vi), x = num(x))
bor <- escalc("OR", ai = waward, n1i = wtotal, ci = maward, n2i = mtotal, data = dat.bornmann2007)
kon <- dat.konstantopoulos2011
kal <- dat.kalaian1996
ber <- dat.berkey1998
tan <- dat.tannersmith2016
ass <- dat.assink2016
sets <- rbind(
  keep("assink", ass$study, ass$yi, ass$vi, ass$year),
  keep("bornmann", bor$study, bor$yi, bor$vi, num(factor(bor$type))),
  keep("konstantopoulos", kon$district, kon$yi, kon$vi, kon$year - 1990),
  keep("kalaian", kal$study, kal$yi, kal$vi, kal$year - 1970),
  keep("berkey", ber$trial, ber$yi, ber$vi, num(ber$outcome == "AL")),
  keep("tannersmith", tan$studyid, tan$yi, tan$vi, tan$aget1))
own <- read.csv("effects.csv")
own <- subset(own, case %in% c("clusters of two", "clusters of four", "uneven clusters"))
own$x <- ave(own$yi, own$case, FUN = seq_along) %% 5
sets <- rbind(sets, data.frame(case = own$case, cluster = num(own$cluster),
                                           yi = own$yi, vi = own$vi, x = own$x))
sets <- sets[complete.cases(sets), ]
sets$yi <- round(sets$yi, 8); sets$vi <- round(sets$vi, 8)
write.csv(sets, "levels.csv", row.names = FALSE)

cr2 <- function(fit, cluster) {
  test <- coef_test(fit, vcov = "CR2", cluster = cluster)
  list(beta = num(test$beta), se = num(test$SE), df = num(test$df), p = num(test$p_Satt))
}
level <- function(d) {
  d$row <- seq_len(nrow(d))
  fit <- rma.mv(yi, vi, random = ~ 1 | cluster / row, data = d, test = "t", dfs = "contain",
                control = tight_mv)
  reg <- rma.mv(yi, vi, mods = ~ x, random = ~ 1 | cluster / row, data = d, test = "t",
                dfs = "contain", control = tight_mv)
  p <- predict(fit)
  one <- rma(yi, vi, data = d, control = tight)
  list(beta = num(fit$beta), se = fit$se, df = num(fit$ddf), p = fit$pval,
       ci = c(fit$ci.lb, fit$ci.ub), pi = c(p$pi.lb, p$pi.ub), sigma2 = fit$sigma2,
       loglik = num(logLik(fit)), cr2 = cr2(fit, d$cluster), cr2_of_two_levels = cr2(one, d$cluster),
       regression = list(beta = num(reg$beta), se = reg$se, df = num(reg$ddf), p = reg$pval,
                         sigma2 = reg$sigma2, qm_df2 = reg$QMdf[2], cr2 = cr2(reg, d$cluster)))
}
levels <- lapply(split(sets, sets$case), level)

# --- trim and fill, and one left out, by every estimator --------------------------------------
mcd <- escalc("ZCOR", ri = ri, ni = ni, data = dat.mcdaniel1994)
simple <- rbind(data.frame(case = "assink", label = seq_len(nrow(ass)), yi = num(ass$yi), vi = num(ass$vi)),
                data.frame(case = "mcdaniel", label = seq_len(nrow(mcd)), yi = num(mcd$yi), vi = num(mcd$vi)))
simple$yi <- round(simple$yi, 8); simple$vi <- round(simple$vi, 8)
write.csv(simple, "estimators.csv", row.names = FALSE)
old <- read.csv("sets.csv")
simple <- rbind(simple, old[c("case", "label", "yi", "vi")])
estimators <- lapply(split(simple, simple$case), function(d) {
  out <- list()
  for (method in c("REML", "DL", "ML", "EE")) {
    fit <- rma(yi, vi, data = d, method = method, control = tight)
    # metafor breaks ties by row order; ours by precision, so the rows are put in that order.
    tf <- trimfill(rma(yi, vi, data = d[order(d$yi, d$vi), ], method = method, control = tight))
    # trimfill pools the filled set by metafor's usual threshold; here by the tight one.
    filled <- rma(num(tf$yi), num(tf$vi), method = method, control = tight)
    test <- if (method == "EE") "z" else "knha"
    loo <- leave1out(rma(yi, vi, data = d, method = method, test = test, control = tight))
    out[[method]] <- list(k0 = tf$k0, side = tf$side, beta = num(filled$beta), se = filled$se,
      loo = list(estimate = head(loo$estimate, 5), se = head(loo$se, 5), low = head(loo$ci.lb, 5),
                 high = head(loo$ci.ub, 5), tau2 = head(if (method == "EE") rep(0, nrow(d)) else loo$tau2, 5)))
  }
  out
})

# --- counts: the binomial-normal model -------------------------------------------------------------
count <- function(case, events, n) data.frame(case = case, events = num(events), n = num(n))
counts <- rbind(read.csv("counts.csv"),
  count("hannum", dat.hannum2020$xi, dat.hannum2020$ni),
  count("yusuf treated", dat.yusuf1985$ai[dat.yusuf1985$table == "6"], dat.yusuf1985$n1i[dat.yusuf1985$table == "6"]),
  count("collins treated", dat.collins1985a$b.xti, dat.collins1985a$nti),
  count("hine treated", dat.hine1989$ai, dat.hine1989$n1i),
  count("bcg vaccinated", dat.bcg$tpos, dat.bcg$tpos + dat.bcg$tneg),
  count("graves treated", dat.graves2010$ai, dat.graves2010$n1i),
  count("axfors treated", dat.axfors2021$hcq_arm_event, dat.axfors2021$hcq_arm_total),
  count("axfors control", dat.axfors2021$control_arm_event, dat.axfors2021$control_arm_total))
counts <- counts[complete.cases(counts) & counts$n > 0, ]
write.csv(counts, "more_counts.csv", row.names = FALSE)
# The likelihood is written out here with R's adaptive integration: glmer stops at about 1e-5.
minus <- function(par, x, n) -sum(mapply(function(x, n) {
  f <- function(u) dbinom(x, n, plogis(par[1] + exp(par[2]) * u), log = TRUE) + dnorm(u, log = TRUE)
  top <- optimize(f, c(-12, 12), maximum = TRUE, tol = 1e-8)
  width <- 1 / sqrt(1 + exp(2 * par[2]) * n * prod(plogis(c(1, -1) * (par[1] + exp(par[2]) * top$maximum))))
  g <- function(u) exp(f(u) - top$objective)
  # A study without events falls off slowly on one side: three pieces, far beyond any mass.
  ends <- c(-40, top$maximum - 3 * width, top$maximum + 3 * width, 40)
  top$objective + log(sum(mapply(function(a, b) integrate(g, a, b, rel.tol = 1e-11, abs.tol = 0,
    subdivisions = 2000, stop.on.error = FALSE)$value, ends[-4], ends[-1])))
}, x, n))
glmm <- lapply(split(counts, counts$case), function(d) {
  start <- c(qlogis(sum(d$events) / sum(d$n)), log(0.5))
  f <- function(p) minus(p, d$events, d$n)
  fit <- nlminb(start, f, lower = c(-8, -4), upper = c(8, 1.5))
  if (fit$par[2] < -3.99) {  # the edge: no variance between studies, one binomial share
    p <- sum(d$events) / sum(d$n)
    return(list(beta = qlogis(p), se = 1 / sqrt(sum(d$n) * p * (1 - p)), tau2 = 0))
  }
  at <- fit$par - solve(numDeriv::hessian(f, fit$par), numDeriv::grad(f, fit$par))
  # In tau, not its logarithm, as the standard error of the logit needs no other scale.
  h <- numDeriv::hessian(function(p) minus(c(p[1], log(p[2])), d$events, d$n), c(at[1], exp(at[2])))
  list(beta = at[1], se = sqrt(solve(h)[1, 1]), tau2 = exp(2 * at[2]))
})

write_json(list(
  made_with = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                   metadat = as.character(packageVersion("metadat")),
                   clubSandwich = as.character(packageVersion("clubSandwich")),
                   numDeriv = as.character(packageVersion("numDeriv"))),
  levels = levels, estimators = estimators, glmm = glmm),
  "levels.json", digits = 14, auto_unbox = TRUE, pretty = FALSE, null = "null")
