"""Settings: refused with the value, the reason and the remedy; typed on the command line."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eltanin.parts.schema import schema
from eltanin.randomness import stream
from eltanin_atoms.structures import Structures
from eltanin_molecular_dynamics import Ensemble, Guards, MolecularDynamics, Region

NPT = {"solid": Region([300.0, 600.0], [0.0, 10.0])}


def test_regions_span_grids(argon):
    explorer = MolecularDynamics(system=argon, regions=NPT | {"hot": Region([900.0], [5.0])})
    assert [p[1:3] for p in explorer.points] == [(300, 0), (300, 10), (600, 0), (600, 10), (900, 5)]


WRONG = {
    "no region": ({"regions": {}}, "explorer.regions is empty"),
    "no temperature": ({"regions": {"a": Region([], [0.0])}}, r"a\.temperatures=\[\]"),
    "absolute zero": ({"regions": {"a": Region([0.0], [0.0])}}, "above 0"),
    "no pressure": ({"regions": {"a": Region([300.0])}}, "npt needs pressures"),
    "pressure at fixed volume": ({"regions": NPT, "ensemble": Ensemble.nvt}, "take none"),
    "cold melt": ({"regions": {"a": Region([300.0], [0.0], melt=-1.0)}}, r"a\.melt=-1"),
    "infinite pressure": ({"regions": {"a": Region([300.0], [float("nan")])}}, "finite"),
    "no steps": ({"regions": NPT, "steps": 0}, r"explorer\.steps=0"),
    "no frame": ({"regions": NPT, "steps": 5, "every": 10}, "no frame would ever be kept"),
    "no time": ({"regions": NPT, "timestep": 0.0}, r"explorer\.timestep=0"),
    "wild strain": ({"regions": NPT, "strain": 1.5}, r"explorer\.strain=1\.5"),
    "cold guard": ({"regions": NPT, "guards": Guards(temperature=0.9)}, "stop every trajectory"),
    "tight guard": ({"regions": NPT, "guards": Guards(smallest_volume=1.1)}, "less and more"),
    "nan guard": ({"regions": NPT, "guards": Guards(force=float("nan"))}, "above 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_refused(argon, case):
    settings, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        MolecularDynamics(system=argon, **settings)


def test_pressure_needs_a_periodic_structure(argon):
    class Slab:
        def structures(self) -> Structures:
            x = argon.structures()
            x.pbc[:, 2] = False
            return x

    explorer = MolecularDynamics(system=Slab(), regions=NPT)
    with pytest.raises(ValueError, match=r"take explorer\.ensemble=nvt"):
        explorer.init(stream(0))
    fixed = replace(explorer, ensemble=Ensemble.nvt, regions={"a": Region([300.0])})
    assert len(fixed.init(stream(0))) == 1


@pytest.fixture
def node():
    """What the command line fills."""
    return OmegaConf.structured(schema(MolecularDynamics))


def test_regions_come_typed_from_the_command_line(node, argon):
    given = OmegaConf.from_dotlist(
        ["regions={solid: {temperatures: [300], pressures: [0]}}", "ensemble=npt", "guards.force=30"]
    )
    filled = OmegaConf.to_object(OmegaConf.merge(node, given))
    settings = {f.name: getattr(filled, f.name) for f in fields(filled)}
    explorer = MolecularDynamics(system=argon, **settings)
    assert explorer.regions == {"solid": Region([300.0], [0.0])}
    assert explorer.guards == Guards(force=30.0)
    assert explorer.ensemble is Ensemble.npt


@pytest.mark.parametrize(
    "wrong",
    [
        "regions={solid: {temperatures: [abc]}}",
        "regions={solid: {temprature: [300]}}",
        "regions={solid: 300}",
        "ensemble=nph",
        "driver=last",
        "guards.fore=3",
    ],
)
def test_what_has_another_type_or_name_is_refused(node, wrong):
    with pytest.raises(OmegaConfBaseException):
        OmegaConf.merge(node, OmegaConf.from_dotlist([wrong]))
