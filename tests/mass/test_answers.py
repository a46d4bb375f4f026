"""Answers: what is in the middle of the maps of a network, as a mass in Msun with its error."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szfinder.mass import CentralMass, CentralNormal
from szfinder.mass.answers import answer_as_dict, answer_from_dict

GRID = np.arange(1, 9) * 1e14
PAPER = CentralMass(2e-4, GRID.mean())
NORMAL = CentralNormal(2e-4, 33.0, 1.2, stretch=1.3)


def painted(answer, *middle, side=6):
    """Maps of one image: noise everywhere, and numbers in the middle of all maps but the first."""
    maps = np.random.default_rng(3).normal(size=(1, side, side, answer.n_maps))
    maps[0, side // 2, side // 2, 1 : 1 + len(middle)] = middle
    return maps


@given(st.floats(1e13, 1e16), st.sampled_from([PAPER, NORMAL]), st.sampled_from([5, 6, 40]))
def test_mass_is_that_of_the_label(mass, answer, side):
    """In the pixel with the cluster, that of n // 2, whatever is elsewhere."""
    read, _, _ = answer.read(painted(answer, answer.central(mass), side=side))
    np.testing.assert_allclose(read, [mass], rtol=1e-12)


def test_mass_as_in_the_paper():
    """Section 2.2: the central pixel times the mean mass of the training, 4.5e14 Msun."""
    mass, _, _ = PAPER.read(painted(PAPER, 2 / 4.5))
    assert mass[0] == pytest.approx(2e14)


@pytest.mark.parametrize("answer", [PAPER, NORMAL])
def test_profile_is_the_first_map(answer):
    maps = painted(answer)
    np.testing.assert_allclose(answer.read(maps)[2], 2e-4 * maps[..., 0])


@pytest.mark.parametrize(
    "mass, relative",
    [(1e14, 0.4), (2e14, 0.3), (2.5e14, 0.25), (3e14, 0.2), (4e14, 0.25), (5e14, 0.3), (9e14, 0.3)],
)
def test_error_is_the_scatter_of_clusters_of_that_mass(mass, relative):
    answer = CentralMass(1.0, 2e14, [1e14, 3e14, 5e14], [0.4, 0.2, 0.3])
    _, error, _ = answer.read(painted(answer, mass / 2e14))
    assert error[0] == pytest.approx(mass * relative)


@pytest.mark.parametrize("mass", [-4e14, 0.0, 0.3e14])
def test_error_of_no_mass_at_all_is_that_of_the_lightest(mass):
    """The network may paint a mass below 0, and an error never is."""
    answer = CentralMass(1.0, 2e14, [1e14, 3e14], [0.4, 0.2])
    read, error, _ = answer.read(painted(answer, mass / 2e14))
    assert (read[0], error[0]) == (pytest.approx(mass), pytest.approx(0.4e14))


def test_error_is_infinite_where_it_is_not_known():
    mass, error, _ = PAPER.read(painted(PAPER, -0.5))
    assert mass[0] < 0 and error[0] == np.inf


@pytest.mark.parametrize("mean, log_sigma", [(0.0, -3.0), (1.1, -1.0), (-2.0, 0.2)])
def test_error_is_half_of_the_range_from_the_16th_to_the_84th_percentile(mean, log_sigma):
    """Gupta & Reichardt (2020), section 1; of a million masses of which ln M is normal."""
    mass, error, _ = NORMAL.read(painted(NORMAL, mean, log_sigma))
    scatter = 1.3 * np.exp(log_sigma)
    drawn = np.exp(33 + 1.2 * np.random.default_rng(1).normal(mean, scatter, 1_000_000))
    low, median, high = np.percentile(drawn, [15.8655, 50, 84.1345])
    assert mass[0] == pytest.approx(median, rel=0.01)
    assert error[0] == pytest.approx((high - low) / 2, rel=0.01)


@pytest.mark.parametrize(
    "answer", [NORMAL, PAPER, CentralMass(1e-4, 4.5e14, [1e14, 2e14], [0.3, 0.2])]
)
def test_comes_back_from_json(answer):
    read = answer_from_dict(json.loads(json.dumps(answer_as_dict(answer))))
    assert type(read) is type(answer) and answer_as_dict(read).keys() == {"kind", *vars(answer)}
    for name, value in vars(answer).items():
        np.testing.assert_array_equal(getattr(read, name), value)


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"kind": "peak"}, "kind of the answer must be one of central-mass, central-normal; fou"),
        ({"kind": "central-mass"}, "an answer of the kind 'central-mass': .*unexpected keyword"),
        ({"slope": 1.0}, "an answer of the kind 'central-normal': .*'slope'"),
        ({"stretch": "1"}, "an answer of the kind 'central-normal': '<' not supported"),
        ({"stretch": np.nan}, "stretch of the answer must be a positive number; found nan"),
        ({"width": 0.0}, "width of the answer must be a positive number; found 0.0"),
        ({"y_unit": np.inf}, "y_unit of the answer must be a positive number; found inf"),
        ({"mean": np.nan}, "mean of the answer must be a finite number; found nan"),
    ],
)
def test_what_no_answer_has(changed, message):
    with pytest.raises(ValueError, match=message):
        answer_from_dict({**answer_as_dict(NORMAL), **changed})


@pytest.mark.parametrize(
    "masses, scatter",
    [
        ([1e14, 2e14], [0.2]),
        ([2e14, 1e14], [0.2, 0.2]),
        ([0.0, 1e14], [0.2, 0.2]),
        ([1e14, np.nan], [0.2, 0.2]),
        ([1e14, 2e14], [0.2, -0.1]),
        ([1e14, 2e14], [0.2, np.nan]),
        ([], []),
    ],
)
def test_scatter_that_no_masses_have(masses, scatter):
    with pytest.raises(ValueError, match="masses of the answer must ascend, each with a scatter"):
        CentralMass(1e-4, 4.5e14, masses, scatter)


def test_missing_number():
    with pytest.raises(ValueError, match="'central-normal': .*missing .*'width'"):
        answer_from_dict({"kind": "central-normal", "y_unit": 1e-4, "mean": 33.0})
