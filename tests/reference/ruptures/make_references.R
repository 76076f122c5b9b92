# Asymmetric change in first differences as panelr::asym (commit 556cad6) computes it: the very calls
# it makes to nlme and clubSandwich. Run: Rscript make_references.R (in this folder).
suppressMessages({library(nlme); library(clubSandwich); library(jsonlite)})
data <- read.csv("panel.csv")
data <- data[order(data$client_id, data$session), ]
by_client <- split(data, data$client_id)
differences <- do.call(rbind, lapply(by_client, function(d) {
  n <- nrow(d)
  x <- c(NA, d$alliance[-n])  # the alliance of the session before, as asym's lag(alliance)
  step <- c(NA, diff(x))
  data.frame(client_id = d$client_id, session = d$session, change = c(NA, diff(d$outcome)),
             rise = step * (step > 0), fall = -step * (step < 0))
}))
differences <- na.omit(differences)
fit_one <- function(correlation) {
  fit <- gls(change ~ rise + fall, data = differences, correlation = correlation)
  V <- vcovCR(fit, cluster = differences$client_id, type = "CR2")
  tests <- as.data.frame(coef_test(fit, vcov = V, test = "naive-t"))
  L <- c(0, 1, 1)
  list(coef = unname(coef(fit)), std_error = unname(sqrt(diag(V))), p_value = tests$p_t,
       df = tests$df_t, chisq = drop((L %*% coef(fit))^2 / (L %*% V %*% L)),
       sigma = fit$sigma, log_likelihood = as.numeric(logLik(fit)), nobs = nrow(differences))
}
form <- ~ 1 | client_id
free <- gls(change ~ rise + fall, data = differences, correlation = corARMA(form = form, p = 0, q = 1))
result <- list(
  versions = list(R = as.character(getRversion()), nlme = as.character(packageVersion("nlme")),
                  clubSandwich = as.character(packageVersion("clubSandwich"))),
  `toeplitz-1` = c(fit_one(corARMA(form = form, p = 0, q = 1)),
                   theta = unname(coef(free$modelStruct$corStruct, unconstrained = FALSE))),
  constrained = fit_one(corARMA(value = -.9999, form = form, p = 0, q = 1, fixed = TRUE)))
# Event study: least squares with a level an event, CR2 over clients.
w <- read.csv("windows.csv")
w$real <- as.numeric(w$kind == "rupture")
w$pre <- pmin(w$clock, 0); w$step <- as.numeric(w$clock >= 0); w$post <- pmax(w$clock, 0)
ols <- lm(value ~ 0 + I(pre * real) + I(step * real) + I(post * real) + I(pre * (1 - real)) +
            I(step * (1 - real)) + I(post * (1 - real)) + factor(event), data = w)
V <- vcovCR(ols, cluster = w$client_id, type = "CR2")
result$event_study <- list(coef = unname(coef(ols)[1:6]), std_error = unname(sqrt(diag(V)))[1:6])
write_json(result, "references.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
