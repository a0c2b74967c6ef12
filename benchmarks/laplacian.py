"""How fast is the forward Laplacian? benchmarks/laplacian.py [--walkers N] [--width N] [--repeats N]

For atoms and a molecule of growing size, the Laplacian of log|ψ| of a wave function of determinants: carried forward,
by `vmap(jvp(grad))`, and by reverse mode in a loop over coordinates, as is done where nothing better is at hand. All in
one run and in turns, the median of the repeats; beside it how far the memory rose, on Linux. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eltanin_walkers.laplacian import Derivatives, by_hessian, forward
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction.determinants import Determinants

SYSTEMS = {"He": "He 0 0 0", "Be": "Be 0 0 0", "LiH": "Li 0 0 0; H 0 0 3.015", "C": "C 0 0 0", "Ne": "Ne 0 0 0"}


def by_loop(log_psi: Callable[..., Any], x: Tensor) -> Derivatives:
    """Differentiate the gradient once more, a coordinate at a time, in reverse."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        log = log_psi(x)[1]
        (gradient,) = torch.autograd.grad(log.sum(), x, create_graph=True)
        flat, laplacian = gradient.flatten(1), torch.zeros(len(x), dtype=x.dtype)
        for k in range(flat.shape[1]):
            (row,) = torch.autograd.grad(flat[:, k].sum(), x, retain_graph=True)
            laplacian = laplacian + row.flatten(1)[:, k]
    return Derivatives(log.detach(), gradient.detach(), laplacian)


METHODS = {"forward": forward, "vmap_jvp_grad": by_hessian, "reverse_loop": by_loop}


def seconds(method: Callable[..., Derivatives], log_psi: Callable[..., Any], x: Tensor) -> float:
    """Return the time of one evaluation, s."""
    begun = time.perf_counter()
    method(log_psi, x)
    return time.perf_counter() - begun


def peak(method: Callable[..., Derivatives], log_psi: Callable[..., Any], x: Tensor) -> float:
    """Return how far the resident memory rose, MB, in a process of its own that had touched its code before."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        method(log_psi, x[:2])
        before = resident("VmRSS")
        method(log_psi, x)
        os.write(writer, f"{resident('VmHWM') - before}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    return float(os.read(reader, 100)) / 1e3


def resident(what: str) -> int:
    """Return a figure of the resident memory of this process, kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


def prepared(atoms: str, walkers: int, width: int) -> tuple[Callable[..., Any], Tensor]:
    """Return log ψ, and walkers."""
    system = Molecule(atoms)
    ansatz, rng = Determinants(system, one_electron=width, two_electron=width // 4), np.random.default_rng(0)
    parameters, x = ansatz.begin(rng), torch.as_tensor(system.start(walkers, rng))
    return partial(ansatz.log_psi, parameters), x


def memory(log_psi: Callable[..., Any], x: Tensor) -> dict[str, float]:
    """Return the memory of all methods, MB: to be asked before anything large was freed, which they would use."""
    return {name: peak(method, log_psi, x) for name, method in METHODS.items()}


def measured(log_psi: Callable[..., Any], x: Tensor, repeats: int) -> dict[str, Any]:
    """Return the times of all methods, and how far they are apart."""
    values = {name: method(log_psi, x).laplacian for name, method in METHODS.items()}
    times: dict[str, list[float]] = {name: [] for name in METHODS}
    for _ in range(repeats):
        for name, method in METHODS.items():
            times[name].append(seconds(method, log_psi, x))
    scale = values["forward"].abs().max()
    return {
        "electrons": x.shape[1],
        "apart": max(float((v - values["forward"]).abs().max() / scale) for v in values.values()),
        "milliseconds": {name: 1e3 * median(t) for name, t in times.items()},
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--walkers", type=int, default=64)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--systems", nargs="*", default=["He", "Be", "LiH", "C"], choices=list(SYSTEMS))
    options = parser.parse_args()
    print(
        f"{'':6}{'electrons':>10}" + "".join(f"{name + ' ms':>20}{'MB':>8}" for name in METHODS) + f"{'speed-up':>10}"
    )
    with torch.no_grad():
        systems = {name: prepared(SYSTEMS[name], options.walkers, options.width) for name in options.systems}
        for log_psi, x in systems.values():
            for method in METHODS.values():
                method(log_psi, x[:2])  # torch imports and compiles when first asked
        megabytes = {name: memory(*one) for name, one in systems.items()}
        found: dict[str, Any] = {}
        for name, (log_psi, x) in systems.items():
            one = found[name] = measured(log_psi, x, options.repeats) | {"megabytes": megabytes[name]}
            ms, mb = one["milliseconds"], one["megabytes"]
            row = "".join(f"{ms[method]:20.1f}{mb[method]:8.1f}" for method in METHODS)
            print(f"{name:6}{one['electrons']:10}{row}{ms['reverse_loop'] / ms['forward']:10.1f}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
