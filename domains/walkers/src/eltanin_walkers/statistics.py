"""Error bars of correlated samples, as pure functions of a series (T, W): T evaluations of W walkers.

A standard error that takes correlated samples as independent is too small; so is one of independent walkers that have
not yet forgotten where they began. Both ways of looking are taken, and the larger one is reported.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BLOCK, BLOCKS = 10, 40  # steps in a block at least, blocks of a training at most
LEAST = 5  # points of a line
FAR = 10.0  # times the measured variance, beyond which E is no longer linear in it
SIGNIFICANT = 3.0  # standard errors that a slope is above zero
WINDOW = 5.0  # Sokal: the sum over lags ends where it is so many autocorrelation times long


class Estimate(NamedTuple):
    """A mean with its error bar.

    error: the larger of `blocking` and `between`.  variance: of single samples.  autocorrelation: τ in evaluations.
    effective: samples that count as independent.  r_hat: 1 where walkers agree with each other.
    """

    mean: float
    error: float
    blocking: float
    between: float
    variance: float
    autocorrelation: float
    effective: float
    r_hat: float


def estimate(series: np.ndarray) -> Estimate:
    """Return the mean of a series (T, W) and how far it is to be believed."""
    variance, tau = float(series.var()), autocorrelation_time(series)
    blocking, between = blocking_error(series.mean(axis=1)), between_error(series)
    effective = series.size / max(1.0, tau)
    return Estimate(
        float(series.mean()), max(blocking, between), blocking, between, variance, tau, effective, r_hat(series)
    )


def blocking_error(x: np.ndarray) -> float:
    """Return the standard error of the mean of x (T,) by blocking (Flyvbjerg and Petersen, JCP 91, 461 (1989)).

    The block length B is the smallest power of two with B³ > 2 T (e_B / e_1)⁴, where the bias of short blocks equals
    the noise of few blocks (Wolff, CPC 156, 143 (2004); Lee et al., PRE 83, 066706 (2011)).
    """
    n, naive = len(x), _naive_error(x)
    if naive == 0:
        return 0.0
    length, blocks = 1, x
    while length**3 <= 2 * n * (_naive_error(blocks) / naive) ** 4 and len(blocks) >= 4:
        blocks = blocks[: len(blocks) // 2 * 2].reshape(-1, 2).mean(axis=1)
        length *= 2
    return _naive_error(blocks)


def between_error(series: np.ndarray) -> float:
    """Return the standard error of the mean of (T, W) from the means of independent walkers."""
    return _naive_error(series.mean(axis=0))


def autocorrelation_time(series: np.ndarray) -> float:
    """Return τ = 1 + 2 Σ_t ρ(t) of (T, W), in evaluations, with Sokal's window; ρ is the mean over walkers."""
    centred = series - series.mean()
    n = len(series)
    spectrum = np.abs(np.fft.rfft(centred, n=2 * n, axis=0)) ** 2
    covariance = np.fft.irfft(spectrum, axis=0)[:n].mean(axis=1)
    if not covariance[0] > 0:
        return 1.0
    tau = 2 * np.cumsum(covariance / covariance[0]) - 1
    window = np.flatnonzero(np.arange(n) >= WINDOW * tau)
    return float(tau[window[0]] if len(window) else tau[-1])


def r_hat(series: np.ndarray) -> float:
    """Return the split R-hat of (T, W), 1 in equilibrium (Gelman et al., Bayesian Data Analysis, 3rd ed., 11.4)."""
    half = len(series) // 2
    if half < 2:
        return float("nan")
    chains = np.concatenate([series[:half], series[-half:]], axis=1)
    within = chains.var(axis=0, ddof=1).mean()
    between = half * chains.mean(axis=0).var(ddof=1)
    if within == 0:
        return 1.0 if between == 0 else float("inf")
    return float(np.sqrt(((half - 1) * within + between) / (half * within)))


def v_score(energy: float, variance: float, particles: int) -> float:
    """Return N Var / E², which compares systems of any size (Wu et al., Science 386, 296 (2024))."""
    return particles * variance / energy**2


class Extrapolation(NamedTuple):
    """Energy at zero variance, its error bar, and dE/dVar with its own."""

    energy: float
    error: float
    slope: float
    slope_error: float


def zero_variance(energy: np.ndarray, variance: np.ndarray, measured: Estimate) -> Extrapolation | None:
    """Return E_0 of E = E_0 + s Var, which holds near an eigenstate (Kwon, Ceperley and Martin, PRB 48, 12037 (1993)).

    energy, variance: (T,) of a training, taken together in blocks of successive steps; the blocks within tenfold the
    measured variance and the measured energy itself make a line of least squares. Errors grow by √(χ²/ν) where the
    points are no line, and by how far away a parabola meets no variance. None where that makes no sense: few points,
    alike in variance, or not going downhill.
    """
    length = max(BLOCK, len(energy) // BLOCKS)
    kept = len(energy) // length * length
    e, v = (np.asarray(a)[len(energy) - kept :].reshape(-1, length) for a in (energy, variance))
    near = np.isfinite(e).all(1) & np.isfinite(v).all(1) & (v.mean(1) < FAR * measured.variance)
    means, errors = e[near].mean(1), e[near].std(1, ddof=1) / np.sqrt(length)
    x = np.append(v[near].mean(1), measured.variance)
    y, sigma = np.append(means, measured.mean), np.append(errors, measured.error)
    if len(x) < LEAST or x.max() < 2 * x.min() or not (sigma > 0).all():
        return None
    (line, errors), (parabola, _) = (_polynomial(x, y, sigma, degree) for degree in (1, 2))
    error = float(np.hypot(errors[0], line[0] - parabola[0]))
    found = Extrapolation(float(line[0]), error, float(line[1]), float(errors[1]))
    return found if found.slope > SIGNIFICANT * found.slope_error else None


def _polynomial(x: np.ndarray, y: np.ndarray, sigma: np.ndarray, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients (degree + 1,) of least squares, and their errors times √(χ²/ν) where that is above 1."""
    scale = x.max()
    design = np.stack([(x / scale) ** power for power in range(degree + 1)], axis=1) / sigma[:, None]
    covariance = np.linalg.pinv(design.T @ design, hermitian=True)
    found = covariance @ design.T @ (y / sigma)
    chi2 = float(((y / sigma - design @ found) ** 2).sum()) / (len(x) - degree - 1)
    powers = scale ** np.arange(degree + 1)
    return found / powers, np.sqrt(max(1.0, chi2) * np.diag(covariance)) / powers


def _naive_error(x: np.ndarray) -> float:
    return float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else float("inf")
