"""A shock of Mach 5.5 by four descriptions of a gas: python docs/figures/shock_wave.py [RUN].

Figure 7 of E, Han & Zhang (2020): density, velocity, temperature, stress and heat flux by the BGK equation, by Navier,
Stokes and Fourier, by Grad's thirteen moments and by a learned closure, over ξ with dξ = dx/τ. RUN is a campaign of
experiment=shock_wave, which has seen Mach numbers up to 4 alone; where there is none, it is run first, in
runs/shock_wave.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from drawing import BLUE, INK, LETTERS, OCHRE, RED, figure, plain, save
from matplotlib.axes import Axes

from eltanin.run.folder import RunFolder
from eltanin_classical.grad13 import Grad13
from eltanin_gas.flows.march import march
from eltanin_gas.flows.standing import Profile, beginning, centres, profile, relative_l1
from eltanin_gas.monatomic import State, rankine_hugoniot
from eltanin_kinetic.evaluation import EXTENT, StandingShocks

MACH = 5.5
SEEN = (-35.0, 20.0)  # ξ that is drawn
NAMES = ("density ρ", "velocity u", "temperature T", "stress σ", "heat flux q")
LOOKS = {
    "BGK (exact)": {"color": INK, "lw": 5, "alpha": 0.35},
    "Navier–Stokes–Fourier": {"color": OCHRE, "lw": 2, "ls": "--"},
    "Grad, 13 moments": {"color": RED, "lw": 1.6, "ls": "-."},
    "learned closure, 6 moments": {"color": BLUE, "lw": 2.2},
}
SHORT = {"Navier–Stokes–Fourier": "NSF", "Grad, 13 moments": "Grad", "learned closure, 6 moments": "learned"}


def learned(folder: Path) -> dict[str, Profile]:
    """Return the profiles that the campaign in a folder measured when it ended."""
    if not (folder / "summary.json").exists():
        elt = Path(sys.executable).with_name("elt")
        subprocess.run([elt, "run", "experiment=shock_wave", f"hydra.run.dir={folder}"], check=True)
    measured = RunFolder(folder).measured
    wanted = dict(zip(LOOKS, ("bgk", "nsf", "", "closure"), strict=True))
    keys = {name: f"profile_{kind}_mach_{MACH:g}" for name, kind in wanted.items() if kind}
    if lacking := sorted(set(keys.values()) - set(measured)):
        raise SystemExit(
            f"{folder} has no {', '.join(lacking)}: it measured no shock of Mach {MACH}, or it failed there"
        )
    return {name: Profile(*measured[key]) for name, key in keys.items()}


def grad() -> Profile | None:
    """Return what Grad's equations make of a mixture of both sides; nothing if they cease to be a gas."""
    system, width = Grad13(), rankine_hugoniot(MACH).downstream[2] ** 0.5
    extent = (EXTENT[0] * width, EXTENT[1] * width)
    told = StandingShocks()  # on the closure's cells, for twice its time: the closure begins with its own shock
    flow = beginning(system, MACH, extent, told.cells)
    lasting = torch.tensor([2 * told.duration], dtype=torch.float64)
    u, record = march(system, flow, lambda rho, _: torch.ones_like(rho), lasting, inspect=10_000)
    if not bool(record.failed.isnan()):
        print(f"Grad's equations cease to describe a gas at t = {float(record.failed):.3g}")  # noqa: T201
        return None
    state = system.state(u, torch.ones_like(u[..., 0]), flow.spacing)
    return profile(centres(extent, told.cells).numpy(), State(*(part[0] for part in state)), MACH)


def table(axes: Axes, errors: dict[str, list[float]]) -> None:
    """Write the legend and the errors into the sixth panel."""
    axes.set_axis_off()
    axes.legend(
        [axes.plot([], [], **look)[0] for look in LOOKS.values()], list(LOOKS), loc="upper left", frameon=False,
        fontsize=LETTERS - 1, handlelength=2.6,
    )  # fmt: skip
    head = f"{'':>8}" + "".join(f"{name.split()[-1]:>7}" for name in NAMES)
    rows = [f"{SHORT[name]:>8}" + "".join(f"{e:7.3f}" for e in row) for name, row in errors.items()]
    told = "\n".join(["∫ |error| / ∫ |BGK – step|", "", head, *rows])
    axes.text(0, 0.02, told, transform=axes.transAxes, family="monospace", fontsize=LETTERS - 2, va="bottom", color=INK)


def main() -> None:
    """Draw, and print the errors."""
    found = learned(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/shock_wave"))
    if (thirteen := grad()) is not None:
        found["Grad, 13 moments"] = thirteen
    exact = found["BGK (exact)"]
    errors = {name: list(relative_l1(found[name], exact, MACH).values()) for name in LOOKS if name in found}
    errors.pop("BGK (exact)")
    for name, row in errors.items():
        print(f"{name}: " + ", ".join(f"{field} {e:.3f}" for field, e in zip(NAMES, row, strict=True)))  # noqa: T201
    picture = figure(14, 8)
    panels = picture.subplots(2, 3).flat
    for i, (axes, name) in enumerate(zip(panels, NAMES, strict=False)):
        for kind, look in LOOKS.items():
            if kind in found:
                axes.plot(found[kind].xi, np.asarray(found[kind][1 + i]), **look)
        plain(axes, "ξ", "", name)
        axes.set_xlim(*SEEN)
    table(picture.axes[5], errors)
    save(picture, __file__)


if __name__ == "__main__":
    main()
