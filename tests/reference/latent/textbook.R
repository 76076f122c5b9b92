# The models as the literature writes them, by hand, in lavaan's own words and with its own
# defaults: Rscript textbook.R FOLDER, which holds data.csv; writes textbook.json there.
# RI-CLPM: Hamaker, Kuiper & Grasman (2015); LCM-SR: Curran et al. (2014).
suppressMessages({library(lavaan); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
d <- read.csv(file.path(folder, "data.csv"))
within <- '
  wx1 =~ 1*x1
  wx2 =~ 1*x2
  wx3 =~ 1*x3
  wx4 =~ 1*x4
  wx5 =~ 1*x5
  wy1 =~ 1*y1
  wy2 =~ 1*y2
  wy3 =~ 1*y3
  wy4 =~ 1*y4
  wy5 =~ 1*y5
  x1 ~~ 0*x1
  x2 ~~ 0*x2
  x3 ~~ 0*x3
  x4 ~~ 0*x4
  x5 ~~ 0*x5
  y1 ~~ 0*y1
  y2 ~~ 0*y2
  y3 ~~ 0*y3
  y4 ~~ 0*y4
  y5 ~~ 0*y5
  wx2 ~ a*wx1 + b*wy1
  wy2 ~ c*wx1 + d*wy1
  wx3 ~ a*wx2 + b*wy2
  wy3 ~ c*wx2 + d*wy2
  wx4 ~ a*wx3 + b*wy3
  wy4 ~ c*wx3 + d*wy3
  wx5 ~ a*wx4 + b*wy4
  wy5 ~ c*wx4 + d*wy4
  wx1 ~~ wy1
  wx2 ~~ wy2
  wx3 ~~ wy3
  wx4 ~~ wy4
  wx5 ~~ wy5
  wx1 + wx2 + wx3 + wx4 + wx5 ~~ 0*between_x + 0*between_y
  wy1 + wy2 + wy3 + wy4 + wy5 ~~ 0*between_x + 0*between_y
'
ri <- paste('
  between_x =~ 1*x1 + 1*x2 + 1*x3 + 1*x4 + 1*x5
  between_y =~ 1*y1 + 1*y2 + 1*y3 + 1*y4 + 1*y5
  between_x ~~ between_y', within,
  'x1 + x2 + x3 + x4 + x5 + y1 + y2 + y3 + y4 + y5 ~ 1')
lcm <- paste('
  between_x =~ 1*x1 + 1*x2 + 1*x3 + 1*x4 + 1*x5
  between_y =~ 1*y1 + 1*y2 + 1*y3 + 1*y4 + 1*y5
  slope_x =~ 0*x1 + 1*x2 + 2*x3 + 3*x4 + 4*x5
  slope_y =~ 0*y1 + 1*y2 + 2*y3 + 3*y4 + 4*y5
  between_x ~~ between_y + slope_x + slope_y
  between_y ~~ slope_x + slope_y
  slope_x ~~ slope_y
  between_x + between_y + slope_x + slope_y ~ 1
  wx1 + wx2 + wx3 + wx4 + wx5 ~~ 0*slope_x + 0*slope_y
  wy1 + wy2 + wy3 + wy4 + wy5 ~~ 0*slope_x + 0*slope_y
  x1 + x2 + x3 + x4 + x5 + y1 + y2 + y3 + y4 + y5 ~ 0*1', within)
cl <- '
  x2 ~ a*x1 + b*y1
  y2 ~ c*x1 + d*y1
  x3 ~ a*x2 + b*y2
  y3 ~ c*x2 + d*y2
  x4 ~ a*x3 + b*y3
  y4 ~ c*x3 + d*y3
  x5 ~ a*x4 + b*y4
  y5 ~ c*x4 + d*y4
  x1 ~~ y1
  x2 ~~ y2
  x3 ~~ y3
  x4 ~~ y4
  x5 ~~ y5
'
# y at each wave on x and y before; the level goes with the first y and every x, and x with the
# error of y of its own and of earlier waves
dp <- '
  level =~ 1*y2 + 1*y3 + 1*y4 + 1*y5
  y2 ~ c*x1 + d*y1
  y3 ~ c*x2 + d*y2
  y4 ~ c*x3 + d*y3
  y5 ~ c*x4 + d*y4
  level ~~ y1 + x1 + x2 + x3 + x4
  y1 ~~ x1 + x2 + x3 + x4
  x1 ~~ x2 + x3 + x4
  x2 ~~ x3 + x4
  x3 ~~ x4
  y2 ~~ x2 + x3 + x4
  y3 ~~ x3 + x4
  y4 ~~ x4
'
told <- function(fit) {
  e <- parTable(fit)
  e <- e[e$label %in% c("a", "b", "c", "d"), ]
  e <- e[!duplicated(e$label), ]
  list(llf = as.numeric(logLik(fit)), chi2 = unname(fitMeasures(fit, "chisq")),
       df = unname(fitMeasures(fit, "df")),
       estimates = as.list(setNames(e$est, c(a = "x_on_x", b = "x_on_y", c = "y_on_x",
                                             d = "y_on_y")[e$label])),
       errors = as.list(setNames(e$se, c(a = "x_on_x", b = "x_on_y", c = "y_on_x",
                                         d = "y_on_y")[e$label])))
}
out <- list(
  `ri-clpm` = told(sem(ri, d, missing = "ml", fixed.x = FALSE)),
  `lcm-sr` = told(sem(lcm, d, missing = "ml", fixed.x = FALSE)),
  clpm = told(sem(cl, d, missing = "ml", fixed.x = FALSE)),
  `dynamic-panel` = told(sem(dp, d, missing = "ml", fixed.x = FALSE))
)
write(toJSON(out, auto_unbox = TRUE, digits = 10), file.path(folder, "textbook.json"))
