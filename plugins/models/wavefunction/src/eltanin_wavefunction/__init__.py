"""Wave functions of electrons, bosons and spins, trained by natural gradients."""

from eltanin_wavefunction.model import Psi, WaveFunction

__all__ = ["Psi", "WaveFunction"]
