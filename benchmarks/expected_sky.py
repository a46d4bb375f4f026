"""What a mock sky must have: integrals by quadrature and colossus, with nothing of the simulator.

The halos of the default sky above a mass, the profile and Y500 of one cluster of 5e14 Msun at
redshift 0.3, and the power of the thermal SZ effect.
"""

import numpy as np
from colossus.lss import mass_function
from scipy import integrate
from scipy.interpolate import CubicSpline
from scipy.special import ive

from szfinder.physics import (
    ARNAUD2010,
    central_y,
    convert_mass,
    sehgal_cosmology,
    theta500,
    transform,
    tsz_response,
)
from szfinder.physics.cosmology import colossus_cosmology

COSMOLOGY = sehgal_cosmology()
#: Halos are counted beyond this redshift, above this virial mass in Msun.
FAR, HEAVY = 0.25, 2e14
CLUSTER_MASS, CLUSTER_REDSHIFT = 5e14, 0.3
#: Of the simulator's defaults.
BIAS, SCATTER = 0.2, 0.2
#: Where the pressure ends, in R500.
EDGE = 5.0


def halo_integral():
    """Halos a square degree, from the mass function and the NFW masses of colossus."""
    redshift = np.linspace(FAR, 3.0, 40)
    volume = COSMOLOGY.differential_comoving_volume(redshift).to_value("Mpc3 / deg2")
    density = [heavy_halos(z) for z in redshift]
    return CubicSpline(redshift, volume * density).integrate(FAR, 3.0)


def heavy_halos(redshift):
    """Comoving density in Mpc^-3 of halos above a virial mass."""
    m200c = np.geomspace(8e13, 1e16, 40)
    virial = convert_mass(m200c, redshift, "200c", "vir", cosmology=COSMOLOGY)
    least = np.interp(np.log(HEAVY), np.log(virial), np.log(m200c))
    spline = CubicSpline(np.log(m200c), tinker(m200c, redshift))
    return spline.integrate(least, np.log(m200c[-1]))


def tinker(m200c, redshift):
    """The mass function dn/dlnM of Tinker et al. (2008), in Mpc^-3."""
    with colossus_cosmology(COSMOLOGY) as colossus:
        density = mass_function.massFunction(
            m200c * colossus.h, redshift, mdef="200c", model="tinker08", q_out="dndlnM"
        )
        return density * colossus.h**3


def cluster_profile():
    """Radii in arcmin, and Compton y of the cluster there."""
    radius = size() * EDGE * np.linspace(0.01, 1, 1500) ** 1.5
    shape = np.array([line_of_sight(b) for b in radius / size()])
    return radius, central_compton() * shape / line_of_sight(0.0)


def cluster_y500():
    """Compton y of the cluster in the sphere of R500, in arcmin^2."""
    sphere = 4 * np.pi * integrate.quad(lambda r: r**2 * pressure(r), 0, 1)[0]
    return central_compton() * size() ** 2 * sphere / line_of_sight(0.0)


def size():
    """Angle theta500 that belongs to the cluster's mass with its bias, in arcmin."""
    return theta500((1 - BIAS) * CLUSTER_MASS, CLUSTER_REDSHIFT, cosmology=COSMOLOGY)


def central_compton():
    """Central Compton y of the cluster."""
    return central_y(CLUSTER_MASS, CLUSTER_REDSHIFT, cosmology=COSMOLOGY, mass_bias=BIAS)


def pressure(x):
    """The universal pressure profile (Arnaud et al. 2010, eq. 11)."""
    x = ARNAUD2010["c500"] * x
    alpha, beta, gamma = (ARNAUD2010[name] for name in ("alpha", "beta", "gamma"))
    return ARNAUD2010["p0"] * x**-gamma * (1 + x**alpha) ** ((gamma - beta) / alpha)


def line_of_sight(b):
    """Integral of the pressure along the line of sight."""
    end = np.sqrt(EDGE**2 - b**2)
    return 2 * integrate.quad(lambda los: pressure(np.hypot(b, los)), 0, end, limit=200)[0]


def in_beam(theta, radius, profile, fwhm):
    """A profile smoothed by a Gaussian beam, at angles in arcmin."""
    sigma = fwhm / np.sqrt(8 * np.log(2))
    nodes = np.linspace(0, 1.01 * theta.max(), 200)
    gauss = np.exp(-0.5 * ((radius - nodes[:, None]) / sigma) ** 2)
    kernel = radius * gauss * ive(0, nodes[:, None] * radius / sigma**2)
    return CubicSpline(nodes, np.trapezoid(kernel * profile, radius) / sigma**2)(theta)


def thermal_sz_integral():
    """The halo integral at ell = 3000 and 150 GHz, from colossus and transforms of the profile.

    Komatsu & Seljak (2002), eq. 1, with the scatter of the signal.
    """
    redshift = np.geomspace(0.005, 3, 60)
    volume = COSMOLOGY.differential_comoving_volume(redshift).to_value("Mpc3 / sr")
    shells = [halos_at(z) for z in redshift]
    power = integrate.simpson(redshift * volume * shells, x=np.log(redshift))
    return 3000 * 3001 / (2 * np.pi) * np.exp(2 * SCATTER**2) * tsz_response(150.0) ** 2 * power


def halos_at(redshift):
    """Sum of squared transforms of all halos of a redshift, per comoving volume."""
    m200c = np.geomspace(1e13, 1e16, 50)
    m500c = convert_mass(m200c, redshift, "200c", "500c", cosmology=COSMOLOGY)
    size = np.deg2rad(theta500((1 - BIAS) * m500c, redshift, cosmology=COSMOLOGY) / 60)
    shape = transform(pressure, 3000 * size, EDGE) / line_of_sight(0.0)
    y_c = central_y(m500c, redshift, cosmology=COSMOLOGY, mass_bias=BIAS)
    squared = (y_c * size**2 * shape) ** 2
    return integrate.simpson(tinker(m200c, redshift) * squared, x=np.log(m200c))
