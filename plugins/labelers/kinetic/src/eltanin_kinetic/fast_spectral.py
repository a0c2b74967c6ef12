"""The collision operator of Boltzmann's equation on N^3 velocities, by a fast spectral method.

For molecules that scatter isotropically with B = C |q|^gamma, q = v - v_* (variable hard spheres; gamma = 0 are
Maxwell molecules, 1 hard spheres),

    Q(f)(v) = int_{|q| < R} B int_{S^2} [f(v - q/2 + |q| s/2) f(v - q/2 - |q| s/2) - f(v) f(v - q)] ds dq.

At given |q| = r the mean over the directions of q multiplies Fourier coefficients by sin(x) / x, x = |k| r / 2, and the
sum over s needs f at v ± r s / 2, which are shifts of f: one transform each. With Gauss's quadrature in r and Lebedev's
in s an evaluation costs O(radii directions N^3 log N) (Mouhot and Pareschi 2006; these quadratures: Gamba, Haack,
Hauck and Hu, SIAM J. Sci. Comput. 39, B658, 2017). f is periodic in a box of half width L. With R = L the pairs
that the truncation misses, and those that a periodic image adds, are further apart than L: exp(-L^2 / 4T) of all.

What is returned is Q(f) - Q(M), M the Maxwellian of f: so that a gas in equilibrium stays there to round-off and the
error is a part of how far the gas is from it (Filbet, Pareschi and Rey 2015). It is projected on what conserves mass,
momentum and energy, the nearest in L2 (Gamba and Tharkabhushanam 2009), here with the weight 1 / M: else the
correction fills the corners of the box. There, beyond the sphere of radius L that touches its sides, the truncated Q
does next to nothing, and f, 1e-9 of a gas or less, relaxes to M instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma as gamma_function
from math import pi

import numpy as np
import torch
from scipy.integrate import lebedev_rule
from torch import Tensor

DEGREES = {6: 3, 14: 5, 26: 7, 38: 9, 50: 11, 86: 15, 110: 17}  # of Lebedev's rules, by their points
WORKING = 2**18  # complex numbers that are transformed at a time: what a cache holds


def kernel_constant(exponent: float) -> float:
    """Return C of B = C |q|^gamma, gamma = 2 (1 - exponent), whose viscosity is T^exponent.

    In the first approximation of Chapman and Enskog, mu = T / (2 pi C (4 T)^(gamma/2) G), G = Gamma((7 + gamma)/2)
    / Gamma(7/2). For Maxwell molecules it is exact, for hard spheres the true one is 1.6 % larger.
    """
    power = 2 * (1 - exponent)
    return gamma_function(3.5) / (2 * pi * 2**power * gamma_function(3.5 + power / 2))


@dataclass(frozen=True)
class Quadrature:
    """Nodes of an evaluation.  radii, weights: (R,), of |q| and of dr r^2 B.  directions: (D, 3).  shares: (D,).

    even: f is even in v_y and v_z and does not change when they are swapped, so one direction stands for those that
    these reflections make of it, and `shares` holds the weight of all.
    """

    radii: np.ndarray
    weights: np.ndarray
    directions: np.ndarray
    shares: np.ndarray
    even: bool


def quadrature(exponent: float, reach: float, radii: int, directions: int, even: bool) -> Quadrature:
    """Return Gauss's rule in 0 < |q| < reach, and Lebedev's of so many points, a half sphere of it or a part."""
    x, w = np.polynomial.legendre.leggauss(radii)
    r = (x + 1) * reach / 2
    weights = w * reach / 2 * r ** (2 + 2 * (1 - exponent)) * kernel_constant(exponent)
    points, shares = lebedev_rule(DEGREES[directions])
    across = np.sort(np.abs(points[1:]), axis=0) if even else points[1:]
    alike = np.concatenate([np.abs(points[:1]), across]) if even else _upper(points)
    kept, inverse = np.unique(np.round(alike, 9), axis=1, return_inverse=True)
    sums = np.bincount(inverse.ravel(), weights=shares)
    return Quadrature(r, weights, (kept / np.linalg.norm(kept, axis=0)).T, sums, even)


def _upper(points: np.ndarray) -> np.ndarray:
    """Return which of s and -s has its first coordinate that is not 0 above 0: both see the same pair of molecules."""
    rounded = np.round(points, 9)
    first = np.take_along_axis(rounded, np.argmax(rounded != 0, axis=0)[None], axis=0)
    return points * np.sign(first)


class Collisions:
    """Q of f (n, N, N, N), for molecules of viscosity T^exponent: Kn = 1, so divide by Kn.

    dv: spacing of the velocities, the same along all axes.  frequency: bound of what takes molecules out of f, of
    rho = 1, a third less than certain.
    """

    def __init__(self, count: int, dv: float, exponent: float, nodes: Quadrature, device: str = "cpu") -> None:
        self.count, self.nodes = count, nodes
        reach = count * dv / 2
        power = 2 * (1 - exponent)
        self.frequency = 4 * pi * kernel_constant(exponent) * (0.75 * reach) ** power
        k = torch.fft.fftfreq(count, dv / (2 * pi), dtype=torch.float64, device=device)
        half = k[: count // 2 + 1].abs()
        size = (k[:, None, None] ** 2 + k[None, :, None] ** 2 + half**2).sqrt() / pi  # torch.sinc is of pi x
        radii, weights = (torch.from_numpy(a).to(device)[:, None, None, None] for a in (nodes.radii, nodes.weights))
        self._spread = 4 * pi * weights * torch.sinc(size * radii / 2)  # (R, N, N, N/2 + 1)
        self._loss = (16 * pi**2 * weights * torch.sinc(size * radii)).sum(0)
        self._shares = torch.from_numpy(nodes.shares).to(device)
        self._shifts = self._pairs(k)  # (R, D, N, N, N)
        self._invariants = self._polynomials(device)  # (5, N^3)
        self._corners = self._invariants[4].reshape(count, count, count) > 1
        self._cell = dv**3

    def _pairs(self, k: Tensor) -> Tensor:
        """Return cos + sin of k . s r / 2, but for the highest wave numbers, which no shift leaves real.

        Where w has the coefficients (cos + sin) F, those of f being F, (Re w)^2 - (Im w)^2 = f(v + s r/2) f(v - s r/2).
        """
        kept = (torch.arange(self.count, device=k.device) != self.count // 2).to(k.dtype)
        kept = kept[:, None, None] * kept[:, None] * kept
        shifts: list[Tensor] = []
        for r in self.nodes.radii:
            x, y, z = (torch.from_numpy(self.nodes.directions * r / 2).to(k.device)[:, :, None] * k).unbind(1)
            angle = x[:, :, None, None] + y[:, None, :, None] + z[:, None, None, :]
            shifts.append((angle.cos() + angle.sin()) * kept)
        return torch.stack(shifts)

    def _polynomials(self, device: str) -> Tensor:
        v = (torch.arange(self.count, dtype=torch.float64, device=device) + 0.5) * 2 / self.count - 1
        x, y, z = torch.meshgrid(v, v, v, indexing="ij")
        return torch.stack([torch.ones_like(x), x, y, z, x**2 + y**2 + z**2]).reshape(5, -1)

    def __call__(self, f: Tensor, equilibrium: Tensor) -> Tensor:
        """Return Q(f) - Q(M), which conserves, in (n, N, N, N); M > 0 has the density, flow and temperature of f."""
        at_once = max(1, WORKING // (len(self.nodes.shares) * self.count**3))
        parts = zip(f.split(at_once), equilibrium.split(at_once), strict=True)
        return torch.cat([self._evaluated(some, m) for some, m in parts])

    def _evaluated(self, f: Tensor, equilibrium: Tensor) -> Tensor:
        rho = equilibrium.sum((-3, -2, -1), keepdim=True) * self._cell
        relaxed = (self.frequency / 2 * rho) * (equilibrium - f)
        q = torch.where(self._corners, relaxed, self.bare(f) - self.bare(equilibrium))
        return self._conserving(q, equilibrium)

    def _conserving(self, q: Tensor, equilibrium: Tensor) -> Tensor:
        """Return q - M p, p the sum of invariants that takes from q what it would create."""
        created = q.flatten(1) @ self._invariants.mT
        weighted = equilibrium.flatten(1)[:, None] * self._invariants
        coefficients = torch.linalg.solve(weighted @ self._invariants.mT, created)
        return q - (coefficients[:, None] @ weighted)[:, 0].reshape(q.shape)

    def bare(self, f: Tensor) -> Tensor:
        """Return Q(f) as the quadratures have it, in (n, N, N, N)."""
        axes, shape = (-3, -2, -1), f.shape[1:]
        half = torch.fft.rfftn(f, dim=axes)
        full = torch.fft.fftn(f, dim=axes)[:, None]
        gain = torch.zeros_like(half)
        for spread, shift in zip(self._spread, self._shifts, strict=True):
            w = torch.view_as_real(torch.fft.ifftn(full * shift, dim=axes)).square_()
            pairs = torch.einsum("d,ndxyz->nxyz", self._shares, w[..., 0] - w[..., 1])
            gain += torch.fft.rfftn(self._all_directions(pairs), dim=axes) * spread
        lost = f * torch.fft.irfftn(half * self._loss, s=shape, dim=axes)
        return torch.fft.irfftn(gain, s=shape, dim=axes) - lost

    def _all_directions(self, pairs: Tensor) -> Tensor:
        """Return the mean over the reflections of v_y and v_z and their swap, where one direction stood for all."""
        if not self.nodes.even:
            return pairs
        pairs = (pairs + pairs.flip(-1)) / 2
        pairs = (pairs + pairs.flip(-2)) / 2
        return (pairs + pairs.mT) / 2
