# Fit every design of designs.json with lme4, lmerTest, pbkrtest, clubSandwich, and every design of
# designs_car1.json with nlme, and write one JSON file a design.
#
#   Rscript make_references.R            # all
#   Rscript make_references.R tiny-main  # those named
#
# Each model is fitted by two optimisers with tight tolerances, each from two starts; the better
# log-likelihood is kept and the other one is written down beside it. The optimum is then polished
# with Newton steps on lme4's own deviance, so that the reference is better than what it is to judge.

suppressPackageStartupMessages({
  library(lme4); library(lmerTest); library(pbkrtest); library(nlme); library(jsonlite)
})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
wanted <- commandArgs(TRUE)
SHOWN_ROWS <- c(1, 2, 3, 10, 50)   # rows whose predictions are kept
SHOWN_GROUPS <- 6                  # groups whose conditional modes are kept

versions <- as.list(sapply(
  c("lme4", "lmerTest", "pbkrtest", "nlme", "clubSandwich", "numDeriv", "Matrix"),
  function(name) as.character(packageVersion(name))))
versions$R <- paste(R.version$major, R.version$minor, sep = ".")

read_data <- function(name) {
  read.csv(gzfile(file.path(here, "data", paste0(name, ".csv.gz"))), stringsAsFactors = FALSE)
}

with_levels <- function(data, levels) {
  for (name in names(data)) {
    if (is.character(data[[name]])) data[[name]] <- factor(data[[name]], sort(unique(data[[name]]), method = "radix"))
    if (name %in% names(levels)) data[[name]] <- factor(as.character(data[[name]]), levels[[name]])
  }
  data
}

tight <- function(optimizer, options) {
  lmerControl(optimizer = optimizer, optCtrl = options, calc.derivs = FALSE,
              check.conv.singular = "ignore", check.scaleX = "ignore")
}
CONTROLS <- list(
  bobyqa = tight("bobyqa", list(rhobeg = 0.2, rhoend = 1e-9, maxfun = 1e6)),
  nloptwrap = tight("nloptwrap", list(algorithm = "NLOPT_LN_BOBYQA", xtol_abs = 1e-12, ftol_abs = 1e-13, maxeval = 1e6)))

# a vector that stays an array in JSON even where it has one element
array_of <- function(values) I(unname(values))

# --- lme4 -----------------------------------------------------------------------------------

# a call with the values inside, so that later update() calls find everything
fit_at <- function(design, data, control, start = NULL) {
  arguments <- list(as.formula(design$formula), data = data, REML = design$reml, control = control)
  if (!is.null(design$weights)) arguments$weights <- data[[design$weights]]
  if (!is.null(start)) arguments$start <- start
  do.call(lme4::lmer, arguments)
}

# Newton steps in the parameters that are off their bound, kept only where the deviance falls
polish <- function(fit) {
  deviance_at <- update(fit, devFunOnly = TRUE)
  theta <- getME(fit, "theta"); lower <- getME(fit, "lower")
  for (round in 1:3) {
    free <- !(lower == 0 & abs(theta) < 1e-6)
    if (!any(free)) break
    along <- function(part) { full <- theta; full[free] <- part; deviance_at(full) }
    gradient <- numDeriv::grad(along, theta[free])
    hessian <- numDeriv::hessian(along, theta[free])
    if (any(eigen(hessian, only.values = TRUE)$values < 1e-6)) break
    candidate <- theta; candidate[free] <- theta[free] - solve(hessian, gradient)
    if (any(candidate < lower) || deviance_at(candidate) > deviance_at(theta) + 1e-9) break
    theta <- candidate
  }
  theta[lower == 0 & abs(theta) < 1e-6] <- 0
  theta
}

