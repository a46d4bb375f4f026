"""Check mock skies against what they were made from and what was measured, and take their time.

``python benchmarks/skies.py`` prints what was asked and what is reached: halo counts against the
integral of the mass function; the profile, Y500 and band temperatures of a cluster against
quadrature and Planck's published factors; the powers of thermal SZ, sources and CMB; the number
counts; CPU time and memory of a sky of 10 by 10 degrees with all components. ``--fields`` sets how
many fields of 10 by 10 degrees are averaged, on seeds that were never tuned on; ``--full-sky`` adds
a sky of six bands on the whole sphere, which takes a quarter of an hour and 8 GB.
"""

import argparse
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from band_powers import band_powers, expected_band_powers
from expected_sky import (
    CLUSTER_MASS,
    CLUSTER_REDSHIFT,
    COSMOLOGY,
    FAR,
    HEAVY,
    cluster_profile,
    cluster_y500,
    halo_integral,
    in_beam,
    size,
    thermal_sz_integral,
)
from scipy import stats
from seeds import TEST_SEEDS

from szfinder import Instrument
from szfinder.maps import Band, Beam, wcs_for_patch
from szfinder.physics import tsz_response
from szfinder.simulation import (
    CMB,
    ClusteredCIB,
    DustyGalaxies,
    Halos,
    RadioSources,
    Scene,
    SkySimulator,
    ThermalSZ,
)
from szfinder.simulation.halo_model import halo_model
from szfinder.simulation.patch import Patch

SEED = TEST_SEEDS[0]
CENTRE = SkyCoord(30, -50, unit="deg")
#: In arcmin; nothing beyond ell = 4000 is looked at.
PIXEL = 1.0
FIELD = wcs_for_patch(CENTRE, 10 * u.deg, PIXEL * u.arcmin, projection="ZEA")
BEAM = Beam.from_fwhm(2.0)

#: Y to K_CMB^-1 of Planck's bands (Planck 2013 results IX, table 6).
PLANCK = {"100": -0.24815, "143": -0.35923, "217": 5.152, "353": 0.161098, "545": 0.06918,
          "857": 0.0380}  # fmt: skip
#: D_3000 in uK^2 of George et al. (2015) for PAIRS of 95, 150 and 220 GHz.
PAIRS = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
GEORGE = {
    "radio": (8.04, 1.01, 0.34, 2.84, 1.66, 0.59),
    "dusty": (1.41, 9.42, 68.1, 3.64, 9.78, 25.3),
    "cib": (0.20, 3.37, 50.5, 0.82, 3.16, 13.0),
}
GEORGE_TSZ = 3.2
ONE = Halos(
    catalogue=QTable(
        {"sky_centroid": SkyCoord([30.03], [-50.02], unit="deg"),
         "redshift": [CLUSTER_REDSHIFT], "m500c": [CLUSTER_MASS] * u.Msun}
    )
)  # fmt: skip


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=20)
    parser.add_argument("--full-sky", action="store_true", help="15 CPU minutes, 8 GB")
    options = parser.parse_args()
    print(f"{'':44} {'asked':>18}  reached")
    speed()
    halos(options.fields)
    one_cluster()
    thermal_sz(options.fields)
    sources(options.fields)
    cmb(options.fields)
    counts(options.fields)
    if options.full_sky:
        full_sky()


def report(name, asked, reached):
    """Print a row."""
    print(f"{name:44} {asked:>18}  {reached}", flush=True)


def speed():
    """CPU time and memory of a sky with all components, in a process of its own."""
    first, later, memory = alone(time_patches)
    report("CPU time of spt3g, 10 x 10 deg, first call", "5 s", f"{first:.1f} s")
    report("  later calls", "5 s", f"{later:.1f} s")
    report("  memory of the whole process", "", f"{memory:.0f} MB")


def time_patches():
    """CPU time of the first call and the least of the later ones, and peak memory."""
    simulator = SkySimulator.from_preset("spt3g", rng=SEED)
    times = [cpu_time(simulator.patch) for _ in range(4)]
    return times[0], min(times[1:]), peak_memory()


