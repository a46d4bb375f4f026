"""Point sources: their counts, powers, fluxes and places."""

import numpy as np
import pytest
from astropy import constants
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.integrate import quad

from szfinder.physics import sehgal_cosmology
from szfinder.simulation import DustyGalaxies, Halos, RadioSources, Scene, SkySimulator
from szfinder.simulation.flat_canvas import FlatCanvas
from szfinder.simulation.halo_model import halo_model
from szfinder.simulation.patch import Patch

BANDS = 95.0, 150.0, 220.0
PAIRS = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
D_3000 = 3000 * 3001 / (2 * np.pi)
DEG2 = np.deg2rad(1) ** 2
#: D_3000 in uK^2 of sources below 6.4 mJy at 150 GHz (George et al. 2015, table 4 and figure 3).
GEORGE2015 = {
    RadioSources: (8.04, 1.01, 0.34, 2.84, 1.66, 0.59),
    DustyGalaxies: (1.41, 9.42, 68.1, 3.64, 9.78, 25.3),
}
POPULATIONS = pytest.mark.parametrize("population", [RadioSources, DustyGalaxies])


def expected_power(lab, component):
    model = halo_model(sehgal_cosmology())
    return component.power(np.array([3000.0]), lab.instrument(*BANDS), model)[0]


@pytest.fixture(scope="module")
def scene(lab):
    """Forty-eight square degrees or more, without halos."""
    region = Patch(*lab.grid(6, 4))
    model = halo_model(sehgal_cosmology())
    positions, halos = Halos(min_mass=1e15).draw(region, model, np.random.default_rng(0))
    return Scene(region, model, positions[:, :0], halos[:0])


def per_kelvin(frequency):
    """mJy per uK_CMB arcmin2: the slope of the Planck function."""
    h, k, c = (getattr(constants, name).si.value for name in ("h", "k_B", "c"))
    x = h * frequency * 1e9 / (k * 2.7255)
    slope = 2 * k * (frequency * 1e9 / c) ** 2 * x**2 * np.exp(x) / np.expm1(x) ** 2
    return slope * 1e-6 * np.deg2rad(1 / 60) ** 2 * 1e29


def radio_counts(flux):
    """dN/dS per mJy and sr at 148 GHz: the table of Tucci et al. (2011), as a power law."""
    table_flux = [1e-1, 1e0, 1e1, 1e2]  # mJy
    density = [1.16e6, 1.85e4, 1.98e2, 1.71e0]
    return np.exp(np.interp(np.log(flux), np.log(table_flux), np.log(density)))


def dusty_counts(flux):
    """dN/dS per mJy and sr at 850 um (Geach et al. 2017)."""
    return 7180 / DEG2 / 2.5 * (flux / 2.5) ** -1.5 * np.exp(-flux / 2.5)


@POPULATIONS
def test_power_measured_by_spt(lab, population):
    power = expected_power(lab, population(max_flux=6.4)) * D_3000
    np.testing.assert_allclose([power[pair] for pair in PAIRS], GEORGE2015[population], rtol=0.2)


@pytest.mark.parametrize(
    "population, counts, floor, edges, slack",
    [(RadioSources, radio_counts, 1.0, [1, 2, 4, 10, 30, 100], 0.1),
     (DustyGalaxies, dusty_counts, 3.0, [3, 3.5, 4, 5, 6.5, 8, 11, 20], 0.005)],
)  # fmt: skip
def test_drawn_counts(scene, population, counts, floor, edges, slack):
    """The radio counts are checked with every tenth row of the table, hence to 10 per cent."""
    _, flux, _ = population(floor=floor).draw(scene, np.random.default_rng(1))
    drawn, _ = np.histogram(flux, edges)
    area = scene.region.solid_angle
    expected = [area * quad(counts, low, high)[0] for low, high in zip(edges, edges[1:])]
    chi2 = np.sum(
        (drawn - expected) ** 2 / (np.array(expected) + (slack * np.array(expected)) ** 2)
    )
    assert flux.min() >= floor and drawn.sum() > 100
    assert stats.chi2.sf(chi2, drawn.size) > 1e-3


def test_every_row_of_the_radio_counts(scene):
    from importlib import resources

    path = resources.files("szfinder.simulation") / "data" / "radio_counts_tucci2011.txt"
    flux, density = np.loadtxt(path.read_text().splitlines(), unpack=True)
    _, drawn, _ = RadioSources(floor=0.1).draw(scene, np.random.default_rng(2))
    inner = (flux > 9e-5) & (flux < 0.01)
    edges = flux[inner]
    numbers, _ = np.histogram(drawn / 1e3, edges)
    slope = -np.log(density[inner][1:] / density[inner][:-1]) / np.log(edges[1:] / edges[:-1])
    integral = density[inner][:-1] * edges[:-1] / (slope - 1)
    integral *= 1 - (edges[1:] / edges[:-1]) ** (1 - slope)
    expected = integral * scene.region.solid_angle
    chi2 = np.sum((numbers - expected) ** 2 / (expected + (0.02 * expected) ** 2))
    assert stats.chi2.sf(chi2, numbers.size) > 1e-3


