"""Skies on the sphere."""

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from szfinder.maps import read_maps
from szfinder.physics import cmb_power, sehgal_cosmology
from szfinder.simulation import CMB, GalacticDust, Halos, Noise, SkySimulator, ThermalSZ
from szfinder.simulation.halo_model import halo_model
from szfinder.simulation.healpix_canvas import HealpixCanvas
from szfinder.simulation.sphere import Sphere

NSIDE = 256
FEW = Halos(min_mass=3e15)
PLACE = SkyCoord(77, -33, unit="deg")
PIXEL = healpy.nside2pixarea(NSIDE, degrees=True) * 3600  # arcmin2


@pytest.fixture(scope="module")
def instrument(lab):
    """Two bands with a beam three pixels wide."""
    return lab.instrument(100.0, 150.0, fwhm=40.0, noise=50.0)


@pytest.fixture(scope="module")
def simulate(lab, instrument):
    """Sky of one near cluster."""

    def make(**options):
        catalogue = lab.clusters(PLACE, redshift=0.02, m500c=1e15)
        components = [ThermalSZ(scatter=0.0)]
        simulator = SkySimulator(instrument, components, halos=Halos(catalogue=catalogue), rng=1)
        return simulator.healpix(NSIDE, **options)

    return make


def direction(frame):
    there = PLACE.transform_to(frame).spherical
    return there.lon.deg, there.lat.deg


def test_power_of_the_cmb(lab):
    nside = 128
    instrument = lab.instrument(fwhm=60.0)
    sky = SkySimulator(instrument, [CMB()], halos=FEW, rng=2).healpix(nside)
    image, keywords = sky.maps["150"]
    assert keywords == {"order": "ring", "frame": "galactic"}
    found = healpy.anafast(image.astype(float), lmax=300)
    ell = np.arange(301)
    ratio = found / (cmb_power(ell) * instrument["150"].beam.window(ell) ** 2)
    for low in range(50, 300, 50):
        here = slice(low, low + 50)
        error = np.sqrt(2 / np.sum(2 * ell[here] + 1))
        mean = np.average(ratio[here], weights=2 * ell[here] + 1)
        assert mean == pytest.approx(1, abs=0.02 + 3 * error)


@pytest.mark.parametrize("filaments", [False, True])
def test_power_of_dust(lab, filaments):
    component = GalacticDust(filaments=filaments)
    instrument = lab.instrument(fwhm=30.0)
    sky = SkySimulator(instrument, [component], halos=FEW, rng=3).healpix(128)
    ell = np.arange(30, 250)
    expected = component.power(ell, instrument, None)[:, 0, 0]
    expected *= instrument["150"].beam.window(ell) ** 2
    found = healpy.anafast(sky.maps["150"][0].astype(float), lmax=249)[30:]
    assert np.average(found / expected, weights=ell) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("frame", ["galactic", "icrs"])
def test_flux_and_place_of_a_cluster(simulate, instrument, frame):
    sky = simulate(frame=frame)
    total = sky.truth["y500"].to_value("arcmin2")[0] * 1.1037 / 0.6145
    for band in instrument:
        image, keywords = sky.maps[band.name]
        flux = image.sum(dtype=float) * PIXEL
        assert flux == pytest.approx(band.tsz_response * total, rel=0.01)
        assert keywords["frame"] == frame
        lon, lat = direction(frame)
        peak = healpy.pix2vec(NSIDE, np.abs(image).argmax())
        distance = healpy.rotator.angdist(healpy.ang2vec(lon, lat, lonlat=True), peak)
        assert np.rad2deg(distance[0]) < 0.25
    assert sky.truth["sky_centroid"][0].separation(PLACE) < 0.1 * u.arcsec
    assert "x_centroid" not in sky.truth.colnames


