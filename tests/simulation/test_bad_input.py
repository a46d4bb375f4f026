"""Every mistake is met with one clear message."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS

from szfinder.maps import Band, Beam, Instrument, MapError
from szfinder.simulation import (
    CMB,
    Arnaud2010,
    ClusteredCIB,
    Component,
    DustyGalaxies,
    GalacticDust,
    Halos,
    KineticSZ,
    Noise,
    RadioSources,
    SkySimulator,
    ThermalSZ,
)

FEW = Halos(min_mass=1e15)


@pytest.mark.parametrize(
    "meta, matter, message",
    [({"sigma8": -0.8}, 0.3, "impossible cosmology: sigma8 = -0.8; expected 0.1 to 3"),
     ({}, -0.3, "impossible cosmology: Om0 = -0.3|Om0 cannot be negative"),
     ({"n": 9.0}, 0.3, "impossible cosmology: ns = 9")],
)  # fmt: skip
def test_impossible_cosmology(lab, meta, matter, message):
    with pytest.raises(ValueError, match=message):
        cosmology = FlatLambdaCDM(H0=70, Om0=matter, Ob0=0.045, meta=meta)
        SkySimulator(lab.instrument(), [], cosmology=cosmology)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize(
    "make, name",
    [(lambda x: Noise(knee=x), "knee of the noise"),
     (lambda x: Noise(slope=x), "slope of the noise"),
     (lambda x: Noise(unevenness=x), "unevenness of the noise"),
     (lambda x: ThermalSZ(scatter=x), "scatter of the thermal SZ"),
     (lambda x: KineticSZ(diffuse=x), "diffuse of the kinetic SZ"),
     (lambda x: ClusteredCIB(amplitude=x), "amplitude of the CIB"),
     (lambda x: GalacticDust(amplitude=x), "amplitude of the dust"),
     (lambda x: RadioSources(index_scatter=x), "index_scatter of radio"),
     (lambda x: DustyGalaxies(cluster_excess=x), "cluster_excess of dusty"),
     (lambda x: Arnaud2010(mass_bias=x), "mass_bias")],
)  # fmt: skip
def test_parameters_below_zero(make, name, value):
    with pytest.raises(ValueError, match=f"{name} is {value!r}"):
        make(value)


@pytest.mark.parametrize("population", [RadioSources, DustyGalaxies])
@pytest.mark.parametrize("name", ["floor", "max_flux"])
@pytest.mark.parametrize("value", [0.0, -3.0, np.nan])
def test_fluxes(population, name, value):
    with pytest.raises(ValueError, match=f"{name} of {population.name} is {value!r} mJy"):
        population(**{name: value})


def test_mass_bias_of_one():
    with pytest.raises(ValueError, match="mass_bias is 1.0; it must be at least 0 and below 1"):
        Arnaud2010(mass_bias=1.0)


@pytest.mark.parametrize("mass", [-1e14, 1e11, 1e17, np.nan])
def test_least_mass(mass):
    with pytest.raises(
        ValueError, match="min_mass is .* Msun; it must lie between 1e.12 and 2e.16"
    ):
        Halos(min_mass=mass)


@pytest.mark.parametrize("redshifts", [(0.5, 0.2), (0.0, 1.0), (0.1, 9.0), (0.3, 0.3)])
def test_redshifts(redshifts):
    with pytest.raises(ValueError, match="redshifts are .*; they must ascend between 0.003 and 4"):
        Halos(redshifts=redshifts)


@pytest.mark.parametrize("column", ["sky_centroid", "redshift", "m500c"])
def test_columns_of_the_catalogue(lab, column):
    catalogue = lab.clusters(m500c=3e14)
    catalogue.remove_column(column)
    name = "m200c or m500c" if column == "m500c" else column
    with pytest.raises(ValueError, match=f"catalogue of halos lacks {name}; it has"):
        Halos(catalogue=catalogue)


@pytest.mark.parametrize("place", [(31, -50), (30, 50), (210, 50)])
def test_halo_outside_of_the_patch(lab, place):
    halos = Halos(catalogue=lab.clusters(SkyCoord(*place, unit="deg"), m500c=3e14))
    simulator = SkySimulator(lab.instrument(), [], halos=halos)
    with pytest.raises(MapError, match="1 of the given halos lie outside of the map.*larger map"):
        simulator.patch(*lab.grid(0.5))


def test_halo_outside_of_a_partial_map(lab):
    halos = Halos(catalogue=lab.clusters(m500c=3e14))
    simulator = SkySimulator(lab.instrument(), [], halos=halos)
    with pytest.raises(MapError, match="1 of the given halos lie outside of the map"):
        simulator.healpix(64, pixels=[0, 1])


def test_no_bands():
    with pytest.raises(MapError, match="instrument 'none' has no bands"):
        SkySimulator(Instrument("none", []))


def test_unknown_presets():
    with pytest.raises(ValueError, match="nosuch"):
        SkySimulator("nosuch")
    with pytest.raises(ValueError, match="unknown sky preset 'nosuch'; use one of deepsz"):
        SkySimulator.from_preset("nosuch")


def test_two_components_of_one_name(lab):
    with pytest.raises(ValueError, match="two components have the same name.*: cmb, cmb"):
        SkySimulator(lab.instrument(), [CMB(), CMB()])


def test_band_without_noise(lab):
    instrument = Instrument("quiet", [Band("150", 150.0, Beam.from_fwhm(1.4))])
    with pytest.raises(ValueError, match="band 150 of quiet has no noise level; give it one"):
        SkySimulator(instrument, [Noise()], halos=FEW).patch(*lab.grid(0.5))
    sky = SkySimulator(instrument, [CMB()], halos=FEW).patch(*lab.grid(0.5))
    assert sky.maps.data.std() > 0


@pytest.mark.parametrize("value", [0, -300.0, np.inf, np.nan])
def test_impossible_high_pass(lab, value):
    with pytest.raises(ValueError, match=f"high_pass is {value!r}; it must be a multipole above 0"):
        SkySimulator(lab.instrument(), [], high_pass=value)


def test_wcs_that_is_not_celestial(lab):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "LINEAR", "LINEAR"
    with pytest.raises(MapError, match="the WCS is not celestial"):
        SkySimulator(lab.instrument(), [], halos=FEW).patch(wcs, (40, 40))


def test_wcs_of_oblong_pixels(lab):
    wcs, shape = lab.grid(0.5)
    wcs.wcs.cdelt = wcs.wcs.cdelt * [1, 2]
    with pytest.raises(MapError, match="the pixels are not square"):
        SkySimulator(lab.instrument(), [], halos=FEW).patch(wcs, shape)


@pytest.mark.parametrize("given", [{}, {"shape": (40, 40)}, {"wcs": WCS(naxis=2)}])
def test_neither_grid_nor_preset(lab, given):
    with pytest.raises(ValueError, match="give both wcs and shape.*wcs_for_patch"):
        SkySimulator(lab.instrument(), [], halos=FEW).patch(**given)


@pytest.mark.parametrize("nside", [0, -2, 3, 100, 12.5])
def test_impossible_nside(lab, nside):
    with pytest.raises(MapError, match="impossible nside of a HEALPix map.*a power of 2"):
        SkySimulator(lab.instrument(), [], halos=FEW).healpix(nside)


def test_impossible_frame(lab):
    with pytest.raises(
        MapError, match="unknown frame of a HEALPix map.*ecliptic.*galactic or icrs"
    ):
        SkySimulator(lab.instrument(), [], halos=FEW).healpix(32, frame="ecliptic")


@pytest.mark.parametrize("pixels", [[-1, 3], [12 * 32**2], []])
def test_impossible_pixels(lab, pixels):
    with pytest.raises(MapError, match="pixel numbers outside the HEALPix map"):
        SkySimulator(lab.instrument(), [], halos=FEW).healpix(32, pixels=pixels)


def test_what_the_sphere_does_not_have(lab):
    with pytest.raises(ValueError, match="high_pass is known for flat patches only; leave it out"):
        SkySimulator(lab.instrument(), [], halos=FEW, high_pass=300).healpix(32)
    simulator = SkySimulator(lab.instrument(), [Noise(knee=100, scan=True)], halos=FEW)
    with pytest.raises(ValueError, match="noise of scans is known for flat patches only"):
        simulator.healpix(32)


def test_masses_have_units(lab):
    catalogue = lab.clusters(m500c=3e14)
    catalogue["m500c"] = [3.0] * u.K
    with pytest.raises(u.UnitConversionError):
        SkySimulator(lab.instrument(), [], halos=Halos(catalogue=catalogue)).patch(*lab.grid(0.5))


@pytest.mark.parametrize(
    "column, value", [("redshift", -0.1), ("redshift", 0.0), ("redshift", 7.0), ("m500c", -1e14),
                      ("m500c", 0.0), ("m500c", np.nan), ("redshift", np.nan), ("m500c", 1e11)]
)  # fmt: skip
def test_impossible_halos(lab, column, value):
    """Beyond the tables nothing is known of a halo."""
    catalogue = lab.clusters(**{"redshift": 0.5, "m500c": 3e14, column: value})
    with pytest.raises(ValueError, match=f"{column}.*between"):
        Halos(catalogue=catalogue)


def test_pixels_too_coarse_for_a_beam(lab):
    instrument = lab.instrument(150.0, fwhm=1.0)
    with pytest.warns(AstropyUserWarning, match="wider than half the beam of band 150"):
        SkySimulator(instrument, [], rng=1).patch(*lab.grid(0.5, 0.8))


def test_component_without_power(lab):
    class Speck(Component):
        name = "speck"

        def paint(self, canvas, scene, rng):
            canvas.add_points(np.zeros((2, 1)), np.ones((1, 1)))

    with pytest.raises(NotImplementedError, match="'speck' does not say what power"):
        SkySimulator(lab.instrument(), [Speck()]).covariance(np.array([1000.0]))


def test_component_called_halos(lab):
    component = CMB()
    component.name = "halos"
    with pytest.raises(ValueError, match="one is called halos"):
        SkySimulator(lab.instrument(), [component])


def test_option_of_another_preset():
    with pytest.raises(ValueError, match="'spt3g' has no option m200c"):
        SkySimulator.from_preset("spt3g", m200c=3e14)
