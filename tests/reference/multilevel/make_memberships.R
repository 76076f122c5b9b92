# Multiple membership by lme4's own objective: the rows of Zt that belong to the therapists are
# replaced by their weights, and everything else is lme4's.
#
#   Rscript make_memberships.R
suppressPackageStartupMessages({library(lme4); library(jsonlite); library(Matrix)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
data <- read.csv(gzfile(file.path(here, "data", "memberships.csv.gz")), stringsAsFactors = FALSE)

fit_with <- function(formula, slope, reml) {
  names <- sort(unique(c(data$therapist, data$second)))
  names <- names[names != ""]
  # a stand-in factor with all therapists; its columns are replaced
  data$stand_in <- factor(rep_len(names, nrow(data)), names)
  parts <- lFormula(as.formula(formula), data = data, REML = reml)
  Z <- Matrix(0, length(names), nrow(data), sparse = TRUE)
  for (i in seq_len(nrow(data))) {
    Z[match(data$therapist[i], names), i] <- Z[match(data$therapist[i], names), i] + data$w1[i]
    if (data$second[i] != "") Z[match(data$second[i], names), i] <- Z[match(data$second[i], names), i] + data$w2[i]
  }
  where <- names(parts$reTrms$cnms)
  rows <- split(seq_len(nrow(parts$reTrms$Zt)), rep(seq_along(where), diff(parts$reTrms$Gp)))[[which(where == "stand_in")]]
  Zt <- as(parts$reTrms$Zt, "CsparseMatrix"); Zt[rows, ] <- Z
  parts$reTrms$Zt <- as(Zt, "dgCMatrix")
  objective <- do.call(mkLmerDevfun, parts)
  first <- optimizeLmer(objective, optimizer = "bobyqa", control = list(rhobeg = 0.2, rhoend = 1e-9, maxfun = 1e6))
  fit <- mkMerMod(environment(objective), first, parts$reTrms, fr = parts$fr)
  list(loglik = as.numeric(logLik(fit)), fixef = unname(fixef(fit)), se = unname(sqrt(diag(as.matrix(vcov(fit))))),
       sd = as.data.frame(VarCorr(fit))$sdcor, reml = reml)
}
plain <- "distress ~ session + alliance + (1 | client_id) + (1 | stand_in)"
ours <- "distress ~ session + alliance + (1 | client_id) + (1 | mm(therapist, second, weights=[w1, w2]))"
fits <- lapply(c(TRUE, FALSE), function(reml) c(formula = ours, fit_with(plain, FALSE, reml)))
writeLines(toJSON(list(versions = list(R = paste(R.version$major, R.version$minor, sep = "."), lme4 = as.character(packageVersion("lme4"))),
                       fits = fits), digits = I(15), auto_unbox = TRUE, pretty = TRUE), file.path(here, "memberships.json"))
