# Reference values of the rating gap: Rscript tests/reference/gap/make_references.R
library(lme4); library(lmerTest); library(jsonlite); library(psych)
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
d <- read.csv(file.path(here, "dyads.csv"))

delta <- function(b, V) {          # axes by symbolic derivatives
  e <- list(
    x0 = quote((b2*b4 - 2*b1*b5) / (4*b3*b5 - b4^2)),
    y0 = quote((b1*b4 - 2*b2*b3) / (4*b3*b5 - b4^2)),
    p11 = quote((b5 - b3 + sqrt((b3-b5)^2 + b4^2)) / b4),
    p21 = quote((b5 - b3 - sqrt((b3-b5)^2 + b4^2)) / b4),
    p10 = quote((b1*b4 - 2*b2*b3) / (4*b3*b5 - b4^2) -
      (b5 - b3 + sqrt((b3-b5)^2 + b4^2)) / b4 * (b2*b4 - 2*b1*b5) / (4*b3*b5 - b4^2)),
    p20 = quote((b1*b4 - 2*b2*b3) / (4*b3*b5 - b4^2) -
      (b5 - b3 - sqrt((b3-b5)^2 + b4^2)) / b4 * (b2*b4 - 2*b1*b5) / (4*b3*b5 - b4^2)))
  n <- paste0("b", 0:5); env <- as.list(setNames(b[1:6], n))
  lapply(e, function(x) {
    g <- sapply(n, function(v) eval(D(x, v), env))
    c(estimate = eval(x, env), se = sqrt(drop(t(g) %*% V[1:6, 1:6] %*% g)))
  })
}
shape <- function(b, V) {
  A <- rbind(a1 = c(0,1,1,0,0,0), a2 = c(0,0,0,1,1,1), a3 = c(0,1,-1,0,0,0),
             a4 = c(0,0,0,1,-1,1), a5 = c(0,0,0,1,0,-1))
  V <- as.matrix(V[1:6, 1:6])
  lapply(setNames(rownames(A), rownames(A)), function(r)
    c(estimate = sum(A[r, ] * b[1:6]), se = sqrt(drop(A[r, ] %*% V %*% A[r, ]))))
}
surface <- function(b, V) c(list(b = unname(b), se = unname(sqrt(diag(as.matrix(V))))),
                            shape(b, V), delta(b, as.matrix(V)))
best <- function(m) {              # start anew from the optimum until nothing moves
  for (how in c("Nelder_Mead", "bobyqa", "Nelder_Mead", "bobyqa")) {
    opt <- if (how == "bobyqa") list(rhoend = 1e-11, maxfun = 1e6) else
      list(FtolAbs = 1e-14, XtolRel = 1e-12, maxfun = 1e6)
    again <- suppressMessages(suppressWarnings(update(m, start = getME(m, "theta"),
      control = lmerControl(optimizer = how, optCtrl = opt))))
    if (logLik(again) >= logLik(m)) m <- again
  }
  m
}
middle <- (mean(d$client) + mean(d$therapist)) / 2
d$x <- d$client - middle; d$y <- d$therapist - middle
single <- lm(outcome ~ x + y + I(x^2) + I(x*y) + I(y^2) + covariate, d)
cubic <- lm(outcome ~ x + y + I(x^2) + I(x*y) + I(y^2) + I(x^3) + I(x^2*y) + I(x*y^2) + I(y^3), d)
control <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e6))
multi <- lmer(outcome ~ x + y + I(x^2) + I(x*y) + I(y^2) + (1 + x + y | client_id) +
              (1 | therapist_id), d, control = control)
cm <- function(v) ave(v, d$client_id)
multi <- best(multi)
d$xw <- d$client - cm(d$client); d$yw <- d$therapist - cm(d$therapist)
within <- lmer(outcome ~ xw + yw + I(xw^2) + I(xw*yw) + I(yw^2) + (1 + xw + yw | client_id),
               d, control = control)
within <- best(within)
d$t <- d$client - cm(d$client); d$j <- d$therapist - cm(d$client)
tb2 <- lmer(j ~ t + (1 + t | client_id), d, control = control)
tb3 <- lmer(j ~ t + (1 + t | client_id) + (1 + t | therapist_id), d, control = control)
tb3 <- best(tb3)
d$z <- d$training - mean(d$training)
tbz <- lmer(j ~ t * z + (1 + t | client_id), d, control = control)
tb <- function(m) {
  s <- coef(summary(m))
  list(estimate = unname(s[, "Estimate"]), se = unname(s[, "Std. Error"]), df = unname(s[, "df"]),
       varcomp = as.data.frame(VarCorr(m))[, c("grp", "var1", "var2", "vcov")])
}
means <- aggregate(cbind(client, therapist) ~ client_id, d, mean)
icc <- suppressWarnings(ICC(means[, c("client", "therapist")], lmer = FALSE)$results)
ladder <- list(null = lm(outcome ~ covariate, d), difference = lm(outcome ~ I(x-y) + covariate, d),
  squared_difference = lm(outcome ~ I((x-y)^2) + covariate, d),
  additive = lm(outcome ~ x + y + covariate, d), full = single,
  cubic = update(single, . ~ . + I(x^3) + I(x^2*y) + I(x*y^2) + I(y^3)))
aicc <- sapply(ladder, function(m) { k <- attr(logLik(m), "df"); n <- nobs(m)
  AIC(m) + 2*k*(k+1)/(n-k-1) })
write_json(list(
  versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")),
                  lmerTest = as.character(packageVersion("lmerTest")),
                  psych = as.character(packageVersion("psych"))),
  single = surface(coef(single), vcov(single)),
  cubic = list(b = unname(coef(cubic)), se = unname(sqrt(diag(vcov(cubic))))),
  multilevel = c(surface(fixef(multi), vcov(multi)), llf = as.numeric(logLik(multi))),
  within = surface(fixef(within), vcov(within)),
  truth_bias_2 = tb(tb2), truth_bias_3 = tb(tb3), truth_bias_moderated = tb(tbz),
  icc_a1 = unlist(icc[icc$type == "ICC2", c("ICC", "lower bound", "upper bound")]),
  aicc = as.list(aicc)), file.path(here, "references.json"), digits = NA, auto_unbox = TRUE,
  pretty = TRUE)
