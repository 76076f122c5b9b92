"""Within and between parts, lags, detrending, reliability of means."""
