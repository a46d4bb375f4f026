"""Maps as files, and trained weights for them."""

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from szfinder import Instrument
from szfinder.finders import EnsembleCalibration, EnsemblePreset, EvidenceModel, TailRank

INSTRUMENT = """\
name: mock
pixel_window: true
bands:
  "95": {frequency: 95, fwhm: 1.7, noise: 10}
  "150": {frequency: 150, fwhm: 1.2, noise: 10}
  "220": {frequency: 220, fwhm: 1.0, noise: 30}
"""


#: As HEALPix maps of nside 256 are.
COARSE = """\
name: coarse
bands:
  "100": {frequency: 100, fwhm: 30, noise: 70}
  "143": {frequency: 143, fwhm: 30, noise: 70}
"""


@pytest.fixture(scope="session")
def folder(mock_sky, tmp_path_factory):
    """A folder of three maps and their instrument, not to be written to."""
    folder = tmp_path_factory.mktemp("maps")
    small = mock_sky(31, shape=(140, 130)).add_clusters([40.2, 90.7], [50.5, 95.1], 7e14, 0.6)
    header = small.wcs.to_header()
    for band, image in zip(small.frequencies, small.images):
        fits.writeto(folder / f"no_unit_{band}.fits", image.astype(np.float32), header)
        ivar = np.full(small.shape, (small.noise[band] / small.pixel) ** -2, np.float32)
        fits.writeto(folder / f"ivar_{band}.fits", ivar, header)
    header["BUNIT"] = "uK_CMB"
    for band, image in zip(small.frequencies, small.images):
        fits.writeto(folder / f"{band}.fits", image.astype(np.float32), header)
    (folder / "mock.yaml").write_text(INSTRUMENT)
    return folder


@pytest.fixture(scope="session")
def sphere_clusters():
    """The clusters in the HEALPix maps."""
    return SkyCoord([78.0, 87.0], [-61.0, -57.0], unit="deg", frame="galactic")


@pytest.fixture(scope="session")
def sphere(sphere_clusters, tmp_path_factory):
    """A folder of HEALPix maps, of noise and clusters within 8 degrees of (l, b) = (80, -60)."""
    folder = tmp_path_factory.mktemp("sphere")
    rng = np.random.default_rng(8)
    pixels = np.arange(healpy.nside2npix(256))
    positions = np.transpose(healpy.pix2vec(256, pixels))
    outside = positions @ healpy.ang2vec(80, -60, lonlat=True) < np.cos(np.radians(8))
    (folder / "mock.yaml").write_text(COARSE)
    for band in Instrument.read(folder / "mock.yaml"):
        image = rng.normal(scale=5, size=pixels.size)
        sigma = np.radians(band.beam.fwhm / 60) / np.sqrt(8 * np.log(2))
        for direction in sphere_clusters.cartesian.xyz.value.T:
            distance = np.arccos(np.clip(positions @ direction, -1, 1))
            image += 2e-5 * band.tsz_response * np.exp(-((distance / sigma) ** 2) / 2)
        image[outside] = healpy.UNSEEN
        healpy.write_map(folder / f"{band.name}.fits", image, coord="G", dtype=np.float32,
                         column_units="uK_CMB", partial=True)
    return folder


@pytest.fixture
def arguments(folder):
    """What finds clusters in the maps."""
    maps = [f"{band}={folder / band}.fits" for band in ("95", "150", "220")]
    return ["find", *maps, "--instrument", str(folder / "mock.yaml")]


@pytest.fixture(scope="session")
def untrained():
    """What makes a preset of a network as it is before any training."""
    return make_untrained