def full_sky():
    """CPU time and memory of six bands on the sphere, in a process of its own."""
    cpu, memory = alone(time_sphere)
    report("CPU time of planck-hfi, nside 2048", "15 min", f"{cpu / 60:.1f} min")
    report("  memory of the whole process", "8 GB", f"{memory / 1024:.1f} GB")


def time_sphere():
    """CPU time and peak memory of a sky on the sphere."""
    simulator = SkySimulator.from_preset("planck-hfi", rng=SEED)
    return cpu_time(lambda: simulator.healpix(2048)), peak_memory()


def halos(n_fields):
    """Halos above 2e14 Msun beyond redshift 0.25, against the integral of the mass function."""
    simulator = SkySimulator(band(150), [], halos=Halos(min_mass=1e14), rng=SEED)
    number = 0
    for _ in range(n_fields):
        truth = simulator.patch(*FIELD).truth
        number += np.sum((truth["redshift"] > FAR) & (truth["mvir"] > HEAVY * u.Msun))
    expected = n_fields * halo_integral() * field_area()
    error = 100 / np.sqrt(expected)
    report(
        f"halos a deg2: {number / n_fields / field_area():.3f} over the integral",
        "3 per cent",
        f"{percent(number / expected)} +- {error:.1f}",
    )


def one_cluster():
    """A cluster's profile, Y500 and temperature in each band."""
    radius, profile = cluster_profile()
    sky = cluster_sky(band(150, fwhm=1.2), 3 * u.deg, 0.5)
    cluster = sky.truth[0]
    y, x = np.indices(sky.maps.shape)
    theta = 0.5 * np.hypot(x - cluster["x_centroid"], y - cluster["y_centroid"])
    inner = theta < 2 * size()
    painted = sky.maps.data[0][inner] / tsz_response(150.0)
    wrong = painted / in_beam(theta[inner], radius, profile, 1.2) - 1
    report("y(theta) within 2 theta500", "0.5 per cent", f"{100 * np.abs(wrong).max():.2f}")
    report("Y500", "0.5 per cent", percent(cluster["y500"].value / cluster_y500()))
    whole = np.trapezoid(2 * np.pi * radius * profile, radius)
    planck = cluster_sky("planck-hfi", 4 * u.deg, 2.0)
    for name, image in zip(PLANCK, planck.maps.data):
        ratio = 2.0**2 * image.sum() / whole * 1e-6 * PLANCK[name]
        report(f"temperature at {name} GHz, over Planck's", "0.5 per cent", percent(ratio))


def cluster_sky(instrument, side, pixel):
    """The thermal SZ effect of the cluster, without scatter."""
    simulator = SkySimulator(instrument, [ThermalSZ(scatter=0)], halos=ONE, rng=SEED)
    return simulator.patch(*wcs_for_patch(CENTRE, side, pixel * u.arcmin))


def thermal_sz(n_fields):
    """D_3000 of the thermal SZ effect at 150 GHz."""
    painted = averaged(ThermalSZ(), n_fields)[:, 0]
    mean, error = painted.mean(), painted.std(ddof=1) / np.sqrt(n_fields)
    integral = thermal_sz_integral()
    report(
        f"thermal SZ D_3000 over the integral, {integral:.2f} uK2",
        "10 per cent",
        f"{percent(mean / integral)} +- {100 * error / integral:.1f}",
    )
    report("thermal SZ D_3000", f"above {GEORGE_TSZ} uK2", f"{mean:.2f} +- {error:.2f} uK2")


def sources(n_fields):
    """D_3000 of sources up to 6.4 mJy, against George et al. (2015)."""
    for component in (RadioSources(max_flux=6.4), DustyGalaxies(max_flux=6.4), ClusteredCIB()):
        found = averaged(component, n_fields, frequencies=(95, 150, 220), pairs=PAIRS)
        ratio = found.mean(axis=0) / GEORGE[component.name]
        error = found.std(axis=0, ddof=1) / np.sqrt(n_fields) / GEORGE[component.name]
        report(
            f"{component.name} D_3000, auto and cross, over George's",
            "20 per cent",
            f"{percent(ratio.min())} to {percent(ratio.max())} +- {100 * error.max():.1f}",
        )