@POPULATIONS
def test_sum_of_the_fluxes_squared(lab, scene, population):
    """Bright sources carry the power that is expected of them: C = sum of T_i T_j / area."""
    floor = {RadioSources: 0.2, DustyGalaxies: 3.0}[population]
    whole = population(max_flux=6.4, floor=floor, index_scatter=0.0)
    faint = population(max_flux=floor * whole._cut_ratio(), floor=floor, index_scatter=0.0)
    _, flux, index = whole.draw(scene, np.random.default_rng(3))
    seen = flux * whole._cut_ratio() <= 6.4
    temperature = whole.temperature(lab.instrument(*BANDS), flux[seen], index[seen])
    measured = temperature @ temperature.T * np.deg2rad(1 / 60) ** 4 / scene.region.solid_angle
    expected = expected_power(lab, whole) - expected_power(lab, faint)
    np.testing.assert_allclose(measured, expected, rtol=0.1)


def test_temperature_of_a_radio_source(lab):
    found = RadioSources().temperature(lab.instrument(*BANDS), np.array([10.0]), np.array([0.3]))
    expected = [10 * (nu / 148) ** -0.6 / per_kelvin(nu) for nu in BANDS]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-3)


def test_temperature_of_a_dusty_galaxy(lab):
    found = DustyGalaxies().temperature(lab.instrument(*BANDS), np.array([5.0]), np.array([0.0]))

    def greybody(nu):
        return nu**4.6 / np.expm1(0.0479924 * nu / 9.7)

    expected = [5 * greybody(nu) / greybody(353) / per_kelvin(nu) for nu in BANDS]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-3)


@pytest.mark.parametrize(
    "component",
    [RadioSources(max_flux=6.4), RadioSources(max_flux=6.4, floor=2.0),
     RadioSources(max_flux=0.5, floor=2.0),
     DustyGalaxies(max_flux=6.4), DustyGalaxies(max_flux=6.4, floor=10.0)],
    ids=["radio", "radio-gaussian", "radio-faint", "dusty", "dusty-gaussian"],
)  # fmt: skip
def test_power_of_painted_maps(lab, component):
    """It does not depend on the floor below which sources are a Gaussian field."""
    instrument, edges = lab.instrument(*BANDS), np.array([1000, 4000])
    simulator = SkySimulator(instrument, [component], halos=Halos(min_mass=1e15), rng=4)
    maps = simulator.patch(*lab.grid(10, 1.4)).maps.data
    beam = instrument["150"].beam.window(np.arange(1000, 4000))
    weight = np.average(beam**2, weights=np.arange(1000, 4000))
    measured = [lab.power(maps[i], maps[j], 1.4, edges)[0] / weight for i, j in PAIRS]
    power = expected_power(lab, component)
    np.testing.assert_allclose(measured, [power[pair] for pair in PAIRS], rtol=0.15)


@settings(max_examples=12)
@given(st.floats(20, 40), st.floats(20, 40))
def test_a_source_lies_where_it_was_put(lab, x, y):
    canvas = FlatCanvas(Patch(*lab.grid(0.5)), lab.instrument(fwhm=1.4))
    canvas.add_points(np.array([[x], [y]]), np.array([[100.0]]))
    image = canvas.maps()[0]
    sigma = 1.4 / np.sqrt(8 * np.log(2)) / 0.5
    rows, columns = np.indices(image.shape)
    shape = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    expected = 100 / (2 * np.pi * (0.5 * sigma) ** 2) * shape
    np.testing.assert_allclose(image, expected, atol=3e-3 * expected.max())
    assert lab.flux(image, 0.5) == pytest.approx(100, rel=1e-3)


def test_maps_that_average_over_pixels(lab):
    canvas = FlatCanvas(Patch(*lab.grid(0.5)), lab.instrument(fwhm=1.4, pixel_window=True))
    canvas.add_points(np.array([[30.3], [29.1]]), np.array([[100.0]]))
    sigma = 1.4 / np.sqrt(8 * np.log(2)) / 0.5
    x, y = (np.diff(special.ndtr((np.arange(61) - 0.5 - at) / sigma)) for at in (30.3, 29.1))
    np.testing.assert_allclose(canvas.maps()[0], 400 * np.outer(y, x), atol=0.1)


def test_bright_sources_are_left_out(lab):
    """No source is brighter than the cut, nor is any lost below it."""
    instrument = lab.instrument(150.0, fwhm=1.4)
    peak = 6.4 / per_kelvin(150.0) * 4 * np.log(2) / np.pi / 1.4**2
    maps = [
        SkySimulator(instrument, [RadioSources(max_flux=cut, floor=3.0)], rng=5)
        .patch(*lab.grid(4, 0.7)).maps.data[0] for cut in (None, 6.4)
    ]  # fmt: skip
    assert maps[0].max() > 2 * peak > maps[1].max() > 0.7 * peak


def test_excess_near_clusters(lab):
    catalogue = lab.clusters(redshift=0.3, m500c=5e14)
    region, model = Patch(*lab.grid(1)), halo_model(sehgal_cosmology())
    rng = np.random.default_rng(6)
    positions, halos = Halos(catalogue=catalogue).draw(region, model, rng)
    scene = Scene(region, model, positions, halos)
    reach = halos["theta500"].value[0]
    numbers = []
    for excess in (0.0, 4.0):
        places, flux, _ = RadioSources(floor=0.5, cluster_excess=excess).draw(scene, rng)
        near = np.hypot(*(places - positions)) * 0.5 < reach
        numbers.append(near.sum())
        assert flux.min() >= 0.5
    assert numbers[0] < 5
    assert abs(numbers[1] - 20) < 4 * np.sqrt(20)  # 4 a halo of 1e14 Msun
