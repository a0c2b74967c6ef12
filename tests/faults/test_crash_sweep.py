"""The machine dies at the n-th operation that could change its disk, for every n until the campaign ends first."""

from itertools import count

import pytest
from broken_disk import DIED
from trials import NEVER, Place, outcome, repeats, wrong

COARSE, STRIPES = 29, 10


def dies_and_goes_on(warm, place, expected, at, risk):
    """Let the machine die at an operation, and resume; say whether the campaign had so many."""
    code = warm.elt(place, place.begin, risk, ("dies", at))
    if code == 0:
        assert outcome(place.run) == expected
        return False
    assert code == DIED, place.said
    before = place.objects()
    assert warm.go_on(place, risk) == 0, place.said
    assert outcome(place.run) == expected
    assert before.items() <= place.objects().items(), "a label was lost"
    assert wrong(place.store) == []
    assert repeats(place) <= 1, "more than the label in flight was asked for again"
    return True


def sweep(warm, folder, expected, first, step):
    for number, at in enumerate(count(first, step)):
        place = Place(folder / str(at))
        place.path.mkdir()
        try:
            if not dies_and_goes_on(warm, place, expected, at, (0.0, NEVER)[number % 2]):
                return number
        except BaseException as error:
            error.add_note(f"The machine died at its operation {at}.")
            raise
    raise AssertionError


def test_wherever_the_machine_dies_the_campaign_resumes_to_the_same_bits(warm, swift, expected):
    assert sweep(warm, swift, expected, COARSE, COARSE) > 10


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, STRIPES + 1))
def test_there_is_no_operation_at_which_the_machine_must_not_die(warm, swift, expected, first):
    assert sweep(warm, swift, expected, first, STRIPES) > 30


@pytest.mark.parametrize("every", [150, pytest.param(120, marks=pytest.mark.slow)])
def test_a_machine_that_dies_again_and_again_gets_there_in_the_end(warm, place, expected, every):
    deaths, code = 0, warm.elt(place, place.begin, 0.0, ("dies", every))
    while code == DIED:
        deaths += 1
        assert deaths < 60, place.said
        code = warm.go_on(place, 0.0, ("dies", every))
    assert code == 0, place.said
    assert deaths > 3
    assert outcome(place.run) == expected
    assert wrong(place.store) == []
    assert repeats(place) <= deaths
