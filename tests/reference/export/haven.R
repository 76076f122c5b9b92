# Does R's haven read what study.export() writes? Run by hand; the suite reads the files with pyreadstat.
#   python -c "import alliance_stats as al; s = al.load_dataset('demo-trial');
#              [s.export('out', format=f) for f in ('sav', 'dta', 'csv')]"
#   Rscript tests/reference/export/haven.R out
library(haven)
folder <- commandArgs(trailingOnly = TRUE)[1]
for (path in list.files(folder, "[.](sav|dta)$", full.names = TRUE)) {
  name <- tools::file_path_sans_ext(path)
  held <- if (grepl("sav$", path)) read_sav(path) else read_dta(path)
  text <- read.csv(paste0(name, ".csv"), colClasses = "character", na.strings = "")
  stopifnot(identical(names(held), names(text)), nrow(held) == nrow(text))
  for (column in names(held)) {
    one <- held[[column]]
    two <- text[[column]]
    if (inherits(one, "Date")) two <- as.Date(two)
    else if (is.numeric(one) && all(two %in% c("True", "False", NA))) two <- as.numeric(two == "True")
    else if (is.numeric(one)) two <- as.numeric(two)
    else one <- ifelse(zap_labels(one) == "", NA, as.character(one))
    same <- all.equal(as.vector(zap_labels(one)), as.vector(two), check.attributes = FALSE)
    if (!isTRUE(same)) stop(path, ": ", column, ": ", same)
    if (is.null(attr(held[[column]], "label"))) stop(path, ": ", column, " has no label")
  }
  cat(basename(path), "equal\n")
}
