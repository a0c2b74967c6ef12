"""Levermore's closure of a gas of particles of speed 1, between free streaming and diffusion.

With s = |j| / n the second moment is n chi(s) along the current,

    chi(s) = (3 + 4 s^2) / (5 + 2 sqrt(4 - 3 s^2)),      chi(0) = 1/3,  chi(1) = 1

C. D. Levermore, J. Quant. Spectrosc. Radiat. Transfer 31, 149 (1984), eq. 22.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Labels


def eddington_factor(s: np.ndarray) -> np.ndarray:
    """Return chi (n,) of the reduced current |j| / n (n,)."""
    return (3 + 4 * s**2) / (5 + 2 * np.sqrt(4 - 3 * s**2))


@dataclass(frozen=True)
class Levermore:
    """Labels the given cells with Levermore's Eddington factor.

    anisotropy: 1 for Levermore's factor, 0 for diffusion (chi = 1/3), between them a mixture.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    anisotropy: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.anisotropy <= 1:
            raise ValueError(
                f"anisotropy={self.anisotropy}: a mixture has a part from 0 to 1; give labeler.anisotropy=1"
            )

    def label(self, x, wanted, rng) -> Labels:
        fields = x.fields.values
        chi = eddington_factor(np.abs(fields[:, 1]) / fields[:, 0])
        closing = self.anisotropy * chi + (1 - self.anisotropy) / 3
        values = Properties.of(moments=x.fields, closing=Ragged(closing[:, None], x.cells))
        return Labels(values, {})
