# Makes references.json from effects.csv: run with `Rscript make_references.R` in this folder.
suppressMessages({library(metafor); library(jsonlite)})

rows <- read.csv("effects.csv")
cases <- split(rows, rows$case)

describe <- function(fit, k) {
  p <- predict(fit)
  heterogeneity <- tryCatch(confint(fit)$random, error = function(e) NULL)
  list(k = k, beta = as.numeric(fit$beta), se = fit$se, ci = c(fit$ci.lb, fit$ci.ub),
       pval = fit$pval, pi = c(p$pi.lb, p$pi.ub), tau2 = fit$tau2, i2 = fit$I2 / 100,
       q = fit$QE, qp = fit$QEp, loglik = as.numeric(logLik(fit)),
       tau2_ci = if (is.null(heterogeneity)) NULL else as.numeric(heterogeneity["tau^2", 2:3]))
}

one <- function(d) {
  out <- list()
  for (method in c("REML", "ML", "DL", "EE"))
    for (test in c("z", "knha")) {
      if (method == "EE" && test == "knha") next
      fit <- rma(yi, vi, data = d, method = method, test = test,
                 control = list(threshold = 1e-12, maxiter = 1000))
      out[[paste(method, test)]] <- describe(fit, nrow(d))
    }
  if (length(unique(d$cluster)) < nrow(d)) {
    fit <- rma.mv(yi, vi, random = ~ 1 | cluster / row, data = transform(d, row = seq_len(nrow(d))),
                  method = "REML", control = list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-15, maxit = 5000))
    p <- predict(fit)
    out[["three level"]] <- list(beta = as.numeric(fit$beta), se = fit$se,
      ci = c(fit$ci.lb, fit$ci.ub), pi = c(p$pi.lb, p$pi.ub), sigma2 = fit$sigma2,
      loglik = as.numeric(logLik(fit)))
  }
  out
}

out <- list(
  made_with = list(R = R.version.string, metafor = as.character(packageVersion("metafor"))),
  calls = c("rma(yi, vi, method, test)", "rma.mv(yi, vi, random = ~ 1 | cluster / row)"),
  cases = lapply(cases, one))
write_json(out, "references.json", digits = 14, auto_unbox = TRUE, pretty = TRUE)
