"""Maps searched in tiles: nothing is lost at a seam, nothing doubled, and nothing else changes."""

from concurrent.futures import ProcessPoolExecutor
from copy import copy
from multiprocessing import get_context
from threading import get_ident

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder.filters import Clusters, FourierGrid, beta_templates
from szfinder.finders import (
    COLUMNS,
    CNNFinder,
    MatchedFilterFinder,
    NoDetectionsWarning,
    ScoreMap,
    SZFinder,
)
from szfinder.finders.stitched import stitched_score_map
from szfinder.finders.tiled import NothingToSearchError
from szfinder.maps import Band, Beam, Instrument, MapError, MapStack, wcs_for_patch
from szfinder.simulation import SkySimulator

PIXEL = 0.5  # arcmin
SPACING = 6  # pixels


class BumpFinder(SZFinder):
    """Draws bumps with a sigma of one pixel where it knows that there are some.

    In each tile it puts them up to ``jitter`` pixels off along x and y, another distance each time.
    """

    def __init__(self, positions, *, threshold=4.0, jitter=0.4):
        super().__init__(threshold=threshold)
        self.positions, self.jitter = positions, jitter

    def score_map(self, maps, *, mask=None):
        rng = np.random.default_rng(np.abs(100 * maps.wcs.wcs.crpix).astype(int))
        places = np.array(maps.wcs.world_to_pixel(self.positions))
        places += rng.uniform(-self.jitter, self.jitter, places.shape)
        score = np.zeros(maps.shape)
        j, i = np.indices(maps.shape)
        inside = (np.abs(places.T - np.array(maps.shape)[::-1] / 2)
                  < np.array(maps.shape)[::-1] / 2 + 6).all(axis=1)
        for number in np.flatnonzero(inside):
            x, y = places[:, number]
            box = tuple(slice(max(int(p) - 6, 0), max(int(p) + 8, 0)) for p in (y, x))
            bump = np.exp(-((j[box] - y) ** 2 + (i[box] - x) ** 2) / 2)
            score[box] += (6 + 4 * (number % 10) / 9) * bump
        score[~maps.good | (False if mask is None else mask)] = np.nan
        meta = {"finder": type(self).__name__, **self.parameters}
        return ScoreMap(score, maps.wcs, layers={"snr": score}, meta=meta)

    def margin(self, maps):
        return 10 * PIXEL


def make_maps(shape, *, beam=1.2):
    """Maps with nothing on them."""
    wcs, _ = wcs_for_patch(SkyCoord(30, -50, unit="deg"), u.Quantity(shape) * PIXEL / 60 * u.deg,
                           PIXEL * u.arcmin)
    instrument = Instrument("camera", [Band("150", 150.0, Beam.from_fwhm(beam))])
    return MapStack(np.ones((1, *shape)), wcs=wcs, instrument=instrument)


def grid_of_bumps(shape, seed):
    """Places on a grid, up to 0.7 pixels off its points."""
    y, x = np.mgrid[6:shape[0] - 6:SPACING, 6:shape[1] - 6:SPACING].reshape(2, -1)
    return np.array([x, y]) + np.random.default_rng(seed).uniform(-0.7, 0.7, (2, x.size))


def assert_one_each(clusters, x, y, tolerance):
    """Every place has one detection, and there are no others."""
    distance = np.hypot(x[:, None] - clusters["x_centroid"], y[:, None] - clusters["y_centroid"])
    nearest = distance.argmin(axis=1)
    assert len(clusters) == len(x) == len(set(nearest))
    assert distance.min(axis=1).max() < tolerance


@pytest.mark.parametrize("beam", [1.2, 5.0], ids=["near", "further than the neighbours"])
@pytest.mark.parametrize("block", [(102, 54), (37, 53), (20, 61), (12, 15)])
def test_none_lost_none_doubled(block, beam):
    """Hundreds of bumps on and around seams, which the tiles put at different places.

    The beam decides up to which distance detections of two tiles are one: also where that is more
    than the distance of the bumps, none swallows its neighbour.
    """
    shape = 102, 108
    x, y = grid_of_bumps(shape, seed=sum(block))
    maps = make_maps(shape, beam=beam)
    clusters = BumpFinder(maps.wcs.pixel_to_world(x, y))(maps, block_size=block)
    assert_one_each(clusters, x, y, tolerance=0.8)
    np.testing.assert_array_equal(clusters["id"], np.arange(1, len(x) + 1))
    assert (np.diff(clusters["score"]) <= 0).all()


