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
# three scores; two groups with a label each; sessions 1, 2, 3, 5 and 8 with phantom variables
three <- paste(c("bx =~ 1*x1 + 1*x2 + 1*x3 + 1*x4 + 1*x5",
  "by =~ 1*y1 + 1*y2 + 1*y3 + 1*y4 + 1*y5", "bv =~ 1*v1 + 1*v2 + 1*v3 + 1*v4 + 1*v5",
  "bx ~~ by + bv", "by ~~ bv", "x1 + x2 + x3 + x4 + x5 + y1 + y2 + y3 + y4 + y5 ~ 1",
  "v1 + v2 + v3 + v4 + v5 ~ 1",
  sprintf("w%s =~ 1*%s", paste0(rep(c("x", "y", "v"), each = 5), 1:5),
          paste0(rep(c("x", "y", "v"), each = 5), 1:5)),
  sprintf("%s ~~ 0*%s", paste0(rep(c("x", "y", "v"), each = 5), 1:5),
          paste0(rep(c("x", "y", "v"), each = 5), 1:5)),
  sprintf("wx%d ~ a*wx%d + b*wy%d + wxv*wv%d", 2:5, 1:4, 1:4, 1:4),
  sprintf("wy%d ~ c*wx%d + d*wy%d + wyv*wv%d", 2:5, 1:4, 1:4, 1:4),
  sprintf("wv%d ~ wvx*wx%d + wvy*wy%d + wvv*wv%d", 2:5, 1:4, 1:4, 1:4),
  sprintf("wx%d ~~ wy%d + wv%d", 1:5, 1:5, 1:5), sprintf("wy%d ~~ wv%d", 1:5, 1:5),
  sprintf("w%s ~~ 0*bx + 0*by + 0*bv", paste0(rep(c("x", "y", "v"), each = 5), 1:5))),
  collapse = "\n")
groups <- gsub("d*wy", "c(d, d)*wy", gsub("c*wx", "c(c, c)*wx", gsub("b*wy", "c(b, b)*wy",
  gsub("a*wx", "c(a, a)*wx", ri, fixed = TRUE), fixed = TRUE), fixed = TRUE), fixed = TRUE)
at <- c(1, 2, 3, 5, 8)
phantom <- paste(c("bx =~ 1*x1 + 1*x2 + 1*x3 + 1*x4 + 1*x5",
  "by =~ 1*y1 + 1*y2 + 1*y3 + 1*y4 + 1*y5", "bx ~~ by",
  "x1 + x2 + x3 + x4 + x5 + y1 + y2 + y3 + y4 + y5 ~ 1",
  sprintf("w%s%d =~ 1*%s%d", rep(c("x", "y"), each = 5), at, rep(c("x", "y"), each = 5), 1:5),
  sprintf("w%s%d =~ 0*x1", rep(c("x", "y"), each = 3), c(4, 6, 7)),
  sprintf("%s%d ~~ 0*%s%d", rep(c("x", "y"), each = 5), 1:5, rep(c("x", "y"), each = 5), 1:5),
  sprintf("wx%d ~ a*wx%d + b*wy%d", 2:8, 1:7, 1:7),
  sprintf("wy%d ~ c*wx%d + d*wy%d", 2:8, 1:7, 1:7),
  "wx1 ~~ wx1", "wy1 ~~ wy1", "wx1 ~~ wy1",
  sprintf("wx%d ~~ vx*wx%d", 2:8, 2:8), sprintf("wy%d ~~ vy*wy%d", 2:8, 2:8),
  sprintf("wx%d ~~ vxy*wy%d", 2:8, 2:8),
  sprintf("w%s%d ~~ 0*bx + 0*by", rep(c("x", "y"), each = 8), 1:8)), collapse = "\n")
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
  `dynamic-panel` = told(sem(dp, d, missing = "ml", fixed.x = FALSE)),
  three = told(sem(three, d, missing = "ml", fixed.x = FALSE)),
  groups = told(sem(groups, d, missing = "ml", fixed.x = FALSE, group = "arm")),
  steps = told(sem(phantom, d, missing = "ml", fixed.x = FALSE))
)
write(toJSON(out, auto_unbox = TRUE, digits = 10), file.path(folder, "textbook.json"))
