"""PatchSet: patches of all skies, and each pixel of a grid once."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder.maps import Band, Beam, Instrument, MapError, MapStack, wcs_for_patch
from szfinder.models import Preprocessing
from szfinder.training import FlatPatches, PatchSet

SIZE = 8
PREPROCESSING = Preprocessing("camera", ["a"], [150], [1], [2], 1.0, SIZE, offset=[1])
INSTRUMENT = Instrument("camera", [Band("a", 150.0, Beam(1.0))])
WCS, SHAPE = wcs_for_patch(SkyCoord(10, 5, unit="deg"), [30, 43] * u.arcmin, 1 * u.arcmin)


def counted(sky, *, clusters=((20.2, 14.7),), bad=(), **options):
    """A sky whose pixels hold their numbers, from 10 000 times that of the sky on."""
    values = 10_000.0 * sky + np.arange(np.prod(SHAPE)).reshape(SHAPE)
    for pixel in bad:
        values[pixel] = np.nan
    maps = MapStack(values[None], wcs=WCS, instrument=INSTRUMENT)
    x, y = np.array(clusters).reshape(-1, 2).T
    return FlatPatches(maps, WCS.pixel_to_world(x, y), PREPROCESSING, **options)


def numbers(images):
    """What the pixels held before they were normalised."""
    return np.rint(2.0 * images[..., 0].astype(float) + 1).astype(int)


def skies_of(images):
    return numbers(images)[:, 0, 0] // 10_000


def test_batch_draws_from_all_skies_alike():
    patches = PatchSet([counted(sky) for sky in (1, 2, 3)])
    images, labels = patches.batch(np.random.default_rng(1), 900)
    assert images.shape == (900, SIZE, SIZE, 1) and labels.shape == (900, SIZE, SIZE, 1)
    assert images.dtype == labels.dtype == np.float32
    owner = skies_of(images)
    counts = np.bincount(owner, minlength=4)[1:]
    assert counts.sum() == 900
    assert np.abs(counts - 300).max() < 4 * np.sqrt(200)
    # in no order: neighbours are of one sky in a third of the cases
    assert np.mean(owner[1:] == owner[:-1]) == pytest.approx(1 / 3, abs=0.07)


def test_a_patch_is_what_the_map_has_there():
    sky = counted(1)
    images, labels = PatchSet([sky]).batch(np.random.default_rng(1), 30, occupied=0.3)
    painted, _ = np.broadcast_arrays(labels[..., 0], images[..., 0])
    truth = {}
    rows, columns = np.indices(SHAPE)
    inside = np.hypot(columns - 20.2, rows - 14.7) <= 2.5
    for number, value in zip(numbers(images).ravel(), painted.ravel()):
        truth.setdefault(number - 10_000, set()).add(float(value))
    for number, values in truth.items():
        assert values == {float(inside.ravel()[number])}


def has_centre(images):
    """Whether the pixel with the centre of the cluster is in a patch."""
    centre = 15 * SHAPE[1] + 20
    return (numbers(images) % 10_000 == centre).any(axis=(1, 2))


@pytest.mark.parametrize("occupied", [1.0, 0.5, 0.0])
def test_occupied(occupied):
    patches = PatchSet([counted(1), counted(2)])
    images, _ = patches.batch(np.random.default_rng(2), 2000, occupied=occupied)
    ny, nx = (n - SIZE + 1 for n in SHAPE)
    anywhere = SIZE**2 / (ny * nx)
    expected = occupied + (1 - occupied) * anywhere
    assert has_centre(images).mean() == pytest.approx(expected, abs=0.04)
    assert occupied < 1 or has_centre(images).all()


def test_a_sky_without_clusters_gives_patches_without():
    patches = PatchSet([counted(1), counted(2, clusters=())])
    images, labels = patches.batch(np.random.default_rng(3), 200)
    owner = skies_of(images)
    assert 70 < np.count_nonzero(owner == 2) < 130
    assert has_centre(images[owner == 1]).all()
    assert not labels[owner == 2].any()


def test_same_seed_same_batch():
    patches = PatchSet([counted(1), counted(2)])
    one, same, other = (patches.batch(np.random.default_rng(seed), 20) for seed in (4, 4, 5))
    for first, second, third in zip(one, same, other):
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, third)


def test_grid_has_each_pixel_once():
    """30 x 43 pixels are 3 x 5 patches of 8 x 8, and what is left over is in none."""
    images, labels = PatchSet([counted(1), counted(2)]).on_grid()
    assert images.shape == (2 * 15, SIZE, SIZE, 1) and labels.shape == images.shape
    whole = np.arange(np.prod(SHAPE)).reshape(SHAPE)[:24, :40]
    expected = np.concatenate([10_000 + whole.ravel(), 20_000 + whole.ravel()])
    np.testing.assert_array_equal(np.sort(numbers(images).ravel()), np.sort(expected))


def test_grid_without_bad_pixels():
    mask = np.zeros(SHAPE, bool)
    mask[17, 33] = True
    images, labels = PatchSet([counted(1, bad=[(3, 10)], mask=mask)]).on_grid()
    found = set(numbers(images).ravel() - 10_000)
    whole = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    lost = set(whole[:8, 8:16].ravel()) | set(whole[16:24, 32:40].ravel())
    assert found == set(whole[:24, :40].ravel()) - lost
    assert np.isfinite(images).all() and np.isfinite(labels).all()


def test_local_normalisation_is_that_of_the_whole_map():
    """A patch does not know that it ends, and nothing of masked pixels is in it."""
    local = Preprocessing("camera", ["a"], [150], [1], [2], 1.0, SIZE, normalization="local",
                          smoothing=3.0)  # fmt: skip
    rng = np.random.default_rng(6)
    values = rng.standard_normal((1, *SHAPE)) + 5 * np.arange(SHAPE[1])
    mask = np.zeros(SHAPE, bool)
    mask[:, 36:] = True
    spoilt = np.where(mask, 1e8, values)
    cluster = WCS.pixel_to_world([10.0], [10.0])
    images = [
        FlatPatches(MapStack(data, wcs=WCS, instrument=INSTRUMENT), cluster, local,
                    mask=mask).on_grid()[0] for data in (values, spoilt)
    ]  # fmt: skip
    np.testing.assert_array_equal(images[0], images[1])
    expected = local.to_images(np.where(mask, np.nan, values)[None])[0, 8:16, 8:16]
    assert any(np.allclose(image, expected, atol=1e-4) for image in images[0])


def test_at_is_itself():
    patches = PatchSet([counted(1)])
    assert patches.at(0) is patches and patches.at(10**6) is patches


def test_no_cluster_anywhere():
    patches = PatchSet([counted(1, clusters=()), counted(2, clusters=[(500, 500)])])
    assert not any(sky.has_clusters for sky in patches.skies)
    with pytest.raises(ValueError, match="nothing to learn from: no patch of the 2 skies has a"):
        patches.batch(np.random.default_rng(1), 10)
    images, labels = patches.batch(np.random.default_rng(1), 10, occupied=0.0)
    assert len(images) == 10 and not labels.any()


@pytest.mark.parametrize("occupied", [-0.1, 1.5, np.nan])
def test_part_out_of_range(occupied):
    with pytest.raises(ValueError, match=f"occupied must be a part from 0 to 1; found {occupied}"):
        PatchSet([counted(1)]).batch(np.random.default_rng(1), 10, occupied=occupied)


def test_no_patch_fits():
    mask = np.ones(SHAPE, bool)
    mask[:7] = False
    with pytest.raises(MapError, match="no patch without bad pixels fits.*301 good pixels of 30 x"):
        counted(1, mask=mask)
