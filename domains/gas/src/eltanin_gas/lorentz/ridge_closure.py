"""The model: a committee of ridge regressions that disagree where they have seen nothing.

A member draws a prior c0 ~ N(0, prior^2), which is what it believes where there are no data (Osband et al.
2018), and weights w ~ Exp(1) of the problems (Bayesian bootstrap, Rubin 1981). It takes
c = argmin sum_i w_i (chi_i - chi(s_i; c))^2 + ridge |c - c0|^2 over all cells that were labelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset, Metrics, Rng
from eltanin_gas.lorentz.regression import closure, fit
from eltanin_gas.problems import Problems


@dataclass(frozen=True)
class Closure:
    """A trained closure that answers for the given cells."""

    coefficients: np.ndarray

    def predict(self, x: Problems) -> Properties:
        """Return the closing fluxes of the given cells."""
        s = x.fields.values[:, 1] / x.fields.values[:, 0]
        return Properties.of(closing=Ragged(closure(s, self.coefficients)[:, None], x.cells))


@dataclass(frozen=True)
class RidgeClosure:
    """Learns the closing flux of a Lorentz gas by ridge regression with exact limits.

    terms: number of Chebyshev polynomials.
    ridge: weight of the prior against one cell's label.
    prior: width of the distribution that a member's prior coefficients are drawn from.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    terms: int = 8
    ridge: float = 1e-8
    prior: float = 0.3

    def __post_init__(self) -> None:
        """Refuse a regression that has no unique answer."""
        if self.terms < 1:
            raise ValueError(f"model.terms={self.terms}: nothing could be learned; give 1 or more")
        for name in ("ridge", "prior"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"model.{name}={getattr(self, name)}: where there are no data only the prior "
                    "decides, and a committee must be able to disagree; give a number above 0"
                )

    def init(self, data: Dataset[Problems, Properties, Properties], rng: Rng) -> dict[str, Any]:
        """Return a member that believes its own prior."""
        del data
        prior = rng.normal(scale=self.prior, size=self.terms)
        return {"prior": prior, "coefficients": prior}

    def train(
        self, state: dict[str, Any], data: Dataset[Problems, Properties, Properties], rng: Rng
    ) -> tuple[dict[str, Any], Metrics]:
        """Return the member that fits the labels of all visited cells, in one solution."""
        moments, closing = data.labels.values["moments"], data.labels.values["closing"]
        s, chi = moments.values[:, 1] / moments.values[:, 0], closing.values[:, 0]
        weights = rng.exponential(size=len(data))[moments.owner]
        coefficients = fit(s, chi, weights, state["prior"], self.ridge)
        rmse = float(np.sqrt(np.mean((closure(s, coefficients) - chi) ** 2)))
        return {"prior": state["prior"], "coefficients": coefficients}, {"closing_flux_rmse": rmse}

    def predictor(self, state: dict[str, Any]) -> Closure:
        """Return the closure of a member."""
        return Closure(state["coefficients"])
