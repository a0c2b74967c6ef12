"""Hamiltonians of molecules, of liquid helium and of spins on lattices."""

from eltanin_hamiltonian.coulomb import Coulomb
from eltanin_hamiltonian.heisenberg import Heisenberg
from eltanin_hamiltonian.helium4 import Helium4
from eltanin_hamiltonian.ising import TransverseFieldIsing

__all__ = ["Coulomb", "Heisenberg", "Helium4", "TransverseFieldIsing"]
