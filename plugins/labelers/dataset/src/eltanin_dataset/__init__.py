"""Labels that exist already."""

from eltanin_dataset.labeler import Lookup

__all__ = ["Lookup"]
