"""Numbers, masses, sizes and places of halos."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.cosmology import Planck18
from scipy import stats

from szfinder.physics import convert_mass, sehgal_cosmology
from szfinder.simulation import Halos, SkySimulator, many_and_near
from szfinder.simulation.halo_model import halo_model
from szfinder.simulation.halos import halo_properties

COSMOLOGY = sehgal_cosmology()
DEG2 = np.deg2rad(1) ** 2


def virial_overdensity(redshift, cosmology=COSMOLOGY):
    """Over the critical density (Bryan & Norman 1998, eq. 6)."""
    x = cosmology.Om(redshift) - 1
    return 18 * np.pi**2 + 82 * x - 39 * x**2


@pytest.fixture
def tinker():
    """dn/dlnM in Mpc^-3 at masses in Msun, directly from colossus."""
    from colossus.cosmology import cosmology as colossus
    from colossus.lss import mass_function

    previous = colossus.current_cosmo
    colossus.setCosmology("sehgal", {"flat": True, "H0": 71, "Om0": 0.264, "Ob0": 0.044,
                                     "sigma8": 0.8, "ns": 0.96, "persistence": ""})  # fmt: skip
    yield (
        lambda mass, z, mdef: (
            0.71**3
            * mass_function.massFunction(
                mass * 0.71, z, mdef=mdef, model="tinker08", q_out="dndlnM"
            )
        )
    )
    colossus.current_cosmo = previous


@pytest.fixture
def number_above_2e14(tinker):
    """Halos per deg2 with Mvir > 2e14 Msun and z > 0.25."""
    redshift, mass = np.linspace(0.25, 3, 56), np.geomspace(2e14, 2e16, 150)

    def density(z):
        wide_enough = virial_overdensity(z) / COSMOLOGY.Om(z) >= 200
        return np.trapezoid(tinker(mass, z, "vir" if wide_enough else "200m"), np.log(mass))

    volume = COSMOLOGY.differential_comoving_volume(redshift).value
    return np.trapezoid([density(z) for z in redshift] * volume, redshift) * DEG2


def test_abundance_of_the_model(number_above_2e14):
    model = halo_model(COSMOLOGY)
    redshift, mass = np.geomspace(0.25, 3, 300), np.geomspace(5e13, 2e16, 2000)
    density = model.density(mass, redshift[:, None]) * model.volume(redshift)[:, None]
    density[model.mvir(mass, redshift[:, None]) < 2e14] = 0
    number = np.trapezoid(np.trapezoid(density, np.log(mass)), redshift) * DEG2
    assert number == pytest.approx(number_above_2e14, rel=0.03)
    assert 3.3 < number < 3.7


def test_drawn_numbers(lab, number_above_2e14):
    halos = Halos(min_mass=1e14)
    wcs, shape = lab.grid(20, 5, projection="ZEA")
    truth = SkySimulator(lab.instrument(), [], halos=halos, rng=1).patch(wcs, shape).truth
    massive = (truth["mvir"] > 2e14 * u.Msun) & (truth["redshift"] > 0.25)
    expected = 400 * number_above_2e14
    assert abs(massive.sum() - expected) < 3 * np.sqrt(expected) + 0.03 * expected
    assert truth["m200c"].min() >= 1e14 * u.Msun
    assert np.all(np.diff(truth["m200c"]) <= 0)
    assert truth["id"].tolist() == list(range(1, len(truth) + 1))


def test_drawn_masses_and_redshifts(lab, tinker):
    wcs, shape = lab.grid(6, 5, projection="ZEA")
    halos = Halos(min_mass=3e13, redshifts=(0.1, 1.5))
    truth = SkySimulator(lab.instrument(), [], halos=halos, rng=2).patch(wcs, shape).truth
    z_edges, m_edges = np.linspace(0.1, 1.5, 8), np.geomspace(3e13, 3e14, 6)
    drawn = np.histogram2d(truth["redshift"], truth["m200c"].value, [z_edges, m_edges])[0]
    expected = np.zeros(drawn.shape)
    for i, (low, high) in enumerate(zip(z_edges, z_edges[1:])):
        z = np.linspace(low, high, 15)
        volume = COSMOLOGY.differential_comoving_volume(z).value
        for j, edges in enumerate(zip(m_edges, m_edges[1:])):
            m = np.geomspace(*edges, 15)
            density = [np.trapezoid(tinker(m, x, "200c"), np.log(m)) for x in z]
            expected[i, j] = 36 * DEG2 * np.trapezoid(density * volume, z)
    chi2 = np.sum((drawn - expected) ** 2 / (expected + (0.02 * expected) ** 2))
    assert 0.001 < stats.chi2.sf(chi2, drawn.size) < 0.999


def test_uniform_on_a_sphere_whatever_the_projection(lab):
    centre = SkyCoord(40, 65, unit="deg")
    wcs, shape = lab.grid(20, 5, centre=centre)  # TAN stretches the corners by 5 per cent
    halos = Halos(min_mass=6e13)
    truth = SkySimulator(lab.instrument(), [], halos=halos, rng=3).patch(wcs, shape).truth
    distance = truth["sky_centroid"].separation(centre).rad
    near = distance < np.deg2rad(10)
    height = np.cos(distance[near])
    uniform = stats.uniform(np.cos(np.deg2rad(10)), 1 - np.cos(np.deg2rad(10)))
    assert near.sum() > 10000
    assert stats.kstest(height, uniform.cdf).pvalue > 0.01


@pytest.mark.parametrize("cosmology", [COSMOLOGY, Planck18], ids=lambda c: c.name)
def test_masses_and_sizes(cosmology):
    mass, redshift = np.array([2e13, 1e14, 3e14, 1e15]), np.array([0.02, 0.3, 0.9, 2.5])
    model = halo_model(cosmology)
    halos = halo_properties(model, redshift, mass)
    for column, definition in (("m500c", "500c"), ("mvir", "vir")):
        expected = convert_mass(mass, redshift, "200c", definition, cosmology=cosmology)
        np.testing.assert_allclose(halos[column].to_value("Msun"), expected, rtol=1e-3)
    np.testing.assert_allclose(model.m200c(halos["m500c"].value, redshift), mass, rtol=1e-6)
    critical = cosmology.critical_density(redshift)
    overdensity = virial_overdensity(redshift, cosmology)
    for name, mass_name, contrast in (("r500c", "m500c", 500), ("rvir", "mvir", overdensity)):
        inside = 4 / 3 * np.pi * halos[name] ** 3 * contrast * critical
        np.testing.assert_allclose((halos[mass_name] / inside).to_value(""), 1, rtol=1e-4)
    angle = (halos["r500c"] / cosmology.angular_diameter_distance(redshift)).to_value("") * u.rad
    np.testing.assert_allclose((halos["theta500"] / angle).to_value(""), 1, rtol=1e-4)


def test_velocities():
    """Linear theory: about 300 km/s today in Planck's cosmology, and slower in the past."""
    model = halo_model(Planck18)
    today, early = model.velocity_dispersion(np.array([0.0, 2.0]))
    assert 280 < today < 340
    assert early < 0.85 * today