best_fit <- function(design, data) {
  tries <- list()
  for (name in names(CONTROLS)) {
    first <- fit_at(design, data, CONTROLS[[name]])
    again <- fit_at(design, data, CONTROLS[[name]], start = pmax(getME(first, "theta"), 0.3 * (getME(first, "lower") == 0)))
    tries[[name]] <- if (logLik(again) > logLik(first)) again else first
  }
  best <- tries[[which.max(sapply(tries, logLik))]]
  theta <- polish(best)
  kept <- lmerControl(optimizer = NULL, calc.derivs = FALSE, check.conv.singular = "ignore", check.scaleX = "ignore")
  fit <- suppressWarnings(fit_at(design, data, kept, start = theta))
  if (as.numeric(logLik(fit)) < as.numeric(logLik(best)) - 1e-9) stop("polishing made it worse: ", design$name)
  list(fit = fit, optimisers = lapply(tries, function(one) as.numeric(logLik(one))))
}

variances <- function(fit) {
  table <- as.data.frame(VarCorr(fit))
  table$grp <- sub("\\.[0-9]+$", "", table$grp)   # lme4 writes client_id.1 for the second block
  lapply(seq_len(nrow(table)), function(i) list(
    group = table$grp[i], term1 = table$var1[i], term2 = table$var2[i],
    vcov = table$vcov[i], sdcor = table$sdcor[i]))
}

contrast_of <- function(fit, terms) {
  names <- names(fixef(fit))
  L <- t(sapply(terms, function(term) as.numeric(names == term)))
  stopifnot(all(rowSums(L) == 1))
  L
}

# The same model with lmerTest's derivatives taken again. numDeriv's step is a tenth of the parameter
# unless the parameter is nearly zero (< 1.8e-5). For a theta of 3e-5 or 1e-4, as a covariance can be,
# the step is then so small that rounding rules the second derivative. Here it is never below 1e-4.
with_wider_step <- function(model) {
  deviance_at <- update(model, devFunOnly = TRUE)
  at <- unname(c(getME(model, "theta"), sigma(model)))
  step <- list(zero.tol = 0.05)
  hessian <- numDeriv::hessian(lmerTest:::devfun_vp, at, devfun = deviance_at, reml = getME(model, "is_REML"), method.args = step)
  parts <- eigen(hessian, symmetric = TRUE)
  kept <- parts$values > 1e-8
  model@vcov_varpar <- 2 * parts$vectors[, kept, drop = FALSE] %*% (t(parts$vectors[, kept, drop = FALSE]) / parts$values[kept])
  slopes <- numDeriv::jacobian(lmerTest:::get_covbeta, at, devfun = deviance_at, method.args = step)
  model@Jac_list <- lapply(seq_len(ncol(slopes)), function(i) matrix(slopes[, i], length(fixef(model))))
  model
}

joint_tests <- function(design, model) {
  lapply(design$joint, function(terms) {
    test <- contest(model, contrast_of(model, terms), joint = TRUE, ddf = "Satterthwaite")
    list(terms = array_of(terms), F = test[["F value"]], num_df = test[["NumDF"]], den_df = test[["DenDF"]], p = test[["Pr(>F)"]])
  })
}

satterthwaite <- function(design, model) {
  table <- coef(summary(model, ddf = "Satterthwaite"))
  wider <- with_wider_step(model)
  list(df = array_of(table[, "df"]), t = array_of(table[, "t value"]), p = array_of(table[, "Pr(>|t|)"]),
       joint = joint_tests(design, model),
       wider_step = list(df = array_of(coef(summary(wider, ddf = "Satterthwaite"))[, "df"]), joint = joint_tests(design, wider)))
}

kenward_roger <- function(design, fit) {
  if (!design$reml) return(NULL)                  # defined for REML
  if (!is.null(design$weights)) return(NULL)      # pbkrtest leaves prior weights out of Sigma
  V0 <- vcov(fit); Vadj <- vcovAdj(fit)
  unit <- diag(length(fixef(fit)))
  df <- sapply(seq_len(nrow(unit)), function(i) Lb_ddf(unit[i, ], V0, Vadj))
  joint <- lapply(design$joint, function(terms) {
    test <- KRmodcomp(fit, contrast_of(fit, terms))$test
    list(terms = array_of(terms), F = test["Ftest", "stat"], num_df = test["Ftest", "ndf"], den_df = test["Ftest", "ddf"],
         p = test["Ftest", "p.value"], F_scaling = test["Ftest", "F.scaling"], F_unscaled = test["FtestU", "stat"])
  })
  list(vcov = unname(as.matrix(Vadj)), se = array_of(sqrt(diag(as.matrix(Vadj)))), df = array_of(df), joint = joint)
}

