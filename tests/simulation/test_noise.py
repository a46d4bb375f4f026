"""Noise: white, 1/f, striped and uneven; and the filter along right ascension."""

import numpy as np
import pytest

from szfinder.simulation import Halos, Noise, SkySimulator

FEW = Halos(min_mass=1e15)
ORIENTATIONS = pytest.mark.parametrize(
    "angle, flip", [(0, False), (90, False), (0, True), (90, True), (30, False), (-50, True)]
)


def noise(lab, grid, component=None, instrument=None, **options):
    component = component or Noise()
    simulator = SkySimulator(
        instrument or lab.instrument(), [component], halos=FEW, rng=10, **options
    )
    return simulator.patch(*grid).maps


def turned(lab, angle, flip, side=4, pixel=1.0):
    """A grid turned by an angle in deg, and with right ascension to the right if flipped."""
    wcs, shape = lab.grid(side, pixel)
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    wcs.wcs.pc = [[c, -s], [s, c]]
    if flip:
        wcs.wcs.cdelt = [pixel / 60, pixel / 60]
    return wcs, shape


def along_ra(wcs, shape):
    """Unit vector (dx, dy) in pixels of right ascension at the centre."""
    lon, lat = wcs.wcs_pix2world([[(shape[1] - 1) / 2, (shape[0] - 1) / 2]], 0)[0]
    ends = wcs.wcs_world2pix([[lon + 0.1, lat], [lon - 0.1, lat]], 0)
    return (ends[0] - ends[1]) / np.hypot(*(ends[0] - ends[1]))


def difference(image, step):
    """Variance of differences of pixels a step (dx, dy) apart."""
    dx, dy = (int(d) for d in np.rint(step))
    shifted = np.roll(image, (-dy, -dx), axis=(0, 1))
    inner = tuple(slice(40, n - 40) for n in image.shape)
    return np.var((shifted - image)[inner])


@pytest.mark.parametrize("pixel", [0.5, 2.0])
def test_white_level(lab, pixel):
    instrument = lab.instrument(95.0, 150.0, noise=7.0, pixel_window=True)
    maps = noise(lab, lab.grid(150 * pixel / 60, pixel), instrument=instrument)
    error = 4 / np.sqrt(2 * maps.data[0].size)
    for image in maps.data:
        assert image.std() * pixel == pytest.approx(7.0, rel=error)
    assert abs(np.corrcoef(maps.data.reshape(2, -1))[0, 1]) < 4 / 150
    np.testing.assert_allclose(maps.data[0].mean(), 0, atol=4 * 7 / pixel / 150)
    assert maps.ivar is None


def test_power_of_one_over_f_noise(lab):
    edges = np.array([300, 400, 600, 1000, 3000, 4500])
    images = [noise(lab, lab.grid(6, 2), Noise(knee=k, slope=2.0)).data[0] for k in (0.0, 1000.0)]
    white, red = (lab.power(image, image, 2.0, edges) for image in images)
    expected = [np.average(1 + (1000 / ell) ** 2, weights=ell)
                for ell in (np.arange(a, b) for a, b in zip(edges, edges[1:]))]  # fmt: skip
    np.testing.assert_allclose(red / white, expected, rtol=0.12)
    level = np.deg2rad(5 / 60) ** 2
    assert np.average(white, weights=np.diff(edges**2)) == pytest.approx(level, rel=0.03)


@pytest.mark.parametrize("scan", [False, True])
def test_expected_power(lab, scan):
    component = Noise(knee=800.0, slope=2.0, scan=scan)
    edges = np.array([600, 1000, 2000, 4000])
    found = 0
    for seed in range(6):
        simulator = SkySimulator(lab.instrument(), [component], halos=FEW, rng=seed)
        image = simulator.patch(*lab.grid(6, 2)).maps.data[0]
        found = found + lab.power(image, image, 2.0, edges) / 6
    ells = [np.arange(a, b, 10) for a, b in zip(edges, edges[1:])]
    expected = [
        np.average(component.power(ell, lab.instrument(), None)[:, 0, 0], weights=ell)
        for ell in ells
    ]
    np.testing.assert_allclose(found, expected, rtol=0.25 if scan else 0.1)


@ORIENTATIONS
def test_scans_leave_stripes_along_right_ascension(lab, angle, flip):
    wcs, shape = turned(lab, angle, flip)
    image = noise(lab, (wcs, shape), Noise(knee=1500.0, scan=True)).data[0]
    ra = along_ra(wcs, shape)
    across = np.array([-ra[1], ra[0]])
    assert difference(image, 5 * ra) < 0.5 * difference(image, 5 * across)
    if angle not in (0, 90):  # nor along the mirrored direction
        assert difference(image, 5 * ra) < 0.5 * difference(image, 5 * ra * [1, -1])


@ORIENTATIONS
def test_high_pass_removes_modes_along_right_ascension_alone(lab, angle, flip):
    wcs, shape = turned(lab, angle, flip)
    plain, filtered = (
        noise(lab, (wcs, shape), high_pass=value).data[0] for value in (None, 2000.0)
    )
    window = np.outer(*(np.hanning(n) for n in shape))
    powers = [np.abs(np.fft.fft2(image * window)) ** 2 for image in (plain, filtered)]
    cycles = np.fft.fftfreq(shape[0], 1 / 60 * np.pi / 180)
    ra = along_ra(wcs, shape)
    ell_ra = 2 * np.pi * np.abs(cycles[:, None] * ra[1] + cycles * ra[0])
    removed, kept = ell_ra < 1000, ell_ra > 3000
    assert powers[1][removed].sum() < 0.01 * powers[0][removed].sum()
    np.testing.assert_allclose(powers[1][kept].sum() / powers[0][kept].sum(), 1, atol=0.01)
    half = np.abs(ell_ra - 2000) < 100  # 1 - 1/e is left, squared
    assert powers[1][half].sum() / powers[0][half].sum() == pytest.approx(0.4, abs=0.1)


def test_uneven_depth(lab):
    """The inverse variance is that of the noise wherever one looks."""
    maps = noise(lab, lab.grid(4, 1.0), Noise(unevenness=0.4), lab.instrument(95.0, 150.0))
    assert maps.ivar.shape == maps.data.shape
    pull = maps.data * np.sqrt(maps.ivar)
    for image, ivar in zip(pull, maps.ivar):
        for part in np.array_split(np.argsort(ivar, axis=None), 6):
            assert image.ravel()[part].std() == pytest.approx(1, abs=4 / np.sqrt(2 * part.size))
    log_depth = -0.5 * np.log(maps.ivar[0])
    assert 0.2 < log_depth.std() < 0.6
    assert abs(np.diff(log_depth, axis=0)).max() < 0.05
    assert np.exp(np.median(log_depth)) == pytest.approx(5.0, rel=0.5)
