"""Screened nuclear repulsion after Ziegler, Biersack and Littmark."""

from eltanin_zbl.repulsion import ZBL

__all__ = ["ZBL"]
