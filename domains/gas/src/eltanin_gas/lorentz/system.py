"""The collision law of a Lorentz gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class LorentzGas:
    """Particles of speed 1 that scatter elastically off fixed obstacles.

    mean_cosine: g of the angle of one scattering, 0 if isotropic, towards 1 if it hardly deflects;
        the current decays as d_t j = -j / tau with tau = Kn / (1 - g).
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    mean_cosine: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a scattering that no angle has, or that never relaxes."""
        if not -1 <= self.mean_cosine < 1:
            raise ValueError(
                f"system.mean_cosine={self.mean_cosine}: it is the mean cosine of an angle, and at 1 "
                "nothing is ever deflected; give a number from -1 to below 1"
            )

    def relaxation_time(self, knudsen: np.ndarray) -> np.ndarray:
        """Return tau of cells of these Knudsen numbers."""
        return knudsen / (1 - self.mean_cosine)
