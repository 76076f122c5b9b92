"""What every room stands on: arguments, people, results, writing, drawing."""
