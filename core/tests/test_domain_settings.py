"""The domain follows from the parts; its settings are set like those of any part, and kept with them."""

import pytest

from eltanin.errors import ConfigurationError
from eltanin.parts.build import with_domain
from eltanin.parts.settings import Run
from eltanin.parts.show import show


def restored(config):
    from eltanin.compose import restore

    return restore(config)


def test_without_a_choice_the_domain_is_that_of_the_parts(compose):
    run, plugins = restored(compose())
    assert (type(run.domain).__name__, run.domain.largest) == ("Toy", 1000.0)
    assert plugins["domain=toy"] == "toy-parts 1.0"


def test_settings_of_the_domain_are_set(compose):
    run, plugins = restored(compose("domain=toy", "domain.largest=50"))
    assert run.domain.largest == 50
    assert run.system.reader is run.domain
    assert plugins["domain=toy"] == "toy-parts 1.0"


def test_a_preset_sets_them_too(compose, tmp_path):
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    said = "defaults:\n- toy\n- override /domain: toy\n- _self_\ndomain:\n  largest: 7\n"
    (tmp_path / "mine" / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{said}")
    run, _ = restored(compose(f"--config-dir={tmp_path / 'mine'}", preset="mine"))
    assert run.domain.largest == 7


def test_what_a_run_records_holds_the_settings_of_its_domain_chosen_or_not(compose):
    for said, largest in (((), 1000.0), (("domain=toy", "domain.largest=50"), 50.0)):
        config = compose(*said)
        recorded = with_domain(Run, config)
        assert recorded["domain"] == {"_name_": "toy", "largest": largest}
        assert restored(recorded)[0] == restored(config)[0]


def test_a_run_of_before_there_were_settings_still_opens(compose):
    config = compose()
    del config["domain"]
    assert restored(config)[0].domain.largest == 1000.0


def test_another_domain_than_that_of_the_parts_is_refused(compose):
    with pytest.raises(ConfigurationError, match=r"(?s)different domains.*labeler=square \(toy\).*domain=lattice"):
        restored(compose("domain=lattice"))


def test_settings_are_checked_as_those_of_any_part(compose):
    with pytest.raises(ConfigurationError, match=r"domain\.largets is not a setting.*did you mean largest\?"):
        compose("domain=toy", "domain.largets=1")
    with pytest.raises(ConfigurationError, match=r"domain\.largest: Value 'much'"):
        compose("domain=toy", "domain.largest=much")
    with pytest.raises(ConfigurationError, match=r"domain=toi is not installed; did you mean toy\?"):
        compose("domain=toi")
    with pytest.raises(ConfigurationError, match=r"domain\.largest cannot be set, for domain is empty.*domain=NAME"):
        compose("domain.largest=1")


def test_settings_are_shown(toys):
    told = show("domain", "toy")
    assert "largest: of them, eV." in told
    assert "domain.largest" in told
