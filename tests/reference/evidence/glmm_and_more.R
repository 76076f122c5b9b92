# Makes more.json and sets.csv: run with `Rscript glmm_and_more.R` in this folder.
# Published data sets come from the package metadat; what each is, its help page says.
suppressMessages({library(metafor); library(metadat); library(clubSandwich); library(jsonlite)})

num <- function(x) as.numeric(x)

# --- proportions: the binomial-normal model ---------------------------------------------------
pritz <- data.frame(case = "pritz", events = dat.pritz1997$xi, n = dat.pritz1997$ni)
nielweise <- data.frame(case = "nielweise", events = dat.nielweise2007$ai,
                        n = dat.nielweise2007$n1i)
collins <- data.frame(case = "bcg control arms", events = dat.bcg$cpos,
                      n = dat.bcg$cpos + dat.bcg$cneg)
counts <- rbind(pritz, nielweise, collins)
glmm <- lapply(split(counts, counts$case), function(d) {
  fit <- rma.glmm(xi = events, ni = n, data = d, measure = "PLO", control = list(nAGQ = 25))
  list(beta = num(fit$beta), se = fit$se, ci = c(fit$ci.lb, fit$ci.ub), tau2 = fit$tau2,
       q_lrt = fit$QE.LRT)
})
write.csv(counts, "counts.csv", row.names = FALSE)

# --- effects: regression, influence, bias, CR2 ------------------------------------------------
keep <- function(case, d, x, cluster = NA)
  data.frame(case = case, label = as.character(seq_len(nrow(d))), yi = num(d$yi), vi = num(d$vi),
             x = num(x), cluster = cluster)
bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
hack <- dat.hackshaw1998
kon <- dat.konstantopoulos2011
mol <- escalc("ZCOR", ri = ri, ni = ni, data = dat.molloy2014)
sets <- rbind(
  keep("bcg", bcg, bcg$ablat),
  keep("passive smoking", hack, hack$year),
  keep("school calendar", kon, kon$year, kon$district),
  keep("conscientiousness", mol, mol$year))
own <- read.csv("effects.csv")
own <- subset(own, !case %in% c("few studies"))
own$x <- ave(own$yi, own$case, FUN = seq_along) %% 5
sets <- rbind(sets, data.frame(case = own$case, label = rownames(own), yi = own$yi, vi = own$vi,
                               x = own$x, cluster = own$cluster))
write.csv(sets, "sets.csv", row.names = FALSE)

study <- function(d) {
  fit <- rma(yi, vi, data = d, test = "knha", control = list(threshold = 1e-12, maxiter = 1000))
  reg <- rma(yi, vi, mods = ~ x, data = d, test = "knha",
             control = list(threshold = 1e-12, maxiter = 1000))
  wald <- rma(yi, vi, data = d, control = list(threshold = 1e-12, maxiter = 1000))
  inf <- influence(wald)$inf
  loo <- leave1out(wald)
  tf <- trimfill(wald)
  tf_r <- trimfill(wald, estimator = "R0")
  egger <- regtest(wald, model = "lm")
  egger_re <- regtest(wald)
  sel <- tryCatch(selmodel(rma(yi, vi, data = d, method = "ML"), type = "stepfun",
    alternative = if (num(wald$beta) < 0) "less" else "greater", steps = c(0.025)), error = function(e) NULL)
  list(
    reml = list(beta = num(fit$beta), se = fit$se, tau2 = fit$tau2, pi = c(predict(fit)$pi.lb, predict(fit)$pi.ub)),
    regression = list(beta = num(reg$beta), se = reg$se, p = reg$pval, tau2 = reg$tau2,
                      qm = reg$QM, qm_p = reg$QMp, qe = reg$QE, r2 = reg$R2 / 100),
    influence = list(rstudent = inf$rstudent, dffits = inf$dffits, cook = inf$cook.d,
                     cov_r = inf$cov.r, tau2_del = inf$tau2.del, hat = inf$hat),
    leave_one_out = list(estimate = loo$estimate, se = loo$se, tau2 = loo$tau2, q = loo$Q),
    trim_fill = list(k0 = tf$k0, side = tf$side, beta = num(tf$beta), se = tf$se, tau2 = tf$tau2),
    trim_fill_r0 = list(k0 = tf_r$k0, side = tf_r$side, beta = num(tf_r$beta)),
    egger = list(statistic = egger$zval, p = egger$pval, df = egger$dfs, intercept = egger$est),
    egger_re = list(statistic = egger_re$zval, p = egger_re$pval),
    selection = if (is.null(sel)) NULL else list(beta = num(sel$beta), se = sel$se,
      tau2 = sel$tau2, delta = sel$delta[2], lrt = sel$LRT, p = sel$LRTp))
}
studies <- lapply(split(sets, sets$case), study)

# --- three levels with CR2 --------------------------------------------------------------------
three <- rma.mv(yi, vi, random = ~ 1 | district/school, data = kon,
                control = list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-15, maxit = 5000))
three_x <- rma.mv(yi, vi, mods = ~ year, random = ~ 1 | district/school, data = kon,
                  control = list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-15, maxit = 5000))
cr2 <- function(fit, cluster) {
  test <- coef_test(fit, vcov = "CR2", cluster = cluster)
  list(beta = num(test$beta), se = num(test$SE), df = num(test[["df_Satt"]] %||% test[["df"]]),
       p = num(test[["p_Satt"]]))
}
`%||%` <- function(a, b) if (is.null(a)) b else a
one <- rma(yi, vi, data = kon, control = list(threshold = 1e-12, maxiter = 1000))
robust <- list(three = c(cr2(three, kon$district), list(sigma2 = three$sigma2)),
               three_x = c(cr2(three_x, kon$district), list(sigma2 = three_x$sigma2)),
               one = cr2(one, kon$district))

# --- effect sizes -----------------------------------------------------------------------------
es <- function(...) { e <- escalc(...); list(yi = num(e$yi), vi = num(e$vi)) }
sizes <- list(
  smd = es("SMD", m1i = c(10.5, 3), sd1i = c(4, 1.2), n1i = c(20, 9), m2i = c(8, 3.4), sd2i = c(5, 0.9), n2i = c(25, 11)),
  or = es("OR", ai = c(4, 0), bi = c(16, 12), ci = c(9, 3), di = c(11, 9)),
  rr = es("RR", ai = c(4, 0), bi = c(16, 12), ci = c(9, 3), di = c(11, 9)),
  rd = es("RD", ai = c(4, 2), bi = c(16, 10), ci = c(9, 3), di = c(11, 9)),
  zcor = es("ZCOR", ri = c(.3, -.5), ni = c(40, 22)),
  plo = es("PLO", xi = c(3, 0), ni = c(20, 12)),
  smcr = es("SMCR", m1i = c(20, 31), m2i = c(25, 30), sd1i = c(6, 8), ni = c(30, 15), ri = c(.5, .7)))

write_json(list(
  made_with = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                   clubSandwich = as.character(packageVersion("clubSandwich"))),
  glmm = glmm, studies = studies, robust = robust, sizes = sizes),
  "more.json", digits = 14, auto_unbox = TRUE, pretty = TRUE, null = "null")
