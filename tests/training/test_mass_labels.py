"""Labels of clusters: pixel by pixel, against the profiles they are made of."""

import astropy.units as u
import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM, Planck18
from astropy.table import QTable

from szfinder.mass import CentralMass, CentralNormal
from szfinder.physics import (
    central_y,
    compton_y,
    nfw_concentration,
    project,
    sehgal_cosmology,
    theta500,
    tsz_response,
)
from szfinder.simulation import ClusterImages, cluster_images, sky_preset
from szfinder.training.mass_labels import compton_images, mass_labels, nfw_images

MASSES, REDSHIFTS = np.array([3e14, 8e14, 1e14]), np.array([0.7, 0.3, 1.2])
DEFAULT = FlatLambdaCDM(H0=70, Om0=0.3)


def offsets(side, pixel):
    """Arcmin of every pixel from the pixel that the cluster is in the middle of."""
    rows, columns = np.indices((side, side)) - side // 2
    return pixel * np.sqrt(rows**2 + columns**2)


def clusters(masses, redshifts, **columns):
    table = QTable({"redshift": np.broadcast_to(redshifts, np.shape(masses)), **columns})
    table["m200c"] = masses * u.Msun
    return table


@pytest.mark.parametrize("side, pixel", [(40, 0.25), (21, 0.5), (1, 0.5), (2, 3.0)])
@pytest.mark.parametrize("mass_bias", [0.0, 0.2])
def test_compton_y_of_every_pixel(side, pixel, mass_bias):
    truth = QTable({
        "theta500": theta500(MASSES, REDSHIFTS) * u.arcmin,
        "y_c": central_y(MASSES, REDSHIFTS, mass_bias=mass_bias),
    })  # fmt: skip
    images = compton_images(truth, side, pixel, mass_bias=mass_bias)
    assert images.shape == (3, side, side) and images.dtype == np.float32
    for image, mass, redshift in zip(images, MASSES, REDSHIFTS):
        expected = compton_y(offsets(side, pixel), mass, redshift, mass_bias=mass_bias)
        np.testing.assert_allclose(image, expected, rtol=1e-3, atol=1e-5 * expected.max())
        assert image[side // 2, side // 2] == image.max() == pytest.approx(expected.max(), rel=1e-5)


def test_compton_y_ends_at_five_radii():
    truth = QTable({"theta500": [2.0] * u.arcmin, "y_c": [1e-4]})
    (image,) = compton_images(truth, 101, 0.25)
    distance = offsets(101, 0.25)
    assert (image[distance < 9.9] > 0).all() and not image[distance > 10].any()


def test_compton_y_follows_the_scatter_of_the_truth():
    truth = QTable({"theta500": [2.0, 2.0] * u.arcmin, "y_c": [1e-4, 1.7e-4]})
    one, other = compton_images(truth, 20, 0.25)
    np.testing.assert_allclose(other, 1.7 * one, rtol=1e-6)


def test_compton_y_is_that_of_the_images():
    """All of it: the beam but spreads what there is."""
    made = cluster_images("gupta2020", [3e14, 7e14], [0.7, 0.4], side=120, scatter=0.3, rng=1)
    y = compton_images(made.truth, 120, made.pixel)
    expected = tsz_response(150.0) * y.sum(axis=(1, 2))
    np.testing.assert_allclose(made.clusters[:, 0].sum(axis=(1, 2)), expected, rtol=0.01)


@pytest.mark.parametrize("side, pixel", [(20, 0.25), (21, 0.5)])
@pytest.mark.parametrize("cosmology", [Planck18, DEFAULT], ids=["Planck18", "default"])
def test_surface_density_of_every_pixel(side, pixel, cosmology):
    """The halo 1 / (r (1 + r)^2) along the line of sight, over that one pixel off the centre."""
    images = nfw_images(clusters(MASSES, REDSHIFTS), side, pixel, cosmology=cosmology)
    assert images.shape == (3, side, side) and images.dtype == np.float32
    off = offsets(side, pixel)
    off[side // 2, side // 2] = pixel
    for image, mass, redshift in zip(images, MASSES, REDSHIFTS):
        density = 200 * cosmology.critical_density(redshift)
        radius = np.cbrt(3 * mass * u.Msun / (4 * np.pi * density))
        angle = (radius * cosmology.arcsec_per_kpc_proper(redshift)).to_value("arcmin")
        x = nfw_concentration(mass, redshift, cosmology=cosmology) * off / angle
        expected = project(lambda r: 1 / (r * (1 + r) ** 2), x, 1e4)
        expected /= expected[side // 2, side // 2 + 1]
        np.testing.assert_allclose(image, expected, rtol=1e-4)


def test_surface_density_falls_from_one():
    (image,) = nfw_images(clusters([3e14], 0.7), 41, 0.25, cosmology=Planck18)
    assert image[20, 20] == 1
    assert image[19, 20] == image[21, 20] == image[20, 19] == image[20, 21] == 1
    assert (np.diff(image[20, 21:]) < 0).all() and (image > 0).all()
    for same in (image.T, image[::-1], image[:, ::-1]):
        np.testing.assert_array_equal(image, same)
    order = np.argsort(offsets(41, 0.25).ravel(), kind="stable")
    assert (np.diff(image.ravel()[order]) <= 1e-7).all()


def test_surface_density_is_wide_where_the_halo_is():
    """Massive halos and near ones look larger."""
    masses, redshifts = np.meshgrid([1e14, 4e14, 1e15], [0.2, 0.5, 1.0], indexing="ij")
    images = nfw_images(clusters(masses.ravel(), redshifts.ravel()), 40, 0.25, cosmology=Planck18)
    far = images[:, 20, 39].reshape(3, 3)
    assert (np.diff(far, axis=0) > 0).all() and (np.diff(far, axis=1) < 0).all()


def test_surface_density_of_a_cluster_does_not_depend_on_the_others():
    masses, redshifts = np.array([3e14, 5e14, 1e14, 3e14]), np.array([0.9, 0.4, 0.9, 0.4])
    together = nfw_images(clusters(masses, redshifts), 8, 0.5, cosmology=Planck18)
    for image, mass, redshift in zip(together, masses, redshifts):
        (alone,) = nfw_images(clusters([mass], redshift), 8, 0.5, cosmology=Planck18)
        np.testing.assert_allclose(image, alone, rtol=1e-6)


@pytest.mark.parametrize("preset, cosmology, mass_bias", [
    ("gupta2020", Planck18, 0.0), ("spt3g", sehgal_cosmology(), 0.2),
])  # fmt: skip
def test_labels(preset, cosmology, mass_bias):
    """Profile and halo as the preset has them, and the mass in the middle of the second map."""
    truth = clusters(MASSES, REDSHIFTS, theta500=[2, 4, 1] * u.arcmin, y_c=[1e-4, 3e-4, 2e-5])
    blank = np.zeros((3, 1, 20, 20), np.float32)
    made = ClusterImages(blank, blank, truth, 0.5)
    y = compton_images(made.truth, 20, made.pixel, mass_bias=mass_bias)
    halos = nfw_images(made.truth, 20, made.pixel, cosmology=cosmology)
    middle = np.indices((20, 20)).sum(axis=0) == 20
    middle &= np.eye(20, dtype=bool)
    mean = CentralMass(y_unit=1e-4, mass_unit=4e14)
    normal = CentralNormal(y_unit=1e-4, mean=33.0, width=0.5)
    for answer, around, centre in ((mean, halos, MASSES / 4e14),
                                   (normal, 0 * halos, (np.log(MASSES) - 33) / 0.5)):  # fmt: skip
        labels = mass_labels(made, answer, sky_preset(preset))
        assert labels.shape == (3, 20, 20, 2) and labels.dtype == np.float32
        np.testing.assert_allclose(labels[..., 0], 1e4 * y, rtol=1e-6)
        np.testing.assert_array_equal(labels[:, ~middle, 1], around[:, ~middle])
        np.testing.assert_allclose(labels[:, middle, 1][:, 0], centre, rtol=1e-6)
