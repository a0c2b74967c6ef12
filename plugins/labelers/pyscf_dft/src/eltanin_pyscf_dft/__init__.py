"""Labels from first principles, by PySCF: molecules and crystals."""

from eltanin_pyscf_dft.molecule import PyscfMolecule

__all__ = ["PyscfMolecule"]
