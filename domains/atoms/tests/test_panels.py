"""The atomic sections of the report say what the run folder says."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ase.build import bulk

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset, Feedback, Verdict
from eltanin.report import style, write_report
from eltanin_atoms.domain import Atoms
from eltanin_atoms.panels import panels, parity, plane
from eltanin_atoms.structures import Structures

STATES = [("solid", 300.0, 0.0), ("solid", 300.0, 5.0), ("liquid", 1500.0, 0.0)]


def evidence(n, states=STATES):
    chosen = [states[i % len(states)] for i in range(n)]
    names = ("region", "temperature", "pressure")
    return {name: np.array(column) for name, column in zip(names, zip(*chosen, strict=True), strict=True)}


def structures(n, states=STATES):
    frames = [bulk("Cu", cubic=True).repeat((1 + i % 2, 1, 1)) for i in range(n)]
    return replace(Structures.from_ase(frames), evidence=evidence(n, states))


def properties(x, rng, virial=True):
    atoms = x.counts
    values = {
        "energy": -3.5 * atoms + rng.normal(size=len(x)),
        "forces": Ragged(rng.normal(size=(atoms.sum(), 3)), atoms),
    }
    return Properties.of(**values, **({"virial": rng.normal(size=(len(x), 3, 3))} if virial else {}))


def pool(n, verdict, states=STATES):
    return Feedback(evidence(n, states), np.asarray(verdict), np.full(n, 0.1), np.zeros(n, bool))


def run(tmp_path, pools=None, virial=True):
    rng = np.random.default_rng(0)
    x = structures(12)
    n = len(x)
    data = Dataset(x, properties(x, rng), np.zeros(n, int), np.zeros(n, int), np.full(n, np.nan), Properties.none(n))
    test = {"x": x, "labels": properties(x, rng, virial), "predicted": properties(x, rng)}
    pools = [pool(30, [Verdict.CANDIDATE] * 30), pool(6, [0, 0, 1, 0, 1, 2])] if pools is None else pools
    return SimpleNamespace(
        path=tmp_path, config={}, plugins={}, rounds=[], summary={},
        data=data, pools=pools, validation=test, domain=Atoms(), damaged=[],
    )  # fmt: skip


def test_places_are_counted_and_judged_by_the_last_round(tmp_path):
    this = run(tmp_path)
    explored = [plane.samples(p.evidence, len(p.verdict)) for p in this.pools]
    labelled = plane.samples(this.data.configurations.evidence, len(this.data))
    found = {p[:3]: p[3:] for p in plane.tabulate(explored, labelled, this.pools[-1].verdict == Verdict.ACCURATE)}
    # of the last pool (0, 0, 1, 0, 1, 2), rows 0 and 3 are solid at 0 GPa, 1 and 4 at 5 GPa, 2 and 5 liquid
    assert found == {
        ("solid", 300.0, 0.0): (12, 4, 1.0),
        ("solid", 300.0, 5.0): (12, 4, 0.5),
        ("liquid", 1500.0, 0.0): (12, 4, 0.0),
    }
    assert plane.section(this).words == "Accurate in the last round: liquid 0 %, solid 75 %."


def test_regions_stand_side_by_side_from_cold_to_hot(tmp_path):
    with style.styled():
        axes = plane.section(run(tmp_path)).drawings[0].figure.axes
    assert [a.get_title(loc="left") for a in axes[:2]] == ["solid", "liquid"]
    assert [a.get_xlabel() for a in axes[2:4]] == ["temperature (K)"] * 2
    assert axes[4].get_ylabel() == "accurate, last round (%)"
    assert sorted(t.get_text() for t in axes[0].texts) == ["12", "12"]
    assert [t.get_text() for t in axes[3].texts] == ["4"]


def test_a_pool_that_nobody_judged_has_no_colour(tmp_path):
    section = plane.section(run(tmp_path, [pool(30, [Verdict.CANDIDATE] * 30)]))
    assert len(section.drawings[0].figure.axes) == 4
    assert section.words.startswith("In the last round nothing was judged")


@pytest.mark.parametrize("pools", [[], [Feedback({}, np.zeros(3, int), np.zeros(3), np.zeros(3, bool))]])
def test_without_temperatures_there_is_no_plane(tmp_path, pools):
    assert plane.section(run(tmp_path, pools)) is None


def test_a_campaign_at_fixed_volume_has_no_axis_of_pressure(tmp_path):
    states = [("melt", 1000.0, np.nan), ("melt", 2000.0, np.nan)]
    this = run(tmp_path, [pool(10, np.arange(10) % 2, states)])
    this.data = None
    with style.styled():
        axes = plane.section(this).drawings[0].figure.axes
    assert axes[0].get_ylabel() == "explored"
    assert list(axes[0].get_yticks()) == []
    assert sorted(t.get_text() for t in axes[0].texts) == ["5", "5"]


def test_many_states_are_gathered_in_bins_and_none_is_lost():
    rng = np.random.default_rng(0)
    n = 500
    found = plane.Samples(np.full(n, "a"), rng.uniform(300, 2000, n), rng.uniform(-1, 10, n))
    grid = plane.Grid.over([found])
    counts = grid.count(found)
    assert counts.total() == n
    assert len(counts) <= plane.BINS**2
    width = (found.temperature.max() - found.temperature.min()) / plane.BINS
    middles = {t for _, t, _ in counts}
    assert all(min(abs(t - m) for m in middles) <= width / 2 + 1e-9 for t in found.temperature)


def test_many_regions_share_one_panel():
    found = plane.Samples(np.array(list("abcdefg")), np.full(7, 300.0), np.zeros(7))
    assert plane.Grid.over([found]).count(found) == {("all regions", 300.0, 0.0): 7}


def test_rows_of_unknown_origin_are_left_out_of_the_plane():
    origin = {
        "region": np.array(["nan", "a"]),
        "temperature": np.array([np.nan, 300.0]),
        "pressure": np.array([np.nan, 1.0]),
    }
    found = plane.samples(origin, 2)
    assert list(found.region) == ["elsewhere", "a"]
    assert plane.Grid.over([found]).count(found) == {("a", 300.0, 1.0): 1}


def test_the_table_agrees_with_the_errors_of_the_domain(tmp_path):
    this = run(tmp_path)
    x, labels, predicted = (this.validation[k] for k in ("x", "labels", "predicted"))
    told = Atoms().validation(x, predicted, labels)
    found = [parity.compare(name, x.counts, labels, predicted) for name in ("energy", "forces", "virial")]
    keys = ["energy_rmse_mev_per_atom", "force_rmse_mev_per_angstrom", "virial_rmse_mev_per_atom"]
    assert [c.rmse(np.arange(len(x))) for c in found] == pytest.approx([told[key] for key in keys])
    liquid = np.flatnonzero(x.evidence["region"] == "liquid")
    assert [c.rmse(liquid) for c in found] == pytest.approx([told[f"{key}_liquid"] for key in keys])


def test_the_table_goes_from_all_to_each_state(tmp_path):
    table = parity.section(run(tmp_path)).tables[0]
    assert [row[:4] for row in table.rows] == [
        ["all", "", "", "12"],
        ["liquid", "", "", "4"],
        ["solid", "", "", "8"],
        ["solid", "300", "0", "4"],
        ["solid", "300", "5", "4"],
    ]
    assert table.head[4:] == ["energy (meV/atom)", "force component (meV/Å)", "virial component (meV/atom)"]


def test_what_has_no_label_has_no_panel(tmp_path):
    section = parity.section(run(tmp_path, virial=False))
    assert len(section.drawings[0].figure.axes) == 4
    assert len(section.tables[0].head) == 6


def test_labels_of_a_part_are_compared_for_that_part(tmp_path):
    this = run(tmp_path)
    labels = this.validation["labels"]
    known = np.arange(len(labels)) % 2 == 0
    partial = replace(labels, present={**labels.present, "forces": known})
    partial = replace(partial, values={**labels.values, "forces": blanked(labels.values["forces"], known)})
    found = parity.compare("forces", this.validation["x"].counts, partial, this.validation["predicted"])
    assert set(found.owner) == set(np.flatnonzero(known))
    rows = this.validation["predicted"].values["forces"][known].values - labels.values["forces"][known].values
    assert found.rmse(np.arange(12)) == pytest.approx(1000 * np.sqrt(np.mean(rows**2)))


def blanked(column, known):
    return Ragged.of([row if here else row[:0] for row, here in zip(column.rows(), known, strict=True)])


def test_parity_is_drawn_in_units_with_the_error_of_each_region(tmp_path):
    this = run(tmp_path)
    with style.styled():
        axes = parity.section(this).drawings[0].figure.axes
    assert [a.get_ylabel() for a in axes[3:]] == ["error (meV/atom)", "error (meV/Å)", "error (meV/atom)"]
    told = Atoms().validation(*(this.validation[k] for k in ("x", "predicted", "labels")))
    entry = axes[1].get_legend().get_texts()[1].get_text()
    name, value, unit = entry.replace("\u202f", "").split()
    assert (name, unit) == ("solid", "meV/Å")
    assert float(value) == pytest.approx(told["force_rmse_mev_per_angstrom_solid"], abs=0.5)


def test_without_a_test_set_there_is_no_parity(tmp_path):
    this = run(tmp_path)
    this.validation = None
    assert [section.title for section in panels(this)] == ["Temperature and pressure"]
    this.validation = {"x": this.data.configurations, "labels": this.data.labels}
    assert parity.section(this) is None


def test_the_panels_are_part_of_the_page(tmp_path):
    page = write_report(run(tmp_path)).read_text()
    assert "Temperature and pressure" in page
    assert "Errors on the test set" in page
    assert "Not shown" not in page
