"""Energies of molecules from the many-body Schrödinger equation, with error bars."""

from eltanin_vmc.labeler import Vmc

__all__ = ["Vmc"]
