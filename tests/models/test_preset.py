"""Presets: they come back as they were saved, and anything else is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from szfinder.models import Preset, available_presets, predict, preset as preset_module

keras = pytest.importorskip("keras", reason="networks need Keras")


def edit(path, **values):
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **values}))


def test_round_trip(preset, folder, trained):
    loaded = Preset.load(folder)
    assert loaded.name == "small"
    assert loaded.preprocessing == preset.preprocessing
    assert loaded.calibration == preset.calibration
    assert preset.card.items() < loaded.card.items()
    assert loaded.card["n_parameters"] == trained.count_params()
    for name, arrays in preset.weights.items():
        for array, read in zip(arrays, loaded.weights[name], strict=True):
            assert read.dtype == np.float32
            # half precision has 11 bits, and 2^-24 as its smallest number; vectors stay whole
            half = {"rtol": 2.0**-11, "atol": 2.0**-25} if array.ndim > 1 else {"rtol": 0}
            np.testing.assert_allclose(read, array, **half)


def test_loaded_network_gives_the_same_answer(folder, trained):
    images = np.random.default_rng(0).normal(size=(30, 16, 16, 2))
    expected = predict(trained, images)
    np.testing.assert_allclose(
        predict(Preset.load(folder).build_model(), images), expected, atol=2e-3
    )


def test_saving_again_changes_nothing(folder, tmp_path):
    Preset.load(folder).save(tmp_path / "again")
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_keras_reads_the_weights_itself(folder):
    loaded = Preset.load(folder)
    model = loaded.build_model()
    expected = model.get_weights()
    model.set_weights([np.zeros_like(array) for array in expected])
    model.load_weights(folder / "model.weights.h5")
    for one, two in zip(model.get_weights(), expected):
        np.testing.assert_array_equal(one, two)


def test_file_is_small_and_without_optimiser(preset, tmp_path):
    arguments = {**preset.arguments, "width": 24}
    model = preset_module.build_network("resnet", arguments)
    model.compile("adam", "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    properties = {**vars(preset), "arguments": arguments}
    del properties["weights"]
    Preset.from_model(model, **properties).save(tmp_path / "wide")
    size = (tmp_path / "wide" / "model.weights.h5").stat().st_size
    # 2 bytes a weight and some for each array; in single precision it would be 4, with Adam 12
    assert size < 4 * model.count_params()


def test_variance_beyond_half_precision_is_kept(preset, tmp_path):
    weights = {name: [a.copy() for a in arrays] for name, arrays in preset.weights.items()}
    weights["stem1_bn"][3][:] = 1e9
    replace(preset, weights=weights).save(tmp_path / "hot")
    np.testing.assert_array_equal(Preset.load(tmp_path / "hot").weights["stem1_bn"][3], 1e9)


@pytest.mark.parametrize("value", [np.nan, 1e6])
def test_weights_that_are_not_finite_are_not_saved(preset, tmp_path, value):
    weights = {name: [a.copy() for a in arrays] for name, arrays in preset.weights.items()}
    weights["dense1"][0][0, 0] = value
    with pytest.raises(ValueError, match="dense.*not finite as float16; has the training diverged"):
        replace(preset, weights=weights).save(tmp_path / "broken")
    assert not any(tmp_path.iterdir())


def test_existing_folder_is_not_overwritten(preset, folder):
    with pytest.raises(FileExistsError, match="not empty"):
        preset.save(folder)
    preset.save(folder, overwrite=True)
    Preset.load(folder)


def test_other_weights_file(folder):
    path = folder / "model.weights.h5"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="model.weights.h5 is not the file that card.json desc"):
        Preset.load(folder)


def test_file_that_holds_no_weights(folder):
    path = folder / "model.weights.h5"
    path.write_bytes(b"no weights")
    edit(folder / "card.json", sha256=preset_module._sha256(path))
    with pytest.raises(ValueError, match="model.weights.h5 is no weights file of Keras"):
        Preset.load(folder)


def test_file_cut_short(folder):
    """Even where the hash has been brought in line."""
    path = folder / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ValueError, match="model.weights.h5 is not the file that card.json desc"):
        Preset.load(folder)
    edit(folder / "card.json", sha256=preset_module._sha256(path))
    with pytest.raises(ValueError, match="model.weights.h5 is no weights file of Keras"):
        Preset.load(folder)


def test_weights_of_another_preset(preset, folder, tmp_path):
    """Of the same shapes, so that only the hash can tell."""
    weights = {name: [0.5 * a for a in arrays] for name, arrays in preset.weights.items()}
    replace(preset, weights=weights).save(tmp_path / "other")
    name = "model.weights.h5"
    (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(ValueError, match="small/model.weights.h5 is not the file that card.json"):
        Preset.load(folder)


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"platt": {"slope": 1.0}}, "platt lacks intercept"),
        ({"platt": [1.0, 0.0]}, "platt must be numbers by name"),
        ({"platt": {"slope": "1", "intercept": 0}}, "slope of platt must be a finite number"),
        ({"platt": {"slope": 1, "intercept": np.nan}}, "intercept of platt must be a finite num"),
        ({"thresholds": {}}, "thresholds lacks f1"),
        ({"thresholds": {"f1": 1.5}}, "threshold of f1 must be between 0 and 1; found 1.5"),
        ({"thresholds": {"f1": None}}, "threshold of f1 must be a finite number; found None"),
        ({"score_quantiles": {"0.5": 0.2, "1.0": 0.1}}, "score_quantiles must not fall"),
        ({"score_quantiles": {"10.0": 0.2, "9.0": 0.3}}, "score_quantiles must not fall"),
        ({"score_quantiles": {"0.5": "low"}}, "quantile 0.5 of the score must be a finite number"),
    ],
)
def test_calibration_that_cannot_be(preset, folder, changed, message):
    with pytest.raises(ValueError, match=f"calibration of preset 'small': {message}"):
        replace(preset, calibration={**preset.calibration, **changed})
    edit(folder / "calibration.json", **changed)
    with pytest.raises(ValueError, match=f"small/calibration.json: {message}"):
        Preset.load(folder)


def test_wrong_number_of_parameters(folder):
    edit(folder / "card.json", n_parameters=7)
    with pytest.raises(ValueError, match="parameters, and card.json says 7"):
        Preset.load(folder)


@pytest.mark.parametrize(
    "changed, layer",
    [
        ({"width": 5}, "stem1_conv"),
        ({"blocks": [1, 1]}, "stage3_block2_"),
        ({"blocks": [2, 2]}, "stage2_block2_"),
    ],
)
def test_config_of_another_network(folder, preset, changed, layer):
    edit(folder / "config.json", arguments={**preset.arguments, **changed})
    with pytest.raises(ValueError, match=f"'small'.*{layer}.*do not belong together"):
        Preset.load(folder).build_model()


def test_weights_are_found_by_name_not_by_order(folder):
    loaded = Preset.load(folder)
    turned = replace(loaded, weights=dict(reversed(loaded.weights.items())))
    for one, two in zip(loaded.build_model().get_weights(), turned.build_model().get_weights()):
        np.testing.assert_array_equal(one, two)


def test_unknown_architecture(folder):
    edit(folder / "config.json", architecture="os.system")
    with pytest.raises(ValueError, match="unknown architecture 'os.system'; expected one of mres"):
        Preset.load(folder).build_model()


@pytest.mark.parametrize(
    "name", ["config.json", "preprocess.json", "calibration.json", "card.json", "model.weights.h5"]
)
def test_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(ValueError, match=f"small is no preset: it has no {name}"):
        Preset.load(folder)


@pytest.mark.parametrize(
    "name, key",
    [
        ("config.json", "architecture"),
        ("card.json", "sha256"),
        ("preprocess.json", "fwhm"),
        ("calibration.json", "platt"),
    ],
)
def test_missing_entry(folder, name, key):
    content = json.loads((folder / name).read_text())
    del content[key]
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"{name}.*{key}"):
        Preset.load(folder)


@pytest.mark.parametrize("text, message", [("{", "is no json"), ("[]", "must hold a json object")])
def test_broken_json(folder, text, message):
    (folder / "card.json").write_text(text)
    with pytest.raises(ValueError, match=f"card.json {message}"):
        Preset.load(folder)


def test_card_must_say_how_it_was_trained(preset):
    with pytest.raises(ValueError, match="card of preset 'small' lacks seed, scores"):
        replace(preset, card={"command": "", "data": {}, "date": ""})


def test_bundled_presets(folder, tmp_path, monkeypatch):
    bundled = tmp_path / "bundled"
    shutil.copytree(folder, bundled / "deep")
    (bundled / "unfinished").mkdir()
    monkeypatch.setattr(preset_module, "BUNDLED", bundled)
    assert available_presets() == ["deep"]
    assert Preset.load("deep").name == "deep"
    with pytest.raises(ValueError, match=r"unknown preset 'shallow'; .*\(deep\), or the path"):
        Preset.load("shallow")


def test_check_maps_names_the_preset(preset, make_maps):
    with pytest.raises(ValueError, match="preset 'small': .*band '90'"):
        preset.check_maps(make_maps(("150", 150, 1.2)))
