# Makes formulas.json and clients.csv: run with `Rscript formulas.R` in this folder.
# The six statistics and three cut-offs, written from the articles and not from any program:
# Jacobson & Truax 1991; Bauer, Lambert & Nielsen 2004 (GLN, HLL, EN, NK); Hageman & Arrindell 1999.
library(jsonlite)
set.seed(20)
n <- 12
pre <- round(rnorm(n, 22, 6), 1)
post <- round(pre * 0.6 + rnorm(n, 3, 5), 1)
write.csv(data.frame(client_id = 1:n, pre = pre, post = post), "clients.csv", row.names = FALSE)

statistics <- function(pre, post, r1, r2 = r1, s = sd(pre)) {
  m1 <- mean(pre); m2 <- mean(post)
  se <- s * sqrt(1 - r1)                       # standard error of measurement
  true <- m1 + r1 * (pre - m1)                 # Kelley's estimate of the true first score
  gain <- cov(cbind(pre, post))                # Hageman & Arrindell take the sample's moments
  v1 <- if (missing(s)) gain[1, 1] else s^2
  c12 <- cor(pre, post) * sqrt(v1) * sd(post)
  rdd <- ((v1 - se^2) + (gain[2, 2] - se^2) - 2 * c12) / (v1 + gain[2, 2] - 2 * c12)
  list(JT = (post - pre) / sqrt(2 * se^2),
       GLN = ((post - m1) - r1 * (pre - m1)) / (s * sqrt(1 - r1^2)),
       HLL = ((post - m2) - r1 * (pre - m1)) / (s * sqrt(1 - r1^2)),
       EN = (post - true) / se,
       NK = (post - true) / sqrt(r1^2 * s^2 * (1 - r1) + s^2 * (1 - r2)),
       HA = ((post - pre) * rdd + (m2 - m1) * (1 - rdd)) / (sqrt(rdd) * sqrt(2 * se^2)))
}
cut <- function(ill, well) {
  toward <- sign(well[1] - ill[1])
  list(a = ill[1] + toward * 2 * ill[2], b = well[1] - toward * 2 * well[2],
       # where the standardised distances from both means are equal
       c = uniroot(function(x) abs(x - ill[1]) / ill[2] - abs(x - well[1]) / well[2],
                   sort(c(ill[1], well[1])), tol = 1e-13)$root)
}
wilson <- function(x, n) as.numeric(prop.test(x, n, correct = FALSE)$conf.int)
write_json(list(
  made_with = R.version.string,
  own_sd = statistics(pre, post, 0.85, 0.8), given_sd = statistics(pre, post, 0.9, 0.75, 7.5),
  cutoffs = list(
    list(clinical = c(40, 12), functional = c(8, 4), value = cut(c(40, 12), c(8, 4))),
    list(clinical = c(25, 7), functional = c(8, 5), value = cut(c(25, 7), c(8, 5))),
    list(clinical = c(19, 8), functional = c(28, 6.8), value = cut(c(19, 8), c(28, 6.8)))),
  wilson = list(list(n = 3, of = 11, ci = wilson(3, 11)), list(n = 0, of = 7, ci = wilson(0, 7)))),
  "formulas.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
