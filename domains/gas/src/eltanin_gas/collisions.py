"""The collision law of a monatomic gas: what labelers and closures must agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eltanin_gas.monatomic import Array, relaxation_time

MODELS = ("bgk", "es_bgk", "shakhov", "boltzmann")
LAWS = ("constant", "viscosity")


@dataclass(frozen=True)
class MonatomicGas:
    """A monatomic gas of three velocity dimensions whose collisions relax it to equilibrium.

    model: bgk (Prandtl number 1), es_bgk (Holway 1966), shakhov (1968), or boltzmann: molecules that scatter
        isotropically at the rate |v - v_*|^(2 (1 - exponent)), of viscosity Kn T^exponent (Prandtl number 2/3).
    law: of the time tau = mu / p in which stress relaxes. constant: tau = Kn. viscosity: mu = Kn T^exponent,
        so tau = Kn T^(exponent - 1) / rho.
    exponent: of the viscosity law; 1 for Maxwell molecules, 0.5 for hard spheres, 0.81 for argon.
    prandtl: number of es_bgk and shakhov; 2/3 in a monatomic gas.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    model: str = "bgk"
    law: str = "constant"
    exponent: float = 1.0
    prandtl: float = 2 / 3

    def __post_init__(self) -> None:
        """Refuse laws that do not exist, and a Prandtl number for which they are not defined."""
        for name, known in (("model", MODELS), ("law", LAWS)):
            if getattr(self, name) not in known:
                raise ValueError(f"system.{name}={getattr(self, name)!r}: give one of {', '.join(known)}")
        if not 2 / 3 - 1e-12 <= self.prandtl <= 1.5:
            raise ValueError(
                f"system.prandtl={self.prandtl}: below 2/3 a Gaussian of the relaxation can have a negative width;"
                " give a number from 2/3 (a monatomic gas) to 1.5"
            )
        if self.model == "boltzmann" and (self.law != "viscosity" or not 0.5 <= self.exponent <= 1):
            raise ValueError(
                f"system.law={self.law!r}, exponent={self.exponent}: molecules have a law of viscosity; give"
                " system.law=viscosity and an exponent from 0.5 (hard spheres) to 1 (Maxwell molecules)"
            )
        if not 0 <= self.exponent <= 2:
            raise ValueError(f"system.exponent={self.exponent}: give a viscosity exponent from 0 to 2")

    @property
    def prandtl_number(self) -> float:
        """The Prandtl number: 1 for bgk and 2/3 for boltzmann, whatever `prandtl` says."""
        return {"bgk": 1.0, "boltzmann": 2 / 3}.get(self.model, self.prandtl)

    def relaxation_time(self, knudsen: Array, density: Array, temperature: Array) -> Array:
        """Return tau = mu / p of cells (...), in which stress relaxes: d_t sigma = -sigma / tau where nothing flows.

        The heat flux relaxes with tau / Pr.
        """
        exponent = None if self.law == "constant" else self.exponent
        return relaxation_time(knudsen, density, temperature, exponent)
