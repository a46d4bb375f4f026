"""A small instrument and a patch of sky for the tests of the maps."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder.maps import Band, Beam, Instrument, wcs_for_patch


@pytest.fixture
def camera():
    """Two monochromatic bands."""
    return Instrument("camera", [Band(95, 95.0, Beam.from_fwhm(1.6)),
                                 Band(150, 150.0, Beam.from_fwhm(1.2), noise=10)])


@pytest.fixture
def patch():
    """WCS and shape of a patch, not square and of even and odd sides."""
    return wcs_for_patch(SkyCoord(30, -50, unit="deg"), [1.0, 1.25] * u.deg, 1.5 * u.arcmin)


@pytest.fixture
def noise(patch):
    """A map of white noise on the patch."""
    return np.random.default_rng(3).normal(0, 50, patch[1])
