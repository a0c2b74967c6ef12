"""Sparse Gaussian process regression by the deterministic training conditional.

(Quiñonero-Candela & Rasmussen, J. Mach. Learn. Res. 6, 1939 (2005), §5; numerics after Foster et al. 2009.)
With inducing points u, labels y = f + noise of variance τ² Λ, and kernel v k:

    mean  = k_*u (G + K_uu/ρ)⁻¹ K_uf Λ⁻¹ y,           G = K_uf Λ⁻¹ K_fu,   ρ = v/τ²
    var   = v (k_** - k_*u K_uu⁻¹ k_u*) + τ² k_*u (G + K_uu/ρ)⁻¹ k_u*

Rows Λ^(-1/2) K_fu are folded into a triangle R_0 (G = R_0ᵀ R_0, never formed); with L Lᵀ = K_uu the
matrix is RᵀR, R the triangle of [R_0; Lᵀ/√ρ]. The most likely ρ and τ² follow from the singular values
s of R_0 L⁻ᵀ and the labels b in that frame:

    N log τ² + Σ log(1 + ρ s²) + (rest + Σ b²/(1 + ρ s²))/τ²   is least,   τ² = (rest + Σ …)/N

where τ² is not known: labels that all bring standard errors are believed, Λ = σ², τ² = 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize_scalar

from eltanin_atoms.least_squares import Triangle, triangle

JITTER = 1e-12  # added to the diagonal of K_uu, in units of k(i, i)
LEAST_NOISE = 1e-12  # τ² of labels that the points explain to the last digit
RATIOS = (-20.0, 40.0)  # logarithms of ρ that are looked through


class Posterior(NamedTuple):
    """What is known: weights of the points, the triangles R and L, and the scales v and τ²."""

    weights: np.ndarray
    triangle: np.ndarray
    prior: np.ndarray
    signal: float
    noise: float


def factor(kernel: Float[np.ndarray, "m m"]) -> Float[np.ndarray, "m m"]:
    """Return L, lower, of K_uu."""
    return cholesky(kernel + JITTER * np.eye(len(kernel)), lower=True)


def posterior(found: Triangle, prior: Float[np.ndarray, "m m"], signal: float, noise: float) -> Posterior:
    """Return what labels folded into a triangle leave of the prior, whose L is given."""
    all_of_it = triangle([(found.r, found.q), (prior.T * (noise / signal) ** 0.5, np.zeros(len(prior)))], len(prior))
    weights = solve_triangular(all_of_it.r, all_of_it.q)
    return Posterior(weights, all_of_it.r, prior, signal, noise)


def variance(
    known: Posterior, rows: Float[np.ndarray, "n m"], before: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Return the variance of what has covariances with the points, and a variance before (both over v)."""
    explained = (solve_triangular(known.prior, rows.T, lower=True) ** 2).sum(axis=0)
    uncertain = (solve_triangular(known.triangle, rows.T, trans=1) ** 2).sum(axis=0)
    # What is explained cannot exceed what there is, but for rounding.
    return known.signal * np.maximum(before - explained, 0.0) + known.noise * uncertain


def most_likely(found: Triangle, prior: Float[np.ndarray, "m m"], known: float | None = None) -> tuple[float, float]:
    """Return the signal variance v and the noise τ² that make the labels most likely; a noise that is known stays."""
    u, s, _ = np.linalg.svd(solve_triangular(prior, found.r.T, lower=True).T)
    b = u.T @ found.q

    def left(log_ratio: float) -> float:
        return found.rest + (b**2 / (1 + np.exp(log_ratio) * s**2)).sum()

    def noise(log_ratio: float) -> float:
        return max(left(log_ratio) / found.rows, LEAST_NOISE) if known is None else known

    def unlikely(log_ratio: float) -> float:
        scale = noise(log_ratio)
        return found.rows * np.log(scale) + np.log1p(np.exp(log_ratio) * s**2).sum() + left(log_ratio) / scale

    grid = np.linspace(*RATIOS, 61)
    best = grid[np.argmin([unlikely(t) for t in grid])]
    best = minimize_scalar(unlikely, bounds=(best - 1.0, best + 1.0), method="bounded").x
    return float(np.exp(best) * noise(best)), float(noise(best))


def inducing(
    unit: Float[np.ndarray, "n features"], species: np.ndarray, zeta: int, begun: int, most: int, least: float
) -> np.ndarray:
    """Return the rows that are to be inducing points, at most so many: the first `begun` and then

    always the one whose variance, given those there are, is the largest, until none exceeds `least`
    (an incomplete Cholesky decomposition with pivots).
    """
    columns = np.zeros((len(unit), most))
    left, chosen = np.ones(len(unit)), list[int]()
    for k in range(most):
        next_one = k if k < begun else int(np.argmax(left))
        if next_one >= len(unit) or left[next_one] <= least:
            if k < begun:
                continue
            break
        place = len(chosen)
        same = np.where(species == species[next_one], (unit @ unit[next_one]) ** zeta, 0.0)
        same -= columns[:, :place] @ columns[next_one, :place]
        columns[:, place] = same / left[next_one] ** 0.5
        left = left - columns[:, place] ** 2
        left[next_one] = -np.inf
        chosen.append(next_one)
    return np.array(chosen, dtype=np.int64)
