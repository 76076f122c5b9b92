"""Effect sizes, their synthesis, and the ledger of claims."""
