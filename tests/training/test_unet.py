"""train_unet and train_unet_on_maps: what is trained on is said, checked and kept."""

import json
import warnings
from dataclasses import replace
from functools import cache

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table, vstack

from szfinder.evaluation import positions_of, select_halos
from szfinder.finders import UNetSegmentFinder
from szfinder.maps import (
    Band,
    Beam,
    HealpixMap,
    HealpixStack,
    Instrument,
    MapError,
    MapStack,
    read_maps,
    wcs_for_patch,
)
from szfinder.models import Preset
from szfinder.training import (
    UNET_TRAININGS,
    BonjeanRecipe,
    HeatMapRecipe,
    MockSkies,
    UNetTraining,
    train_unet,
    train_unet_on_maps,
)
from szfinder.training.visible import visible_halos


class KeptSkies(MockSkies):
    """Skies that are made but once."""

    sky = cache(MockSkies.sky)


SMALL = UNetTraining(
    KeptSkies("spt3g", size=0.8), HeatMapRecipe(n_batches=12), {"filters": [4, 6], "dropout": 0.1},
    32, cell=6.0, sigma=0.75, smoothing=4.0, n_skies=2, n_validation=1, seed=5,
)  # fmt: skip


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_skies": 0}, "n_skies must be from 1 to 1000000; found 0"),
        ({"n_validation": 20_000}, "n_validation must be from 1 to 5000; found 20000"),
    ],
)
def test_what_no_training_can_be(options, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **options)


def test_unknown_training(tmp_path):
    with pytest.raises(ValueError, match="unknown training 'foo'; use one of unet-planck, unet"):
        train_unet("foo", tmp_path)


def test_trainings_of_the_package():
    """That of Bonjean (2020) has his network, and discs on patches of 64 x 64."""
    paper = UNET_TRAININGS["bonjean2020"]
    assert paper.network == {"filters": [8, 16, 32, 64, 128], "dropout": 0.2}
    assert (paper.image_size, paper.sigma, paper.recipe.name) == (64, None, "bonjean")
    for training in UNET_TRAININGS.values():
        assert training.image_size % 2 ** (len(training.network["filters"]) - 1) == 0


def test_clusters():
    """Halos by their mass and redshift, or by what is visible of them."""
    sky = SMALL.skies.sky(20_000)
    by_mass, visible = select_halos(sky.truth), visible_halos(sky, 15.0)
    assert 0 < by_mass.sum() and 0 < visible.sum() and not np.array_equal(by_mass, visible)
    for training, chosen in ((SMALL, by_mass), (replace(SMALL, min_snr=15.0), visible)):
        found, expected = training.clusters(sky), sky.truth[chosen]
        np.testing.assert_array_equal(found["mvir"].value, expected["mvir"].value)


def test_wide_clusters_have_wide_peaks():
    """What is painted of the same cluster, its size unknown, small and large."""
    wcs, shape = wcs_for_patch(SkyCoord(10, 5, unit="deg"), [60, 60] * u.arcmin, 1 * u.arcmin)
    position = wcs.pixel_to_world([30], [30])
    areas = [SMALL.painter(size)(position, wcs, shape).sum()
             for size in (None, [2] * u.arcmin, [40] * u.arcmin)]  # fmt: skip
    assert areas[0] == areas[1]
    assert areas[2] == pytest.approx(2 * np.pi * 5**2, rel=0.02)


@pytest.fixture(scope="module")
def trained(keras, tmp_path_factory):
    """A preset, and the folder of its training."""
    folder = tmp_path_factory.mktemp("unet")
    return train_unet(SMALL, folder, command="make it"), folder


def assert_same_weights(one, other):
    assert list(one.weights) == list(other.weights)
    for name, arrays in one.weights.items():
        for found, expected in zip(arrays, other.weights[name], strict=True):
            np.testing.assert_array_equal(found, expected)


def test_preset_is_that_of_the_folder(trained):
    preset, folder = trained
    saved = Preset.load(folder / "preset")
    assert_same_weights(preset, saved)
    assert preset.card == saved.card and len(preset.card["sha256"]) == 64
    assert (preset.architecture, preset.arguments["filters"]) == ("unet", [4, 6])
    assert 0 < preset.calibration["thresholds"]["f1"] < 1
    known = preset.preprocessing
    assert (known.normalization, known.smoothing, known.image_size) == ("local", 4.0, 32)
    assert known.bands == SMALL.skies.sky(20_000).maps.instrument.names
    assert known.pixel_size == pytest.approx(0.5, rel=1e-4)


