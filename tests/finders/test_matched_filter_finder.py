"""The matched filter finder: honest numbers, configuration, masks, sources, noise."""

import warnings

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData

from szfinder.filters import (
    BandCovariance,
    FourierGrid,
    beta_templates,
    gnfw_templates,
    model_covariance,
)
from szfinder.finders import FLAGS, MatchedFilterFinder, NoDetectionsWarning
from szfinder.maps import Band, Beam, Instrument, MapError, MapStack
from szfinder.physics import greybody_response, tsz_response, y500
from szfinder.physics.profiles import ARNAUD2010

ARCMIN = np.pi / 10800
MASS, REDSHIFT = 4e14, 0.9


def stack(sky, images=None, **options):
    images = sky.images if images is None else images
    return MapStack(images, wcs=sky.wcs, instrument=sky.instrument, **options)


def search(finder, maps, **options):
    """The catalogue, empty or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        return finder(maps, **options)


@pytest.fixture(scope="module")
def ensemble(mock_sky):
    """Equal clusters on a lattice, off the centres of the pixels."""
    made = mock_sky(100)
    x, y = np.meshgrid(np.arange(22, 210, 30), np.arange(22, 225, 30))
    offsets = np.random.default_rng(0).uniform(-0.5, 0.5, (2, x.size))
    return made.add_clusters(x.ravel() + offsets[0], y.ravel() + offsets[1], MASS, REDSHIFT)


@pytest.fixture(scope="module")
def truth_finder(ensemble):
    """A finder with the true template."""
    return MatchedFilterFinder(templates=gnfw_templates(ensemble.theta500[:1]))


@pytest.fixture(scope="module")
def measured(ensemble, truth_finder):
    return truth_finder.measure_at(ensemble.maps, ensemble.positions)


@pytest.fixture(scope="module")
def clusters(sky):
    return MatchedFilterFinder()(sky.maps)


@pytest.fixture(scope="module")
def by_size(ensemble):
    steps = 1.15 ** np.arange(-3, 4)
    return MatchedFilterFinder(templates=gnfw_templates(steps * ensemble.theta500[0]))(
        ensemble.maps)


@pytest.fixture(scope="module")
def model_table(ensemble):
    """The covariance that "model" stands for."""
    grid = FourierGrid(ensemble.shape, ensemble.maps.pixel_scale, margin=30)
    beams = np.stack([band.beam.window(grid.ell) for band in ensemble.maps.bands])
    return model_covariance(
        grid, np.array(ensemble.instrument.frequencies), beams * grid.pixel_window(),
        np.array([(noise * ARCMIN) ** 2 for noise in ensemble.noise.values()]))


@pytest.fixture(scope="module")
def measured_with_model(ensemble):
    return MatchedFilterFinder(covariance="model", sources=None).measure_at(
        ensemble.maps, ensemble.positions)


@pytest.fixture(scope="module", params=[True, False], ids=["ivar", "without ivar"])
def significance(mock_sky, request):
    """S/N of the right and the left half, the left three times shallower."""
    even = mock_sky(21, shape=(240, 320))
    depth = np.where(np.arange(320) < 160, 3.0, 1.0)
    noise = np.random.default_rng(4).standard_normal((3, 240, 320))
    sigma = np.array(list(even.noise.values()))[:, None, None] / even.pixel
    images = even.images + noise * sigma * np.sqrt(depth**2 - 1)
    ivar = np.broadcast_to((sigma * depth) ** -2, images.shape)
    maps = stack(even, images, uncertainty=ivar if request.param else None)
    finder = MatchedFilterFinder(templates=beta_templates([0.5]), sources=None)
    score = finder.score_map(maps).data
    return score[15:-15, 15:150], score[15:-15, 170:-15]


@pytest.fixture(scope="module")
def sources_only(mock_sky):
    return mock_sky(8).add_sources(
        [60.3, 120.8, 170.1], [70.2, 150.4, 60.6], [100.0, 40.0, 12.0])


class TestNumbers:
    def test_amplitude_is_unbiased_and_errors_are_honest(self, ensemble, measured):
        error = measured["y_c_err"].value
        pull = (measured["y_c"].value - ensemble.y_c) / error
        assert np.median(measured["snr"]) > 15
        assert abs(pull.mean()) < 3 / np.sqrt(pull.size)
        assert 0.75 < pull.std() < 1.3
        np.testing.assert_allclose(measured["snr"], measured["y_c"].value / error)

    def test_blank_sky_has_no_signal(self, ensemble, truth_finder):
        # the positions between the clusters
        x, y = np.meshgrid(np.arange(37, 195, 30), np.arange(37, 210, 30))
        between = SkyCoord(ensemble.wcs.pixel_to_world(x.ravel(), y.ravel()))
        snr = truth_finder.measure_at(ensemble.maps, between)["snr"]
        assert abs(snr.mean()) < 0.6 and 0.7 < snr.std() < 1.4

    def test_clusters_are_found_where_they_are(self, ensemble, truth_finder):
        found = truth_finder(ensemble.maps)
        _, distance, _ = ensemble.positions.match_to_catalog_sky(found["sky_centroid"])
        assert len(found) == ensemble.x.size
        assert np.median(distance.arcsec) < 6 and distance.arcsec.max() < 15
        offset = found["sky_centroid"].spherical_offsets_to(
            ensemble.positions[found["sky_centroid"].match_to_catalog_sky(ensemble.positions)[0]])
        for axis in offset:  # no offset common to all, such as half a pixel
            assert abs(axis.arcsec.mean()) < 2
        np.testing.assert_allclose(np.median(found["y_c"]), ensemble.y_c[0], rtol=0.04)

    def test_size(self, ensemble, by_size):
        theta500 = by_size["theta_c"].value * ARNAUD2010["c500"]
        assert theta500.mean() / ensemble.theta500[0] == pytest.approx(1, abs=0.1)

    def test_y500(self, ensemble, by_size):
        np.testing.assert_allclose(
            np.median(by_size["y500"].value), y500(MASS, REDSHIFT), rtol=0.08)

    @pytest.mark.parametrize("mass, redshift", [(2e14, 0.1), (4e14, 0.9), (1e15, 1.5)])
    def test_y500_is_that_of_the_universal_profile(self, mock_sky, mass, redshift):
        one = mock_sky(0, shape=(20, 20)).add_clusters([10], [10], mass, redshift)
        (template,) = gnfw_templates(one.theta500)
        np.testing.assert_allclose(
            template.y500_per_y_c * one.y_c, y500(mass, redshift), rtol=1e-3)


class TestForcedPhotometry:
    def test_equals_the_catalogue(self, sky, clusters):
        bright = clusters[clusters["snr"] > 10]
        table = MatchedFilterFinder().measure_at(sky.maps, bright["sky_centroid"])
        assert table.colnames == ["sky_centroid", "theta_c", "y_c", "y_c_err", "snr"]
        np.testing.assert_allclose(table["snr"], bright["snr"], rtol=0.02)
        templates = [beta_templates([size])[0] for size in bright["theta_c"].value]
        table = MatchedFilterFinder().measure_at(
            sky.maps, bright["sky_centroid"], templates=templates)
        np.testing.assert_array_equal(table["theta_c"], bright["theta_c"])
        np.testing.assert_allclose(table["y_c"], bright["y_c"], rtol=0.02)
        np.testing.assert_allclose(table["y_c_err"], bright["y_c_err"], rtol=0.02)

    def test_order_of_positions_and_one_template_for_all(self, ensemble, truth_finder, measured):
        templates = gnfw_templates(ensemble.theta500[:1])
        back = truth_finder.measure_at(
            ensemble.maps, ensemble.positions[::-1], templates=templates)
        np.testing.assert_allclose(back["y_c"][::-1], measured["y_c"], rtol=1e-5)

    def test_outside(self, ensemble, truth_finder):
        away = SkyCoord([30.0, 210.0, 30.0, 33.0], [-50.0, 50.0, -40.0, -50.0], unit="deg")
        table = truth_finder.measure_at(ensemble.maps, away)
        assert np.isfinite(table["snr"]).tolist() == [True, False, False, False]
        assert np.isnan(table["y_c"]).tolist() == [False, True, True, True]
        assert np.isnan(table["y_c_err"]).tolist() == [False, True, True, True]

    def test_masked(self, ensemble, truth_finder):
        mask = np.zeros(ensemble.shape, bool)
        mask[:60] = True
        table = truth_finder.measure_at(ensemble.maps, ensemble.positions, mask=mask)
        inside = ensemble.y < 59.5
        assert np.isnan(table["snr"][inside]).all()
        assert np.isfinite(table["snr"][ensemble.y > 70]).all()

    def test_a_single_position(self, ensemble, truth_finder):
        table = truth_finder.measure_at(ensemble.maps, ensemble.positions[3])
        assert len(table) == 1 and table["snr"][0] > 10

    def test_number_of_templates(self, ensemble, truth_finder):
        with pytest.raises(ValueError, match=r"one template, or one a position \(49\); found 2"):
            truth_finder.measure_at(
                ensemble.maps, ensemble.positions, templates=beta_templates([1, 2]))


class TestOptions:
    @pytest.mark.parametrize("options, message", [
        ({"covariance": "measured"}, "covariance must be one of .*'iterative'.*'measured'"),
        ({"sources": "keep"}, "sources must be one of .*'subtract'.*'keep'"),
        ({"deproject": "synchrotron"}, "deproject must be one of .*'cib'.*'synchrotron'"),
        ({"templates": []}, "templates is empty; pass at least one"),
        ({"anisotropic": True, "covariance": "model"}, "anisotropic needs .*'maps'.*'model'"),
        ({"threshold": np.nan}, "threshold must be a positive number"),
    ])
    def test_bad_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            MatchedFilterFinder(**options)

    def test_options_are_by_keyword(self):
        with pytest.raises(TypeError):
            MatchedFilterFinder(4.5)

    def test_parameters(self):
        finder = MatchedFilterFinder(
            threshold=5, deproject=[1, 2, 3], covariance=lambda ell: None, source_flux=2,
            keep_templates=[0, 3])
        assert finder.parameters == {
            "threshold": 5.0, "n_templates": None, "covariance": "given", "anisotropic": False,
            "sources": "auto", "source_threshold": 5.0, "source_flux": 2.0,
            "deproject": "[1, 2, 3]", "keep_templates": "0 3"}

    def test_kept_templates(self, sky):
        """The best template is one of all, and its S/N is the S/N."""
        finder = MatchedFilterFinder(covariance="model", sources=None, keep_templates=range(12))
        score_map = finder.score_map(sky.maps)
        kept = np.array([score_map.layers[f"snr_{number}"] for number in range(12)])
        sizes = np.unique(score_map.layers["theta_c"], return_inverse=True)
        by_size = [kept[:, sizes[1] == index] for index in range(sizes[0].size)]
        snr = [score_map.data[sizes[1] == index] for index in range(sizes[0].size)]
        for layers, expected in zip(by_size, snr):
            seen = np.isfinite(expected)
            assert np.isclose(layers[:, seen], expected[seen], rtol=1e-5).all(axis=1).any()

    def test_kept_templates_must_be_there(self, sky):
        with pytest.raises(ValueError, match="keep_templates names 12, 40; .* from 0 to 11"):
            MatchedFilterFinder(keep_templates=[3, 40, 12]).score_map(sky.maps)

    def test_default_templates_grow_with_the_beam(self, sky, mock_sky):
        wide = Instrument("wide", [Band("150", 150.0, Beam.from_fwhm(4.8), noise=10)])
        maps = MapStack(sky.images[1:2], wcs=sky.wcs, instrument=wide)
        theta_c = MatchedFilterFinder(sources=None).score_map(maps).layers["theta_c"]
        np.testing.assert_allclose([theta_c.min(), theta_c.max()], [1.0, 12.0])
        theta_c = MatchedFilterFinder(sources=None).score_map(sky.maps).layers["theta_c"]
        np.testing.assert_allclose([theta_c.min(), theta_c.max()], [0.25, 3.0])


class TestCovariance:
    def test_given_as_a_table(self, ensemble, model_table, measured_with_model):
        finder = MatchedFilterFinder(covariance=model_table, sources=None)
        given = finder.measure_at(ensemble.maps, ensemble.positions)
        np.testing.assert_allclose(given["snr"], measured_with_model["snr"], rtol=1e-3)
        assert finder.parameters["covariance"] == "given"

    def test_given_as_a_function(self, ensemble, model_table, measured_with_model):
        def covariance(ell):
            columns = model_table.matrix.reshape(-1, 9).T
            rows = [np.interp(ell, model_table.ell, column) for column in columns]
            return np.transpose(rows).reshape(-1, 3, 3)

        given = MatchedFilterFinder(covariance=covariance, sources=None).measure_at(
            ensemble.maps, ensemble.positions)
        ratio = given["snr"] / measured_with_model["snr"]
        assert np.median(ratio) == pytest.approx(1, abs=0.03) and ratio.std() < 0.05

    def test_of_the_wrong_number_of_bands(self, sky, model_table):
        two = BandCovariance(model_table.ell, model_table.matrix[:, :2, :2])
        with pytest.raises(MapError, match=r"covariance does not fit.*2, 2\); expected .*3, 3\)"):
            MatchedFilterFinder(covariance=two)(sky.maps)
        with pytest.raises(MapError, match=r"covariance does not fit.*expected .*3, 3\)"):
            MatchedFilterFinder(covariance=lambda ell: np.ones((3, 3)))(sky.maps)

    def test_model_needs_the_noise(self, sky):
        bands = [Band("95", 95.0, Beam.from_fwhm(1.7), noise=10),
                 Band("150", 150.0, Beam.from_fwhm(1.2)), Band("220", 220.0, Beam.from_fwhm(1.0))]
        maps = MapStack(sky.images, wcs=sky.wcs, instrument=Instrument("quiet", bands))
        with pytest.raises(MapError, match="band '150': .*needs the noise.*uK-arcmin"):
            MatchedFilterFinder(covariance="model")(maps)

    def test_clusters_left_in_cost_signal(self, sky, clusters):
        """Measured with the clusters in it, the covariance weighs them down."""
        left_in = MatchedFilterFinder(covariance="maps")(sky.maps)
        assert left_in["snr"].max() < clusters["snr"].max()


class TestMaps:
    def test_planes_do_not_matter(self, sky, clusters):
        """An offset and a dipole, as absolute maps have them."""
        y, x = np.indices(sky.shape)
        tilted = sky.images + 5e3 + 3.0 * y - 7.0 * x
        found = MatchedFilterFinder()(stack(sky, tilted))
        np.testing.assert_allclose(found["snr"][:5], clusters["snr"][:5], rtol=0.01)
        np.testing.assert_allclose(found["x_centroid"][:5], clusters["x_centroid"][:5], atol=0.02)

    def test_bands_can_be_left_out(self, sky, clusters):
        found = MatchedFilterFinder()(sky.maps.select(["95", "150"]))
        assert 20 < found["snr"].max() < clusters["snr"].max() * 1.05

    @pytest.mark.parametrize("shape", [(120, 91), (61, 120), (60, 61)])
    def test_small_maps(self, mock_sky, shape):
        ny, nx = shape
        small = mock_sky(2, shape=shape).add_clusters([nx / 2], [ny / 2], 8e14, 0.6)
        found = search(MatchedFilterFinder(), small.maps)
        assert len(found) and found["snr"][0] > 8
        np.testing.assert_allclose(
            [found["x_centroid"][0], found["y_centroid"][0]], [nx / 2, ny / 2], atol=0.6)

    def test_tiny_map(self, sky):
        tiny = MapStack(sky.images[:, :6, :6], wcs=sky.wcs, instrument=sky.instrument)
        with pytest.raises(MapError, match="nothing of the maps is left to search.*36 good"):
            MatchedFilterFinder()(tiny)

    def test_bands_that_do_not_overlap(self, sky):
        images = sky.images.copy()
        images[0, :120] = np.nan
        images[1, 115:] = np.nan
        with pytest.raises(MapError, match="nothing.*found 0 good.*maps.select"):
            MatchedFilterFinder()(stack(sky, images))

    def test_holes_are_filled_and_flagged(self, sky, clusters):
        images = sky.images.copy()
        images[:, 150:156, 100:106] = np.nan
        images[1, 124:128, 115:119] = np.nan  # beside the cluster at (109.2, 118.5)
        score_map = MatchedFilterFinder().score_map(stack(sky, images))
        assert np.isnan(score_map.data[150:156, 100:106]).all()
        assert np.isfinite(score_map.data[148, 95:110]).all()
        flags = score_map.layers["flags"]
        assert (flags[149:157, 99:107] & FLAGS["source"]).all()
        assert not (flags[145:160, 95:110] & FLAGS["edge"]).any()
        assert np.abs(score_map.data[143:162, 93:112][np.isfinite(
            score_map.data[143:162, 93:112])]).max() < 4.5
        found = MatchedFilterFinder().detect(score_map)
        nearest = np.hypot(found["x_centroid"] - 109.2, found["y_centroid"] - 118.5)
        assert nearest.min() < 0.5
        assert found["snr"][np.argmin(nearest)] == pytest.approx(clusters["snr"][2], rel=0.15)

    def test_edge(self, sky):
        flags = MatchedFilterFinder().score_map(sky.maps).layers["flags"]
        edge = (flags & FLAGS["edge"]) > 0
        assert edge[:10].all() and edge[:, -10:].all()
        assert not edge[20:-20, 20:-20].any()

    def test_nothing_is_found_next_to_the_edge(self, sky):
        score = MatchedFilterFinder().score_map(sky.maps).data
        assert np.isnan(score[[0, -1]]).all() and np.isnan(score[:, [0, -1]]).all()
        assert np.isfinite(score[10:-10, 10:-10]).all()


class TestUnevenDepth:
    def test_noise_is_local(self, significance):
        for half in significance:
            assert half.std() == pytest.approx(1, abs=0.12)
            assert abs(half.mean()) < 0.1


class TestSources:
    @pytest.mark.parametrize("sources", ["auto", "subtract", "mask"])
    def test_a_source_is_no_cluster_and_is_flagged(self, sources_only, sources):
        finder = MatchedFilterFinder(sources=sources)
        score_map = finder.score_map(sources_only.maps)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoDetectionsWarning)
            found = finder.detect(score_map)
        for x, y in zip([60, 121, 170], [70, 150, 61]):
            assert score_map.layers["flags"][y, x] & FLAGS["source"]
            near = np.hypot(found["x_centroid"] - x, found["y_centroid"] - y) < 12
            assert not near.any()
        assert not score_map.layers["flags"][110, 100]

    def test_masked_sources_have_no_score(self, sources_only):
        score = MatchedFilterFinder(sources="mask").score_map(sources_only.maps).data
        assert np.isnan(score[70, 60]) and np.isfinite(score[110, 100])

    def test_subtracted_sources_have_a_score(self, sources_only):
        score = MatchedFilterFinder(sources="subtract").score_map(sources_only.maps).data
        assert abs(score[70, 60]) < 5

    def test_flux_limit(self, sources_only):
        counts = [
            search(MatchedFilterFinder(source_flux=limit), sources_only.maps).meta["n_sources"]
            for limit in (0, 60, 1000)
        ]
        assert counts[0] >= 7 and 1 <= counts[1] <= 3 and counts[2] == 0

    def test_threshold(self, sources_only):
        finder = MatchedFilterFinder(source_threshold=1000)
        assert search(finder, sources_only.maps).meta["n_sources"] == 0

    def test_left_alone(self, sources_only):
        score_map = MatchedFilterFinder(sources=None).score_map(sources_only.maps)
        assert score_map.meta["n_sources"] == 0
        assert score_map.data[70, 60] < -4
        assert not (score_map.layers["flags"] & FLAGS["source"]).any()

    def test_cluster_beside_a_source(self, sky, mock_sky):
        both = mock_sky(12).add_clusters([110.2], [120.4], 6e14, 0.6)
        both.add_sources([116.0], [120.4], 60.0)
        found = MatchedFilterFinder()(both.maps)
        assert np.hypot(found["x_centroid"][0] - 110.2, found["y_centroid"][0] - 120.4) < 0.7
        alone = MatchedFilterFinder()(mock_sky(12).add_clusters([110.2], [120.4], 6e14, 0.6).maps)
        assert found["snr"][0] == pytest.approx(alone["snr"][0], rel=0.15)


class TestDeprojection:
    GREYBODY = {"temperature": 24.4, "emissivity_index": 1.75, "redshift": 1.2,
                "reference_frequency": 150.0}

    def spectrum(self, sky):
        return np.array([greybody_response(f, **self.GREYBODY) for f in sky.frequencies.values()])

    @pytest.mark.parametrize("deproject", [[1.0, 2.0], [1.0, np.nan, 2.0], [0, 0, 0], [[1, 2, 3]]])
    def test_numbers_that_do_not_fit(self, sky, deproject):
        with pytest.raises(MapError, match="deproject does not fit.*3 finite.*95, 150, 220"):
            MatchedFilterFinder(deproject=deproject)(sky.maps)

    def test_numbers_in_any_unit(self, sky):
        spectrum = self.spectrum(sky)
        maps = [MatchedFilterFinder(deproject=given, sources=None).score_map(sky.maps).data
                for given in ("cib", spectrum, -7 * spectrum)]
        np.testing.assert_allclose(maps[1], maps[0], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(maps[2], maps[0], rtol=1e-3, atol=1e-3)

    @pytest.mark.parametrize("deproject, biased", [(None, True), ("cib", False)])
    def test_dust_in_clusters_is_nulled(self, ensemble, mock_sky, deproject, biased):
        """Dust that lies in the clusters as the hot gas does, as bright as their decrement."""
        gas = np.array([tsz_response(f) for f in ensemble.frequencies.values()])
        dust = self.spectrum(ensemble) * -gas[1]
        clusters = ensemble.images - mock_sky(100).images
        maps = stack(ensemble, ensemble.images + clusters * (dust / gas)[:, None, None])
        finder = MatchedFilterFinder(deproject=deproject, covariance="model", sources=None,
                                     templates=gnfw_templates(ensemble.theta500[:1]))
        table = finder.measure_at(maps, ensemble.positions)
        pull = (table["y_c"].value - ensemble.y_c) / table["y_c_err"].value
        assert (pull.mean() < -1) if biased else (abs(pull.mean()) < 0.4)


class TestMisuse:
    @pytest.mark.parametrize("covariance", [None, 3, np.eye(3)])
    def test_covariance_of_no_known_kind(self, covariance):
        with pytest.raises(ValueError, match="covariance must be one of"):
            MatchedFilterFinder(covariance=covariance)

    def test_nddata_in_kelvin(self, sky):
        maps = NDData(sky.maps.data * 1e-6, wcs=sky.wcs, unit="K",
                      meta={"instrument": sky.instrument})
        with pytest.raises(MapError, match="uK_CMB.*found K"):
            MatchedFilterFinder()(maps)

    def test_one_band_cannot_null_a_spectrum(self, sky):
        with pytest.raises(MapError, match="null the clusters too"):
            MatchedFilterFinder(deproject="cib")(sky.maps.select(["150"]))

    def test_the_same_map_in_two_bands(self, sky):
        images = sky.images.copy()
        images[2] = images[1]
        with pytest.raises(ValueError, match="covariance of the bands cannot be inverted"):
            MatchedFilterFinder(sources=None)(stack(sky, images))

    @pytest.mark.parametrize("threshold", [0, -4.5, np.nan, np.inf])
    def test_threshold(self, threshold):
        with pytest.raises(ValueError, match="threshold must be a positive number"):
            MatchedFilterFinder(threshold=threshold)

    @pytest.mark.parametrize("sizes", [[0.0], [1.0, -2.0], [np.nan]])
    @pytest.mark.parametrize("make", [beta_templates, gnfw_templates])
    def test_sizes_of_templates(self, make, sizes):
        with pytest.raises(ValueError, match="sizes of templates must be positive"):
            make(sizes)