modes <- function(fit) {
  effects <- ranef(fit, condVar = TRUE)
  lapply(effects, function(table) {
    shown <- seq_len(min(SHOWN_GROUPS, nrow(table)))
    conditional <- attr(table, "postVar")
    list(group = array_of(rownames(table)[shown]), terms = array_of(names(table)),
         mode = unname(as.matrix(table)[shown, , drop = FALSE]),
         variance = if (is.array(conditional)) lapply(shown, function(i) matrix(conditional[, , i], ncol(table))) else NULL)
  })
}

predictions <- function(fit) {
  rows <- SHOWN_ROWS[SHOWN_ROWS <= nobs(fit)]
  data <- fit@frame
  newcomer <- data[rows, , drop = FALSE]
  inner <- names(getME(fit, "flist"))[1]          # lme4 orders factors by number of groups
  plain <- inner %in% names(data)
  if (plain) newcomer[[inner]] <- "somebody new"
  list(row = array_of(as.integer(rownames(data)[rows])),
       conditional = array_of(predict(fit)[rows]),
       population = array_of(predict(fit, re.form = NA)[rows]),
       new_group = if (plain) list(group = inner, value = array_of(predict(fit, newdata = newcomer, allow.new.levels = TRUE))) else NULL)
}

# Nakagawa, Johnson & Schielzeth (2017) with Johnson's (2014) mean variance of random slopes
nakagawa <- function(fit) {
  fixed <- var(as.numeric(getME(fit, "X") %*% fixef(fit)))
  Z <- getME(fit, "Z"); Lambda <- getME(fit, "Lambda")
  random <- sigma(fit)^2 * mean(rowSums(as.matrix(Z %*% Lambda)^2))
  total <- fixed + random + sigma(fit)^2
  list(fixed_variance = fixed, random_variance = random, marginal = fixed / total, conditional = (fixed + random) / total)
}

robust <- function(fit) {
  cluster <- names(getME(fit, "flist"))
  cluster <- cluster[length(cluster)]             # fewest groups: the top level
  V <- clubSandwich::vcovCR(fit, cluster = fit@frame[[cluster]], type = "CR2")
  tests <- clubSandwich::coef_test(fit, vcov = V, test = "Satterthwaite")
  list(cluster = cluster, vcov = unname(as.matrix(unclass(V)[, , drop = FALSE])), se = array_of(tests$SE),
       df = array_of(tests$df_Satt), p = array_of(tests$p_Satt))
}

profiled <- function(design, data) {
  fit <- fit_at(design, data, CONTROLS$bobyqa)    # profiling needs the optimiser in the fit
  limits <- suppressWarnings(confint(fit, method = "profile", oldNames = FALSE, quiet = TRUE))
  list(term = array_of(rownames(limits)), low = array_of(limits[, 1]), high = array_of(limits[, 2]))
}

lme4_reference <- function(design) {
  data <- with_levels(read_data(design$data), design$levels)
  best <- best_fit(design, data); fit <- best$fit
  model <- as_lmerModLmerTest(fit)
  list(
    name = design$name, why = design$why, data = design$data, formula = design$formula, reml = design$reml,
    weights = design$weights, levels = design$levels,
    call = sprintf("lmer(%s, REML = %s%s)", design$formula, design$reml,
                   if (is.null(design$weights)) "" else paste0(", weights = ", design$weights)),
    versions = versions, loglik_by_optimiser = best$optimisers,
    nobs = nobs(fit), n_groups = as.list(ngrps(fit)), singular = isSingular(fit, tol = 1e-5),
    loglik = as.numeric(logLik(fit)), reml_criterion = if (design$reml) REMLcrit(fit) else NULL,
    deviance = if (design$reml) NULL else deviance(fit), aic = AIC(fit), bic = BIC(fit), sigma = sigma(fit),
    theta = array_of(getME(fit, "theta")),
    coef = array_of(names(fixef(fit))), fixef = array_of(fixef(fit)),
    se = array_of(sqrt(diag(as.matrix(vcov(fit))))),
    vcov = unname(as.matrix(vcov(fit))), varcorr = variances(fit),
    satterthwaite = satterthwaite(design, model), kenward_roger = kenward_roger(design, fit),
    ranef = modes(fit), predict = predictions(fit),
    r2 = if (isTRUE(design$r2)) nakagawa(fit) else NULL,
    cr2 = if (isTRUE(design$cr2)) robust(fit) else NULL,
    profile = if (isTRUE(design$profile)) profiled(design, data) else NULL)
}