def test_profile_is_that_of_a_flat_patch(lab, simulate, instrument):
    catalogue = lab.clusters(redshift=0.02, m500c=1e15)
    simulator = SkySimulator(instrument, [ThermalSZ(scatter=0.0)], halos=Halos(catalogue=catalogue))
    flat = simulator.patch(*lab.grid(12, 4)).maps.data[0]
    theta = lab.radius(flat.shape, 4.0, 89.5, 89.5).ravel()
    order = np.argsort(theta)
    image = simulate(frame="icrs").maps["100"][0]
    centre = healpy.ang2vec(PLACE.ra.deg, PLACE.dec.deg, lonlat=True)
    disc = healpy.query_disc(NSIDE, centre, np.deg2rad(4))
    radius = np.array(healpy.rotator.angdist(centre, healpy.pix2vec(NSIDE, disc)))
    expected = np.interp(np.rad2deg(radius) * 60, theta[order], flat.ravel()[order])
    np.testing.assert_allclose(image[disc], expected, atol=0.01 * np.abs(flat).max())


@settings(max_examples=20)
@given(st.floats(0, 360, exclude_max=True), st.floats(-89.9, 89.9))
def test_flux_of_a_source_anywhere(lab, lon, lat):
    canvas = HealpixCanvas(Sphere(128), lab.instrument(fwhm=90.0))
    canvas.add_points(np.array([[lon], [lat]]), np.array([[1000.0]]))
    (image,) = canvas.maps()
    area = healpy.nside2pixarea(128, degrees=True) * 3600
    assert image.sum(dtype=float) * area == pytest.approx(1000, rel=0.01)
    centroid = np.array(healpy.pix2vec(128, np.arange(image.size))) @ image.astype(float)
    expected = healpy.ang2vec(lon, lat, lonlat=True)
    assert np.rad2deg(healpy.rotator.angdist(expected, centroid)[0]) < 0.02


def test_partial_maps(simulate):
    whole = simulate()
    lon, lat = direction("galactic")
    centre = healpy.ang2vec(lon, lat, lonlat=True)
    pixels = healpy.query_disc(NSIDE, centre, np.deg2rad(3))
    partial = simulate(pixels=pixels[::-1])
    for name in ("100", "150"):
        values, keywords = partial.maps[name]
        np.testing.assert_array_equal(keywords["pixels"], np.sort(pixels))
        assert keywords["nside"] == NSIDE
        np.testing.assert_allclose(
            values, whole.maps[name][0][np.sort(pixels)], rtol=1e-4, atol=1e-4
        )
    assert len(partial.truth) == 1


def test_halos_of_a_partial_map_lie_in_it(lab, instrument):
    pixels = healpy.query_disc(NSIDE, healpy.ang2vec(20, 50, lonlat=True), np.deg2rad(4))
    simulator = SkySimulator(instrument, [], halos=Halos(min_mass=5e13), rng=4)
    truth = simulator.healpix(NSIDE, pixels=pixels, frame="icrs").truth
    sky = truth["sky_centroid"]
    here = healpy.ang2pix(NSIDE, sky.ra.deg, sky.dec.deg, lonlat=True)
    assert np.isin(here, pixels).all() and len(truth) > 500
    with_margin = Sphere(NSIDE, pixels=pixels, frame="icrs").solid_angle
    assert with_margin > pixels.size * healpy.nside2pixarea(NSIDE)


