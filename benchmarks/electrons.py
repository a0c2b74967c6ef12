"""Forms of electronic wave functions beside each other: python benchmarks/electrons.py He Be --forms determinants.

Each is trained for so many seconds of its own processor time (or for --rounds), then frozen and measured. The exact
energies are of the literature (He: Pekeris 1959, H2: Pachucki 2010; Li, Be, LiH: as DeepErwin tabulates); those of
DeepWF are as others quote them, unverified. With --profile N it says where the processor time of N rounds goes instead:
moves, log ψ in them, labels, the local energy (the Laplacian, above all), scores, the optimizer's step, the rest of
the training, and the loop itself.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from eltanin.campaign import Campaign
from eltanin.execution import Inline
from eltanin.labelling.ask import Labelling
from eltanin.randomness import stream
from eltanin.selectors import Everything
from eltanin_hamiltonian import Coulomb
from eltanin_monte_carlo import MonteCarlo
from eltanin_monte_carlo.moves import Gaussian
from eltanin_walkers.domain import ManyBody
from eltanin_walkers.evaluation import Energy
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction import Psi, WaveFunction, model
from eltanin_wavefunction.deepwf import DeepWF
from eltanin_wavefunction.determinants import Determinants
from eltanin_wavefunction.optimizers import Spring
from eltanin_wavefunction.slater_jastrow import SlaterJastrow
from eltanin_wavefunction.starting import HartreeFock

# atoms, exact energy, DeepWF's: hartree
SYSTEMS = {
    "He": ("He 0 0 0", -2.903724, -2.9036),
    "H2": ("H 0 0 0; H 0 0 1.4011", -1.174476, -1.1738),
    "Li": ("Li 0 0 0", -7.478060, float("nan")),
    "Be": ("Be 0 0 0", -14.66736, -14.6141),
    "LiH": ("Li 0 0 0; H 0 0 3.015", -8.070548, -7.8732),
}
FORMS: dict[str, tuple[Callable[[Molecule], Any], bool]] = {  # and whether it begins from Hartree-Fock
    "determinants": (lambda system: Determinants(system, 4, 24, 8), True),
    "determinants_alone": (lambda system: Determinants(system, 4, 24, 8), False),
    "slater_jastrow": (lambda system: SlaterJastrow(system), False),
    "hartree_fock": (lambda system: SlaterJastrow(system, terms=0), False),
    "deepwf": (lambda system: DeepWF(system), False),
}
TABLE = "name form               rounds  seconds  E (hartree)  -exact/mH  err./mH  variance     DeepWF"
PARTS = ("moves", "log psi", "label", "energy", "scores", "step", "rest")
PROFILE = f"name form               ms a round{''.join(f'{part:>10} %' for part in (*PARTS, 'loop'))}     loop ms"


def campaign(system: Molecule, form: str, walkers: int, steps: int) -> Campaign:
    """Return the campaign of a form; steps: of the way to Hartree–Fock orbitals."""
    make, prepared = FORMS[form]
    domain, inline = ManyBody(), Inline()
    start = HartreeFock(system, steps=steps) if prepared else None
    return Campaign(
        domain=domain,
        explorer=MonteCarlo(system, move=Gaussian(), walkers=walkers),
        selector=Everything(),
        labelling=Labelling(domain, Coulomb(system), inline, 0, None),
        model=WaveFunction(system, ansatz=make(system), optimizer=Spring(rate=0.1), start=start),
        executor=inline,
        committee=1,
        memory="latest",
    )


def measured(name: str, form: str, options: argparse.Namespace) -> str:
    """Return a line of the table."""
    atoms, exact, theirs = SYSTEMS[name]
    one, begun = campaign(Molecule(atoms), form, options.walkers, options.start), time.process_time()
    now, most = one.begin(), options.rounds if form != "hartree_fock" else 1
    while now.round < most and time.process_time() - begun < options.seconds:
        now = one.advance(now)
    seconds = time.process_time() - begun
    psi = [one.model.predictor(state) for state in now.models]
    energy = Energy(rounds=options.evaluations)
    found = energy.measure(one.explorer, now.explorer, one.labelling, psi, stream(0, "evaluation"))
    away, error = 1e3 * (found["energy"] - exact), 1e3 * found["energy_error"]
    return (
        f"{name:4} {form:18} {now.round:6} {seconds:8.0f} {found['energy']:12.5f} {away:10.2f} {error:8.2f}"
        f" {found['variance']:9.4f} {theirs:10.4f}"
    )


class Stopwatch:
    """Processor time of functions, s, under names of one's own."""

    def __init__(self) -> None:
        self.seconds = Counter[str]()

    def on(self, owner: Any, function: str, name: str) -> None:
        """Take the time of a function from now on."""
        plain = getattr(owner, function)

        @wraps(plain)
        def timed(*arguments: Any, **named: Any) -> Any:
            begun = time.process_time()
            try:
                return plain(*arguments, **named)
            finally:
                self.seconds[name] += time.process_time() - begun

        setattr(owner, function, timed)


def profiled(name: str, form: str, options: argparse.Namespace) -> str:
    """Return a line of the other table: milliseconds of a round, and the percentages of its parts."""
    one = campaign(Molecule(SYSTEMS[name][0]), form, options.walkers, 1)
    now = one.advance(one.advance(one.begin()))  # the first round has no wave function, the second burns in
    watch.seconds.clear()
    for _ in range(options.profile):
        now = one.advance(now)
    spent = {part: 1e3 * watch.seconds[part] / options.profile for part in PARTS}
    spent["moves"] -= spent["log psi"]
    spent["rest"] -= spent["energy"] + spent["scores"] + spent["step"]
    whole = 1e3 * watch.seconds["round"] / options.profile
    spent["loop"] = whole - sum(spent[part] for part in PARTS)
    shares = "".join(f"{100 * ms / whole:12.1f}" for ms in spent.values())
    return f"{name:4} {form:18} {whole:10.1f}{shares}{spent['loop']:12.2f}"


watch = Stopwatch()


def take_times() -> None:
    """Take the times of the parts of a round."""
    for owner, function, part in (
        (Campaign, "advance", "round"),
        (MonteCarlo, "explore", "moves"),
        (Psi, "predict", "log psi"),
        (Coulomb, "label", "label"),
        (WaveFunction, "train", "rest"),
        (Psi, "local_energy", "energy"),
        (model, "scores", "scores"),
        (model, "centred", "step"),
        (Spring, "step", "step"),
    ):
        watch.on(owner, function, part)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("systems", nargs="*", default=list(SYSTEMS), help=f"of {', '.join(SYSTEMS)}")
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=FORMS)
    parser.add_argument("--rounds", type=int, default=10**9)
    parser.add_argument("--seconds", type=float, default=120.0, help="of processor time for the training of each")
    parser.add_argument("--start", type=int, default=1000, help="steps of the way to Hartree-Fock orbitals")
    parser.add_argument("--walkers", type=int, default=256)
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--profile", type=int, help="rounds to take the times of")
    options = parser.parse_args()
    if options.profile:
        take_times()
    print(PROFILE if options.profile else TABLE, flush=True)
    line = profiled if options.profile else measured
    for name in options.systems:
        for form in options.forms:
            print(line(name, form, options), flush=True)


if __name__ == "__main__":
    main()
