"""HEALPix maps searched tile by tile: nothing is lost at a seam, nothing doubled."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from scipy import ndimage

from szfinder.finders import (
    CNNFinder,
    EnsembleCalibration,
    EnsembleFinder,
    EvidenceModel,
    MatchedFilterFinder,
    NoDetectionsWarning,
    NothingToSearchError,
    ScoreMap,
    SZFinder,
    TailRank,
)
from szfinder.finders.base import pieces_of
from szfinder.finders.stitched import stitched_score_map
from szfinder.maps import Band, Beam, HealpixMap, HealpixStack, Instrument, MapError, read_healpix

NSIDE, COARSE = 512, 8
PIXEL = healpy.nside2resol(NSIDE, arcmin=True)  # 6.9
SIGMA = 12.0  # of the sources, arcmin
CAMERA = Instrument("camera", [Band("150", 150.0, Beam.from_fwhm(10.0))])
RING, NESTED = {"order": "ring"}, {"order": "nested"}
GALACTIC, ICRS = {"frame": "galactic"}, {"frame": "icrs"}
#: A tile of the equatorial belt, one of the belt's end, where borders bend, and that at the pole.
CENTERS = {name: healpy.pix2ang(COARSE, number, lonlat=True)
           for name, number in (("belt", 304), ("bend", 130), ("pole", 1))}
#: Pixels of the patches in a core of that nside, and a bit more.
BLOCK = (65, 65)
#: Of the field around a tile, and within which there are sources.
RADIUS, REACH = 9.5 * u.deg, 8.5 * u.deg


class BrightFinder(SZFinder):
    """Scores the brightness, which it sees up to ``jitter`` pixels off, otherwise in each tile."""

    def __init__(self, *, threshold=5.0, jitter=0.0):
        super().__init__(threshold=threshold)
        self.jitter = jitter

    def score_map(self, maps, *, mask=None):
        rng = np.random.default_rng(np.abs(100 * maps.wcs.wcs.crval).astype(int))
        image = np.nan_to_num(maps.data[0])
        score = ndimage.shift(image, rng.uniform(-self.jitter, self.jitter, 2), order=1)
        score[~maps.good] = np.nan
        return ScoreMap(score, maps.wcs, layers={"snr": score}, meta=self.parameters)

    def margin(self, maps):
        return 10 * PIXEL


def sources_around(center, frame):
    """Corners, middles of sides and centres of the tile at a position, and of those next to it."""
    (number,) = healpy.ang2pix(COARSE, *np.transpose([center]), lonlat=True)
    around = healpy.get_all_neighbours(COARSE, number)
    places = {tuple(np.round(vector, 9))
              for tile in {number, *around[around >= 0]}
              for vector in (*healpy.boundaries(COARSE, tile, 2).T, healpy.pix2vec(COARSE, tile))}
    lon, lat = healpy.vec2ang(np.array(sorted(places)), lonlat=True)
    positions = SkyCoord(lon, lat, unit="deg", frame=frame)
    middle = SkyCoord(*center, unit="deg", frame=frame)
    return positions[positions.separation(middle) < REACH]


def painted(positions, order, frame, *, radius=None, center=None):
    """A HEALPix map of sources of brightness 10; a partial one within a radius of a centre."""
    nest = order == "nested"
    blank = HealpixMap(np.zeros(1), NSIDE, nest, frame)
    values = np.zeros(12 * NSIDE**2, np.float32)
    for position in positions:
        pixels = blank.pixels_around(position, 5 * SIGMA * u.arcmin)
        distance = blank.centers(pixels).separation(position).arcmin
        values[pixels] += 10 * np.exp(-((distance / SIGMA) ** 2) / 2)
    if radius is None:
        return HealpixMap(values, NSIDE, nest, frame)
    return HealpixMap(values, NSIDE, nest, frame).around(center, radius)


def stack_of(healpix_map):
    return HealpixStack([healpix_map], instrument=CAMERA)


def assert_one_each(clusters, positions, tolerance):
    index, distance, _ = clusters["sky_centroid"].match_to_catalog_sky(positions)
    assert len(clusters) == len(positions) == len(set(index))
    assert distance.arcmin.max() < tolerance


@pytest.mark.parametrize("jitter", [0, 0.45], ids=["agree", "differ"])
@pytest.mark.parametrize("name, frame", [("belt", "galactic"), ("bend", "icrs"),
                                         ("pole", "galactic")])
def test_none_lost_none_doubled(name, frame, jitter):
    """Sources exactly on corners and sides of tiles, which see them at different places."""
    center = SkyCoord(*CENTERS[name], unit="deg", frame=frame)
    positions = sources_around(CENTERS[name], frame)
    sky = painted(positions, "ring", frame, radius=RADIUS, center=center)
    clusters = BrightFinder(jitter=jitter)(stack_of(sky), block_size=BLOCK)
    assert clusters.meta["tile_nside"] == COARSE and clusters.meta["tile_frame"] == frame
    assert_one_each(clusters, positions, tolerance=(jitter * np.sqrt(2) + 0.25) * PIXEL)
    np.testing.assert_array_equal(clusters["id"], np.arange(1, len(positions) + 1))
    assert (np.diff(clusters["score"]) <= 0).all()
    assert np.isnan(clusters["x_centroid"]).all() and np.isnan(clusters["y_centroid"]).all()


@pytest.mark.parametrize("method", ["product", "and", "calibrated"])
def test_ensemble_loses_and_doubles_none(sky, method):
    """Members see the sources up to a pixel apart, and elsewhere in each tile."""
    rank = TailRank(np.linspace(0, 10, 61))
    model = EvidenceModel(["rank_a"], [0], [1], [0], [9], [-4, 4, 0, 0])
    calibration = EnsembleCalibration({"a": rank, "b": rank}, {"a": 2.0, "b": 2.0},
                                      {"product": 2.0, "and": 1.0, "calibrated": 0.5}, model)
    members = {"a": BrightFinder(), "b": BrightFinder(jitter=0.7)}
    ensemble = EnsembleFinder(members, method=method, calibration=calibration)
    clusters = ensemble(stack_of(sky), block_size=BLOCK)
    assert_one_each(clusters, SOURCES, tolerance=1.25 * PIXEL)
    assert clusters["found_a"].all() and clusters["found_b"].all()


CENTER = SkyCoord(*CENTERS["belt"], unit="deg", frame="galactic")
SOURCES = sources_around(CENTERS["belt"], "galactic")


@pytest.fixture(scope="module")
def sky():
    """A field around a tile, with sources on its seams."""
    return painted(SOURCES, "ring", "galactic", radius=RADIUS, center=CENTER)


@pytest.fixture(scope="module")
def clusters(sky):
    return BrightFinder()(stack_of(sky), block_size=BLOCK)


@pytest.mark.parametrize("order, frame", [("nested", "galactic"), ("ring", "icrs"),
                                          ("nested", "barycentricmeanecliptic")])
def test_any_order_and_frame(clusters, order, frame):
    """The same sky is the same catalogue; in another frame with other pixels and other tiles."""
    field = painted(SOURCES, order, frame, radius=RADIUS, center=CENTER)
    other = BrightFinder()(stack_of(field), block_size=BLOCK)
    same = frame == "galactic"
    index, distance, _ = clusters["sky_centroid"].match_to_catalog_sky(other["sky_centroid"])
    assert len(other) == len(clusters) == len(set(index))
    assert distance.arcmin.max() < (1e-4 if same else 0.3 * PIXEL)
    np.testing.assert_allclose(other["score"][index], clusters["score"], rtol=1e-5 if same else 0.1)


@pytest.mark.parametrize("block_size", ["auto", (300, 200), (33, 40)])
def test_any_size_of_tiles(sky, clusters, block_size):
    other = BrightFinder()(stack_of(sky), block_size=block_size)
    assert_one_each(other, SOURCES, tolerance=0.25 * PIXEL)
    expected = {"auto": 8, (300, 200): 4, (33, 40): 16}[block_size]
    assert other.meta["tile_nside"] == expected


class Witness(BrightFinder):
    """Remembers where it was called, and fails in the tile of the centre if told to."""

    def __init__(self, *, error=None, **options):
        super().__init__(**options)
        self.error, self.seen = error, []

    def score_map(self, maps, *, mask=None):
        self.seen.append(tuple(maps.wcs.wcs.crval))
        if self.error is not None and np.allclose(maps.wcs.wcs.crval, CENTERS["belt"], atol=0.1):
            raise self.error
        return super().score_map(maps, mask=mask)


def test_only_tiles_with_data(sky):
    """Those that own the centre of a pixel of the field, and no others to speak of."""
    finder = Witness()
    finder(stack_of(sky), block_size=BLOCK)
    lon, lat = np.transpose(finder.seen)
    seen = healpy.ang2pix(COARSE, lon, lat, lonlat=True)
    held = healpy.vec2pix(COARSE, *healpy.pix2vec(NSIDE, sky.pixels))
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(held)
    counts = np.bincount(held, minlength=12 * COARSE**2)
    assert set(np.flatnonzero(counts > 4)) <= set(seen)


def test_a_partial_map_does_not_leak(clusters):
    """What is beyond the map, however bright, makes nothing, and is nowhere in the score."""
    whole = painted(SOURCES, "ring", "galactic")
    whole.values[:] = np.where(whole.values > 1, whole.values, 3)
    seen = whole.pixels_around(CENTER, 6 * u.deg)
    hidden = np.ones(whole.values.size, bool)
    hidden[seen] = False
    explicit = HealpixMap(whole.values[seen], NSIDE, False, "galactic", seen)
    whole.values[hidden] = 1e6
    keywords = {**RING, **GALACTIC}
    stack = read_healpix({"150": (np.where(hidden, np.nan, whole.values), keywords)},
                         instrument=CAMERA)
    masked = BrightFinder()(stack_of(whole), mask=(hidden, keywords), block_size=BLOCK)
    for other in (masked, BrightFinder()(stack_of(explicit), block_size=BLOCK)):
        one = BrightFinder()(stack, block_size=BLOCK)
        assert len(one) == len(other) > 8
        assert one["sky_centroid"].separation(other["sky_centroid"]).arcsec.max() < 1e-6
        np.testing.assert_allclose(one["score"], other["score"], rtol=1e-5)
    assert one["score"].max() < 10.1
    score = stitched_score_map(BrightFinder(), stack, block_size=BLOCK)
    good = np.isfinite(score.values)
    assert not good[hidden].any() and good[whole.pixels_around(CENTER, 5.7 * u.deg)].all()
    assert np.nanmax(score.values) < 10.1


class PicklingExecutor(ThreadPoolExecutor):
    """Hands work over as another process gets it, and notes how large it is."""

    sizes: list

    def submit(self, function, *arguments):
        sent = pickle.dumps((function, *arguments))
        self.sizes.append(len(sent))
        return super().submit(*pickle.loads(sent))


def test_threads_and_processes_to_the_last_bit(sky, clusters, capsys):
    stack = stack_of(painted(SOURCES, "ring", "galactic"))
    mask = (np.zeros(12, bool), {**RING, **GALACTIC})
    lit = stack.masked(HealpixMap(np.zeros(sky.pixels.size), NSIDE, False, "galactic", sky.pixels))
    finder = BrightFinder()
    one = finder(lit, block_size=BLOCK)
    threads = finder(lit, block_size=BLOCK, parallel=2, progress_bar=True)
    assert "tiles: 100%" in capsys.readouterr().err
    with PicklingExecutor(2) as pool:
        pool.sizes = []
        apart = finder(lit, mask=mask, block_size=BLOCK, parallel=pool)
    assert max(pool.sizes) < 0.1 * stack.maps[0].values.nbytes
    for other in (threads, apart):
        assert other.colnames == one.colnames
        np.testing.assert_array_equal(other["score"], one["score"])
        np.testing.assert_array_equal(other["sky_centroid"].ra, one["sky_centroid"].ra)


def smooth(positions):
    """A function of degree 2 on the sphere, of range about 2."""
    x, y, z = positions.icrs.cartesian.xyz.value
    return x * z + 0.5 * y


@pytest.mark.parametrize("nside, frame, nest",
                         [(64, "galactic", True), (60, "barycentricmeanecliptic", False)])
def test_stitched_map_of_the_whole_sky(nside, frame, nest):
    """A smooth function comes out as it went in, poles and seams included.

    It is interpolated twice, each time to a quarter of the squared pixel times its curvature; at
    the poles, where rings have few pixels, to four times as much.
    """
    centers = HealpixMap(np.zeros(1), nside, nest, frame).centers(np.arange(12 * nside**2))
    expected = smooth(centers)
    stack = stack_of(HealpixMap(expected.astype(np.float32), nside, nest, frame))
    score = stitched_score_map(BrightFinder(), stack, block_size=(32, 32))
    assert (score.nside, score.nested, score.frame) == (nside, nest, frame)
    assert score.values.dtype == np.float32
    error = 2 * 4 * np.pi / 3 / nside**2 / 4
    polar = np.abs(centers.spherical.lat.deg) > 80
    np.testing.assert_allclose(score.values[~polar], expected[~polar], atol=error)
    np.testing.assert_allclose(score.values[polar], expected[polar], atol=4 * error)


def test_stitched_partial_map(sky):
    score = stitched_score_map(BrightFinder(), stack_of(sky), block_size=BLOCK)
    np.testing.assert_array_equal(score.pixels, sky.pixels)
    inside = np.isin(sky.pixels, sky.pixels_around(CENTER, RADIUS - 0.3 * u.deg))
    assert np.isfinite(score.values[inside]).all()
    # twice a quarter of the squared pixel times the curvature at the peak of a source
    error = 2 * 10 * (PIXEL / SIGMA) ** 2 / 4
    assert np.abs(score.values - sky.values)[inside].max() < error


def test_matched_filter():
    """Clusters of S/N 10 on the corners and sides of a tile, in noise."""
    rng = np.random.default_rng(3)
    center = SkyCoord(*healpy.pix2ang(4, 72, lonlat=True), unit="deg", frame="galactic")
    corners = healpy.boundaries(4, 72, 2).T
    positions = SkyCoord(*healpy.vec2ang(corners, lonlat=True), unit="deg", frame="galactic")
    sky = painted(positions, "ring", "galactic", radius=14 * u.deg, center=center)
    sky.values = -30 * sky.values + rng.normal(0, 50, sky.values.size)
    finder = MatchedFilterFinder(threshold=6, sources=None, covariance="maps")
    side = int(15 * 60 / PIXEL)
    found = finder(stack_of(sky), block_size=(side, side), parallel=2)
    assert found.meta["tile_nside"] == 4
    assert_one_each(found, positions, tolerance=PIXEL)
    assert (found["y_c"] > 0).all() and found["score"].min() > 6


def test_pixels_of_a_preset(make_preset):
    """A network gets the pixels that it knows, whatever those of the maps are."""
    bands = [Band(name, frequency, Beam.from_fwhm(20.0))
             for name, frequency in (("95", 95.0), ("150", 150.0), ("220", 220.0))]
    instrument = Instrument("camera", bands)
    preset = make_preset(instrument, pixel_size=10.0, bands=[0, 1, 0], level=2, steepness=4)
    finder = CNNFinder(preset, stride=10)
    sources = SOURCES[SOURCES.separation(CENTER) < 7 * u.deg]  # a cutout from the edge
    sky = painted(sources, "nested", "galactic", radius=RADIUS, center=CENTER)
    stack = HealpixStack([sky] * 3, instrument=instrument)
    assert finder.patch_pixel(stack) == 10 and BrightFinder().patch_pixel(stack) == PIXEL
    found = finder(stack, block_size=(100, 100))
    assert found.meta["tile_pixel"] == 10
    assert_one_each(found, sources, tolerance=5)


def test_nothing_found_and_nothing_to_search(sky):
    with pytest.warns(NoDetectionsWarning, match="threshold of 99; the highest score is 9"):
        none = BrightFinder(threshold=99)(stack_of(sky), block_size=BLOCK)
    assert len(none) == 0 and "sky_centroid" in none.colnames
    everything = (np.ones(12, bool), {**NESTED, **ICRS})
    with pytest.raises(NothingToSearchError, match="good pixels near 0 of 768 tiles"):
        BrightFinder()(stack_of(sky), mask=everything, block_size=BLOCK)
    with pytest.raises(NothingToSearchError, match="nothing of the maps is left"):
        stitched_score_map(BrightFinder(), stack_of(sky), mask=everything, block_size=BLOCK)


def test_errors(sky):
    stack = stack_of(sky)
    with pytest.raises(OSError, match="too cold") as caught:
        Witness(error=OSError("too cold"))(stack, block_size=BLOCK)
    assert str(caught.value).startswith("tile 304 of nside 8 (galactic ")
    with pytest.raises(MapError, match="found HealpixStack.*find_clusters"):
        MatchedFilterFinder().score_map(stack)
    with pytest.raises(MapError, match="not the mask of HEALPix maps.*ndarray"):
        BrightFinder()(stack, mask=np.zeros(3, bool))
    with pytest.raises(ValueError, match=r"block_size must be \(ny, nx\)"):
        BrightFinder()(stack, block_size=(3.5, 4))
    with pytest.raises(ValueError, match="parallel must be"):
        BrightFinder()(stack, block_size=BLOCK, parallel=0)


def test_a_tile_that_travels_is_the_same(sky):
    """To the last bit, and without the rest of the sky."""
    stack = stack_of(painted(SOURCES, "nested", "icrs"))
    pieces = pieces_of(BrightFinder(), stack, None, (260, 260)).tiles
    for piece in (pieces[0], pieces[20]):
        maps, _ = piece.read()
        apart, _ = pickle.loads(pickle.dumps(piece)).read()
        np.testing.assert_array_equal(apart.data, maps.data)
        assert apart.wcs.wcs == maps.wcs.wcs
