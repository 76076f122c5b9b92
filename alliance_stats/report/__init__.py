"""Tables, figures and pages; takes results and computes nothing statistical."""
