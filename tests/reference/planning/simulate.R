# Power of arms of randomised therapists, simulated and fitted by lmerTest: Rscript simulate.R 1000
# prints JSON, a row a design. Residual SD 1; clients carry .45 of the variance of one session.
suppressMessages({library(lmerTest); library(jsonlite)})
n <- as.integer(commandArgs(TRUE)[1])
set.seed(1)
designs <- list(
  list(J = 40, each = 6, sessions = 4, icc = .05, effect = .5),
  list(J = 16, each = 8, sessions = 4, icc = .10, effect = .7),
  list(J = 8, each = 10, sessions = 4, icc = .15, effect = .9))
power <- function(d) {
  rows <- expand.grid(session = seq_len(d$sessions), place = seq_len(d$each),
                      therapist = seq_len(d$J))
  rows$client <- interaction(rows$therapist, rows$place, drop = TRUE)
  rows$arm <- rows$therapist %% 2
  total <- 1 / (1 - .45 - d$icc)
  found <- replicate(n, {
    rows$y <- d$effect * rows$arm + rnorm(nrow(rows)) +
      rnorm(nlevels(rows$client), 0, sqrt(.45 * total))[rows$client] +
      rnorm(d$J, 0, sqrt(d$icc * total))[rows$therapist]
    fit <- suppressMessages(lmer(y ~ arm + (1 | client) + (1 | therapist), rows))
    coef(summary(fit))["arm", "Pr(>|t|)"]
  })
  c(d, power = mean(found < .05))
}
cat(toJSON(lapply(designs, power), auto_unbox = TRUE))
