"""Images of single clusters: what is in them, where it is, and what is around it."""

import astropy.units as u
import numpy as np
import pytest
from astropy.cosmology import Planck18
from scipy.interpolate import CubicSpline
from scipy.stats import kstest

from szfinder.maps import Instrument
from szfinder.physics import (
    battaglia2012_compton_scale,
    battaglia2012_parameters,
    battaglia2012_pressure,
    central_y,
    compton_y,
    convert_mass,
    project,
    r200,
    sehgal_cosmology,
    tsz_response,
)
from szfinder.simulation import (
    Arnaud2010,
    Battaglia2012,
    ClusterImages,
    SkySimulator,
    ThermalSZ,
    cluster_images,
)
from szfinder.simulation.presets import gupta2020

#: Clusters of two skies, in no order of mass.
N = 130
MASSES = np.random.default_rng(3).permutation(np.linspace(1e14, 8e14, N))
REDSHIFTS = np.random.default_rng(4).uniform(0.5, 1.2, N)
SCATTER, OFFSET = 0.3, 4.0


@pytest.fixture(scope="module")
def many():
    """Clusters of all masses, off the middle."""
    return cluster_images("gupta2020", MASSES, REDSHIFTS, max_offset=OFFSET, scatter=SCATTER, rng=7)


def arnaud(theta, m500c, redshift, *, cosmology=Planck18, mass_bias=0.0):
    return compton_y(theta, float(m500c), redshift, cosmology=cosmology, mass_bias=mass_bias)


def battaglia(theta, m200c, redshift):
    """Out to 8 core radii."""
    x = theta * Planck18.kpc_proper_per_arcmin(redshift).to_value("Mpc / arcmin")
    x = x / r200(m200c, redshift, cosmology=Planck18)
    end = 8 * battaglia2012_parameters(m200c, redshift)["xc"]
    scale = battaglia2012_compton_scale(m200c, redshift, cosmology=Planck18)
    return scale * project(lambda r: battaglia2012_pressure(r, m200c, redshift), x, end)


def seen(lab, profile, pixel, fwhm, offset=(0, 0)):
    """A circular profile behind a beam, off the middle of pixel (20, 20) by arcminutes."""
    theta = lab.radius((40, 40), pixel, *(20 + np.array(offset) / pixel))
    nodes = np.concatenate([[0], np.geomspace(1e-3, 40, 400)])
    values = profile(nodes)
    rings = np.arange(0, theta.max() + 0.1, 0.1)
    return CubicSpline(rings, lab.smoothed(lambda r: np.interp(r, nodes, values), rings, fwhm))(
        theta
    )


def test_what_is_returned(many):
    assert isinstance(many, ClusterImages)
    assert many.images.shape == (N, 1, 40, 40) and many.images.dtype == np.float32
    np.testing.assert_array_equal(many.images, many.clusters + many.surroundings)
    assert many.pixel == 0.25
    assert many.truth.colnames == ["redshift", "m200c", "m500c", "theta500", "y_c", "y500",
                                   "x_offset", "y_offset"]  # fmt: skip
    assert many.truth["x_offset"].unit == many.truth["y_offset"].unit == u.arcmin


@pytest.mark.parametrize(
    "pressure, column, profile",
    [
        (None, "m500c", arnaud),
        (Arnaud2010(mass_bias=0.2), "m500c", lambda *args: arnaud(*args, mass_bias=0.2)),
        (Battaglia2012(), "m200c", battaglia),
    ],
    ids=["Arnaud", "biased", "Battaglia"],
)
def test_clusters_are_seen_behind_the_beam(lab, pressure, column, profile):
    """1 arcmin and 150 GHz (Gupta & Reichardt 2020, section 2.2); every cluster at its redshift."""
    m200c, redshift = np.array([5e14, 2e14, 8e14]), np.array([0.7, 1.1, 0.4])
    made = cluster_images("gupta2020", m200c, redshift, scatter=0.0, pressure=pressure, rng=2)
    mass = {"m200c": m200c}
    mass["m500c"] = convert_mass(m200c, redshift, "200c", "500c", cosmology=Planck18)
    for name, expected in mass.items():
        np.testing.assert_allclose(made.truth[name].to_value("Msun"), expected, rtol=1e-3)
    for found, m, z, known in zip(made.clusters, mass[column], redshift, made.truth):
        expected = tsz_response(150.0) * seen(lab, lambda theta: profile(theta, m, z), 0.25, 1.0)
        assert expected.min() < -15
        np.testing.assert_allclose(found[0], expected, rtol=5e-3, atol=2e-3 * abs(expected.min()))
        assert np.unravel_index(found[0].argmin(), (40, 40)) == (20, 20)
        assert known["y_c"] == pytest.approx(profile(np.zeros(1), m, z)[0], rel=5e-3)


