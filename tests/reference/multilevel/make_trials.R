# Repeated measures of a trial: nlme's gls with corSymm and varIdent, Satterthwaite degrees of
# freedom from numerical derivatives of its own REML likelihood, and emmeans on its estimates.
#
#   Rscript make_trials.R
suppressPackageStartupMessages({library(nlme); library(emmeans); library(numDeriv); library(jsonlite); library(lme4); library(pbkrtest)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
d <- read.csv(gzfile(file.path(here, "data", "trial.csv.gz")), stringsAsFactors = TRUE)
d$occ <- factor(d$occasion); d$place <- as.integer(d$occ)
tight <- glsControl(tolerance = 1e-12, msTol = 1e-13, maxIter = 1000, msMaxIter = 5000, opt = "nlminb", apVar = FALSE)
terms <- distress ~ condition * occ + baseline

blocks <- split(seq_len(nrow(d)), d$client_id)
X <- model.matrix(terms, d); y <- d$distress
# minus twice the (RE)ML log-likelihood and the covariance of the coefficients, of absolute elements
parts <- function(of_rows) {
  XVX <- 0; XVy <- 0; yVy <- 0; logdet <- 0
  for (rows in blocks) {
    V <- of_rows(rows); W <- solve(V); x <- X[rows, , drop = FALSE]
    XVX <- XVX + t(x) %*% W %*% x; XVy <- XVy + t(x) %*% W %*% y[rows]
    yVy <- yVy + t(y[rows]) %*% W %*% y[rows]; logdet <- logdet + determinant(V)$modulus
  }
  beta <- solve(XVX, XVy)
  list(dev = as.numeric(logdet + determinant(XVX)$modulus + yVy - t(beta) %*% XVy + (nrow(X) - ncol(X)) * log(2 * pi)), vcov = solve(XVX), beta = beta)
}
# in the elements of the Cholesky factor, so that every step stays a covariance; the degrees of freedom
# are the same in all parameters at a maximum
satterthwaite <- function(of, at, L) {
  step <- list(d = 0.01, r = 6)
  A <- 2 * solve(hessian(function(p) parts(of(p))$dev, at, method.args = step))
  V <- parts(of(at))$vcov
  J <- jacobian(function(p) diag(L %*% parts(of(p))$vcov %*% t(L)), at, method.args = step)
  v <- diag(L %*% V %*% t(L))
  sapply(seq_len(nrow(L)), function(i) 2 * v[i]^2 / as.numeric(J[i, ] %*% A %*% J[i, ]))
}
lower <- function(T) which(lower.tri(diag(T), diag = TRUE), arr.ind = TRUE)
fill <- function(p, T) { S <- matrix(0, T, T); S[lower(T)] <- p; S + t(S) - diag(diag(S)) }

fits <- list()
g <- gls(terms, d, correlation = corSymm(form = ~ place | client_id), weights = varIdent(form = ~ 1 | occ), method = "REML", control = tight)
sds <- g$sigma * c(1, coef(g$modelStruct$varStruct, unconstrained = FALSE))
# the client with all four occasions has the whole correlation matrix
full <- names(which(table(d$client_id) == 4))[1]
R <- corMatrix(g$modelStruct$corStruct)[[full]]
S <- R * outer(sds, sds)
of <- function(p) { S <- fill(p, 4); function(rows) S[d$place[rows], d$place[rows], drop = FALSE] }
at <- S[lower(4)]
stopifnot(abs(parts(of(at))$dev + 2 * as.numeric(logLik(g))) < 1e-5)
exact <- parts(of(at))
L <- diag(ncol(X))
by_factor <- function(p) { R <- matrix(0, 4, 4); R[lower(4)] <- p; of((R %*% t(R))[lower(4)]) }
fits$unstructured <- list(loglik = -exact$dev / 2, gls_loglik = as.numeric(logLik(g)), coef = colnames(X), fixef = as.numeric(exact$beta),
  se = unname(sqrt(diag(exact$vcov))), df = satterthwaite(by_factor, t(chol(S))[lower(4)], L), covariance = fill(at, 4))

h <- gls(terms, d, weights = varIdent(form = ~ 1 | condition), method = "REML", control = tight)
s <- h$sigma * c(1, coef(h$modelStruct$varStruct, unconstrained = FALSE)); names(s)[1] <- levels(d$condition)[1]
fits$by_group <- list(loglik = as.numeric(logLik(h)), fixef = unname(coef(h)), se = unname(sqrt(diag(vcov(h)))), sd = as.list(s[levels(d$condition)]))
k <- lme(terms, d, random = ~ 1 | client_id, weights = varIdent(form = ~ 1 | condition), method = "REML",
  control = lmeControl(tolerance = 1e-12, msTol = 1e-13, maxIter = 1000, msMaxIter = 5000))
s <- k$sigma * c(1, coef(k$modelStruct$varStruct, unconstrained = FALSE)); names(s)[1] <- levels(d$condition)[1]
fits$by_group_and_client <- list(loglik = as.numeric(logLik(k)), fixef = unname(fixef(k)), se = unname(sqrt(diag(k$varFix))),
  sd = as.list(s[levels(d$condition)]), client_sd = as.numeric(VarCorr(k)[1, 2]))

# marginal means and contrasts of a mixed model (Satterthwaite and Kenward-Roger)
m <- lmerTest::lmer(distress ~ condition * occ + baseline + (1 | client_id), d, control = lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-13)))
emm_options(lmerTest.limit = 1e5, pbkrtest.limit = 1e5)
rows <- function(x, ...) as.data.frame(summary(x, infer = c(TRUE, TRUE), ...))
means <- list()
for (mode in c("satterthwaite", "kenward-roger")) {
  e <- emmeans(m, ~ condition, lmer.df = mode); eb <- emmeans(m, ~ condition | occ, lmer.df = mode)
  means[[mode]] <- list(
    condition = rows(e), by_occasion = rows(eb), at = rows(emmeans(m, ~ condition, at = list(baseline = 30, occ = "4"), lmer.df = mode)),
    pairs = lapply(c(none = "none", holm = "holm", bonferroni = "bonferroni", tukey = "tukey"), function(a) rows(pairs(e, adjust = a, reverse = TRUE))),
    reference = rows(contrast(eb, "trt.vs.ctrl", ref = "wait", adjust = "none")))
}
writeLines(toJSON(list(versions = as.list(sapply(c("nlme", "emmeans", "lme4", "lmerTest", "pbkrtest"), function(p) as.character(packageVersion(p)))),
  fits = fits, means = means), digits = I(15), auto_unbox = TRUE, pretty = TRUE, dataframe = "rows"), file.path(here, "trial.json"))