@pytest.mark.parametrize("offset", np.linspace(-0.5, 0.5, 9))
def test_exactly_on_a_seam(offset):
    """On sides and corners of cores, whose seam is at 59.5."""
    x = np.array([59.5 + offset, 59.5, 20, 59.5 + offset, 100])
    y = np.array([59.5, 20 + offset, 59.5 + offset, 100, 59.5])
    maps = make_maps((120, 120))
    clusters = BumpFinder(maps.wcs.pixel_to_world(x, y))(maps, block_size=(60, 60))
    assert_one_each(clusters, x, y, tolerance=0.8)


def test_tiles_that_agree_are_the_whole():
    """The same rows, in all columns, where the finder sees the same in a tile as in the whole."""
    shape = 100, 118
    maps = make_maps(shape)
    positions = maps.wcs.pixel_to_world(*grid_of_bumps(shape, seed=1))
    finder = BumpFinder(positions, jitter=0)
    whole, tiled = finder(maps), finder(maps, block_size=(30, 40))
    assert tiled.colnames == whole.colnames
    for name in whole.colnames:
        assert tiled[name].info.description == whole[name].info.description
        if name == "sky_centroid":
            assert tiled[name].separation(whole[name]).arcsec.max() < 1e-5
        elif name != "name":
            np.testing.assert_allclose(tiled[name], whole[name], atol=1e-6, err_msg=name)
    assert {**tiled.meta, "date": 0} == {**whole.meta, "date": 0, "block_size": "30 40"}


class Witness(BumpFinder):
    """Remembers the threads and the pieces it was called with, and fails on a bad piece."""

    def __init__(self, positions, *, error=None, **options):
        super().__init__(positions, jitter=0, **options)
        self.error, self.threads, self.shapes = error, set(), []

    def score_map(self, maps, *, mask=None):
        self.threads.add(get_ident())
        self.shapes.append(maps.shape)
        if self.error is not None and (maps.data == BAD).any():
            raise self.error
        return super().score_map(maps, mask=mask)


BAD = -1
SHAPE = 100, 120
PLACES = grid_of_bumps(SHAPE, seed=3)


@pytest.fixture
def maps():
    """Maps whose last tile of four has a pixel that is ``BAD``."""
    maps = make_maps(SHAPE)
    maps.data[0, 90, 110] = BAD
    return maps


@pytest.fixture
def positions(maps):
    return maps.wcs.pixel_to_world(*PLACES)


def test_masked_tiles_are_left_out(maps, positions):
    mask = np.zeros(SHAPE, bool)
    mask[:, 60:] = True
    finder = Witness(positions)
    clusters = finder(maps, mask=mask, block_size=(50, 60))
    assert finder.shapes == [(60, 70)] * 2
    whole = finder(maps, mask=mask)
    np.testing.assert_allclose(clusters["x_centroid"], whole["x_centroid"], atol=1e-6)
    assert (whole["x_centroid"] < 59.5).all() and (whole["x_centroid"] > 53).any()


@pytest.mark.parametrize("parallel", [False, 2])
@pytest.mark.parametrize("error", [MapError("too cold", band="150"), ValueError("too cold"),
                                   OSError(5, "too cold"), KeyError("too cold")], ids=repr)
def test_errors_name_the_tile(maps, positions, error, parallel):
    error = copy(error)
    with pytest.raises(type(error), match="too cold") as caught:
        Witness(positions, error=error)(maps, block_size=(50, 60), parallel=parallel)
    said = " ".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert "tile 3 (rows 50 to 99, columns 60 to 119)" in said
    assert getattr(caught.value, "band", None) == getattr(error, "band", None)


def test_a_tile_with_nothing_to_search_does_no_harm(maps, positions):
    nothing = NothingToSearchError("nothing of the maps is left to search")
    clusters = Witness(positions, error=nothing)(maps, block_size=(50, 60))
    x, y = PLACES[:, (PLACES[0] < 59.5) | (PLACES[1] < 49.5)]
    distance = np.hypot(x[:, None] - clusters["x_centroid"], y[:, None] - clusters["y_centroid"])
    assert distance.min(axis=1).max() < 0.3
    with pytest.raises(NothingToSearchError, match="14 good pixels in 1 tiles"):
        mask = np.ones(SHAPE, bool)
        mask[90, 100:114] = False
        Witness(positions, error=nothing)(maps, mask=mask, block_size=(50, 60))