def test_card(trained):
    card = trained[0].card
    assert (card["command"], card["seed"]) == ("make it", 5)
    known = {"sky": "spt3g", "size": 0.8, "n_skies": 2, "n_validation": 1, "min_snr": None,
             "sigma": 0.75, "cell": 6.0, "recipe": "heat-map", "max_batches": [12],
             "training_seeds": [1_000_000, 1_000_001],
             "validation_seeds": [20_000, 20_000]}  # fmt: skip
    assert card["data"] == {**card["data"], **known}
    assert not any(isinstance(value, dict) for value in card["data"].values())
    assert len(json.dumps(card["data"])) < 1000
    assert 0 <= card["scores"]["validation_f1"] <= 1


def test_scale_is_the_scatter_of_the_first_sky(trained):
    known = trained[0].preprocessing
    images = known.to_images(SMALL.skies.sky(1_000_000).maps.data[None])
    low, high = np.percentile(np.sinh(images[0]), [16, 84], axis=(0, 1))
    np.testing.assert_allclose((high - low) / 2, 1, rtol=1e-4)


def test_preset_finds_in_maps_of_its_kind(trained):
    maps = SMALL.skies.sky(20_000).maps
    score_map = UNetSegmentFinder(trained[0]).score_map(maps)
    assert score_map.data.shape == maps.shape
    assert 0 <= score_map.data.min() < score_map.data.max() <= 1


def test_called_again(trained):
    """It is not trained anew, nor by other arguments."""
    preset, folder = trained
    state = folder / "heat-map" / "state.npz"
    before = state.stat().st_mtime_ns
    again = train_unet(SMALL, folder, command="make it")
    assert state.stat().st_mtime_ns == before
    assert_same_weights(again, preset)
    assert again.card == preset.card
    for other, message in (
        (replace(SMALL, seed=6), "seed 5, not 6"),
        (replace(SMALL, n_skies=1), "n_skies 2, not 1"),
        (replace(SMALL, sigma=None), "sigma 0.75, not None"),
        (replace(SMALL, smoothing=3.0), "preprocessing.scale .*, not "),
        (replace(SMALL, recipe=HeatMapRecipe(n_batches=4)), r"max_batches \[12\], not \[4\]"),
        (replace(SMALL, network={**SMALL.network, "activation": "silu"}),
         "network.activation None, not 'silu'"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"the state of a training with {message}"):
            train_unet(other, folder)


def test_skies_without_clusters(keras, tmp_path):
    """Nothing is as bright as that."""
    with pytest.raises(ValueError, match="validation patches must have cells with a cluster"):
        train_unet(replace(SMALL, min_snr=1e5), tmp_path)


CAMERA = Instrument("camera", [Band("95", 95.0, Beam(1.6)), Band("150", 150.0, Beam(1.2))])
ON_MAPS = replace(SMALL, recipe=BonjeanRecipe(n_batches=8, epoch=4), network={"filters": [2, 3]},
                  sigma=None, image_size=16, cell=8.0, smoothing=None)  # fmt: skip
PARTS = {"test": 0.25, "validation": 0.6}


@pytest.fixture(scope="module")
def observed():
    """Noise along the equator with clusters, one of them far away."""
    wcs, shape = wcs_for_patch(SkyCoord(30, 0, unit="deg"), [1.5, 3] * u.deg, 1 * u.arcmin)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, np.array(shape[::-1])[:, None] - 1, (2, 60))
    squares = (np.indices(shape)[..., None] - np.array([y, x])[:, None, None, :]) ** 2
    blobs = 20 * np.exp(-squares.sum(axis=0) / 4).sum(axis=-1)
    data = rng.standard_normal((2, *shape)) - blobs
    maps = MapStack(data, wcs=wcs, instrument=CAMERA)
    far = SkyCoord(90, 0, unit="deg")
    return maps, QTable({"sky_centroid": SkyCoord([*wcs.pixel_to_world(x, y), far])})


def part_of(maps, *, test, validation):
    """Fraction of the range of right ascension that each pixel is at, as names of parts."""
    y, x = np.indices(maps.shape)
    ra = SkyCoord(maps.wcs.pixel_to_world(x, y)).icrs.ra.deg
    fraction = (ra - ra.min()) / np.ptp(ra)
    return np.select([fraction < test, fraction <= validation], ["test", "validation"], "training")


def corrupted(maps, pixels):
    images = maps.data.copy()
    images[:, pixels] = 1e7 * (1 + np.arange(pixels.sum()) % 7)
    return MapStack(images, wcs=maps.wcs, instrument=maps.instrument)


