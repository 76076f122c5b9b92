"""Studies with known truth."""

from .simulate import simulate_study as simulate_study
