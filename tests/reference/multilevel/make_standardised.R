# Coefficients in standard deviations of their own level: effectsize's method "pseudo" (two levels).
#
#   Rscript make_standardised.R
suppressPackageStartupMessages({library(lme4); library(effectsize); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
d <- read.csv(gzfile(file.path(here, "data", "unbalanced.csv.gz")))
m <- lmer(distress ~ alliance_within + alliance_between + (1 | client_id), d)
found <- as.data.frame(standardize_parameters(m, method = "pseudo"))[-1, ]
writeLines(toJSON(list(
  call = "lmer(distress ~ alliance_within + alliance_between + (1 | client_id)); standardize_parameters(method = \"pseudo\")",
  versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")),
                  effectsize = as.character(packageVersion("effectsize"))),
  term = found$Parameter, estimate = found$Std_Coefficient,
  conf_low = found$CI_low, conf_high = found$CI_high
), auto_unbox = TRUE, digits = NA), file.path(here, "standardised.json"))
