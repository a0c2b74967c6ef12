"""Sweeps of ``v d_xi f = M - f`` along characteristics, with M a cubic between the nodes.

Over a step h a molecule of speed |v| keeps ``exp(-kappa)`` of f, kappa = h / |v|, and takes up

    int_0^1 kappa exp(-kappa (1 - t)) M(t) dt = sum_k weight_k M_k

where the four M_k are those of the nodes before, at both ends of, and after the step: exact for cubics.
"""

from __future__ import annotations

import numpy as np

NODES, GAUSS = np.polynomial.legendre.leggauss(20)
# coefficients of t^n, n = 0 … 3, of the Lagrange polynomials with nodes t = -1, 0, 1, 2
LAGRANGE = np.array([[0, -2, 3, -1], [6, -3, -6, 3], [0, 6, 3, -3], [0, -1, 0, 1]]) / 6


def uptake(kappa: np.ndarray) -> np.ndarray:
    """Return int_0^1 kappa exp(-kappa (1 - t)) t^n dt for n = 0 … 3 in (V, 4); kappa (V,) > 0.

    By parts it is 1 - n / kappa times the one before, which loses digits where kappa is small: there by quadrature.
    """
    t = (NODES + 1) / 2
    small = np.minimum(kappa, 2.0)[:, None]
    kernel = small * np.exp(-small * (1 - t)) * GAUSS / 2
    quadrature = np.stack([kernel @ t**n for n in range(4)], axis=1)
    parts = [-np.expm1(-kappa)]
    for n in range(1, 4):
        parts.append(1 - n / kappa * parts[-1])
    return np.where(kappa[:, None] < 2.0, quadrature, np.stack(parts, axis=1))


def sweep(m: np.ndarray, first: np.ndarray, speed: np.ndarray, h: float) -> np.ndarray:
    """Return f (N, 2, V) of molecules that fly towards higher indices at |v| = speed (V,).

    m: (N, 2, V) what they relax to, in nodes that are h apart.  first: (2, V), f at the first node. Beyond the ends
    m stays as it is there.
    """
    weights = uptake(h / speed) @ LAGRANGE.T  # (V, 4)
    wide = np.concatenate([m[:1], m, m[-1:]])
    source = np.zeros_like(m[1:])
    for k in range(4):
        source += weights[:, k] * wide[k : k + len(m) - 1]
    keep = np.exp(-h / speed)
    f = np.empty_like(m)
    f[0] = first
    for j, gain in enumerate(source):
        np.multiply(f[j], keep, out=f[j + 1])
        f[j + 1] += gain
    return f