@pytest.mark.parametrize("row", [0, 9, 10, 57, 99, 100, 129])
def test_clusters_are_where_the_truth_says(lab, many, row):
    known = many.truth[row]
    mass, redshift = known["m500c"].to_value("Msun"), REDSHIFTS[row]
    offset = [known[name].to_value("arcmin") for name in ("x_offset", "y_offset")]
    expected = seen(lab, lambda theta: arnaud(theta, mass, redshift), 0.25, 1.0, offset)
    expected *= known["y_c"] / central_y(mass, redshift, cosmology=Planck18)
    expected *= tsz_response(150.0)
    found = many.clusters[row, 0]
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=2e-3 * -expected.min())


def test_truth_is_in_the_order_of_the_masses(many):
    np.testing.assert_allclose(many.truth["m200c"].to_value("Msun"), MASSES, rtol=1e-12)
    np.testing.assert_allclose(many.truth["redshift"], REDSHIFTS, rtol=1e-12)


@pytest.mark.parametrize("side", [1, 2, 7, 120])
def test_sides(side):
    """Of the smallest and the largest images, clusters anywhere in them."""
    options = {"scatter": 0.0, "rng": 5}
    usual, made = (cluster_images("gupta2020", MASSES[:9], side=n, **options) for n in (40, side))
    assert made.images.shape == (9, 1, side, side)
    peaks = made.clusters[:, 0, side // 2, side // 2]
    np.testing.assert_allclose(peaks, usual.clusters[:, 0, 20, 20], rtol=1e-4)
    far = cluster_images("gupta2020", MASSES[:9], side=side, max_offset=0.125 * side, **options)
    for truth in (made.truth, far.truth):
        np.testing.assert_allclose(truth["m200c"].to_value("Msun"), MASSES[:9], rtol=1e-12)


def test_offsets_fill_a_disc(many):
    x, y = (many.truth[name].to_value("arcmin") for name in ("x_offset", "y_offset"))
    assert 0.97 * OFFSET < np.hypot(x, y).max() <= OFFSET
    assert kstest((x**2 + y**2) / OFFSET**2, "uniform").pvalue > 0.01
    assert kstest(np.arctan2(y, x) / (2 * np.pi) + 0.5, "uniform").pvalue > 0.01


def test_no_offset_unless_asked_for():
    truth = cluster_images("gupta2020", MASSES[:3], rng=1).truth
    assert not truth["x_offset"].value.any() and not truth["y_offset"].value.any()


def test_scatter_is_log_normal(many):
    exact = central_y(many.truth["m500c"].value, REDSHIFTS, cosmology=Planck18)
    logarithm = np.log(many.truth["y_c"] / exact)
    assert logarithm.std() == pytest.approx(SCATTER, rel=4 / np.sqrt(2 * N))
    assert abs(logarithm.mean()) < 4 * SCATTER / np.sqrt(N)
    assert len(np.unique(logarithm.round(6))) == N  # of the second sky too
    assert abs(np.corrcoef(logarithm, MASSES)[0, 1]) < 4 / np.sqrt(N)


def test_scatter_of_the_images_is_that_of_the_truth():
    exact, scattered = (cluster_images("gupta2020", [4e14] * 4, scatter=s, rng=8)
                        for s in (0.0, 0.5))  # fmt: skip
    ratio = scattered.truth["y_c"] / exact.truth["y_c"]
    assert (np.abs(np.log(ratio)) > 0.05).all()
    assert np.ptp(exact.truth["y_c"]) < 1e-9 * exact.truth["y_c"][0]
    expected = ratio[:, None, None, None] * exact.clusters
    np.testing.assert_allclose(scattered.clusters, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(scattered.truth["y500"] / exact.truth["y500"], ratio)


def test_seed():
    one, same, other = (cluster_images("gupta2020", MASSES[:5], max_offset=2, rng=seed)
                        for seed in (1, 1, 2))  # fmt: skip
    assert one.images.tobytes() == same.images.tobytes()
    assert all((one.truth[name] == same.truth[name]).all() for name in one.truth.colnames)
    assert (one.surroundings != other.surroundings).mean() > 0.99
    assert all((one.truth[name] != other.truth[name]).all() for name in ("y_c", "x_offset"))


def test_a_generator_goes_on():
    rng = np.random.default_rng(1)
    first, second = (cluster_images("gupta2020", MASSES[:2], rng=rng) for _ in range(2))
    assert (first.surroundings != second.surroundings).mean() > 0.99
    assert (first.truth["y_c"] != second.truth["y_c"]).all()


def test_the_sky_does_not_depend_on_the_clusters(many):
    """Nor on the cluster that the preset has itself."""
    options = {"redshift": REDSHIFTS[:4], "rng": 7}
    one, other = (
        cluster_images(gupta2020(m200c=mass), masses, **options)
        for mass, masses in ((1e14, MASSES[:4]), (2e15, MASSES[4:8]))
    )
    np.testing.assert_array_equal(one.surroundings, other.surroundings)
    assert np.abs(one.clusters - other.clusters).max() > 10


def test_no_piece_of_a_sky_is_in_two_images(many):
    """There are no three neighbouring pixels that are found again anywhere."""
    x = many.surroundings[:, 0]
    triples = np.stack([x[..., :-2], x[..., 1:-1], x[..., 2:]], axis=-1).reshape(-1, 3)
    assert len(np.unique(triples, axis=0)) == len(triples)


def test_skies_are_in_random_order(many):
    """Neighbours in a sky have the same large scales, images that follow each other have not."""
    means = many.surroundings.mean(axis=(1, 2, 3), dtype=float)
    assert abs(np.corrcoef(means[1:], means[:-1])[0, 1]) < 4 / np.sqrt(N)


def test_variance_of_the_sky(many):
    """That of CMB, foregrounds and noise, less the mean of each image, a square of 10 arcmin."""
    preset = gupta2020()
    components = [part for part in preset.components if not isinstance(part, ThermalSZ)]
    simulator = SkySimulator(preset.instrument, components, cosmology=preset.cosmology)
    ell = np.geomspace(2, np.pi / (0.25 * np.pi / 10800), 3000)
    power = simulator.covariance(ell)[:, 0, 0]
    angle = np.linspace(0, np.pi / 2, 200)[:, None]
    phase = ell * (10 / 10800) / 2  # half of the side over pi, of np.sinc
    mean = np.mean((np.sinc(phase * np.cos(angle)) * np.sinc(phase * np.sin(angle))) ** 2, axis=0)
    expected = np.trapezoid(ell * power * (1 - mean) / (2 * np.pi), ell)
    # the noise of the corners of Fourier space, beyond the last multipole
    expected += (5 / 0.25) ** 2 * (1 - np.pi / 4)
    found = many.surroundings.astype(float).var(axis=(1, 2, 3)).mean()
    assert found == pytest.approx(expected, rel=0.15)


def test_noise_of_the_images(many):
    """5 uK arcmin: where the beam lets nothing through, it is all that is left."""
    window = np.outer(np.hanning(40), np.hanning(40))
    modes = np.abs(np.fft.fft2(many.surroundings[:, 0] * window)) ** 2 / np.sum(window**2)
    cycles = np.fft.fftfreq(40, 0.25)  # an arcmin; the beam is 1e-3 at 1.0
    alone = modes[:, np.hypot(cycles[:, None], cycles) > 1.2]
    assert np.sqrt(alone.mean()) * 0.25 == pytest.approx(5.0, rel=0.02)


def test_preset_with_sources_and_bands(lab):
    """Of SPT-3G: each band has its beam and its response; what scatters is the thermal effect."""
    m200c, redshift = [6e14, 3e14], [0.6, 0.9]
    exact, scattered = (cluster_images("spt3g", m200c, redshift, scatter=s, rng=4)
                        for s in (0.0, 0.5))  # fmt: skip
    assert exact.images.shape == (2, 3, 40, 40) and exact.pixel == 0.5
    options = {"cosmology": sehgal_cosmology(), "mass_bias": 0.2}
    for row, known in enumerate(exact.truth):
        mass, more = known["m500c"].value, scattered.truth["y_c"][row] / known["y_c"] - 1
        assert abs(more) > 0.1
        found = (scattered.clusters - exact.clusters)[row] / more
        for image, band in zip(found, Instrument.from_preset("spt3g")):
            # means over a pixel are as those behind a beam that is so much wider
            fwhm = np.hypot(band.beam.fwhm, np.sqrt(8 * np.log(2) / 12) * 0.5)
            expected = seen(lab, lambda t: arnaud(t, mass, redshift[row], **options), 0.5, fwhm)
            expected *= tsz_response(band.frequency)
            np.testing.assert_allclose(image, expected, atol=0.01 * np.abs(expected).max())
    assert np.abs(exact.surroundings).max() > 100


def test_clusters_move(lab):
    """The kinetic effect of their gas, and of none but theirs, is the same in all bands."""
    made = cluster_images("spt3g", [6e14] * 12, scatter=0.0, rng=6, side=120)
    flux = made.clusters.sum(axis=(2, 3), dtype=float) * 0.5**2
    response = np.array([tsz_response(band.frequency) for band in Instrument.from_preset("spt3g")])
    thermal = made.truth["y500"][0].value * 1.1037 / 0.6145 * response  # of 5 R500
    kinetic = flux - thermal
    far = lab.radius((120, 120), 0.5, 60, 60) > 25
    assert np.abs(made.clusters[..., far]).max() < 0.01 * np.abs(made.clusters).max()
    assert kinetic.min() < -0.1 * abs(thermal[1]) and kinetic.max() > 0.1 * abs(thermal[1])
    np.testing.assert_allclose(
        kinetic, kinetic[:, [0]].repeat(3, axis=1), atol=0.02 * abs(thermal[1])
    )


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"side": 0}, "side must be from 1 to 120 pixels; found 0"),
        ({"side": 121}, "side must be from 1 to 120 pixels; found 121"),
        ({"preset": "gupta"}, "unknown sky preset 'gupta'; use one of"),
        ({"m200c": [3e14, 1e11]}, "m200c of 1 given halos is impossible, the first 1e[+]11"),
        ({"m200c": [3e16]}, "m200c of 1 given halos is impossible, the first 3e[+]16"),
        ({"redshift": 4.5}, "redshift of 1 given halos is impossible, the first 4.5"),
        ({"redshift": [0.5, 0.6, 0.7], "m200c": [1e14, 2e14]}, "shape mismatch"),
        ({"scatter": -0.1}, "scatter of the thermal SZ is -0.1; it must be 0 or more"),
        ({"max_offset": 5.1}, "max_offset must be from 0 to the 5 arcmin of half an image; found"),
        ({"max_offset": -1.0}, "max_offset must be from 0 .* found -1.0"),
        ({"max_offset": np.nan}, "max_offset must be from 0 .* found nan"),
    ],
)
def test_wrong_arguments(wrong, message):
    arguments = {"preset": "gupta2020", "m200c": [3e14], "rng": 1, **wrong}
    with pytest.raises(ValueError, match=message):
        cluster_images(**arguments)
