"""MassTraining and train_mass: what is trained on is checked, kept and said."""

import json
import shutil
from dataclasses import fields, replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest, loguniform, uniform

import szfinder
from szfinder.maps import Instrument, MapStack, wcs_for_patch
from szfinder.mass import CentralMass, CentralNormal, MassEstimator
from szfinder.mass.answers import answer_from_dict
from szfinder.mass.orientations import painted
from szfinder.mass.roughness import roughness
from szfinder.models import Preset
from szfinder.simulation import sky_preset
from szfinder.training import (
    MASS_TRAININGS,
    GuptaRecipe,
    MassRecipe,
    MassTraining,
    train_mass,
)
from szfinder.training.mass_trainer import MassTrainer

PAPER = MassTraining(
    "gupta2020", GuptaRecipe(n_batches=8, epoch=4), {"filters": (2,)}, masses=(6e14, 2e14),
    redshifts=(0.7, 0.7), image_size=16, n_images=8, n_validation=6, seed=3,
)  # fmt: skip
CONTINUOUS = replace(
    PAPER, recipe=MassRecipe(n_batches=8, batch_size=4), masses=(1e14, 1e15), redshifts=(0.3, 1.0),
    continuous=True, held=(2e14, 8e14), max_offset=0.5,
)  # fmt: skip
TRAININGS = {"paper": PAPER, "continuous": CONTINUOUS}


@pytest.fixture(scope="module", params=TRAININGS)
def trained(request, keras, tmp_path_factory):
    """A training, its folder, and the preset that it makes."""
    folder = tmp_path_factory.mktemp("trained") / "mine"
    training = TRAININGS[request.param]
    return training, folder, train_mass(training, folder, command="make it")


def kept(folder, name):
    """Images as they are kept, their masses and their redshifts."""
    with np.load(folder / f"{name}.npz") as file:
        images = file["clusters"] + file["surroundings"]
        return images, file["truth m200c"], file["truth redshift"]


@pytest.mark.parametrize("name, options, message", [
    ("paper", {"n_images": 3}, "n_images must be 4 or more, those of a batch; found 3"),
    ("paper", {"n_images": 4, "masses": (1, 2, 3, 4, 5)}, "n_images must be 5 or more, one of eac"),
    ("paper", {"n_validation": 3}, "n_validation must be 4 or more, two of each mass.*; found 3"),
    ("paper", {"redshifts": (0.9, 0.7)}, r"redshifts must be two .*ascend; found \[0.9, 0.7\]"),
    ("paper", {"redshifts": (0.7,)}, r"redshifts must be two positive numbers .*found \[0.7\]"),
    ("paper", {"redshifts": (0, 0.7)}, "redshifts must be two positive numbers that ascend"),
    ("paper", {"held": (5e14, 1e14)}, "held must be two positive numbers that ascend"),
    ("continuous", {"redshifts": (0.7, 0.7)}, "redshifts must be two positive numbers that ascend"),
    ("continuous", {"masses": (1e14, 2e14, 4e14)}, "masses must be two positive numbers that asc"),
    ("continuous", {"masses": (1e15, 1e14)}, "masses must be two positive numbers that ascend"),
])  # fmt: skip
def test_what_no_training_can_be(name, options, message):
    with pytest.raises(ValueError, match=message):
        replace(TRAININGS[name], **options)


