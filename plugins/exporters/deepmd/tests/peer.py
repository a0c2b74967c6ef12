"""Asks DeePMD-kit, in its own environment: `python peer.py JOB.json`.

The job is a list of {"model", "system", "answer"}: a native model, an npz of frames (coord, box, types),
and where energies, forces and virials go. Each model is converted to PyTorch beside it, for forces.
"""

import json
import sys
from pathlib import Path

import numpy as np
from deepmd.entrypoints.convert_backend import convert_backend
from deepmd.infer import DeepPot


def main():
    for one in json.loads(Path(sys.argv[1]).read_text()):
        frozen = Path(one["model"]).with_suffix(".pth")
        if not frozen.exists():
            convert_backend(INPUT=one["model"], OUTPUT=str(frozen))
        potential, frames = DeepPot(str(frozen)), np.load(one["system"])
        columns = []
        for k in range(int(frames["frames"])):
            coord, box, types = (frames[f"{name}_{k}"] for name in ("coord", "box", "types"))
            energy, forces, virial = potential.eval(coord.reshape(1, -1), box.reshape(1, 9), types.tolist())
            columns.append((energy.ravel(), forces.reshape(-1, 3), virial.reshape(1, 3, 3)))
        energy, forces, virial = (np.concatenate(column) for column in zip(*columns, strict=True))
        np.savez(one["answer"], energy=energy, forces=forces, virial=virial)


main()
