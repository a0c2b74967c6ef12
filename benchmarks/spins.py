"""Rounds per second of the critical Ising chain in a transverse field: python benchmarks/spins.py [--budget 60].

The work is that of `../shared/bench/peers.py vmc --code netket --system tfim20`: 20 spins, a Boltzmann machine of 440
real parameters, 1008 samples 20 flips apart, stochastic reconfiguration. The last line is JSON with `value` in rounds
of the loop per second, and the energy of the last fifth of them beside the exact one.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch

from eltanin.campaign import Campaign
from eltanin.execution import Inline
from eltanin.labelling.ask import Labelling
from eltanin.selectors import Everything
from eltanin_hamiltonian import TransverseFieldIsing
from eltanin_monte_carlo import MonteCarlo
from eltanin_monte_carlo.spin_moves import SpinFlip
from eltanin_walkers.domain import ManyBody
from eltanin_walkers.systems.lattice import Lattice
from eltanin_wavefunction import WaveFunction
from eltanin_wavefunction.boltzmann import RestrictedBoltzmann
from eltanin_wavefunction.optimizers import StochasticReconfiguration

WARM_UP = 3


def campaign(system: Lattice, walkers: int, seed: int) -> Campaign:
    """Return the campaign: a sweep of single flips between two evaluations, SR with a damping of 0.01."""
    domain, inline = ManyBody(), Inline()
    return Campaign(
        domain=domain,
        explorer=MonteCarlo(system, move=SpinFlip(), walkers=walkers, steps=system.sites),
        selector=Everything(),
        labelling=Labelling(domain, TransverseFieldIsing(system), inline, 0, None),
        model=WaveFunction(
            system,
            ansatz=RestrictedBoltzmann(system, width=0.01),
            optimizer=StochasticReconfiguration(rate=0.02, damping=0.01),
            chunk=walkers,
        ),
        executor=inline,
        committee=1,
        memory="latest",
        seed=seed,
    )


def main() -> None:
    """Print rounds per second."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--budget", type=float, default=60.0, help="seconds")
    parser.add_argument("--walkers", type=int, default=1008)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    system = Lattice((20,))
    one = campaign(system, options.walkers, options.seed)
    now = one.begin()
    while now.round < WARM_UP:
        now = one.advance(now)
    begun = time.perf_counter()
    while (passed := time.perf_counter() - begun) < options.budget:
        now = one.advance(now)
    count = now.round - WARM_UP
    energies = np.asarray(now.models[0]["history"]["energy"])[-max(2, count // 5) :]
    exact = TransverseFieldIsing(system).exact_energy()
    parameters = sum(np.asarray(p).size for p in now.models[0]["parameters"].values())
    told = {"rounds": count, "parameters": parameters, "energy": float(energies.mean()), "exact": exact}
    print(json.dumps(told | {"threads": options.threads, "unit": "iteration/s", "value": count / passed}))


if __name__ == "__main__":
    main()