def test_nothing_found(maps, positions):
    some = Witness(positions)(maps, block_size=(40, 40))
    with pytest.warns(NoDetectionsWarning, match="threshold of 99; the highest score is 9") as all_:
        none = Witness(positions, threshold=99)(maps, block_size=(40, 40), parallel=2)
    assert len(all_) == 1 and len(none) == 0
    assert none.colnames == some.colnames and set(none.meta) == set(some.meta)


def test_threads(maps, positions):
    """As many are used as asked for; without a block size it is left to the finder."""
    finder = Witness(positions)
    one = finder(maps, block_size=(30, 30))
    assert finder.threads == {get_ident()}
    finder.threads.clear()
    other = finder(maps, block_size=(30, 30), parallel=3)
    assert get_ident() not in finder.threads and 1 <= len(finder.threads) <= 3
    np.testing.assert_array_equal(other["score"], one["score"])
    auto = finder(maps, parallel=True)
    assert auto.meta["block_size"] == finder(maps, block_size="auto").meta["block_size"] == "80 80"
    assert len(auto) == len(one)


@pytest.mark.parametrize("parallel", [0, -2, 1.5, "processes", None])
def test_refuses_other_ways_to_be_parallel(maps, positions, parallel):
    with pytest.raises(ValueError, match=r"parallel must be .*ProcessPoolExecutor.* found"):
        BumpFinder(positions)(maps, block_size=(50, 50), parallel=parallel)


def test_progress_bar(maps, positions, capsys):
    BumpFinder(positions)(maps, block_size=(50, 60))
    assert capsys.readouterr().err == ""
    BumpFinder(positions)(maps, block_size=(50, 60), progress_bar=True)
    assert "4/4" in capsys.readouterr().err


@pytest.mark.parametrize("parallel", [False, 2])
@pytest.mark.parametrize("block", ["auto", (37, 53), (100, 120)], ids=str)
def test_stitched_score_map_is_the_whole(maps, positions, block, parallel):
    """Score and layers, NaN where masked."""
    mask = np.zeros(SHAPE, bool)
    mask[:60, 40:] = True
    finder = BumpFinder(positions, jitter=0)
    whole = finder.score_map(maps, mask=mask)
    stitched = stitched_score_map(finder, maps, mask=mask, block_size=block, parallel=parallel)
    np.testing.assert_allclose(stitched.data, whole.data, atol=1e-5)
    np.testing.assert_allclose(stitched.layers["snr"], whole.layers["snr"], atol=1e-5)
    assert set(stitched.layers) == {"snr"}
    assert set(stitched.meta) == set(whole.meta) | {"block_size"}
    assert len(finder.detect(stitched)) == len(finder.detect(whole))


def test_stitched_score_map_where_nothing_is_searched(maps, positions):
    """Tiles that are left out have no score, and no flags."""

    class FlaggedFinder(BumpFinder):
        def score_map(self, maps, *, mask=None):
            score = super().score_map(maps, mask=mask)
            score.layers["flags"] = np.full(maps.shape, 1)
            return score

    mask = np.zeros(SHAPE, bool)
    mask[:50] = True
    stitched = stitched_score_map(FlaggedFinder(positions), maps, mask=mask, block_size=(50, 60))
    np.testing.assert_array_equal(np.isnan(stitched.data), mask)
    np.testing.assert_array_equal(stitched.layers["flags"], ~mask)
    assert stitched.layers["flags"].dtype == int
    with pytest.raises(NothingToSearchError, match="0 good pixels in 0 tiles"):
        stitched_score_map(BumpFinder(positions), maps, mask=mask | True, block_size=(50, 60))


def test_a_coarse_score_map_is_not_stitched(maps, positions):
    class CoarseFinder(BumpFinder):
        def score_step(self, maps):
            return 3

    with pytest.raises(MapError, match="coarser than the maps; found a score every 3 pixels"):
        stitched_score_map(CoarseFinder(positions), maps, block_size=(50, 60))


def test_boxes_are_aligned(maps, positions):
    """They start where the finder wants them to."""

    class AlignedFinder(Witness):
        def alignment(self, maps):
            return 8

        def score_map(self, maps, *, mask=None):
            self.corners.append(np.mod(self.reference - maps.wcs.wcs.crpix, 8))
            return super().score_map(maps, mask=mask)

    finder = AlignedFinder(positions)
    finder.corners, finder.reference = [], maps.wcs.wcs.crpix
    x, y = PLACES
    assert_one_each(finder(maps, block_size=(33, 40)), x, y, tolerance=0.3)
    assert len(finder.corners) == 12
    np.testing.assert_allclose(finder.corners, 0, atol=1e-9)


