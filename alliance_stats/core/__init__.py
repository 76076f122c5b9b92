"""What every room stands on: arguments, errors, results, writing, drawing."""
