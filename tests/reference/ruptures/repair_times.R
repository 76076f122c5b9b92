# 1 - Kaplan-Meier of repairs with standard errors over clients, for tests/ruptures/test_repair_times.py
# R 4, survival 3.5.3. Input: the episodes of the demo study under drop_within_sd, k = 1.5 (time = last_session
# - rupture_session where above 0, repaired = 1 or 0), written by al.detect_ruptures(...).episodes.
library(survival)
d <- read.csv("episodes.csv")
f <- survfit(Surv(time, repaired) ~ 1, data = d, cluster = client_id, robust = TRUE)
print(1 - f$surv, digits = 10); print(f$std.err * f$surv, digits = 10)
