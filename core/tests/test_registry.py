"""The registry: what is installed is known from metadata, and imported when it is chosen."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from eltanin import registry
from eltanin.errors import ConfigurationError
from eltanin.parts.show import installed, show
from eltanin.registry import slot


def test_components_are_listed_by_group_and_name(toys):
    assert registry.options("model/basis") == ["powers", "waves"]
    assert "labeler" in registry.groups()
    assert not any("preset" in group for group in registry.groups())


def test_unknown_name_gets_the_nearest_and_the_list(toys):
    with pytest.raises(ConfigurationError, match=r"labeler=sqare is not installed; did you mean square\?.*measured"):
        registry.load("labeler", "sqare")


def test_two_distributions_that_claim_one_name_are_both_named(toys, install):
    install("other-parts", "9.9", {"eltanin.labeler": {"square": "toy_parts:Powers"}})
    with pytest.raises(ConfigurationError, match=r"registered twice, by other-parts 9\.9 .* and toy-parts 1\.0"):
        registry.load("labeler", "square")
    assert registry.load("model", "line").__name__ == "Line"


def test_component_that_cannot_be_imported_says_whose_it_is(install):
    install("broken-parts", "0.3", {"eltanin.labeler": {"broken": "toy_parts:Nothing"}})
    with pytest.raises(ConfigurationError, match=r"labeler=broken of broken-parts 0\.3 cannot be imported"):
        registry.load("labeler", "broken")


def test_registered_name_of_a_class(toys):
    assert registry.name_of(registry.load("labeler", "square")) == "square"


def test_unregistered_class_is_named_by_its_place():
    assert registry.name_of(ConfigurationError) == "eltanin.errors.ConfigurationError"


def test_slots_follow_settings_whatever_their_order():
    @dataclass(frozen=True)
    class Model:
        width: int = 3
        basis: Any = slot("model/basis", "powers")
        prior: Any = slot("model/prior", None)

    assert Model(basis="given") == Model(3, basis="given", prior=None)
    with pytest.raises(TypeError, match="basis"):
        Model()


def test_registry_knows_neither_hydra_nor_numpy():
    assert imported("import eltanin.registry", {}).isdisjoint({"hydra", "omegaconf", "numpy"})


def test_listing_reads_domain_and_first_line_without_import(toys):
    sys.modules.pop("toy_parts", None)
    rows = {(r["role"], r["name"]): r for r in json.loads(installed(as_json=True))}
    assert rows["labeler", "square"] == {
        "role": "labeler",
        "name": "square",
        "domain": "toy",
        "distribution": "toy-parts",
        "version": "1.0",
        "about": "Squares numbers.",
    }
    assert rows["experiment", "toy"]["about"] == "Walks in a box, squares and lines."
    assert "toy_parts" not in sys.modules


def test_listing_follows_re_exports(install):
    install("re-parts", "1.0", {"eltanin.labeler": {"again": "reexported_parts:Again"}})
    (row,) = [line for line in installed(role="labeler").splitlines() if "re-parts" in line]
    assert row.startswith("labeler")
    assert row.endswith("Squares numbers.")


def test_listing_marks_conflicts_and_presets_without_files(toys, install):
    install(
        "other-parts", "9.9", {"eltanin.labeler": {"square": "toy_parts:Powers"}, "eltanin.presets": {"no": "nowhere"}}
    )
    shown = installed()
    assert shown.count("CONFLICT: registered twice") == 2
    assert "BROKEN: nowhere has no experiment/*.yaml" in shown


def test_show_tells_settings_types_defaults_and_slots(toys):
    shown = [line.split() for line in show("labeler", "square").splitlines()]
    assert ["labeler.scale", "float", "1.0"] in shown
    assert ["labeler.kind", "soft", "|", "hard", "soft"] in shown
    assert ["labeler.grid.points", "int", "1"] in shown
    assert ["scale:", "of", "the", "square,", "eV."] in shown
    shown = show("model", "line")
    assert "model/basis=NAME: powers, waves; at first powers" in shown
    assert "model/basis@model.more.short=NAME" in shown
    assert "said at the top with system=" in show("explorer", "walk")


def test_show_of_an_unknown_role_gets_the_nearest(toys):
    with pytest.raises(ConfigurationError, match=r"labler is not a role; did you mean labeler\?"):
        show("labler", None)


def imported(code, environment):
    """Return the top-level modules that a fresh interpreter has imported after some code."""
    code += "\nimport sys; print('\\n' + ' '.join(sorted({m.partition('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", [["plugins"], ["plugins", "--json"], ["--help"], ["show"], ["show", "labeler"]])
def test_a_listing_imports_nothing_heavy_and_no_plugin(command, install, tmp_path):
    install("slow-parts", "1.0", {"eltanin.labeler": {"slow": "slow_parts:Slow"}})
    (tmp_path / "site" / "slow_parts.py").write_text("import time\ntime.sleep(5)\nclass Slow: pass\n")
    code = f"import sys; sys.argv = ['elt', *{command}]\n"
    code += "from eltanin.cli import main\ntry: main()\nexcept SystemExit: pass"
    modules = imported(code, {"PYTHONPATH": str(tmp_path / "site")})
    heavy = {"slow_parts", "hydra", "omegaconf", "numpy", "torch", "ase", "rich", "matplotlib", "pluggy", "yaml"}
    assert modules.isdisjoint(heavy)
    assert len(modules) < 150
