"""The data doctor: rules, problems, and the report of both."""