def make_untrained(folder, architecture, arguments, threshold, **preprocessing):
    """A preset of a network as it is before any training."""
    pytest.importorskip("keras", reason="networks need Keras")
    from szfinder.models import Preprocessing, Preset, build_network

    preset = Preset.from_model(
        build_network(architecture, arguments), name="untrained", architecture=architecture,
        arguments=arguments, preprocessing=Preprocessing(**preprocessing),
        calibration={"platt": {"slope": 1.0, "intercept": 0.0}, "thresholds": {"f1": threshold},
                     "score_quantiles": {}},
        card={"command": "", "seed": 1, "data": {}, "date": "2026-01-01", "scores": {}})
    preset.save(folder)
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A classifier for the maps."""
    arguments = {"input_shape": [16, 16, 3], "width": 2, "blocks": [1], "dense": 4, "seed": 1}
    return make_untrained(
        tmp_path_factory.mktemp("weights") / "untrained", "resnet", arguments, 1e-6,
        instrument="mock", bands=("95", "150", "220"), frequencies=(95, 150, 220),
        fwhm=(1.7, 1.2, 1), scale=(100, 100, 100), pixel_size=0.5, image_size=16)


@pytest.fixture(scope="session")
def sphere_weights(tmp_path_factory):
    """A U-Net for the HEALPix maps."""
    arguments = {"input_shape": [None, None, 2], "filters": [4, 8], "seed": 1}
    return make_untrained(
        tmp_path_factory.mktemp("weights") / "untrained", "unet", arguments, 0.55,
        instrument="coarse", bands=("100", "143"), frequencies=(100, 143), fwhm=(30, 30),
        scale=(5, 5), pixel_size=14, image_size=16)


@pytest.fixture(scope="session")
def ensemble(tmp_path_factory):
    """The file of an ensemble of two filters for any maps, with a probability that rises with S/N.

    The model is of one feature, arsinh(S/N / 3), of which a cubic has four weights.
    """
    model = EvidenceModel(["snr"], center=[0.0], scale=[1.0], lower=[-9.0], upper=[9.0],
                          weights=[-6.0, 5.0, 0.0, 0.0])
    rank = TailRank(np.linspace(0, 10, 101))
    members = {"first": {"kind": "matched_filter"},
               "second": {"kind": "matched_filter", "threshold": 6.0}}
    calibration = EnsembleCalibration(
        references=dict.fromkeys(members, rank), and_ranks=dict.fromkeys(members, 2.0),
        thresholds={"product": 1.8, "and": 1.0, "calibrated": 0.6}, model=model)
    path = tmp_path_factory.mktemp("ensemble") / "ensemble.json"
    EnsemblePreset(members, calibration, {"scores": {}}).save(path)
    return path


@pytest.fixture(scope="session")
def scales(tmp_path_factory):
    """What makes a preset of a network that weighs clusters in maps of an instrument.

    It knows their redshift alone: the mass is 4e14 (1 + z)^2 Msun, and 4e14 where z is not known,
    with a standard deviation of ln M of 1/4; Compton y is 1e-4 all over the image. All convolutions
    but the last have no weights, so that what enters goes through as it is.
    """
    pytest.importorskip("keras", reason="networks need Keras")
    from szfinder.mass import CentralNormal
    from szfinder.mass.answers import answer_as_dict
    from szfinder.models import Preprocessing, Preset, build_network

    def make(instrument, *, pixel=0.5, side=16):
        n_planes = len(instrument) + 2
        arguments = {"input_shape": [side, side, n_planes], "filters": [n_planes], "n_outputs": 3}
        model = build_network("mresunet", arguments)
        for layer in model.layers:
            if layer.name.endswith("_conv"):
                layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
        kernel = np.zeros((1, 1, n_planes, 3))
        kernel[..., -2, 1] = 1
        model.get_layer("maps_conv").set_weights([kernel, np.log([np.exp(0.5), 1, 0.25])])
        answer = CentralNormal(y_unit=2e-4, mean=np.log(4e14), width=1.0)
        folder = tmp_path_factory.mktemp("weights") / "scales"
        Preset.from_model(
            model, name="scales", architecture="mresunet", arguments=arguments,
            preprocessing=Preprocessing.from_instrument(
                instrument, scale=[100] * len(instrument), pixel_size=pixel, image_size=side),
            calibration={"answer": answer_as_dict(answer), "masses": [1e14, 1.5e15],
                         "redshifts": [0.1, 1.5], "redshift_input": [0.0, 0.5],
                         "roughness": [np.sqrt(2) * band.noise / pixel for band in instrument]},
            card={"command": "", "seed": 1, "data": {}, "date": "2026-01-01", "scores": {}},
        ).save(folder)  # fmt: skip
        return folder

    return make
