"""Score maps of coarser grids on the pixels of the maps they were made from."""

import numpy as np

from szfinder.finders.score_map import ScoreMap
from szfinder.maps import MapStack

__all__ = ["on_pixels_of"]


def on_pixels_of(maps: MapStack, score_map: ScoreMap) -> ScoreMap:
    """A score map on the pixels of the maps.

    Scores are interpolated bilinearly; layers are those of the nearest pixel, and so is the layer
    ``score``, which has the heights of the peaks that interpolation takes off. What lies outside of
    the score map, or next to a pixel without a score, is NaN.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack`
        The maps.
    score_map : `ScoreMap`
        A score map of them.

    Returns
    -------
    `ScoreMap`
        With the layer ``score``; otherwise the same, if it is on these pixels already.
    """
    steps = {**score_map.layers, "score": score_map.data}
    if score_map.data.shape == maps.shape and score_map.wcs.wcs.compare(maps.wcs.wcs):
        return ScoreMap(score_map.data, score_map.wcs, layers=steps, meta=score_map.meta)
    from reproject import reproject_interp

    def brought(planes: dict[str, np.ndarray], order: str) -> dict[str, np.ndarray]:
        stack = np.stack([plane.astype(float) for plane in planes.values()])
        values = reproject_interp(
            (stack, score_map.wcs), maps.wcs, shape_out=maps.shape, order=order,
            return_footprint=False, roundtrip_coords=False,
        )  # fmt: skip
        return {
            name: np.nan_to_num(value).astype(plane.dtype) if plane.dtype.kind in "biu" else value
            for (name, plane), value in zip(planes.items(), values.astype(np.float32))
        }

    score = brought({"score": score_map.data}, "bilinear")["score"]
    layers = brought(steps, "nearest-neighbor")
    return ScoreMap(score, maps.wcs, layers=layers, meta=score_map.meta)
