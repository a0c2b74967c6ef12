"""Explorers of configurations that exist already: active learning, and sequential learning."""

from eltanin_pool.nothing import Nothing
from eltanin_pool.pool import Pool

__all__ = ["Nothing", "Pool"]
