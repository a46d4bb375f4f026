"""Real maps: the Planck HFI bands around the Coma cluster, against the PSZ2 catalogue."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder import EnsembleFinder, MatchedFilterFinder, UNetSegmentFinder, read_maps

#: Signal-to-noise ratios of the union catalogue (Planck Collaboration XXVII 2016).
PSZ2 = {
    "G023.17+86.71": 5.3,
    "G068.36+81.81": 9.0,
    "G083.86+85.09": 8.0,
    "G259.30+84.41": 5.4,
    "G343.33+83.19": 6.6,
}
COMA = SkyCoord(194.953, 27.981, unit="deg")
#: In the union catalogue at 9.4 and 7.3, and no clusters.
DUST = ["G318.46+83.79", "G320.94+83.69"]
#: Confirmed clusters in the corner of the field, and one more that is dust.
IN_THE_CORNER, MORE_DUST = ["G152.33+81.28", "G160.83+81.66"], "G310.81+83.91"


def position(name):
    """Galactic coordinates that a name holds."""
    return SkyCoord(float(name[1:7]), float(name[7:]), unit="deg", frame="galactic").icrs


@pytest.fixture(scope="module")
def maps(reference_data):
    folder = reference_data / "planck_hfi_coma"
    bands = [100, 143, 217, 353, 545, 857]
    return read_maps({band: folder / f"map2048_{band:04d}_0000.fits" for band in bands},
                     instrument="planck-hfi")


@pytest.fixture(scope="module")
def clusters(maps):
    return MatchedFilterFinder(threshold=4.5)(maps)


def nearest(clusters, place):
    distance = clusters["sky_centroid"].separation(place)
    return clusters[np.argmin(distance)], distance.min()


def test_coma(clusters):
    row, distance = nearest(clusters, COMA)
    assert distance < 5 * u.arcmin
    assert row["snr"] >= 30
    assert row["id"] == 1


@pytest.mark.parametrize("name, snr", PSZ2.items())
def test_psz2_cluster(clusters, name, snr):
    row, distance = nearest(clusters, position(name))
    assert distance < 5 * u.arcmin
    assert row["snr"] == pytest.approx(snr, rel=0.25)


@pytest.mark.parametrize("sources", ["auto", None], ids=["auto", "sources left in"])
def test_dust_is_no_cluster(maps, sources):
    score_map = MatchedFilterFinder(sources=sources).score_map(maps)
    y, x = np.indices(maps.shape)
    for name in DUST:
        near = maps.wcs.pixel_to_world(x, y).separation(position(name)) < 5 * u.arcmin
        score = score_map.data[near]
        if sources is None:
            assert np.isfinite(score).all()
        assert not (score >= 3).any(), f"{name}: {np.nanmax(score):.1f}"


@pytest.fixture(scope="module")
def painted(maps):
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    return UNetSegmentFinder("unet-planck").score_map(maps)


def test_unet_finds_clusters_and_no_dust(painted):
    """Coma and six or more of the other seven, at the threshold of validation skies."""
    clusters = UNetSegmentFinder("unet-planck").detect(painted)
    assert nearest(clusters, COMA)[1] < 10 * u.arcmin
    found = [nearest(clusters, position(name))[1] < 5 * u.arcmin
             for name in (*PSZ2, *IN_THE_CORNER)]  # fmt: skip
    assert np.count_nonzero(found) >= 6
    for name in (*DUST, MORE_DUST):
        assert nearest(clusters, position(name))[1] > 10 * u.arcmin
    assert len(clusters) < 15


def test_ensemble_finds_all_clusters_and_no_dust(maps):
    ensemble = EnsembleFinder.from_preset("planck")
    score_map = ensemble.score_map(maps)
    clusters = ensemble.detect(score_map)
    confirmed = [COMA, *map(position, [*PSZ2, *IN_THE_CORNER])]
    for place in confirmed:
        assert nearest(clusters, place)[1] < 5 * u.arcmin
    assert len(clusters) <= len(confirmed) + 4
    pixels = score_map.wcs.pixel_to_world(*np.indices(score_map.data.shape)[::-1])
    for name in [*DUST, MORE_DUST]:
        near = pixels.separation(position(name)) < 5 * u.arcmin
        assert np.nan_to_num(score_map.data)[near].max() < 0.05
