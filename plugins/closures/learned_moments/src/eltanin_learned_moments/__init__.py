"""Learned moments of a monatomic gas, closed by least entropy: conserving, positive and dissipative by construction."""