def averaged(component, n_fields, frequencies=(150,), pairs=((0, 0),)):
    """D_3000 of each field and pair of bands, of a component alone, beam divided out."""
    halos = Halos() if component.name == "tsz" else ONE
    simulator = SkySimulator(band(*frequencies), [component], halos=halos, rng=SEED)
    edges = np.array([2800.0, 3200.0])
    fields = (simulator.patch(*FIELD).maps.data for _ in range(n_fields))
    powers = [[band_powers(maps[i], maps[j], PIXEL, edges)[0] for i, j in pairs] for maps in fields]
    return np.array(powers) / BEAM.window(np.array([3000.0])) ** 2


def cmb(n_fields):
    """Power of CMB maps in bins of 200, against the input seen through the same taper."""
    n_fields *= 25
    simulator = SkySimulator(band(150), [CMB()], halos=ONE, rng=SEED)
    edges = np.arange(200.0, 4001.0, 200.0)
    images = (simulator.patch(*FIELD).maps.data[0] for _ in range(n_fields))
    powers = np.array([band_powers(image, image, PIXEL, edges) for image in images])
    powers /= expected_band_powers(seen_cmb, FIELD[1][0], PIXEL, edges)
    ratio, error = powers.mean(axis=0), powers.std(axis=0, ddof=1) / np.sqrt(n_fields)
    worst = np.abs(ratio - 1).argmax()
    report(
        f"CMB power, worst bin (ell {edges[worst]:.0f} to {edges[worst + 1]:.0f})",
        "2 per cent",
        f"{percent(ratio[worst])} +- {100 * error[worst]:.1f}",
    )
    chi2 = np.sum(((ratio - 1) / error) ** 2)
    report(f"  chi2 of {ratio.size} bins", f"{ratio.size}", chance(chi2, ratio.size))


def seen_cmb(ell):
    """Power of the CMB in the beam."""
    return CMB().spectrum(ell) * BEAM.window(ell) ** 2 * (ell > 0)


def counts(n_fields):
    """Fluxes of the sources that are drawn, against the counts that went in."""
    region = Patch(*FIELD)
    scene = Scene(region, halo_model(COSMOLOGY), np.empty((2, 0)), QTable())
    cases = {RadioSources(): np.geomspace(0.2, 2000, 31), DustyGalaxies(): np.geomspace(3, 48, 21)}
    for component, edges in cases.items():
        rng = np.random.default_rng(SEED)
        drawn = sum(np.histogram(component.draw(scene, rng)[1], edges)[0] for _ in range(n_fields))
        expected = [component.counts.number(*pair) for pair in zip(edges, edges[1:])]
        expected = n_fields * region.solid_angle * np.array(expected)
        full = expected > 10
        chi2 = np.sum((drawn - expected)[full] ** 2 / expected[full])
        n_cells = full.sum()
        report(f"{component.name}: chi2 of the counts", f"{n_cells}", chance(chi2, n_cells))


def band(*frequencies, fwhm=2.0):
    """An instrument without noise."""
    beam = Beam.from_fwhm(fwhm)
    return Instrument("plain", [Band(str(nu), float(nu), beam) for nu in frequencies])


def field_area():
    """Solid angle of a field in square degrees; its projection is equal-area."""
    return np.prod(FIELD[1]) * (PIXEL / 60) ** 2


def percent(ratio):
    """Deviation of a ratio from 1."""
    return f"{100 * (ratio - 1):+.2f}"


def chance(chi2, n):
    """Chi-squared, and the probability of a higher one."""
    return f"{chi2:.1f} (probability {stats.chi2.sf(chi2, n):.2f})"


def alone(function):
    """Result of a function in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function).result()


def cpu_time(function):
    """CPU seconds of a call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def peak_memory():
    """Peak memory of the process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
