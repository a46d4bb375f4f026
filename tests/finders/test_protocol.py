"""What every finder promises, whatever its method: one set of tests for all of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.table import QTable

from szfinder.filters import beta_templates, gnfw_templates
from szfinder.finders import (
    COLUMNS,
    FLAGS,
    MEMBER_COLUMNS,
    CNNFinder,
    EnsembleCalibration,
    EnsembleFinder,
    EvidenceModel,
    MatchedFilterFinder,
    NoDetectionsWarning,
    ScoreMap,
    TailRank,
    UNetSegmentFinder,
)
from szfinder.finders.files import write_catalogue, write_regions
from szfinder.maps import MapError, MapStack

COMMON = {"id", "name", "sky_centroid", "x_centroid", "y_centroid", "score", "n_pixels", "flags"}
FILTER = COMMON | {"snr", "theta_c", "y_c", "y_c_err"}


def matched_filter(**configuration):
    return lambda **options: MatchedFilterFinder(**configuration, **options)


class Entry(NamedTuple):
    """A finder, its columns, and what can be asked of it.

    Detections above the scores are bright, or beyond doubt; positions are as accurate as that
    (arcmin), and a coarse grid moves them by half of its stride (arcmin).
    """

    make: Callable
    columns: set
    bright: float = 7.0
    sure: float = 5.0
    stride: float = 0.0
    accuracy: float = 0.4


#: Every filter, in each configuration that takes a path of its own, and its columns.
FINDERS = {
    "default": Entry(matched_filter(), FILTER),
    "gnfw": Entry(matched_filter(templates=gnfw_templates(np.geomspace(1, 6, 10))),
                  FILTER | {"y500"}),
    "no sources": Entry(matched_filter(sources=None), FILTER),
    "masked sources": Entry(matched_filter(sources="mask"), FILTER),
    "maps": Entry(matched_filter(covariance="maps", templates=beta_templates([0.5, 1.0])), FILTER),
    "model": Entry(matched_filter(covariance="model"), FILTER),
    "deproject": Entry(matched_filter(deproject="cib"), FILTER),
    "anisotropic": Entry(matched_filter(anisotropic=True), FILTER),
}


@pytest.fixture(scope="module")
def cnn(make_preset, sky):
    """The network that is set by hand: bands in which the CMB cancels, every second pixel."""
    preset = make_preset(sky.instrument, pixel_size=0.5, bands=[-0.4, -0.6, 1.0], level=54,
                         steepness=0.08)
    return Entry(lambda **options: CNNFinder(preset, stride=1.0, **options),
                 COMMON | {"probability"}, bright=0.9, sure=0.5, stride=1.0)


@pytest.fixture(scope="module")
def unet(make_unet_preset, sky):
    """The U-Net that is set by hand, which is no optimal filter."""
    preset = make_unet_preset(sky.instrument, pixel_size=0.5, bands=[-0.4, -0.6, 1.0], level=50,
                              steepness=0.08)
    return Entry(lambda **options: UNetSegmentFinder(preset, **options), COMMON | {"probability"},
                 bright=0.9, sure=0.5, accuracy=0.65)


@pytest.fixture(scope="module")
def ensemble(unet, sky):
    """The rank product of a filter and the U-Net, with the ranks of this sky in all maps."""
    members = {"matched_filter": MatchedFilterFinder(covariance="model"), "unet": unet.make()}
    references = {name: TailRank.of(member.score_map(sky.maps).data)
                  for name, member in members.items()}
    calibration = EnsembleCalibration(
        references, dict.fromkeys(members, 2.0), {"product": 1.75, "and": 1.0, "calibrated": 0.5},
        EvidenceModel(["rank_unet"], [2.0], [1.0], [-9], [9], [0.0, 1.0, 0.0, 0.0]))
    columns = {f"{quantity}_{name}" for quantity in ("score", "rank", "found") for name in members}
    return Entry(
        lambda **options: EnsembleFinder(members, method="product", calibration=calibration,
                                         **options),
        FILTER | {"probability", "probability_unet"} | columns, bright=2.5, sure=1.8, accuracy=0.65)


@pytest.fixture(scope="module", params=[*FINDERS, "cnn", "unet", "ensemble"])
def entry(request):
    of_fixture = request.param not in FINDERS
    return request.getfixturevalue(request.param) if of_fixture else FINDERS[request.param]


@pytest.fixture(scope="module")
def finder(entry):
    return entry.make()


@pytest.fixture(scope="module")
def score_map(finder, sky):
    return finder.score_map(sky.maps)


@pytest.fixture(scope="module")
def clusters(finder, score_map):
    return finder.detect(score_map)


@pytest.fixture(scope="module")
def found(finder, sky):
    """The catalogue of a second run, by calling the finder."""
    return finder(sky.maps)


def restack(maps, images, wcs, **options):
    return MapStack(images, wcs=wcs, instrument=maps.instrument, **options)


def assert_identical(one, other):
    """All columns and all meta data, but the date, to the last bit."""
    assert one.colnames == other.colnames
    for name in one.colnames:
        if name == "sky_centroid":
            np.testing.assert_array_equal(one[name].ra, other[name].ra)
            np.testing.assert_array_equal(one[name].dec, other[name].dec)
        else:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert {**one.meta, "date": None} == {**other.meta, "date": None}


def assert_same_clusters(one, other, *, arcsec, snr, bright=7):
    """The bright detections of one catalogue are those of another, on the sky."""
    bright = one[one["score"] > bright]
    assert len(bright)
    index, distance, _ = bright["sky_centroid"].match_to_catalog_sky(other["sky_centroid"])
    assert distance.arcsec.max() < arcsec
    np.testing.assert_allclose(other["score"][index], bright["score"], rtol=snr)
    assert len(bright) == len(set(index))


def test_steps_agree_and_repeat(finder, sky, clusters, found):
    assert_identical(clusters, found)
    assert_identical(finder.find_clusters(sky.maps), found)


def test_score_map(entry, score_map, sky):
    assert isinstance(score_map, ScoreMap) and isinstance(score_map, NDData)
    assert {layer.shape for layer in score_map.layers.values()} == {score_map.data.shape}
    np.testing.assert_array_equal(score_map.mask, np.isnan(score_map.data))
    if entry.stride:
        corners = np.array([[0, 0], score_map.data.shape]) - [[0, 0], [1, 1]]
        y, x = sky.wcs.world_to_pixel(score_map.wcs.pixel_to_world(*corners.T[::-1]))[::-1]
        assert -0.5 < y[0] < y[1] < sky.shape[0] - 0.5 and -0.5 < x[0] < x[1] < sky.shape[1] - 0.5
    else:
        assert score_map.data.shape == sky.shape
        assert score_map.wcs.wcs.compare(sky.wcs.wcs)


def test_columns(entry, clusters):
    assert set(clusters.colnames) == entry.columns
    own = [name for name in COLUMNS if name in clusters.colnames]
    of_members = clusters.colnames[len(own) :]
    assert clusters.colnames[: len(own)] == own
    for name in clusters.colnames:
        column = MEMBER_COLUMNS[name.partition("_")[0]] if name in of_members else COLUMNS[name]
        assert clusters[name].info.description == column.description
        if column.kind is SkyCoord:
            assert clusters[name].frame.name == "icrs"
            continue
        kinds = {int: "i", float: "f", str: "U", bool: "b"}
        assert np.asarray(clusters[name]).dtype.kind == kinds[column.kind]
        if column.unit is not None:
            assert clusters[name].unit == column.unit
            assert np.isfinite(clusters[name]).all()


def test_rows(clusters, finder):
    np.testing.assert_array_equal(clusters["id"], np.arange(1, len(clusters) + 1))
    assert (np.diff(clusters["score"]) <= 0).all()
    assert (clusters["score"] > finder.threshold).all()
    assert (clusters["n_pixels"] > 0).all()
    assert (clusters["flags"] & ~sum(FLAGS.values()) == 0).all()
    assert len(set(clusters["name"])) == len(clusters)


def test_meta(finder, clusters, sky):
    meta = clusters.meta
    assert meta["finder"] == type(finder).__name__
    assert meta["instrument"] == "mock"
    assert {"szfinder_version", "astropy_version", "numpy_version", "date"} <= set(meta)
    assert set(finder.parameters) <= set(meta)
    assert meta["threshold"] == finder.threshold
    flat = (str, int, float, bool, type(None))
    assert all(isinstance(value, flat) for value in meta.values())


def test_representation(finder):
    assert repr(finder).startswith(
        f"{type(finder).__name__}(threshold={finder.threshold}")


@pytest.mark.parametrize("threshold", [np.nan, np.inf])
def test_threshold_must_be_positive_and_finite(entry, threshold):
    with pytest.raises(ValueError, match="threshold must be a positive number"):
        entry.make(threshold=threshold)


def test_finds_the_clusters(entry, clusters, score_map, sky):
    index, distance, _ = sky.positions.match_to_catalog_sky(clusters["sky_centroid"])
    assert distance.arcmin.max() < entry.accuracy + entry.stride / 2
    assert np.median(distance.arcmin) < entry.accuracy / 2 + entry.stride / 4
    x, y = score_map.wcs.world_to_pixel(clusters["sky_centroid"])
    np.testing.assert_allclose(x, clusters["x_centroid"], atol=1e-6)
    np.testing.assert_allclose(y, clusters["y_centroid"], atol=1e-6)


def test_finds_nothing_else(entry, clusters, sky):
    sure = clusters[clusters["score"] > entry.sure]
    _, distance, _ = sure["sky_centroid"].match_to_catalog_sky(sky.positions)
    assert distance.arcmin.max() < entry.accuracy + 0.1 + entry.stride / 2


def test_threads(finder, sky, found):
    with ThreadPoolExecutor(2) as pool:
        for clusters in pool.map(finder, [sky.maps] * 2):
            assert_identical(clusters, found)


def test_plain_nddata(finder, sky, clusters):
    plain = NDData(sky.images, wcs=sky.wcs, meta={"instrument": sky.instrument})
    assert_identical(finder(plain), clusters)


@pytest.mark.parametrize("maps", [np.zeros((3, 9, 9)), "map.fits", None, {"150": "map.fits"}],
                         ids=lambda maps: type(maps).__name__)
def test_refuses_what_is_no_map_stack(finder, maps):
    with pytest.raises(MapError, match=f"{type(maps).__name__}.*read_maps"):
        finder(maps)


def test_refuses_nddata_that_does_not_fit(finder, sky):
    with pytest.raises(MapError, match="no instrument"):
        finder(NDData(sky.images, wcs=sky.wcs))
    with pytest.raises(MapError, match="do not fit the instrument.*95, 150, 220"):
        finder(NDData(sky.images[:2], wcs=sky.wcs, meta={"instrument": sky.instrument}))
    with pytest.raises(MapError, match="WCS"):
        finder(NDData(sky.images, meta={"instrument": sky.instrument}))


def faint(score_map):
    """The score map with nothing in it that any finder would call a detection."""
    return ScoreMap(1e-4 * score_map.data, score_map.wcs, layers=score_map.layers,
                    meta=score_map.meta)


def test_nothing_found(finder, score_map, clusters):
    threshold = f"threshold of {finder.threshold:g}; the highest score is"
    with pytest.warns(NoDetectionsWarning, match=threshold):
        empty = finder.detect(faint(score_map))
    assert isinstance(empty, QTable) and len(empty) == 0
    assert empty.colnames == clusters.colnames
    for name in empty.colnames:
        assert empty[name].info.unit == clusters[name].info.unit
        assert empty[name].info.description == clusters[name].info.description
        assert type(empty[name]) is type(clusters[name])
    assert set(empty.meta) == set(clusters.meta)


def test_nothing_to_see(finder, score_map):
    nothing = ScoreMap(np.full(score_map.data.shape, np.nan), score_map.wcs,
                       layers=score_map.layers, meta=score_map.meta)
    with pytest.warns(NoDetectionsWarning, match="no valid pixel"):
        assert len(finder.detect(nothing)) == 0


def test_files(finder, score_map, clusters, tmp_path):
    with pytest.warns(NoDetectionsWarning):
        empty = finder.detect(faint(score_map))
    for table in (clusters, empty):
        write_catalogue(table, tmp_path / "clusters.ecsv")
        back = QTable.read(tmp_path / "clusters.ecsv")
        assert_identical(back, table)
        assert back.meta == table.meta
        for name in table.colnames:
            assert back[name].info.unit == table[name].info.unit
            assert back[name].info.description == table[name].info.description
        write_catalogue(table, tmp_path / "clusters.fits")
        back = QTable.read(tmp_path / "clusters.fits")
        assert back.colnames == table.colnames and len(back) == len(table)
        np.testing.assert_allclose(back["sky_centroid"].ra.deg, table["sky_centroid"].ra.deg)
        np.testing.assert_array_equal(back["score"], table["score"])
        write_regions(table, tmp_path / "clusters.reg")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clusters.ecsv", "clusters.fits", "clusters.reg"]


def test_mask(entry, finder, sky, clusters):
    mask = np.zeros(sky.shape, bool)
    mask[90:145, 85:135] = True
    given, before = mask.copy(), sky.maps.data.copy()
    masked = finder(sky.maps, mask=mask)
    np.testing.assert_array_equal(mask, given)
    np.testing.assert_array_equal(sky.maps.data, before)
    x, y = sky.wcs.world_to_pixel(masked["sky_centroid"])
    assert not mask[np.rint(y).astype(int), np.rint(x).astype(int)].any()
    away = np.abs(sky.wcs.world_to_pixel(clusters["sky_centroid"])[0] - 110) > 50
    assert_same_clusters(clusters[away], masked, arcsec=20, snr=1.0, bright=entry.bright)


def test_mask_of_the_wrong_shape(finder, sky):
    with pytest.raises(MapError, match=r"mask does not fit.*\(240, 224\).*\(240, 225\)"):
        finder(sky.maps, mask=np.zeros((240, 224), bool))


def test_all_masked(finder, sky):
    with pytest.raises(MapError, match="nothing of the maps is left to search.*mask"):
        finder(sky.maps, mask=np.ones(sky.shape, bool))


def test_parity_of_the_map(entry, finder, sky, clusters):
    wcs = sky.wcs.deepcopy()
    wcs.wcs.cdelt[0] *= -1
    wcs.wcs.crpix[0] = sky.shape[1] + 1 - wcs.wcs.crpix[0]
    flipped = finder(restack(sky.maps, sky.images[:, :, ::-1], wcs))
    assert_same_clusters(clusters, flipped, arcsec=1.0, snr=0.03, bright=entry.bright)
    assert_same_clusters(flipped, clusters, arcsec=1.0, snr=0.03, bright=entry.bright)


def test_rotation_of_the_map(entry, finder, sky, clusters):
    wcs = sky.wcs.deepcopy()
    wcs.wcs.pc = sky.wcs.wcs.get_pc() @ [[0, -1], [1, 0]]
    wcs.wcs.crpix = sky.wcs.wcs.crpix[1], sky.shape[1] + 1 - sky.wcs.wcs.crpix[0]
    wcs.wcs.cdelt = sky.wcs.wcs.cdelt
    turned = finder(restack(sky.maps, np.rot90(sky.images, axes=(1, 2)), wcs))
    assert_same_clusters(clusters, turned, arcsec=1.0, snr=0.03, bright=entry.bright)
    assert_same_clusters(turned, clusters, arcsec=1.0, snr=0.03, bright=entry.bright)


def test_shift_by_whole_pixels(entry, finder, sky):
    catalogues = []
    for dy, dx in ((0, 0), (13, 6)):
        images = np.full((3, 240, 225), np.nan)
        images[:, 10 + dy : 220 + dy, 10 + dx : 210 + dx] = sky.images[:, 15:225, 12:212]
        wcs = sky.wcs.deepcopy()
        wcs.wcs.crpix = sky.wcs.wcs.crpix + [10 + dx - 12, 10 + dy - 15]
        catalogues.append(finder(restack(sky.maps, images, wcs)))
    assert_same_clusters(*catalogues, arcsec=5.0 + 30 * entry.stride, snr=0.1, bright=entry.bright)


def test_larger_patch(entry, finder, sky, clusters):
    wcs = sky.wcs.deepcopy()
    wcs.wcs.crpix -= [11, 14]
    piece = finder(restack(sky.maps, sky.images[:, 14:-13, 11:-12], wcs))
    inner = piece[piece["flags"] & FLAGS["edge"] == 0]
    assert_same_clusters(inner, clusters, arcsec=20 + 30 * entry.stride, snr=0.15,
                         bright=entry.bright)


def test_regions_have_the_positions(clusters, tmp_path):
    from regions import Regions

    write_regions(clusters, tmp_path / "clusters.reg")
    regions = Regions.read(tmp_path / "clusters.reg")
    centres = SkyCoord([region.center for region in regions])
    assert centres.separation(clusters["sky_centroid"]).max() < 0.01 * u.arcsec
    assert all(region.radius > 1.999 * u.arcmin for region in regions)
