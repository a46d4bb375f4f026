"""Skies that imitate maps, held against known spectra, a real field and plain counting."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from scipy import ndimage, stats

from szfinder.filters import FourierGrid, inpaint, subtract_plane
from szfinder.maps import MapError, MapStack, read_maps
from szfinder.simulation import GalacticDust, Halos, Noise, SkySimulator, SurrogateSimulator
from szfinder.simulation.bright_peaks import BrightPeaks
from szfinder.simulation.measured_field import MeasuredField

PIXEL = 3.0
SIDE = 160
EDGES = np.array([300, 500, 800, 1200, 1800, 2600])
COMA_EDGES = np.array([300, 500, 700, 1000, 1400, 2000])
ARCMIN = np.pi / 10800
#: Clusters of PSZ2 in the field of Coma.
PSZ2 = ["G057.80+88.00", "G068.36+81.81", "G083.86+85.09", "G343.33+83.19", "G152.33+81.28",
        "G056.62+88.42", "G061.75+88.11", "G259.30+84.41", "G023.17+86.71"]  # fmt: skip


def spectra(ell):
    """Power of two bands in uK^2 sr: a red field in common, and noise; shape (2, 2, n)."""
    red = 2e-2 * np.exp(-((ell / 1500.0) ** 2)) * (np.maximum(ell, 20) / 500.0) ** -2.5
    noise = 1e-4 * np.ones_like(ell)
    return np.array([[red + noise, 3 * red], [3 * red, 9 * red + 4 * noise]])


def gaussian_maps(rng, side=SIDE, larger=2):
    """Two maps with these spectra, cut from a sky twice as wide."""
    n = larger * side
    cycles = np.fft.fftfreq(n, PIXEL * ARCMIN)
    ell = 2 * np.pi * np.hypot(cycles[:, None], cycles)
    root = np.linalg.cholesky(np.moveaxis(spectra(ell), (0, 1), (-2, -1)))
    white = np.fft.fft2(rng.standard_normal((2, n, n))) / (PIXEL * ARCMIN)
    modes = np.einsum("yxij,jyx->iyx", root, white)
    modes[:, 0, 0] = 0
    return np.fft.ifft2(modes).real[:, :side, :side]


def expected(edges=EDGES):
    means = [np.average(spectra(np.arange(a, b)), axis=-1, weights=np.arange(a, b))
             for a, b in zip(edges, edges[1:])]  # fmt: skip
    return np.moveaxis(means, 0, -1)


def powers(lab, maps, pixel=PIXEL, edges=EDGES):
    found = np.empty((len(maps), len(maps), len(edges) - 1))
    for i, j in zip(*np.tril_indices(len(maps))):
        found[i, j] = found[j, i] = lab.power(maps[i], maps[j], pixel, edges)
    return found


@pytest.fixture(scope="module")
def gaussian(lab):
    """A map stack of known spectra."""
    data = gaussian_maps(np.random.default_rng(3))
    wcs, shape = lab.grid(SIDE * PIXEL / 60, PIXEL)
    assert shape == (SIDE, SIDE)
    return MapStack(data, wcs=wcs, instrument=lab.instrument(150, 220, fwhm=8.0))


@pytest.fixture(scope="module")
def surrogates(gaussian):
    simulator = SurrogateSimulator(gaussian, components=(), filaments=0)
    return [simulator.sky(seed) for seed in range(12)]


def test_drawn_field_has_the_power_given(lab):
    """Auto and cross power of two bands, one of which is nine times as strong."""
    grid = FourierGrid((SIDE, SIDE), (PIXEL, PIXEL), margin=90)
    field = MeasuredField(grid, np.moveaxis(spectra(grid.ell * 1.0), -1, 0))
    rng = np.random.default_rng(0)
    found = np.mean([powers(lab, field.draw(rng)) for _ in range(40)], axis=0)
    np.testing.assert_allclose(found, expected(), rtol=0.05)


def test_power_is_that_of_the_maps(lab, gaussian, surrogates):
    """Within the scatter of the few waves of one map at the largest scales."""
    found = np.mean([powers(lab, sky.maps.data) for sky in surrogates], axis=0)
    np.testing.assert_allclose(found[..., 1:], powers(lab, gaussian.data)[..., 1:], rtol=0.1)
    np.testing.assert_allclose(found[..., 1:], expected()[..., 1:], rtol=0.1)


def test_measured_power(gaussian):
    """The table itself, averaged over many multipoles, is the input."""
    simulator = SurrogateSimulator(gaussian, components=(), filaments=0)
    for low, high in ((500, 1000), (1000, 2000)):
        ell = np.arange(low, high)
        found = np.average(simulator.power[low:high], axis=0, weights=ell)
        wanted = np.average(spectra(ell * 1.0), axis=-1, weights=ell)
        np.testing.assert_allclose(found, wanted, rtol=0.08)


def test_independent_of_the_maps(gaussian, surrogates):
    """Waves have other phases: pixels are not correlated with the maps."""
    correlation = [np.corrcoef(gaussian.data[0].ravel(), sky.maps.data[0].ravel())[0, 1]
                   for sky in surrogates]  # fmt: skip
    assert abs(np.mean(correlation)) < 0.15


def test_holes_do_not_lower_the_power(lab, gaussian):
    rng = np.random.default_rng(1)
    mask = np.zeros(gaussian.shape, bool)
    mask[tuple(rng.integers(10, SIDE - 10, (2, 60)))] = True
    mask = ndimage.binary_dilation(mask, iterations=3)
    assert mask.mean() > 0.04
    whole, holed = (SurrogateSimulator(gaussian, mask=m, components=(), filaments=0).power
                    for m in (None, mask))  # fmt: skip
    ratio = [np.diag(holed[a:b].sum(axis=0) / whole[a:b].sum(axis=0))
             for a, b in zip(EDGES[1:], EDGES[2:])]  # fmt: skip
    np.testing.assert_allclose(ratio, 1, atol=0.1)


def test_same_seed_same_bytes(gaussian):
    simulator = SurrogateSimulator(gaussian, halos=Halos(min_mass=3e14))
    first, again, other = (simulator.sky(seed) for seed in (5, 5, 6))
    assert first.maps.data.tobytes() == again.maps.data.tobytes()
    assert (first.truth["m200c"] == again.truth["m200c"]).all()
    assert first.maps.data.tobytes() != other.maps.data.tobytes()


def test_bad_pixels_and_grid(gaussian):
    bad = np.zeros(gaussian.shape, bool)
    bad[:, :20] = True
    maps = MapStack(gaussian.data, wcs=gaussian.wcs, instrument=gaussian.instrument, mask=bad)
    sky = SurrogateSimulator(maps, halos=Halos(min_mass=5e14)).sky(0)
    assert (sky.maps.mask == bad).all()
    assert sky.maps.wcs.wcs.compare(maps.wcs.wcs)
    assert sky.maps.data.dtype == np.float32


def test_clusters_are_painted(gaussian):
    """At 150 GHz the pixels of clusters are colder than in the same sky without them."""
    with_clusters = SurrogateSimulator(gaussian, halos=Halos(min_mass=5e14, boost=5), filaments=0)
    without = SurrogateSimulator(gaussian, components=(), filaments=0)
    y500, decrement = [], []
    for seed in range(2):
        sky = with_clusters.sky(seed)
        x, y = (np.rint(sky.truth[f"{axis}_centroid"]).astype(int) for axis in "xy")
        decrement.extend(sky.maps.data[0, y, x] - without.sky(seed).maps.data[0, y, x])
        y500.extend(sky.truth["y500"].value)
    assert len(y500) > 50
    assert np.mean(decrement) < -10
    assert stats.spearmanr(y500, decrement).statistic < -0.6


def test_sources_are_put_elsewhere(lab, gaussian):
    """Sources are found, left out of the power, and scattered with their colours."""
    rng = np.random.default_rng(8)
    rows, columns = np.indices(gaussian.shape)
    data = gaussian.data.copy()
    for y, x in rng.permutation(np.argwhere(np.ones((6, 6))))[:15] * 24 + 18:
        radius = np.hypot(rows - y, columns - x) * PIXEL
        source = np.exp(-4 * np.log(2) * (radius / 8.0) ** 2)
        data += source * np.array([2000.0, 500.0])[:, None, None]
    maps = MapStack(data, wcs=gaussian.wcs, instrument=gaussian.instrument)
    simulator = SurrogateSimulator(maps, components=(), filaments=0)
    assert simulator.n_peaks == 15
    plain = SurrogateSimulator(gaussian, components=(), filaments=0).power
    ratio = np.einsum("lii->i", simulator.power[500:2000]) / np.einsum("lii->i", plain[500:2000])
    np.testing.assert_allclose(ratio, 1, atol=0.1)
    numbers = []
    for seed in range(8):
        image = simulator.sky(seed).maps.data
        number = ndimage.label(image[0] > 800)[1]
        numbers.append(number)
        peaks = image[:, image[0] > 1500]
        assert np.median(peaks[1] / peaks[0]) == pytest.approx(0.25, abs=0.1)
    assert np.mean(numbers) == pytest.approx(15, abs=4)


def test_scattered_peaks_keep_their_sum():
    """Each peak of weight 1 in the first band is whole, cut only by the border."""
    excess = np.zeros((2, 100, 90), np.float32)
    excess[:, 40:43, 50:52] = [[[1 / 6]], [[0.5]]]
    everywhere = np.ones((100, 90), bool)
    peaks = BrightPeaks(excess, excess[0] > 0, everywhere, level=np.ones(2), large=50)
    rng = np.random.default_rng(0)
    sums = np.array([peaks.scatter(rng, 2).sum(axis=(1, 2)) for _ in range(2000)])
    np.testing.assert_allclose(sums[:, 1], 3 * sums[:, 0], rtol=1e-5)
    assert sums[:, 0].mean() == pytest.approx(1, abs=0.1)
    assert sums[:, 0].var() == pytest.approx(1, abs=0.15)


def test_large_clouds_have_one_colour():
    """The noise under a cloud in the band where it is faint is not carried along with it."""
    rng = np.random.default_rng(4)
    disc = np.hypot(*np.indices((120, 120)) - 60.0) < 40
    cloud = disc * np.exp(-0.5 * (np.indices((120, 120))[0] - 60.0) ** 2 / 15**2)
    excess = np.array([5.0, 500.0])[:, None, None] * cloud + 5 * disc * rng.standard_normal(
        (2, 120, 120)
    )
    (cutout,) = BrightPeaks(excess, disc, ~disc, level=np.full(2, 5.0), large=50).cutouts
    used = cutout[1] > 100
    colour = cutout[0][used] / cutout[1][used]
    np.testing.assert_allclose(colour, 0.01, atol=2e-3)
    assert colour.std() < 1e-6


def test_filaments_keep_the_power(lab):
    """Dust in filaments replaces Gaussian dust of the same power, and is skewed."""
    instrument = lab.instrument(353, 545, fwhm=8.0, noise=50.0)
    dusty = SkySimulator(instrument, [GalacticDust(), Noise()], halos=Halos(min_mass=1e15), rng=2)
    maps = dusty.patch(*lab.grid(10, 4.0)).maps
    edges = np.array([300, 600, 1200, 2000])
    found, skewness = {}, {}
    for part in (0.0, 1.0):
        simulator = SurrogateSimulator(maps, components=(), filaments=part)
        skies = [simulator.sky(seed).maps.data for seed in range(8)]
        found[part] = np.mean([powers(lab, sky, 4.0, edges) for sky in skies], axis=0)
        fine = [sky[1] - ndimage.gaussian_filter(sky[1], 10) for sky in skies]
        skewness[part] = np.mean([stats.skew(image.ravel()) for image in fine])
    np.testing.assert_allclose(found[1.0], found[0.0], rtol=0.2)
    assert abs(skewness[0.0]) < 0.1 < skewness[1.0]


def test_refused(lab, gaussian):
    with pytest.raises(MapError, match="mask does not fit"):
        SurrogateSimulator(gaussian, mask=np.zeros((3, 3), bool))
    with pytest.raises(MapError, match="nothing of the maps is left"):
        SurrogateSimulator(gaussian, mask=np.ones(gaussian.shape, bool))
    small = gaussian.cutout(lab.centre, 40)
    with pytest.raises(MapError, match="too small"):
        SurrogateSimulator(small)
    with pytest.raises(ValueError, match="filaments is 2"):
        SurrogateSimulator(gaussian, filaments=2)
    with pytest.raises(ValueError, match="dust"):
        SurrogateSimulator(gaussian, components=(GalacticDust(),))


@pytest.fixture(scope="module")
def coma(reference_data):
    """Planck HFI around Coma."""
    folder = reference_data / "planck_hfi_coma"
    bands = [100, 143, 217, 353, 545, 857]
    return read_maps({band: folder / f"map2048_{band:04d}_0000.fits" for band in bands},
                     instrument="planck-hfi")  # fmt: skip


@pytest.fixture(scope="module")
def known(coma):
    """Mask of the clusters of PSZ2."""
    rows, columns = np.indices(coma.shape)
    mask = np.zeros(coma.shape, bool)
    for name in PSZ2:
        place = SkyCoord(float(name[1:7]), float(name[7:]), unit="deg", frame="galactic")
        x, y = coma.wcs.world_to_pixel(place)
        mask |= np.hypot(rows - y, columns - x) < 12
    return mask


def bright_pixels(data, mask):
    """Masked pixels, and whatever stands out of any band, on small or on large scales."""
    mask = mask.copy()
    for _ in range(2):
        for image in subtract_plane(data, ~mask):
            blurred = [ndimage.gaussian_filter(image, sigma) for sigma in (1.0, 2.5, 6.0)]
            for smooth in (blurred[1], blurred[0] - blurred[2]):
                level = stats.median_abs_deviation(smooth[~mask], scale="normal")
                labels = ndimage.label(smooth > 3 * level)[0]
                kept = np.unique(labels[smooth > 5 * level])
                high = np.isin(labels, kept[kept > 0])
                mask |= ndimage.binary_dilation(high, iterations=3)
    return mask


def quiet_powers(lab, data, mask):
    bright = bright_pixels(data, mask)
    maps = inpaint(subtract_plane(data, ~bright), bright)
    hann = np.hanning(len(bright) + 2)[1:-1] ** 2
    return powers(lab, maps, 1.7177, COMA_EDGES) / np.average(~bright, weights=np.outer(hann, hann))


def test_power_of_coma_field(lab, coma, known):
    """Six bands and their correlations, with clusters, sources and cirrus masked."""
    simulator = SurrogateSimulator(coma, mask=known)
    real = quiet_powers(lab, coma.data, known)
    skies = [quiet_powers(lab, simulator.sky(seed).maps.data, known) for seed in range(3)]
    found = np.mean(skies, axis=0)
    ratio = np.einsum("iil->il", found / real)
    np.testing.assert_allclose(ratio, 1, atol=0.15)
    for power in (real, found):
        power /= np.sqrt(np.einsum("iil,jjl->ijl", power, power))
    np.testing.assert_allclose(found, real, atol=0.12)


def test_truth_of_coma_field(coma, known):
    """Halos are those of the halo model, not those of the field."""
    sky = SurrogateSimulator(coma, mask=known, halos=Halos(min_mass=4e14)).sky(1)
    assert 20 < len(sky.truth) < 200
    assert (sky.truth["m200c"] >= 4e14 * u.Msun).all()