SEAM = 119.5  # of tiles of 2 degrees by one


@pytest.fixture(scope="module")
def sky_maps():
    """A sky of 2 by 2 degrees, with clusters of S/N 10 or so planted on seams."""
    maps = SkySimulator.from_preset("spt3g", size=2, rng=1011).patch().maps
    grid = FourierGrid(maps.shape, maps.pixel_scale)
    beams = np.array([band.beam.window(grid.ell) for band in maps.bands])
    response = np.array([band.tsz_response for band in maps.bands])[:, None] * beams
    planted = Clusters(np.array([SEAM, 60.0, SEAM]), np.array([50.0, SEAM, SEAM]), np.zeros(3, int),
                       np.full(3, 1.2e-4), snr=np.zeros(3))
    shape = [template.transform(grid.ell) for template in beta_templates([0.75])]
    return MapStack(maps.data + planted.paint(grid, shape, response), wcs=maps.wcs,
                    instrument=maps.instrument)


@pytest.fixture(scope="module", params=["matched filter", "cnn"])
def finder(request, sky_maps):
    if request.param == "matched filter":
        return MatchedFilterFinder(threshold=4.5)
    make_preset = request.getfixturevalue("make_preset")
    preset = make_preset(sky_maps.instrument, pixel_size=PIXEL, bands=[-0.4, -0.6, 1.0],
                         level=40, steepness=0.1)
    return CNNFinder(preset, stride=1.5)


@pytest.fixture(scope="module")
def whole(finder, sky_maps):
    return finder(sky_maps)


@pytest.fixture(scope="module")
def tiled(finder, sky_maps):
    return finder(sky_maps, block_size=(120, 120))


def test_tiled_equals_whole(finder, whole, tiled):
    """The noise weights of a filter are those of its tile, the cutouts of a network the same."""
    filtered = isinstance(finder, MatchedFilterFinder)
    sure = 5 if filtered else finder.threshold
    assert (whole["score"] > sure).sum() >= 10
    for one, other in ((whole, tiled), (tiled, whole)):
        one = one[one["score"] > sure]
        index, distance, _ = one["sky_centroid"].match_to_catalog_sky(other["sky_centroid"])
        assert len(set(index)) == len(one)
        assert distance.arcmin.max() < (0.3 if filtered else 1e-4)
        ratio = other["score"][index] / one["score"]
        assert np.abs(ratio - 1).max() < (0.2 if filtered else 1e-4)
        for name in ("x_centroid", "y_centroid"):
            offset = np.abs(other[name][index] - one[name])
            assert offset.max() < (0.3 / PIXEL if filtered else 1e-3)
    if not filtered:
        assert len(tiled) == len(whole)


def test_planted_on_a_seam(tiled, sky_maps):
    planted = sky_maps.wcs.pixel_to_world([SEAM, 60.0, SEAM], [50.0, SEAM, SEAM])
    for position in planted:
        assert (tiled["sky_centroid"].separation(position).arcmin < 1).sum() == 1


def assert_identical(one, other):
    assert one.colnames == other.colnames
    for name in set(one.colnames) - {"sky_centroid"}:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    np.testing.assert_array_equal(one["sky_centroid"].ra, other["sky_centroid"].ra)
    np.testing.assert_array_equal(one["sky_centroid"].dec, other["sky_centroid"].dec)
    assert {**one.meta, "date": None} == {**other.meta, "date": None}


def test_threads_to_the_last_bit(finder, sky_maps, tiled):
    assert_identical(finder(sky_maps, block_size=(120, 120), parallel=2), tiled)


def test_processes_to_the_last_bit(sky_maps):
    finder = MatchedFilterFinder(threshold=4.5, covariance="maps")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        apart = finder(sky_maps, block_size=(240, 120), parallel=pool)
        assert_identical(apart, finder(sky_maps, block_size=(240, 120)))
        with pytest.raises(MapError, match="tile 0 .*deproject does not fit the bands"):
            MatchedFilterFinder(deproject=[1.0])(sky_maps, block_size=(240, 120), parallel=pool)


def test_columns_of_tiles(tiled, whole):
    assert tiled.colnames == whole.colnames
    for name in tiled.colnames:
        assert tiled[name].info.unit == whole[name].info.unit
        assert tiled[name].info.description == COLUMNS[name].description
    assert set(whole.meta) - set(tiled.meta) <= {"n_iterations", "n_sources"}
    assert len(set(tiled["name"])) == len(tiled)
