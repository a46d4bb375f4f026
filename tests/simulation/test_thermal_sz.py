"""The thermal SZ effect of one cluster, against quadratures along the line of sight."""

import astropy.units as u
import numpy as np
import pytest
from astropy import constants
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

from szfinder.maps import Instrument
from szfinder.physics import sehgal_cosmology
from szfinder.simulation import Arnaud2010, Battaglia2012, Halos, SkySimulator, ThermalSZ

COSMOLOGY = sehgal_cosmology()
Z = 0.5
COMPTON = (constants.sigma_T / (constants.m_e * constants.c**2)).to("cm3 / (keV Mpc)").value
#: Of the bands of Planck HFI, K_CMB per unit y (Planck 2013 results XXI, table 1).
PLANCK = -4.031, -2.785, 0.194, 6.205, 14.456, 26.335


def radius(mass, contrast, redshift=Z):
    """Radius of a mean density over the critical one, in Mpc."""
    density = COSMOLOGY.critical_density(redshift).to_value("Msun / Mpc3")
    return np.cbrt(3 * mass / (4 * np.pi * contrast * density))


class Arnaud:
    """Electron pressure in keV/cm3 of the universal profile (Arnaud et al. 2010, eqs. 11 to 13)."""

    column, mass, model = "m500c", 4e14, Arnaud2010(mass_bias=0.0)

    def __init__(self):
        h70 = 0.71 / 0.7
        self.r500 = radius(self.mass, 500)
        self.edge = 5 * self.r500
        scale = 1.65e-3 * COSMOLOGY.efunc(Z) ** (8 / 3)
        self.scale = scale * (self.mass * h70 / 3e14) ** (2 / 3 + 0.12) * np.sqrt(h70)

    def __call__(self, r):
        x = 1.177 * r / self.r500
        inner = 8.403 / (x**0.3081 * (1 + x**1.0510) ** ((5.4905 - 0.3081) / 1.0510))
        return self.scale * inner


class Battaglia:
    """Electron pressure in keV/cm3 (Battaglia et al. 2012, eqs. 9 to 11, table 1)."""

    column, mass, model = "m200c", 4e14, Battaglia2012()

    def __init__(self):
        m, stretch = self.mass / 1e14, 1 + Z
        self.p0 = 18.1 * m**0.154 * stretch**-0.758
        core = 0.497 * m**-0.00865 * stretch**0.731
        self.beta = 4.35 * m**0.0393 * stretch**0.415
        r200 = radius(self.mass, 200)
        self.core, self.edge = core * r200, 8 * core * r200
        energy = constants.G * self.mass * u.Msun * 200 * COSMOLOGY.critical_density(Z)
        p200 = (energy * 0.044 / 0.264 / (2 * r200 * u.Mpc)).to_value("keV / cm3")
        self.scale = p200 * 0.518

    def __call__(self, r):
        x = r / self.core
        return self.scale * self.p0 * x**-0.3 * (1 + x) ** -self.beta


def sphere(pressure, r):
    """Compton y in a sphere of a radius in Mpc, in Mpc^2."""
    return COMPTON * quad(lambda x: 4 * np.pi * x**2 * pressure(x), 0, r)[0]


def paint(lab, catalogue, pressure=None, side=0.75, pixel=0.5, scatter=0.0, instrument=None):
    """Sky of nothing but the thermal SZ effect of given halos."""
    components = [ThermalSZ(pressure=pressure, scatter=scatter)]
    simulator = SkySimulator(
        instrument or lab.instrument(), components, halos=Halos(catalogue=catalogue), rng=5
    )
    return simulator.patch(*lab.grid(side, pixel))


def temperature(nu):
    """uK per y of cold electrons."""
    x = nu * 1e9 * (constants.h / constants.k_B).to_value("K s") / 2.7255
    return 2.7255e6 * (x / np.tanh(x / 2) - 4)


@pytest.mark.parametrize("kind", [Arnaud, Battaglia])
def test_profile_of_a_cluster(lab, kind):
    pressure = kind()
    halo = lab.clusters(redshift=Z, **{kind.column: kind.mass})
    sky = paint(lab, halo, kind.model, instrument=lab.instrument(fwhm=1.0))
    theta = lab.radius(sky.maps.shape, 0.5, *sky.truth["x_centroid", "y_centroid"][0])
    arcmin = COSMOLOGY.kpc_proper_per_arcmin(Z).to_value("Mpc / arcmin")
    nodes = np.concatenate([[1e-4], np.geomspace(0.01, 40, 300)])
    values = [COMPTON * lab.line_of_sight(pressure, pressure.edge, n * arcmin) for n in nodes]
    rings = np.arange(0, 17, 0.1)
    expected = lab.smoothed(lambda r: np.interp(r, nodes, values), rings, 1.0) * temperature(150.0)
    within = theta < 16
    expected = CubicSpline(rings, expected)(theta[within])
    found = sky.maps.data[0][within]
    near = theta[within] < 3  # about theta500
    np.testing.assert_allclose(found[near], expected[near], rtol=5e-3)
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("kind", [Arnaud, Battaglia])
def test_y500_of_the_truth(lab, kind):
    pressure = kind()
    halo = lab.clusters(redshift=Z, **{kind.column: kind.mass})
    truth = paint(lab, halo, kind.model).truth
    r500 = truth["r500c"].to_value("Mpc")[0]
    distance = COSMOLOGY.angular_diameter_distance(Z).to_value("Mpc")
    expected = sphere(pressure, r500) / distance**2 * np.rad2deg(60) ** 2
    assert truth["y500"].to_value("arcmin2")[0] == pytest.approx(expected, rel=5e-3)
    centre = COMPTON * lab.line_of_sight(pressure, pressure.edge, 0.0)
    assert truth["y_c"][0] == pytest.approx(centre, rel=5e-3)


