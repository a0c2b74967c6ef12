"""Hamiltonians of molecules and of spins on lattices."""

from eltanin_hamiltonian.coulomb import Coulomb
from eltanin_hamiltonian.heisenberg import Heisenberg
from eltanin_hamiltonian.ising import TransverseFieldIsing

__all__ = ["Coulomb", "Heisenberg", "TransverseFieldIsing"]
