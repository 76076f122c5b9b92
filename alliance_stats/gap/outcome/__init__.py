"""The success gap: forecasts beside what became of the clients."""