@pytest.mark.parametrize("mass", [2e13, 1e15])
@pytest.mark.parametrize("redshift", [0.05, 1.5])
def test_total_of_battaglia_at_all_slopes(lab, mass, redshift):
    """The pressure's outer slope changes with mass and redshift."""
    m, stretch = mass / 1e14, 1 + redshift
    core, beta = 0.497 * m**-0.00865 * stretch**0.731, 4.35 * m**0.0393 * stretch**0.415
    integral = quad(lambda x: 4 * np.pi * x**1.7 * (1 + x) ** -beta, 0, 8)[0]
    energy = constants.G * mass * u.Msun * 200 * COSMOLOGY.critical_density(redshift)
    r200 = radius(mass, 200, redshift) * u.Mpc
    p200 = (energy * 0.044 / 0.264 / (2 * r200)).to("keV / cm3") * 0.518
    scale = (constants.sigma_T / (constants.m_e * constants.c**2) * p200 * r200).to_value("")
    size = core * r200 / COSMOLOGY.angular_diameter_distance(redshift)
    expected = scale * core * 18.1 * m**0.154 * stretch**-0.758 * integral
    expected *= np.rad2deg(size.to_value("")) ** 2 * 3600
    halo = lab.clusters(redshift=redshift, m200c=mass)
    simulator = SkySimulator(lab.instrument(), [], halos=Halos(catalogue=halo))
    table = simulator.patch(*lab.grid(0.2)).truth
    from szfinder.simulation.halo_model import halo_model

    found = Battaglia2012().signals(table, halo_model(COSMOLOGY)).integral[0]
    assert found == pytest.approx(expected, rel=0.01)


def test_planck_bands(lab):
    planck = Instrument.from_preset("planck-hfi")
    sky = paint(lab, lab.clusters(redshift=0.6, m500c=5e14), side=2, pixel=1.5, instrument=planck)
    total = sky.truth["y500"].to_value("arcmin2")[0] * 1.1037 / 0.6145  # of 5 R500
    found = [lab.flux(image, 1.5) * 1e-6 / total for image in sky.maps.data]
    np.testing.assert_allclose(found, PLANCK, rtol=5e-3)


@settings(max_examples=12)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_flux_is_conserved_anywhere_in_a_pixel(lab, dx, dy):
    wcs, _ = lab.grid(1.5)
    place = SkyCoord(wcs.pixel_to_world(90 + dx, 88 + dy))
    sky = paint(lab, lab.clusters(place, redshift=1.0, m500c=3e14), side=1.5)
    total = sky.truth["y500"].to_value("arcmin2")[0] * 1.1037 / 0.6145
    assert lab.flux(sky.maps.data[0], 0.5) == pytest.approx(total * temperature(150.0), rel=2e-3)
    image = sky.maps.data[0] / sky.maps.data[0].sum(dtype=float)
    rows, columns = np.indices(image.shape)
    assert (np.sum(image * columns), np.sum(image * rows)) == pytest.approx(
        (90 + dx, 88 + dy), abs=0.05
    )


def test_y_c_is_the_peak_of_a_resolved_cluster(lab):
    halo = lab.clusters(redshift=0.05, m500c=8e14)
    sky = paint(lab, halo, side=0.5, pixel=0.1, instrument=lab.instrument(fwhm=0.2))
    peak = np.abs(sky.maps.data[0]).max() / abs(temperature(150.0))
    assert sky.truth["theta500"][0] > 15 * u.arcmin
    assert 0.96 * sky.truth["y_c"][0] < peak < sky.truth["y_c"][0]


def test_scatter_is_log_normal(lab):
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 119, (2, 3000))
    catalogue = lab.clusters(SkyCoord(lab.grid()[0].pixel_to_world(x, y)), m500c=2e14)
    exact = paint(lab, catalogue, side=1.0).truth
    scattered = paint(lab, catalogue, side=1.0, scatter=0.3).truth
    for column in ("y500", "y_c"):
        ratio = np.log(np.array(scattered[column] / exact[column][0]))
        assert abs(ratio.mean()) < 4 * 0.3 / np.sqrt(3000)
        assert ratio.std() == pytest.approx(0.3, rel=4 / np.sqrt(6000))
    np.testing.assert_array_equal(scattered["m500c"], exact["m500c"])


def test_scatter_of_the_map_is_that_of_the_truth(lab):
    halo = lab.clusters(m500c=4e14)
    exact, scattered = (paint(lab, halo, scatter=s) for s in (0.0, 0.5))
    ratio = scattered.truth["y500"][0] / exact.truth["y500"][0]
    assert abs(np.log(ratio)) > 0.05
    np.testing.assert_allclose(scattered.maps.data, ratio * exact.maps.data, rtol=1e-3, atol=1e-4)


def test_mass_bias_makes_the_cluster_that_of_a_lighter_one(lab):
    biased = paint(lab, lab.clusters(m500c=5e14), Arnaud2010(mass_bias=0.3))
    lighter = paint(lab, lab.clusters(m500c=3.5e14), Arnaud2010(mass_bias=0.0))
    np.testing.assert_allclose(biased.maps.data, lighter.maps.data, rtol=1e-3, atol=1e-2)
    assert (biased.truth["y500"] / lighter.truth["y500"]).value == pytest.approx(1, rel=1e-3)
    assert (lighter.truth["m500c"] / biased.truth["m500c"]).value == pytest.approx(0.7, rel=1e-6)
