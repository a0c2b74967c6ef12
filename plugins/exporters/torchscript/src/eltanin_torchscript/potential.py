"""The potential as TorchScript takes it: from a list of pairs to energy, forces and virial.

    s = w(r)/r,    R = ((s - μ)/σ_s, s x/(r σ_x)),    A_i = Σ_j R_j G(R_j0) / N,    D = Aᵀ A_<
    E = Σ_i [net(D_i) + bias],    F = -dE/dr,    Ξ_ab = -Σ vector_a dE/dvector_b

Everything from A on is as in DeepPot-SE (Zhang et al., NeurIPS 2018). TorchScript compiles what is
written here, so it is plainer than Python could be.
"""

# Annotations stay types, not strings: TorchScript reads them.
from typing import Any

import torch
from torch import Tensor

from eltanin_torchscript.nets import Embedding, Fitting


class Potential(torch.nn.Module):
    """A neural potential with the smooth descriptor.

    kinds: (119,) species by atomic number, -1 for none.  average, radial, angular: (species,) μ, σ.
    vacant: (species, species, width) what an empty place adds to A_0, by centre and neighbour.
    places: (species,).  table_0 … table_3: (nets · intervals, width) coefficients of the powers of u.
    """

    kinds: Tensor
    average: Tensor
    radial: Tensor
    angular: Tensor
    bias: Tensor
    places: Tensor
    vacant: Tensor
    table_0: Tensor
    table_1: Tensor
    table_2: Tensor
    table_3: Tensor

    def __init__(self, embedding: Embedding, fitting: Fitting, numbers: dict[str, Any], **tensors: Tensor) -> None:
        """Take nets, numbers and tensors by name."""
        super().__init__()
        self.embedding, self.fitting = embedding, fitting
        self.cutoff, self.smooth_from = float(numbers["cutoff"]), float(numbers["smooth_from"])
        self.neighbours = float(numbers["neighbours"])
        self.begin, self.end = float(numbers["begin"]), float(numbers["end"])
        self.axis, self.width, self.intervals = int(numbers["axis"]), int(numbers["width"]), int(numbers["intervals"])
        self.nets = int(numbers["nets"])
        self.one_sided, self.has_vacancies = bool(numbers["one_sided"]), bool(numbers["has_vacancies"])
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(
        self, positions: Tensor, numbers: Tensor, cell: Tensor, pairs: Tensor, shifts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return energy () eV, forces (atoms, 3) eV/Å and virial (3, 3) eV, in float64.

        positions: (atoms, 3) Å.  numbers: (atoms,) atomic.  cell: (3, 3) Å, rows are lattice vectors.
        pairs: (2, pairs) atoms, each pair both ways; those beyond the cutoff do no harm.
        shifts: (pairs, 3), so that the second atom lies at positions[pairs[1]] + shifts @ cell.
        """
        species = self.kinds[numbers]
        if bool((species < 0).any()):
            raise ValueError("there is an element that this model does not know")
        x, h = positions.double(), cell.double()
        vector = x.index_select(0, pairs[1]) - x.index_select(0, pairs[0]) + shifts.double() @ h
        near = torch.nonzero((vector * vector).sum(1) < self.cutoff**2).squeeze(1)
        near = near.index_select(0, torch.argsort(pairs[0].index_select(0, near), stable=True))
        vector, centre = vector.index_select(0, near), pairs[0].index_select(0, near)
        neighbour = pairs[1].index_select(0, near)
        other, atoms = species.index_select(0, neighbour), species.shape[0]
        ends = torch.bincount(centre, minlength=atoms).cumsum(0)
        energy, gradients = torch.zeros_like(x).sum(), [vector[:0]]
        block = 16384 if x.is_cuda else 64  # atoms at a time: as many as a cache holds, or keep a device busy
        begin = 0
        for first in range(0, atoms, block):
            last = min(first + block, atoms)
            end = int(ends[last - 1])
            mine = (vector[begin:end], centre[begin:end] - first, species[first:last], other[begin:end])
            part, gradient = self.evaluate(mine[0], mine[1], mine[2], mine[3])
            energy = energy + part
            gradients.append(gradient)
            begin = end
        gradient = torch.cat(gradients)
        forces = torch.zeros_like(x).index_add(0, centre, gradient).index_add(0, neighbour, gradient, alpha=-1.0)
        return energy, forces, -(vector.t() @ gradient)

    def evaluate(self, vector: Tensor, centre: Tensor, species: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Return the energy of some atoms, and its gradient by the vectors of their pairs, in order of atoms.

        other: (pairs,) species of the neighbours.
        """
        kind = species.index_select(0, centre)
        kinds, atoms = self.average.shape[0], species.shape[0]
        values, unit, slope, bend, turn = self.rows(vector.t(), kind)
        slot, most = self.slots(centre, atoms)
        net = torch.zeros(atoms * most, dtype=torch.int64, device=slot.device)
        net = net.index_copy(0, slot, other if self.one_sided else kind * kinds + other)
        # A slot that stays empty has R = 0.
        r = torch.zeros(atoms * most, 4, dtype=values.dtype, device=slot.device).index_copy(0, slot, values.t())
        g, dg = self.embedded(r[:, 0], net)
        r, g, dg = r.view(atoms, most, 4), g.view(atoms, most, self.width), dg.view(atoms, most, self.width)
        a = (r.transpose(1, 2) @ g) / self.neighbours
        if self.has_vacancies:
            taken = torch.bincount(centre * kinds + other, minlength=atoms * kinds).view(atoms, 1, kinds)
            left = (self.places - taken).to(g.dtype)
            a = a + torch.nn.functional.pad(left @ self.vacant.index_select(0, species), [0, 0, 0, 3])
        energies, back = self.fitted(a, species)
        back = back / self.neighbours
        down = (g @ back.transpose(1, 2)).view(-1, 4).index_select(0, slot).t()
        through = ((r @ back) * dg).sum(2).view(-1).index_select(0, slot)
        along = slope * (down[0] + through) + bend * (unit * down[1:]).sum(0)
        total = energies.double().sum() + self.bias.index_select(0, species).sum()
        return total, (along * unit + turn * down[1:]).t().double()

    def slots(self, centre: Tensor, atoms: int) -> tuple[Tensor, int]:
        """Give each pair a slot of its own, (pairs,), in (atoms · slots of an atom), and return how many one has."""
        counts = torch.bincount(centre, minlength=atoms)
        first = (counts.cumsum(0) - counts).index_select(0, centre)
        most = int(counts.max())
        return centre * most + torch.arange(centre.shape[0], device=centre.device) - first, most

    def rows(self, x: Tensor, kind: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return R, x/r, ds/dr, ds/dr - s/r and s/r of each pair, with the deviations taken out."""
        average, radial, angular = self.average[kind], self.radial[kind], self.angular[kind]
        r = (x * x).sum(0).sqrt()
        u = ((r - self.smooth_from) / (self.cutoff - self.smooth_from)).clamp(0.0, 1.0)
        w = u * u * u * (-6 * u * u + 15 * u - 10) + 1
        dw = -30 * (u * (1 - u)) ** 2 / (self.cutoff - self.smooth_from)
        s, unit = w / r, x / r
        slope, turn = (dw - s) / r, s / (r * angular)
        values = torch.cat([((s - average) / radial)[None], (s / angular) * unit])
        dtype = self.table_0.dtype
        bend = slope / angular - turn
        return values.to(dtype), unit.to(dtype), (slope / radial).to(dtype), bend.to(dtype), turn.to(dtype)

    def embedded(self, q: Tensor, net: Tensor) -> tuple[Tensor, Tensor]:
        """Return G and dG/dq, (pairs, width): from the table, and from the nets where there is none."""
        g = torch.zeros(q.shape[0], self.width, dtype=q.dtype, device=q.device)
        dg, beyond = g, torch.ones_like(net, dtype=torch.bool)
        if self.intervals > 0:
            beyond = ~(q <= self.end)
            rate = self.intervals / (self.end - self.begin)
            at = (q - self.begin) * rate
            first = at.floor().clamp(0, self.intervals - 1)
            u, row = (at - first)[:, None], net * self.intervals + first.long()
            a, b = self.table_1.index_select(0, row), self.table_2.index_select(0, row)
            c = self.table_3.index_select(0, row)
            g = self.table_0.index_select(0, row) + u * (a + u * (b + u * c))
            dg = (a + u * (2 * b + 3 * u * c)) * rate
        if bool(beyond.any()):
            for k in range(self.nets):
                mine = torch.nonzero(beyond & (net == k)).squeeze(1)
                found, moved = self.embedding(k, q.index_select(0, mine))
                g, dg = g.index_copy(0, mine, found), dg.index_copy(0, mine, moved)
        return g, dg

    def fitted(self, a: Tensor, species: Tensor) -> tuple[Tensor, Tensor]:
        """Return the energy of every atom, (atoms,), and dE/dA, (atoms, 4, width)."""
        few = a[:, :, : self.axis]
        features = (a.transpose(1, 2) @ few).flatten(1)
        energies, back = torch.zeros_like(features[:, 0]), torch.zeros_like(features)
        for k in range(self.average.shape[0]):
            mine = torch.nonzero(species == k).squeeze(1)
            energy, gradient = self.fitting(k, features.index_select(0, mine))
            energies, back = energies.index_copy(0, mine, energy), back.index_copy(0, mine, gradient)
        g = back.view(a.shape[0], self.width, self.axis)
        first = torch.nn.functional.pad(a @ g, [0, self.width - self.axis])
        return energies, first + few @ g.transpose(1, 2)
