"""A network whose weights are set by hand, so that the mass of each cluster is known."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder.maps import Band, Beam, Instrument, MapStack, wcs_for_patch
from szfinder.mass import CentralNormal
from szfinder.mass.answers import answer_as_dict
from szfinder.models import Preprocessing, Preset, build_network

SIDE, PIXEL = 8, 0.5
BANDS = {
    "95": Band("95", 95.0, Beam.from_fwhm(1.6)),
    "150": Band("150", 150.0, Beam.from_fwhm(1.2)),
    "220": Band("220", 220.0, Beam.from_fwhm(1.0)),
}
MASSES, REDSHIFTS, REDSHIFT_INPUT = (1e14, 1.5e15), (0.1, 1.5), (0.5, 0.25)
#: Of noise of 1 uK in each pixel.
ROUGHNESS = 1.41
CARD = {"command": "by hand", "seed": 0, "data": {}, "date": "2026-01-01", "scores": {}}


@pytest.fixture(scope="session")
def make_preset():
    """Preset of a network that does nothing but add up the planes of its input, pixel by pixel.

    All convolutions but the last have no weights, so that the input passes through the sums of the
    sub-stages as it is. The last one is ``weights``, (n_plane, n_map), and ``bias``, (n_map,).
    Planes are the bands over ``scale``, the scaled redshift, and whether it is known.
    """
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    pytest.importorskip("keras", reason="networks need Keras")

    def make(
        *, weights=0.0, bias=0.0, answer=CentralNormal(1e-4, 33.0, 1.0), bands=("95", "150"),
        redshift_input=REDSHIFT_INPUT, redshifts=REDSHIFTS, masses=MASSES, scale=1.0, side=SIDE,
        roughness=ROUGHNESS,
    ):  # fmt: skip
        n_planes = len(bands) + 2 * (redshift_input is not None)
        arguments = {"input_shape": [side, side, n_planes], "filters": [n_planes],
                     "n_outputs": answer.n_maps}  # fmt: skip
        model = build_network("mresunet", arguments)
        for layer in model.layers:
            if layer.name.endswith("_conv"):
                layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
        last = model.get_layer("maps_conv")
        values = (np.broadcast_to(a, w.shape) for a, w in zip((weights, bias), last.get_weights()))
        last.set_weights(list(values))
        preprocessing = Preprocessing.from_instrument(
            Instrument("camera", [BANDS[name] for name in bands]),
            scale=np.broadcast_to(scale, len(bands)), pixel_size=PIXEL, image_size=side,
        )  # fmt: skip
        return Preset.from_model(
            model, name="by-hand", architecture="mresunet", arguments=arguments, card=CARD,
            preprocessing=preprocessing,
            calibration={"answer": answer_as_dict(answer), "masses": masses,
                         "redshifts": redshifts, "redshift_input": redshift_input,
                         "roughness": [roughness] * len(bands)},
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def make_maps():
    """Maps of some bands, of noise that tells every pixel of every band from all others."""

    def make(*bands, shape=(40, 44), rng=1, data=None):
        wcs, _ = wcs_for_patch(SkyCoord("30d -50d"), 1 * u.deg, PIXEL * u.arcmin)
        wcs.wcs.crpix = (shape[1] + 1) / 2, (shape[0] + 1) / 2
        if data is None:
            data = np.random.default_rng(rng).normal(size=(len(bands), *shape))
        return MapStack(
            data, wcs=wcs, instrument=Instrument("other", [BANDS[name] for name in bands])
        )

    return make
