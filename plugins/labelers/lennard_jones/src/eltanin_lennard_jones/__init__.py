"""Labels from the Lennard-Jones potential."""

from eltanin_lennard_jones.labeler import LennardJones

__all__ = ["LennardJones"]
