"""Effect sizes, their synthesis, and the ledger of claims."""

from .pooling import PooledEffects, pool_effects

__all__ = ["PooledEffects", "pool_effects"]
