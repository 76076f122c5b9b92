# Slopes on a calendar year: what lme4, lmerTest and pbkrtest say, into calendar_years.json.
#
#   Rscript make_calendar_years.R
#
# The models are fitted on the year less 2019, which is the same model: on the year itself R loses
# the digits that this is to judge. Kept is what does not depend on the origin: the log-likelihood,
# and of the slope the estimate, standard error, df and profile interval.

suppressPackageStartupMessages({library(lmerTest); library(pbkrtest); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
data <- read.csv(gzfile(file.path(here, "data", "calendar_years.csv.gz")), stringsAsFactors = FALSE)
control <- lmerControl(optimizer = "bobyqa", calc.derivs = FALSE, optCtrl = list(rhobeg = 0.2, rhoend = 1e-9, maxfun = 1e6))
formulas <- c("distress ~ X + (1 | client_id)", "distress ~ X + (1 + X | therapist_id) + (1 | client_id)",
              "distress ~ X + (1 + X | client_id)", "distress ~ X + (1 + X | client_id) + (1 + X | therapist_id)")
one <- function(text) {
  fit <- lmer(as.formula(gsub("X", "centred", text, fixed = TRUE)), data, control = control)
  of <- function(ddf) as.list(coef(summary(fit, ddf = ddf))["centred", c("Estimate", "Std. Error", "df")])
  limits <- suppressWarnings(confint(fit, parm = "centred", method = "profile", quiet = TRUE))
  list(formula = text, loglik = as.numeric(logLik(fit)), singular = isSingular(fit), satterthwaite = of("Satterthwaite"),
       kenward_roger = of("Kenward-Roger"), profile = I(as.numeric(limits)))
}
versions <- lapply(c(lme4 = "lme4", lmerTest = "lmerTest", pbkrtest = "pbkrtest"), function(name) as.character(packageVersion(name)))
versions$R <- paste(R.version$major, R.version$minor, sep = ".")
write_json(list(versions = versions, designs = lapply(formulas, one)), file.path(here, "calendar_years.json"),
           auto_unbox = TRUE, digits = NA, pretty = TRUE)
