"""Particles in a harmonic well: the case whose energy and wave function are known."""
