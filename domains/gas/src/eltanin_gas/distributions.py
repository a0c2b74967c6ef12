"""Where distribution functions are labelled: on velocities of the frame of each cell, the same for all cells.

g and h of Chu's reduction in reduced units, g T^(1/2)/ρ and h/(ρ T^(1/2)) at c = (v - u)/T^(1/2), which for a
Maxwellian both are exp(-c²/2)/(2π)^(1/2). The label ``distribution`` (cells, 2, 96) holds them at `NODES`.
"""

from __future__ import annotations

import numpy as np

SPACING = 1 / 3  # resolves Gaussians of T/6 to 4e-14, of T/10 to 4e-8
NODES = (np.arange(96) - 47.5) * SPACING  # c (96,): precursors of shocks up to Mach 6 reach as far
