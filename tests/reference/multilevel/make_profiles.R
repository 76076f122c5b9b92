# Profile intervals of random-effect correlations, two ways, into profiles/<design>.json.
#
#   Rscript make_profiles.R                      # all designs of profiles.json
#   Rscript make_profiles.R trends-two-level-ml  # those named
#
# `confint`: lme4's confint(method = "profile"), which interpolates between some points. Asked for
# where at most two terms are correlated: of three, lme4 1.1 gives ends such as Inf and [-1, 1].
# `exact`: where lme4's own ML deviance, least with the correlation r held, has risen by
# qchisq(.95, 1). Effects are put in an order with the two in question first, so that r holds when
# theta = (a, r s, ., sqrt(1 - r^2) s, ., .) with sds a, s >= 0 (in units of sigma); nlminb is
# started from several points. Where the rise is not reached the end is -1 or 1.

suppressPackageStartupMessages({library(lme4); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
wanted <- commandArgs(TRUE)
versions <- list(lme4 = as.character(packageVersion("lme4")), Matrix = as.character(packageVersion("Matrix")),
                 R = paste(R.version$major, R.version$minor, sep = "."))
QUANTILE <- qchisq(0.95, 1)
control <- lmerControl(optimizer = "bobyqa", calc.derivs = FALSE, check.conv.singular = "ignore",
                       optCtrl = list(maxfun = 1e5, rhoend = 1e-9))

bar <- function(terms, group) {
  terms <- if (terms[1] == "one") c("1", terms[-1]) else c("0", terms)
  sprintf("(%s | %s)", paste(terms, collapse = " + "), group)
}
formula_of <- function(design, random = design$random) {
  paste("distress ~", design$fixed, "+", paste(mapply(bar, random, names(random)), collapse = " + "))
}

held <- function(design, data, group, pair) {
  terms <- c(pair, setdiff(design$random[[group]], pair))
  random <- replace(design$random, group, list(terms))
  deviance <- lmer(as.formula(formula_of(design, random)), data, REML = FALSE, devFunOnly = TRUE, control = control)
  fit <- lmer(as.formula(formula_of(design, random)), data, REML = FALSE, control = control)
  stopifnot(identical(sub("(Intercept)", "one", names(ranef(fit)[[group]]), fixed = TRUE), terms),
            identical(names(getME(fit, "cnms")), names(random)))   # the order of theta's blocks
  before <- lengths(random)[seq_len(match(group, names(random)) - 1)]
  top <- sum(before * (before + 1) / 2) + 1
  best <- getME(fit, "theta"); size <- length(terms)
  side <- top + 1; own <- top + size
  norm <- sqrt(best[side]^2 + best[own]^2)
  estimate <- best[[side]] / norm
  lower <- ifelse(getME(fit, "lower") == 0, 0, -Inf); lower[own] <- 0
  least <- function(r) {
    full <- function(free) {
      theta <- append(free, 0, side - 1)
      s <- theta[own]; theta[side] <- r * s; theta[own] <- sqrt(max(1 - r^2, 0)) * s
      theta
    }
    begin <- best; begin[own] <- norm
    starts <- list(begin[-side], replace(begin, own, norm / 4)[-side], replace(begin, top, best[top] / 4)[-side],
                   (begin * 0.5 + 0.05)[-side])
    min(sapply(starts, function(start) nlminb(start, function(free) deviance(full(free)), lower = lower[-side],
        control = list(rel.tol = 1e-13, x.tol = 1e-10, eval.max = 2000, iter.max = 1000))$objective))
  }
  bottom <- min(deviance(best), least(estimate))
  excess <- function(r) least(r) - bottom - QUANTILE
  end <- function(limit) {
    grid <- seq(estimate, limit, length.out = 25)
    inner <- grid[1]
    for (outer in grid[-1]) {
      if (excess(outer) > 0) return(uniroot(excess, sort(c(inner, outer)), tol = 1e-8)$root)
      inner <- outer
    }
    limit
  }
  list(group = group, pair = pair, estimate = estimate, low = end(-1), high = end(1))
}

for (design in fromJSON(file.path(here, "profiles.json"), simplifyVector = FALSE)) {
  design$random <- lapply(design$random, unlist)
  if (length(wanted) && !(design$name %in% wanted)) next
  data <- read.csv(gzfile(file.path(here, "data", paste0(design$data, ".csv.gz"))), stringsAsFactors = FALSE)
  data$one <- 1
  exact <- list()
  for (group in names(design$random)) if (length(design$random[[group]]) > 1)
    for (pair in combn(design$random[[group]], 2, simplify = FALSE))
      exact <- c(exact, list(held(design, data, group, pair)))
  for (one in exact) cat(design$name, one$group, one$pair, one$estimate, one$low, one$high, "\n")
  fit <- lmer(as.formula(formula_of(design)), data, REML = design$reml, control = control)
  limits <- if (isTRUE(design$confint))
    suppressWarnings(confint(fit, method = "profile", oldNames = FALSE, quiet = TRUE))
  print(limits)
  found <- list(name = design$name, why = design$why, data = design$data, formula = formula_of(design),
    reml = design$reml, versions = versions, exact = exact,
    confint = if (is.null(limits)) NULL else
      list(term = rownames(limits), low = unname(limits[, 1]), high = unname(limits[, 2])))
  dir.create(file.path(here, "profiles"), showWarnings = FALSE)
  writeLines(toJSON(found, digits = I(12), auto_unbox = TRUE, na = "null", null = "null"),
             file.path(here, "profiles", paste0(design$name, ".json")))
}
