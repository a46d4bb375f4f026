"""Detections and other catalogues: pairs by brute force, fractions, and thresholds."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from szfinder import MatchedFilterFinder, read_maps
from szfinder.evaluation import (
    cross_match,
    inside,
    jeffreys_interval,
    match_detections,
    plot_recovery_curve,
    recovery_curve,
)


def by_brute_force(detections, objects, radius):
    """The closest pair of all, then the closest of the rest, and so on."""
    distance = detections[:, None].separation(objects[None]).arcmin
    pairs = set()
    while distance.size and distance.min() <= radius:
        i, j = np.unravel_index(np.argmin(distance), distance.shape)
        pairs.add((int(i), int(j)))
        distance[i], distance[:, j] = np.inf, np.inf
    return pairs


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 25), m=st.integers(1, 25))
def test_pairs_by_brute_force(table_of, seed, n, m):
    rng = np.random.default_rng(seed)
    detections, *others = (table_of(rng.uniform(-10, 10, (k, 2))) for k in (n, m, 7))
    result = cross_match(detections, {"a": others[0], "b": others[1]}, radius=3 * u.arcmin)
    near = np.zeros(n, dtype=bool)
    for name, other in zip("ab", others):
        places = detections["sky_centroid"], other["sky_centroid"]
        match = result.matches[name]
        assert set(zip(*(index.tolist() for index in match.pairs))) == by_brute_force(*places, 3)
        paired, objects = match.pairs
        np.testing.assert_allclose(match.separation[paired].to_value(u.arcmin),
                                   places[0][paired].separation(places[1][objects]).arcmin)
        near |= (places[0][:, None].separation(places[1][None]).arcmin <= 3).any(axis=1)
    np.testing.assert_array_equal(result.unmatched, ~near)
    assert result.n_unmatched == np.sum(~near)


def test_nearest_not_the_most_massive(table_of):
    detections = table_of([(0, 0)], score=[1])
    objects = table_of([(0.2, 0), (0.8, 0)], mvir=[1e14, 9e14])
    match = cross_match(detections, {"x": objects}, radius=1 * u.arcmin).matches["x"]
    assert match.halo.tolist() == [0]
    assert match_detections(detections, objects).halo.tolist() == [1]


def test_second_piece_is_neither_recovered_nor_unmatched(table_of):
    detections = table_of([(0, 0), (1, 0), (30, 0)])
    result = cross_match(detections, {"x": table_of([(0.1, 0), (0, 40)])})
    assert result.matches["x"].halo.tolist() == [0, -1, -1]
    assert result.unmatched.tolist() == [False, False, True]
    [row] = result.summary()
    assert (row["n"], row["n_recovered"], row["recovered"]) == (2, 1, 0.5)
    assert (row["lower"], row["upper"]) == pytest.approx(jeffreys_interval(1, 2))


def test_empty_tables(table_of):
    some, none = table_of([(0, 0)]), table_of([])
    result = cross_match(some, {"none": none, "some": some})
    summary = result.summary()
    assert summary["n"].tolist() == [0, 1] and np.isnan(summary["recovered"][0])
    assert (summary["lower"][0], summary["upper"][0]) == (0, 1)
    assert cross_match(none, {"some": some}).summary()["n_recovered"].tolist() == [0]
    assert cross_match(some, {}).n_unmatched == 1


@pytest.fixture
def curve(table_of):
    detections = table_of([(0, 0), (10, 0), (20, 0), (30, 0)], p=[0.9, 0.5, 0.5, 0.1])
    catalogues = {"PSZ2": table_of([(0, 1), (10, 1)]), "MCXC": table_of([(30, 1), (90, 0), (0, 2)])}
    return recovery_curve(detections, catalogues, [0.1, 0.5, 0.6, 1], score="p")


def test_recovery_curve(curve):
    assert curve["n"].tolist() == [4, 3, 1, 0]
    assert curve["n_unmatched"].tolist() == [1, 1, 0, 0]
    assert curve["recovered_PSZ2"].tolist() == [1, 1, 0.5, 0]
    np.testing.assert_allclose(curve["recovered_MCXC"], np.array([2, 1, 1, 0]) / 3)
    np.testing.assert_allclose([curve["lower_MCXC"], curve["upper_MCXC"]],
                               jeffreys_interval([2, 1, 1, 0], 3))
    assert curve.meta["sizes"] == {"PSZ2": 2, "MCXC": 3}


def test_figure_of_the_recovery_curve(curve):
    left, right = plot_recovery_curve(curve)
    lines = {line.get_label(): line.get_xydata() for line in left.lines}
    np.testing.assert_allclose(lines["PSZ2 (2)"], np.transpose([curve["threshold"],
                                                                curve["recovered_PSZ2"]]))
    assert len(left.collections) == len(lines) == 2
    np.testing.assert_array_equal(right.lines[0].get_ydata(), curve["n_unmatched"])
    assert left.get_xlabel() == right.get_xlabel() == "least p"
    given = left.figure.subplots(ncols=2)
    assert plot_recovery_curve(curve, axes=given)[0] is given[0]


def test_wrong_tables(table_of):
    detections = table_of([(0, 0)], score=[np.nan])
    with pytest.raises(ValueError, match="'score' has 1 NaN"):
        recovery_curve(detections, {}, [1])
    with pytest.raises(ValueError, match="thresholds must hold one"):
        recovery_curve(table_of([(0, 0)], score=[1]), {}, [])
    with pytest.raises(ValueError, match="no positions"):
        cross_match(detections, {"x": Table({"a": [1]})})


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
def test_planck_in_the_coma_field(reference_data):
    """Clusters of PSZ2 that have a redshift, and the X-ray clusters of MCXC."""
    folder = reference_data / "planck_hfi_coma"
    bands = [100, 143, 217, 353, 545, 857]
    maps = read_maps({band: folder / f"map2048_{band:04d}_0000.fits" for band in bands},
                     instrument="planck-hfi")
    clusters = MatchedFilterFinder(threshold=4.5)(maps)
    psz2 = Table.read(reference_data / "catalogues" / "HFI_PCCS_SZ-union_R2.08.fits")
    mcxc = Table.read(reference_data / "catalogues" / "mcxc.fits")
    psz2 = psz2[psz2["REDSHIFT"] > 0]
    catalogues = {
        name: table[inside(table, maps.wcs, maps.shape, margin=60 * u.arcmin)]
        for name, table in {"PSZ2": psz2, "MCXC": mcxc}.items()
    }
    curve = recovery_curve(clusters, catalogues, [4.5, 30])
    assert curve["n"][0] >= 8 and curve["n_unmatched"][0] <= 6
    assert curve["recovered_PSZ2"][0] >= 0.7 > curve["recovered_MCXC"][0] > 0
    # Coma alone is that bright, and in both
    assert curve["n"][1] == 1 and curve["n_unmatched"][1] == 0
    match = cross_match(clusters, catalogues)
    coma = catalogues["PSZ2"][match.matches["PSZ2"].halo[0]]
    place = SkyCoord(194.953, 27.981, unit="deg")
    assert SkyCoord(coma["RA"], coma["DEC"], unit="deg").separation(place) < 5 * u.arcmin