@pytest.mark.parametrize("smoothing", [None, 5.0])
def test_test_part_is_not_looked_at(keras, observed, tmp_path, smoothing):
    maps, catalogue = observed
    training = replace(ON_MAPS, smoothing=smoothing)
    spoilt = corrupted(maps, part_of(maps, **PARTS) == "test")
    one, other = (
        train_unet_on_maps(given, catalogue, tmp_path / name, training=training, **PARTS)
        for name, given in (("one", maps), ("other", spoilt))
    )
    assert one.preprocessing == other.preprocessing
    assert one.calibration == other.calibration
    assert_same_weights(one, other)
    assert one.card["data"] == other.card["data"]


def test_normalisation_is_that_of_the_training_part(keras, observed, tmp_path):
    """Offset and scale are those of the noise there; validation is not measured either."""
    maps, catalogue = observed
    levels = np.select([part_of(maps, **PARTS) == "training"], [5.0], 300.0)
    shifted = MapStack(3 * maps.data + levels, wcs=maps.wcs, instrument=CAMERA)
    training = replace(ON_MAPS, recipe=BonjeanRecipe(n_batches=1))
    preset = train_unet_on_maps(shifted, catalogue, tmp_path, training=training, **PARTS)
    np.testing.assert_allclose(preset.preprocessing.offset, 5, atol=1)
    np.testing.assert_allclose(preset.preprocessing.scale, 3, rtol=0.25)


def test_other_maps_are_another_training(keras, observed, tmp_path):
    maps, catalogue = observed

    def train(maps=maps, catalogue=catalogue, **options):
        return train_unet_on_maps(maps, catalogue, tmp_path, training=ON_MAPS,
                                  **{**PARTS, **options})  # fmt: skip

    data = train().card["data"]
    assert (data["n_clusters"], data["test"], data["validation"]) == (61, 0.25, 0.6)
    assert train().card["data"] == data
    moved = QTable({"sky_centroid": catalogue["sky_centroid"][::-1].directional_offset_by(
        0 * u.deg, 1 * u.arcmin)})  # fmt: skip
    mask = np.zeros(maps.shape, bool)
    mask[30, np.argmax(part_of(maps, **PARTS)[30] == "training") + 20] = True
    for options, message in (
        ({"catalogue": moved}, "training_maps '"),
        ({"mask": mask}, "training_maps '|preprocessing"),
        ({"catalogue": catalogue[1:]}, "n_clusters 61, not 60"),
        ({"validation": 0.5}, "validation 0.6, not 0.5"),
    ):
        with pytest.raises(ValueError, match=f"the state of a training with ({message})"):
            train(**options)


def test_catalogues_that_do_not_fit(keras, observed, tmp_path):
    maps, catalogue = observed

    def train(catalogue):
        train_unet_on_maps(maps, catalogue, tmp_path, training=ON_MAPS, **PARTS)

    with pytest.raises(ValueError, match="the table has no positions; found the columns z, mass"):
        train(Table({"z": [0.1], "mass": [1e14]}))
    with pytest.raises(ValueError, match="has 1 of 2 rows without a position .from 0: 1"):
        train(Table({"ra": [30.0, np.nan], "dec": [0.0, 0.1]}))
    for far in (catalogue[60:], catalogue[:0]):
        with pytest.raises(ValueError, match="cells with a cluster and cells without; found 0 and"):
            train(far)
    x, y = maps.wcs.world_to_pixel(catalogue["sky_centroid"][:60])
    where = part_of(maps, **PARTS)[np.rint(y).astype(int), np.rint(x).astype(int)]
    with pytest.raises(ValueError, match="there is nothing to learn from: no patch of the 1 skies"):
        train(catalogue[:60][where == "validation"])


def test_maps_that_do_not_fit(observed, tmp_path):
    maps, catalogue = observed
    train = train_unet_on_maps
    with pytest.raises(ValueError, match="the validation part of the map has no patch.*squares of"):
        train(maps, catalogue, tmp_path, training=ON_MAPS, test=0.25, validation=0.3)
    with pytest.raises(ValueError, match="0 < test < validation < 1; found test=0.5"):
        train(maps, catalogue, tmp_path, training=ON_MAPS, test=0.5)
    with pytest.raises(MapError, match=r"mask does not fit.*\(9, 9\)"):
        train(maps, catalogue, tmp_path, training=ON_MAPS, mask=np.zeros((9, 9), bool))
    with pytest.raises(MapError, match="takes a map stack; found ndarray"):
        train(maps.data, catalogue, tmp_path, training=ON_MAPS)


