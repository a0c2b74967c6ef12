"""Campaigns that things are done to. All of them are the same small one, so all must end in the same bits."""

import logging
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))
sys.path.append(str(HERE.parents[1] / "core" / "tests" / "toys"))
from trials import INLINE, MEMORY, Place, Warm, outcome, wrong  # noqa: E402


@pytest.fixture(autouse=True)
def forgotten_logs():
    """Take away what Hydra's runs in this process, of other tests too, have left to write to a closed stream."""
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        for handler in list(getattr(logger, "handlers", ())):
            if type(handler) in (logging.StreamHandler, logging.FileHandler):
                logger.removeHandler(handler)
                handler.close()


@pytest.fixture(scope="session")
def oven():
    """Return the process that campaigns are started in."""
    one = Warm()
    yield one
    one.close()


@pytest.fixture
def warm(oven):
    """Return it, and leave no process behind."""
    yield oven
    oven.end_all()


@pytest.fixture
def swift():
    """Return a folder in memory, for tests that write much and need no disk."""
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="faults-") as folder:
        yield Path(folder)


@pytest.fixture
def place(swift):
    """Return an empty place for a campaign in one process."""
    return Place(swift)


@pytest.fixture(scope="session")
def calm(oven, tmp_path_factory):
    """Return the place of a campaign that nothing was done to."""
    calm = Place(tmp_path_factory.mktemp("calm"), INLINE)
    assert oven.elt(calm, calm.begin) == 0, calm.said
    assert wrong(calm.store) == []
    return calm


@pytest.fixture(scope="session")
def expected(calm):
    """Return what every one of them must come to."""
    return outcome(calm.run)
