# Model matrices of many formulas by R's model.matrix, for rows fitted and for new rows.
#
#   Rscript make_model_matrices.R
#
# Column names are R's; the tests compare numbers. `ours` is how our formulas say what R says
# otherwise.

suppressPackageStartupMessages({ library(splines); library(MASS); library(jsonlite) })
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))

set.seed(20)
n <- 24
data <- data.frame(
  y = round(rnorm(n), 3), x = round(rnorm(n), 3), z = round(runif(n, 1, 9), 3),
  session = rep(1:8, 3), f = rep(c("a", "b", "c"), 8), g = rep(c("u", "v"), each = 12),
  h = rep(c("p", "q", "r", "s"), each = 3, times = 2), n = rep(c(2, 4, 4, 8), 6),
  stringsAsFactors = FALSE)
new <- data[c(5, 17, 2, 22), ]
new$x <- c(0.5, -0.25, 0.1, 0.7)   # inside the range of the rows fitted

factors <- function(d) {
  for (name in c("f", "g", "h")) d[[name]] <- factor(d[[name]], sort(unique(data[[name]]), method = "radix"))
  d
}

formulas <- c(
  "1", "0", "x", "x + z", "-1 + x", "0 + x", "x - 1", "x + 0", "x + 0 + 1", "x + x", "x:x", "x - x",
  "x*z", "x:z", "x:z + x", "x*z*session", "x*z - x", "(x + z)^2", "(x + z + session)^2",
  "(x + z + session)^3 - x:z:session", "x^2", "x + (z + session)",
  "f", "0 + f", "f - 1", "f + g", "0 + f + g", "0 + g + f", "f*g", "0 + f*g", "f:g", "0 + f:g",
  "f + f:g", "g:f + f", "f*g - f", "f*g - g", "f*g - f:g", "f*g*h", "f:g:h", "(f + g + h)^2",
  "f/g", "f/x", "x/f", "(f + x)/g", "f/(g + x)", "f/g/x", "x:f", "x*f", "0 + x:f", "0 + x*f",
  "x + x:f", "f:x + z", "0 + x + f", "x:f:g", "f*x + g*x", "0 + f*x + g",
  "I(x^2)", "I(x^2) + x", "I(x*z)", "I(x + 2*z)", "I(-x)", "I(-x^2)", "I(2^-x)", "I((x + z)/2 - 1)",
  "I(z/2/3)", "I(2^3^0.5*z)", "I(x^2):f", "log(z)", "log(z + 1)", "log2(z)", "log10(z)", "log1p(z)",
  "exp(x)", "expm1(x)", "exp(-x^2)", "sqrt(z)", "abs(x)", "sign(x)", "sin(x)", "cos(x)", "tanh(x)",
  "floor(z)", "ceiling(z)", "round(z)", "round(z, 1)", "pmin(z, 4)", "pmax(x, z - 4, 0)", "sqrt(abs(x)) + log(z):x",
  "scale(x)", "scale(x, scale = FALSE)", "scale(x, center = FALSE)", 
  "scale(log(z))", "scale(x):f",
  "poly(x, 1)", "poly(x, 2)", "poly(session, 3)", "poly(x, degree = 3, raw = TRUE)", "poly(x, 2):f",
  "poly(x, 2)*g", "poly(x, 2):poly(z, 2)",
  "bs(x, df = 4)", "bs(x, df = 3)", "bs(x, df = 6)", "bs(x, knots = c(-0.5, 0.5))",
  "bs(x, df = 5, degree = 2)", "bs(x, df = 5, intercept = TRUE)", "bs(x, df = 4):f", "0 + bs(x, df = 5)",
  "ns(x, df = 2)", "ns(x, df = 4)", "ns(x, df = 1)", "ns(x, knots = 0)", "ns(x, knots = c(-0.4, 0.2, 0.6))",
  "ns(x, df = 4, intercept = TRUE)", "ns(log(z), df = 3)", "ns(x, df = 3)*g",
  "factor(n)", "0 + factor(n)", "factor(n):x", "factor(session)*x", "C(f, contr.sum)", "0 + C(f, contr.sum)",
  "C(h, contr.helmert)", "C(h, contr.poly)", "C(f, contr.sum)*x", "C(f, contr.sum)*C(g, contr.sum)",
  "C(h, contr.sum):x", "relevel(f, ref = 'b')", "relevel(h, 'r'):x")
elsewhere <- c(   # what our formulas say in other words
  "C(n)" = "factor(n)", "center(x)" = "scale(x, scale = FALSE)", "x**2" = "x^2", "I(x**2)" = "I(x^2)",
  "np.log(z)" = "log(z)", "scale(x, TRUE, 2)" = "scale(x, scale = 2)", "scale(x, 1)" = "scale(x, center = 1)", "C(h, contr.sdif)" = "C(h, contr.sdif(4))", "C(f, contr.SAS)" = "C(f, contr.SAS)",
  "C(f, contr.treatment('b'))" = "relevel(f, 'b')", "C(f, Treatment(reference='c'))" = "relevel(f, 'c')",
  "factor(f, levels=c('c', 'a', 'b'))" = "factor(f, levels = c('c', 'a', 'b'))", "I(f == 'b')" = "I(1 * (f == 'b'))",
  "I(f != 'b'):x" = "I(1 * (f != 'b')):x", "I(x > 0)" = "I(1 * (x > 0))", "I((x > 0) * z)" = "I((x > 0) * z)",
  "I(session >= 4) + I(session == 3)" = "I(1 * (session >= 4)) + I(1 * (session == 3))",
  "`x` + Q('z')" = "x + z", "log( x+9 ):f" = "log(x + 9):f", "bs(x, df=5, include_intercept=True)" = "bs(x, df = 5, intercept = TRUE)",
  "ns(x, df=3, lower_bound=-4, upper_bound=4)" = "ns(x, df = 3, Boundary.knots = c(-4, 4))",
  "bs(x, df=4, lower_bound=-4, upper_bound=4)" = "bs(x, df = 4, Boundary.knots = c(-4, 4))")
asked <- c(setNames(formulas, formulas), elsewhere)

one <- function(ours) {
  formula <- as.formula(paste("~", asked[[ours]]))
  frame <- model.frame(formula, factors(data))
  matrix <- model.matrix(formula, frame)
  terms <- terms(frame)
  again <- model.matrix(terms, model.frame(terms, factors(new), xlev = .getXlevels(terms, frame)),
                        contrasts.arg = attr(matrix, "contrasts"))
  list(ours = ours, r = asked[[ours]], names = I(as.character(colnames(matrix))),
       columns = lapply(seq_len(ncol(matrix)), function(i) I(unname(matrix[, i]))),
       again = lapply(seq_len(ncol(again)), function(i) I(unname(again[, i]))))
}
out <- list(R = R.version.string, MASS = as.character(packageVersion("MASS")),
            splines = as.character(packageVersion("splines")),
            data = as.list(data), new = as.list(new), matrices = lapply(names(asked), one))
write(toJSON(out, digits = NA, auto_unbox = TRUE), file.path(here, "model_matrices.json"))