def test_number_and_places_of_halos(instrument):
    halos = Halos(min_mass=5e14, redshifts=(0.1, 2.0))
    truth = SkySimulator(instrument, [], halos=halos, rng=5).healpix(NSIDE).truth
    z, mass = np.geomspace(0.1, 2, 80), np.geomspace(5e14, 1e16, 80)
    model = halo_model(sehgal_cosmology())
    density = model.density(mass, z[:, None]) * (z * model.volume(z))[:, None]
    expected = 4 * np.pi * np.trapezoid(np.trapezoid(density, np.log(mass)), np.log(z))
    assert abs(len(truth) - expected) < 4 * np.sqrt(expected) + 0.01 * expected
    sky = truth["sky_centroid"]
    assert stats.kstest(np.sin(sky.dec.rad), stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert stats.kstest(sky.ra.deg, stats.uniform(0, 360).cdf).pvalue > 0.01


def test_clustered_halos(instrument):
    """More pairs of near neighbours than among independent halos, and as many halos."""
    counts = []
    for clustered in (False, True):
        halos = Halos(min_mass=2e14, redshifts=(0.3, 0.4), clustered=clustered)
        sky = SkySimulator(instrument, [], halos=halos, rng=6).healpix(128).truth["sky_centroid"]
        cells = healpy.ang2pix(16, sky.ra.deg, sky.dec.deg, lonlat=True)
        counts.append(np.bincount(cells, minlength=healpy.nside2npix(16)))
    poisson, clustered = counts
    assert clustered.sum() == pytest.approx(poisson.sum(), rel=0.05)
    assert poisson.var() == pytest.approx(poisson.mean(), rel=0.1)
    assert clustered.var() > 1.15 * clustered.mean()


def test_read_maps_reads_them(simulate, instrument, lab):
    sky = simulate()
    wcs, shape = lab.grid(8, 8, centre=PLACE)
    maps = read_maps(sky.maps, instrument=sky.instrument, wcs=wcs, shape=shape)
    assert maps.instrument.names == ("100", "150")
    y, x = np.unravel_index(np.abs(maps.data[0]).argmax(), shape)
    assert SkyCoord(wcs.pixel_to_world(x, y)).separation(PLACE) < 12 * u.arcmin
    assert maps.good.all()


def test_noise(instrument):
    sky = SkySimulator(instrument, [Noise()], halos=FEW, rng=7).healpix(128)
    side = np.sqrt(healpy.nside2pixarea(128, degrees=True)) * 60
    for image, _ in sky.maps.values():
        assert image.std() * side == pytest.approx(50.0, rel=4 / np.sqrt(2 * image.size))
    assert sky.ivar is None


def test_coloured_noise(instrument):
    component = Noise(knee=100.0, slope=2.0)
    sky = SkySimulator(instrument, [component], halos=FEW, rng=8).healpix(128)
    ell = np.arange(20, 200)
    found = healpy.anafast(sky.maps["100"][0].astype(float), lmax=199)[20:]
    expected = np.deg2rad(50 / 60) ** 2 * (1 + (100 / ell) ** 2)
    assert np.average(found / expected, weights=ell) == pytest.approx(1, abs=0.03)


def test_uneven_noise(instrument):
    sky = SkySimulator(instrument, [Noise(unevenness=0.3)], halos=FEW, rng=9).healpix(128)
    image, (ivar, keywords) = sky.maps["100"][0], sky.ivar["100"]
    assert keywords["order"] == "ring"
    for part in np.array_split(np.argsort(ivar), 6):
        pull = image[part] * np.sqrt(ivar[part])
        assert pull.std() == pytest.approx(1, abs=4 / np.sqrt(2 * part.size))
    assert np.std(np.log(ivar)) / 2 == pytest.approx(0.3, rel=0.1)


def test_seeds(instrument):
    def make(seed):
        halos = Halos(min_mass=5e14)
        simulator = SkySimulator(instrument, [CMB(), ThermalSZ(), Noise()], halos=halos, rng=seed)
        sky = simulator.healpix(64, keep_components=True)
        return sky.maps["150"][0], sky.truth["m200c"], sky.components

    image, mass, parts = make(10)
    again, mass_again, _ = make(10)
    assert image.tobytes() == again.tobytes()
    np.testing.assert_array_equal(mass, mass_again)
    assert not np.array_equal(image, make(11)[0])
    total = sum(maps[1] for maps in parts.values())
    np.testing.assert_allclose(total, image, rtol=1e-3, atol=0.01)