def test_unknown_training(tmp_path):
    names = "mass-gupta2020, mass-spt3g, or a MassTraining"
    with pytest.raises(ValueError, match=f"unknown training 'foo'; use one of {names}"):
        train_mass("foo", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_training_of_the_paper():
    """Gupta & Reichardt (2020), sections 2.2 and 3: 400 images of each of eight masses."""
    paper = MASS_TRAININGS["mass-gupta2020"]
    assert_array_equal(paper.masses, np.arange(1, 9) * 1e14)
    assert (paper.redshifts, paper.image_size, paper.n_images) == ((0.7, 0.7), 40, 8 * 400)
    assert (paper.recipe.name, paper.max_offset, paper.continuous) == ("gupta", 0, False)
    assert paper.answer == CentralMass(2e-4, 4.5e14) and paper.redshift_input is None
    assert sky_preset(paper.sky).pixel * paper.image_size == 10 * u.arcmin


def test_training_of_the_package():
    """As the user guide has it."""
    training = MASS_TRAININGS["mass-spt3g"]
    assert (training.masses, training.redshifts) == ((5e13, 2e15), (0.1, 1.5))
    assert (training.held, training.max_offset) == ((1e14, 1.5e15), 1.0)
    sky = sky_preset(training.sky)
    assert sky.instrument.names == ("95", "150", "220")
    assert sky.pixel * training.image_size == 16 * u.arcmin


@pytest.mark.parametrize("training", MASS_TRAININGS.values(), ids=MASS_TRAININGS)
def test_images_fit_the_network(training):
    """They can be halved on the way down, and mirrored about the pixel in the middle."""
    assert training.image_size % 2 ** (len(training.network["filters"]) - 1) == 0
    assert training.image_size % 2 == 0


def test_answer_and_redshifts_in_units_of_the_training():
    """Mean and standard deviation of distributions that are flat in ln M and in ln(1 + z)."""
    log_mass, answer = uniform(np.log(1e14), np.log(10)), CONTINUOUS.answer
    assert type(answer) is CentralNormal and (answer.y_unit, answer.stretch) == (2e-4, 1)
    assert (answer.mean, answer.width) == pytest.approx((log_mass.mean(), log_mass.std()))
    log_redshift = uniform(np.log(1.3), np.log(2 / 1.3))
    assert CONTINUOUS.redshift_input == pytest.approx((log_redshift.mean(), log_redshift.std()))


@pytest.mark.parametrize("training", TRAININGS.values(), ids=TRAININGS)
def test_what_images_depend_on(training):
    """Everything but how a network is trained on them and what is said of it, as JSON has it."""
    known = training.as_dict
    others = {"recipe", "network", "held", "seed"}
    assert known.keys() == {field.name for field in fields(training)} - others
    assert json.loads(json.dumps(known)) == known
    for name, value in known.items():
        assert_array_equal(value, getattr(training, name))


def test_masses_and_redshifts_of_images():
    """All ln M and all redshifts are as likely."""
    made = replace(CONTINUOUS, image_size=4, max_offset=0.1).images(36, 5)
    assert kstest(made.truth["m200c"].value, loguniform(1e14, 1e15).cdf).pvalue > 0.01
    assert kstest(made.truth["redshift"], uniform(0.3, 0.7).cdf).pvalue > 0.01
    offset = np.hypot(made.truth["x_offset"], made.truth["y_offset"])
    assert 0 < offset.min() and offset.max() < 0.1 * u.arcmin


def test_images_of_training_and_validation(trained):
    """So many as was asked for, of seeds of their own."""
    training, folder, _ = trained
    learned, masses, _ = kept(folder, "training")
    watched, _, redshifts = kept(folder, "validation")
    assert (len(learned), len(watched)) == (8, 6)
    assert not set(map(bytes, learned)) & set(map(bytes, watched))
    assert_array_equal(watched, training.images(6, 20_000).images)
    if training is PAPER:
        assert_array_equal(masses, [6e14, 2e14] * 4)
        assert_array_equal(redshifts, 0.7)


def test_preset(trained):
    training, folder, preset = trained
    assert preset.architecture == "mresunet" and preset.card == Preset.load(folder / "preset").card
    answer, n_planes = training.answer, 3 if training.continuous else 1
    assert preset.arguments == {"input_shape": [16, 16, n_planes], "filters": [2], "seed": 3,
                                "n_outputs": answer.n_maps}  # fmt: skip
    known = preset.preprocessing
    assert (known.bands, known.pixel_size, known.image_size) == (("150",), 0.25, 16)
    assert known.normalization == ("contrast" if training.continuous else "linear")
    calibration = preset.calibration
    assert calibration["answer"]["kind"] == answer.kind
    assert calibration["masses"] == ([2e14, 8e14] if training.continuous else [2e14, 6e14])
    assert calibration["redshifts"] == list(training.redshifts)
    assert calibration["redshift_input"] == pytest.approx(training.redshift_input)
    around = training.images(6, 20_000).surroundings
    assert_allclose(calibration["roughness"], np.median(roughness(around), axis=0), rtol=1e-6)


def test_card(trained):
    training, _, preset = trained
    card = preset.card
    assert (card["command"], card["seed"]) == ("make it", 3)
    known = {**training.as_dict, **training.recipe.as_dict,
             "szfinder_version": szfinder.__version__}  # fmt: skip
    assert json.loads(json.dumps(known)).items() <= card["data"].items()
    assert np.datetime64(card["date"]) <= np.datetime64("now")
    assert len(card["sha256"]) == 64 and card["n_parameters"] > 0
    assert card["scores"].keys() == {
        "validation_bias", "validation_scatter", "validation_pull"}  # fmt: skip


def test_scores_and_errors_are_those_of_the_validation_images(trained):
    """To half precision, in which a preset has kernels."""
    training, folder, preset = trained
    images, true, redshift = kept(folder, "validation")
    if training.continuous:
        mass, error, _ = MassEstimator(preset).estimate_images(images, redshift=redshift)
    else:
        # as it is painted: after few batches it may be below 0, which is no mass
        inputs = preset.preprocessing.to_images(images)
        answer = answer_from_dict(preset.calibration["answer"])
        mass, error, _ = answer.read(painted(preset.network, inputs, batch_size=8))
    found = [np.mean(mass / true) - 1, np.std(mass / true), np.std((mass - true) / error)]
    assert_allclose(found, list(preset.card["scores"].values()), rtol=0.05)
    if training.continuous:
        # ln M is off by one standard deviation on average
        assert np.std(np.log(mass / true) / np.arcsinh(error / mass)) == pytest.approx(1, rel=0.05)
    else:
        halves = [half for half in np.array_split(np.argsort(mass), 2) if np.median(mass[half]) > 0]
        assert halves
        assert_allclose(answer.masses, [np.median(mass[half]) for half in halves], rtol=0.05)
        apart = [np.sqrt(np.mean((true - mass)[half] ** 2)) for half in halves]
        assert_allclose(np.multiply(answer.scatter, answer.masses), apart, rtol=0.05)


def test_weighs_a_cluster_in_maps(trained):
    """In the middle of an image that is part of maps."""
    training, folder, preset = trained
    images, _, redshift = kept(folder, "validation")
    estimator = MassEstimator(folder / "preset")
    mass, error, y = estimator.estimate_images(images[:1], redshift=redshift[:1])
    data = np.zeros((1, 24, 30), np.float32)
    data[:, 3:19, 9:25] = images[0]
    wcs, _ = wcs_for_patch(SkyCoord("5d 5d"), [7.5, 6] * u.arcmin, 0.25 * u.arcmin)
    maps = MapStack(data, wcs=wcs, instrument=sky_preset("gupta2020").instrument)
    table = QTable({"sky_centroid": SkyCoord([wcs.pixel_to_world(17, 11)])})
    (row,) = estimator(maps, table, redshift=redshift[:1])
    assert_allclose([row["m200c"].value, row["m200c_err"].value], [mass[0], error[0]], rtol=1e-4)
    assert row["sz_profile"][0] == pytest.approx(y[0, 8, 8], rel=1e-4)


class Stopped(Exception):
    """The training was stopped."""


@pytest.mark.parametrize("trained", ["paper"], indirect=True)
def test_stopped_training_goes_on_to_the_same_bytes(trained, monkeypatch, tmp_path):
    """From the fourth batch, on the images that were made before."""
    training, folder, preset = trained
    usual = MassTrainer.batch
    for name in ("training.npz", "validation.npz"):
        shutil.copy(folder / name, tmp_path)

    def batch(self, rng, stage):
        if self.progress["total"] == 6:
            raise Stopped
        return usual(self, rng, stage)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(MassTrainer, "batch", batch)
        train_mass(training, tmp_path)
    assert not (tmp_path / "preset").exists()
    again = train_mass(training, tmp_path)
    assert again.card["sha256"] == preset.card["sha256"]
    for name in ("model.weights.h5", "calibration.json", "preprocess.json", "config.json"):
        assert (tmp_path / "preset" / name).read_bytes() == (folder / "preset" / name).read_bytes()


def test_another_training_in_the_folder(trained, tmp_path):
    """Neither its images nor its state are taken for those of this one."""
    training, folder, _ = trained
    with pytest.raises(ValueError, match="state of a training with seed 3, not 4"):
        train_mass(replace(training, seed=4), folder)
    shutil.copy(folder / "training.npz", tmp_path)
    with pytest.raises(ValueError, match="training.npz holds images with n_images 8, not 4"):
        train_mass(replace(training, n_images=4), tmp_path)


def test_sky_that_has_no_name():
    """One of a preset with other noise: its images, and what they are told apart by."""
    sky = sky_preset("gupta2020")
    louder = replace(sky, instrument=Instrument(
        "louder", [replace(band, noise=30 * band.noise) for band in sky.instrument]))  # fmt: skip
    training = replace(PAPER, sky=louder)
    there, here = (each.images(4, 5) for each in (PAPER, training))
    assert_array_equal(here.clusters, there.clusters)
    assert here.surroundings.std() > 2 * there.surroundings.std()
    assert json.loads(json.dumps(training.as_dict)) == training.as_dict
    assert training.as_dict["sky"] != replace(PAPER, sky=sky).as_dict["sky"]
    assert training.as_dict["sky"] == replace(training, sky=replace(louder)).as_dict["sky"]
