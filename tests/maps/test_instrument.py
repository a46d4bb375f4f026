"""Instruments: presets against published numbers, YAML, lookups."""

import numpy as np
import pytest

from szfinder.maps import Band, Bandpass, Beam, Instrument, MapError

# y -> uK_CMB and MJy/sr per K_CMB of Planck HFI (Planck 2013 results IX).
PLANCK = {"100": (-4.03e6, 244.1), "143": (-2.78e6, 371.74), "217": (0.19e6, 483.69),
          "353": (6.2e6, 287.45), "545": (14.5e6, 58.04), "857": (26.3e6, 2.27)}
FWHM = {"spt3g": (1.57, 1.17, 1.04), "act-dr6": (2.48, 1.59, 1.13),
        "planck-hfi": (9.41, 7.13, 4.84, 4.80, 4.67, 4.26),
        "simons-observatory": (7.4, 5.1, 2.2, 1.4, 1.0, 0.9)}
NAMES = {"spt3g": ("95", "150", "220"), "act-dr6": ("90", "150", "220"),
         "planck-hfi": tuple(PLANCK),
         "simons-observatory": ("27", "39", "93", "145", "225", "280")}


@pytest.mark.parametrize("preset", FWHM)
def test_presets(preset):
    instrument = Instrument.from_preset(preset)
    assert instrument.name == preset
    assert instrument.names == NAMES[preset]
    assert instrument.frequencies == tuple(float(name) for name in NAMES[preset])
    assert instrument.pixel_window
    assert all(band.noise > 0 for band in instrument)
    np.testing.assert_allclose([band.beam.fwhm for band in instrument], FWHM[preset], atol=0.005)
    signs = np.sign([band.tsz_response for band in instrument])
    np.testing.assert_array_equal(signs, [1 if f > 217.5 or (f == 217 and preset == "planck-hfi")
                                          else -1 for f in instrument.frequencies])


@pytest.mark.parametrize("band", PLANCK)
def test_planck_conversions(band):
    response, intensity = PLANCK[band]
    band = Instrument.from_preset("planck-hfi")[band]
    assert band.tsz_response == pytest.approx(response, rel=0.02, abs=0.005e6)
    assert band.intensity_per_kelvin == pytest.approx(intensity, rel=0.003)


@pytest.mark.parametrize("band", PLANCK)
def test_planck_bandpasses_are_those_of_the_full_tables(reference_data, band):
    full = Bandpass.read(reference_data / "reference/bandpass/planck_tilec"
                         / f"HFI_BANDPASS_F{band}_reformat.txt")
    ours = Instrument.from_preset("planck-hfi")[band]
    reference = Band(band, ours.frequency, ours.beam, bandpass=full)
    for response in ("tsz_response", "intensity_per_kelvin", "flux_per_kelvin"):
        assert getattr(ours, response) == pytest.approx(getattr(reference, response), rel=1e-3)


def test_act_beams_are_those_of_the_full_tables(reference_data):
    instrument = Instrument.from_preset("act-dr6")
    for name, array in (("90", "pa5_f090"), ("150", "pa5_f150"), ("220", "pa4_f220")):
        full = Beam.read(reference_data / "reference/beams/act_dr6"
                         / f"coadd_{array}_night_beam_tform_jitter_mono.txt")
        ell = np.arange(11000)
        np.testing.assert_allclose(instrument[name].beam.window(ell), full.window(ell), atol=2e-5)


def test_lookups():
    planck = Instrument.from_preset("planck-hfi")
    assert planck["143"] is planck[143] is planck[143.0]
    assert "143" in planck and 143 in planck and "95" not in planck
    assert len(planck) == 6 and [band.name for band in planck] == list(planck.names)
    assert planck.select([857, "143"]).names == ("143", "857")
    assert planck.select(planck.names) == planck
    with pytest.raises(MapError, match="'95': .*no such band.*one of 100, 143"):
        planck["95"]
    with pytest.raises(MapError, match="no bands"):
        planck.select([])


def test_own_instrument_from_a_few_lines(tmp_path):
    (tmp_path / "camera.yaml").write_text("bands:\n"
                                          "  150: {frequency: 150, fwhm: 1.2, noise: 10}\n"
                                          "  90: {frequency: 97.5, fwhm: 2, unit: MJy/sr}\n")
    camera = Instrument.read(tmp_path / "camera.yaml")
    assert camera.name == "camera"
    assert camera.names == ("150", "90")  # in the order of the file
    assert not camera.pixel_window
    assert camera[150].noise == 10 and camera[90].noise is None
    assert camera[90].frequency == 97.5 and camera[90].unit == "MJy/sr"


def test_beam_files_beside_the_yaml(tmp_path):
    ell = np.arange(0, 6000, 10)
    beam = Beam.from_table(ell, np.exp(-(ell / 4000) ** 2))
    np.savetxt(tmp_path / "beams.txt", np.c_[ell, np.ones(ell.size), beam.window(ell)])
    (tmp_path / "camera.yaml").write_text(
        "bands:\n  150:\n    frequency: 150\n    beam: {file: beams.txt, column: 2}\n")
    assert Instrument.read(tmp_path / "camera.yaml")[150].beam.fwhm == pytest.approx(beam.fwhm)


@pytest.mark.parametrize("preset", FWHM)
def test_round_trip(tmp_path, preset):
    instrument = Instrument.from_preset(preset)
    instrument.write(tmp_path / "copy.yaml")
    assert Instrument.read(tmp_path / "copy.yaml") == instrument


@pytest.mark.parametrize("content, words", [
    ("", "empty or no mapping"),
    ("bands: [", "not YAML"),
    ("name: x", "names no bands"),
    ("bands: {}", "has no bands"),
    ("colour: red", "unknown key.*colour"),
    ("bands: {150: 3}", "'150'.*no mapping"),
    ("bands: {150: {frequency: 150, fwhm: 1, nosie: 3}}", "'150'.*unknown key.*nosie"),
    ("bands: {150: {frequency: 150}}", "'150'.*either 'fwhm'"),
    ("bands: {150: {fwhm: 1}}", "'150'.*no frequency"),
    ("bands: {150: {frequency: 150, fwhm: wide}}", "'150'.*no width"),
    ("bands: {150: {frequency: 150, beam: nowhere.txt}}", "nowhere.txt.*no such beam file"),
    ("bands: {150: {frequency: 150, beam: 3}}", "'150'.*names no file"),
    ("bands: {150: {frequency: 150, fwhm: 1}, '150': {frequency: 150, fwhm: 1}}", "twice"),
])
def test_bad_yaml(tmp_path, content, words):
    path = tmp_path / "camera.yaml"
    path.write_text(content)
    with pytest.raises(MapError, match=words) as error:
        Instrument.read(path)
    assert str(tmp_path) in str(error.value)


def test_unknown_instruments(tmp_path):
    with pytest.raises(MapError, match="act-dr6, planck-hfi, simons-observatory, spt3g"):
        Instrument.from_preset("wmap")
    with pytest.raises(MapError, match="nowhere.yaml.*cannot be read"):
        Instrument.read(tmp_path / "nowhere.yaml")