@pytest.fixture(scope="module")
def sphere():
    """Two bands of noise on the sphere, in two frames, and clusters everywhere."""
    rng = np.random.default_rng(2)
    maps = [
        HealpixMap(rng.normal(level, 5, 12 * 32**2), 32, nested, frame)
        for level, nested, frame in ((10, False, "galactic"), (-4, True, "icrs"))
    ]
    vectors = rng.standard_normal((3, 40000))
    lon, lat = healpy.vec2ang(vectors.T, lonlat=True)
    return HealpixStack(maps, instrument=CAMERA), QTable({"ra": lon, "dec": lat})


def test_healpix_maps(keras, sphere, tmp_path, monkeypatch):
    monkeypatch.setattr("szfinder.training.unet.N_PATCHES", 1000)
    stack, catalogue = sphere
    training = replace(ON_MAPS, recipe=BonjeanRecipe(n_batches=1))
    preset = train_unet_on_maps(stack, catalogue, tmp_path, training=training)
    known = preset.preprocessing
    assert (known.pixel_size, known.bands, known.image_size) == (1.7, ("95", "150"), 16)
    # within a patch the coarse maps are smooth: interpolated, they scatter by less than 5
    np.testing.assert_allclose(known.offset, [10, -4], atol=2)
    assert (np.abs(np.array(known.scale) / 5 - 0.75) < 0.25).all()
    assert_same_weights(preset, Preset.load(tmp_path / "preset"))
    with pytest.raises(ValueError, match="training_maps '"):
        train_unet_on_maps(stack, catalogue[::-1], tmp_path, training=training)


def test_masks_of_healpix_maps(sphere, tmp_path):
    """Refused, as they would be overlooked."""
    stack, catalogue = sphere
    mask = HealpixMap(np.arange(12 * 4**2) < 20, 4, False, "galactic")
    for name, value in {"mask": mask, "test": 0.1, "validation": 0.3}.items():
        with pytest.raises(ValueError, match=f"{name} is for flat maps.*SkySplit.*NaN"):
            train_unet_on_maps(stack, catalogue, tmp_path, training=ON_MAPS, **{name: value})
    with pytest.raises(MapError, match="HEALPix maps without a mask; found one given with them"):
        train_unet_on_maps(stack.masked(mask), catalogue, tmp_path, training=ON_MAPS)


@pytest.fixture(scope="module")
def coma(reference_data):
    """Planck's maps around Coma, and the clusters of PSZ2 and of MCXC as they come."""
    bands = [100, 143, 217, 353, 545, 857]
    folder = reference_data / "planck_hfi_coma"
    whole = read_maps({band: folder / f"map2048_{band:04d}_0000.fits" for band in bands},
                      instrument="planck-hfi")  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", u.UnitsWarning)
        catalogues = [Table.read(reference_data / "catalogues" / name)
                      for name in ("HFI_PCCS_SZ-union_R2.08.fits", "mcxc.fits")]  # fmt: skip
    maps = MapStack(whole.data[:, 100:400], wcs=whole.wcs[100:400], instrument=whole.instrument)
    return maps, catalogues


@pytest.mark.parametrize("number, n_clusters", [(0, 1653), (1, 1743)], ids=["PSZ2", "MCXC"])
def test_planck_with_catalogues_as_they_come(keras, coma, tmp_path, number, n_clusters):
    maps, catalogues = coma
    training = replace(ON_MAPS, image_size=32, cell=12.0, recipe=BonjeanRecipe(n_batches=3))
    preset = train_unet_on_maps(maps, catalogues[number], tmp_path, training=training,
                                test=0.1, validation=0.7)  # fmt: skip
    assert preset.card["data"]["n_clusters"] == n_clusters
    assert preset.preprocessing.bands == ("100", "143", "217", "353", "545", "857")
    score_map = UNetSegmentFinder(preset).score_map(maps)
    assert np.isfinite(score_map.data).all()


def test_planck_with_both_catalogues(keras, coma, tmp_path):
    """Corrupted test pixels change nothing of the preset."""
    maps, catalogues = coma
    both = vstack([QTable({"sky_centroid": positions_of(table)}) for table in catalogues])
    training = replace(ON_MAPS, image_size=32, cell=12.0, recipe=BonjeanRecipe(n_batches=2))
    parts = {"test": 0.2, "validation": 0.6}
    spoilt = corrupted(maps, part_of(maps, **parts) == "test")
    one, other = (
        train_unet_on_maps(given, both, tmp_path / name, training=training, **parts)
        for name, given in (("one", maps), ("other", spoilt))
    )
    assert one.card["data"]["n_clusters"] == 1653 + 1743
    assert one.preprocessing == other.preprocessing
    assert_same_weights(one, other)