# --- nlme -----------------------------------------------------------------------------------

nlme_reference <- function(design) {
  data <- with_levels(read_data(design$data), list())
  random <- if (is.list(design$random)) lapply(design$random, as.formula) else as.formula(design$random)
  settings <- function(opt) lmeControl(opt = opt, maxIter = 1000, msMaxIter = 5000, msMaxEval = 50000, niterEM = 100,
                                       tolerance = 1e-12, msTol = 1e-13, reltol = 1e-14, msVerbose = FALSE)
  fits <- lapply(c("nlminb", "optim"), function(opt) {
    arguments <- list(as.formula(design$fixed), data = data, random = random,
                      method = if (design$reml) "REML" else "ML", control = settings(opt))
    if (!is.null(design$form)) arguments$correlation <- corCAR1(0.4, form = as.formula(design$form))
    do.call(lme, arguments)
  })
  fit <- fits[[which.max(sapply(fits, logLik))]]
  covariances <- lapply(fit$modelStruct$reStruct, function(block) unname(as.matrix(block) * fit$sigma^2))
  list(
    name = design$name, why = design$why, data = design$data, fixed = design$fixed, random = design$random,
    form = design$form, reml = design$reml,
    call = sprintf("lme(%s, random = %s, correlation = corCAR1(form = %s), method = '%s')", design$fixed,
                   toJSON(design$random, auto_unbox = TRUE), if (is.null(design$form)) "none" else design$form,
                   if (design$reml) "REML" else "ML"),
    versions = versions, loglik_by_optimiser = sapply(fits, function(one) as.numeric(logLik(one))),
    nobs = nobs(fit), loglik = as.numeric(logLik(fit)), coef = array_of(names(fixef(fit))), fixef = array_of(fixef(fit)),
    se = array_of(sqrt(diag(fit$varFix))), vcov = unname(fit$varFix), sigma = fit$sigma,
    phi = if (is.null(design$form)) NULL else unname(coef(fit$modelStruct$corStruct, unconstrained = FALSE)),
    covariance = covariances)
}

# --- writing --------------------------------------------------------------------------------

write_all <- function(designs, folder, make) {
  for (design in designs) {
    if (length(wanted) && !(design$name %in% wanted)) next
    began <- proc.time()[["elapsed"]]
    reference <- Filter(Negate(is.null), make(design))
    text <- toJSON(reference, digits = I(15), auto_unbox = TRUE, na = "null", null = "null", matrix = "rowmajor")
    writeLines(text, file.path(here, folder, paste0(design$name, ".json")))
    cat(sprintf("%-34s %6.1f s  logLik %.6f  %s\n", design$name, proc.time()[["elapsed"]] - began, reference$loglik,
                paste(format(unlist(reference$loglik_by_optimiser) - reference$loglik, digits = 2), collapse = " ")))
  }
}
read_designs <- function(name) fromJSON(file.path(here, name), simplifyVector = FALSE)
as_vectors <- function(design) {
  design$joint <- lapply(design$joint, unlist)
  design$levels <- lapply(design$levels, unlist)
  design
}
write_all(lapply(read_designs("designs.json"), as_vectors), "lme4", lme4_reference)
write_all(read_designs("designs_car1.json"), "nlme", nlme_reference)