def test_drawn_velocities(lab):
    wcs, shape = lab.grid(4, 4)
    truth = SkySimulator(lab.instrument(), [], rng=4).patch(wcs, shape).truth
    pull = truth["velocity"].to_value("km/s") / halo_model(COSMOLOGY).velocity_dispersion(
        truth["redshift"]
    )
    assert stats.kstest(pull, "norm").pvalue > 0.01


def test_given_halos(lab):
    catalogue = lab.clusters(redshift=0.7, m500c=4e14, velocity=-250.0)
    wcs, shape = lab.grid(0.5)
    simulator = SkySimulator(lab.instrument(), [], halos=Halos(catalogue=catalogue))
    (halo,) = simulator.patch(wcs, shape).truth
    assert halo["m500c"].to_value("Msun") == pytest.approx(4e14, rel=1e-6)
    expected = convert_mass(4e14, 0.7, "500c", "200c", cosmology=COSMOLOGY)
    assert halo["m200c"].to_value("Msun") == pytest.approx(expected, rel=1e-3)
    assert halo["velocity"].to_value("km/s") == -250
    assert halo["sky_centroid"].separation(lab.centre) < 1e-6 * u.arcsec
    assert (halo["x_centroid"], halo["y_centroid"]) == pytest.approx((29.5, 29.5))


def test_catalogue_may_be_in_galactic_coordinates_and_other_units(lab):
    catalogue = lab.clusters(lab.centre.galactic, m200c=3e14)
    catalogue["m200c"] = catalogue["m200c"].to("kg")
    wcs, shape = lab.grid(0.5)
    simulator = SkySimulator(lab.instrument(), [], halos=Halos(catalogue=catalogue))
    (halo,) = simulator.patch(wcs, shape).truth
    assert halo["m200c"].to_value("Msun") == pytest.approx(3e14, rel=1e-6)
    assert halo["sky_centroid"].separation(lab.centre) < 1e-3 * u.arcsec


def test_boost_by_redshift(lab):
    """Numbers below and above a redshift are Poisson, in the ratio of the factors there."""

    def near(redshift):
        return np.where(redshift < 0.3, 9.0, 2.0)

    counts = []
    for boost in (1.0, near):
        simulator = SkySimulator(
            lab.instrument(), [], halos=Halos(min_mass=1e14, boost=boost), rng=1
        )
        redshift = np.array(simulator.patch(*lab.grid(8, 4.0)).truth["redshift"])
        # a cell of redshift, which is all boosted or not, ends within 2 per cent of 0.3
        counts.append([(redshift < 0.29).sum(), (redshift > 0.31).sum()])
    (low, high), (many_low, many_high) = counts
    assert many_low == pytest.approx(9 * low, abs=4 * 9 * np.sqrt(low))
    assert many_high == pytest.approx(2 * high, abs=4 * 2 * np.sqrt(high))
    assert "boost=near" in repr(Halos(boost=near))
    with pytest.raises(ValueError, match="must be a factor above 0"):
        Halos(boost=lambda redshift: redshift - 1)


def test_many_and_near_halos():
    """Below a redshift of 0.1 as the solid angle of a radius, 1 / z^2; four times as many above."""
    found = many_and_near(np.array([0.005, 0.025, 0.05, 0.1, 1]))
    np.testing.assert_allclose(found, [64, 64, 16, 4, 4])
