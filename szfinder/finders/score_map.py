"""ScoreMap: the score of a finder in every pixel, with whatever else it knows there."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.nddata import NDData
from astropy.wcs import WCS

__all__ = ["ScoreMap"]


class ScoreMap(NDData):
    """Score of a finder on the pixels of a map.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Score, shape (ny, nx); NaN where the finder cannot tell.
    wcs : `~astropy.wcs.WCS`
        Celestial WCS of the pixels.
    layers : dict of str to `~numpy.ndarray`, optional
        Further planes of the same shape. Those named like a column of the catalogue become that
        column.
    meta : dict, optional
        What made the map.

    Attributes
    ----------
    layers : dict of str to `~numpy.ndarray`
        The further planes.

    Raises
    ------
    ValueError
        If the score is not two-dimensional, or a layer has another shape.
    """

    def __init__(
        self,
        data: np.ndarray,
        wcs: WCS,
        *,
        layers: Mapping[str, np.ndarray] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        data = np.asarray(data)
        if data.ndim != 2:
            raise ValueError(f"a score map has two dimensions; found shape {data.shape}")
        self.layers = dict(layers or {})
        for name, layer in self.layers.items():
            if layer.shape != data.shape:
                raise ValueError(
                    f"layer {name!r} has shape {layer.shape}; "
                    f"expected that of the score, {data.shape}"
                )
        super().__init__(data, wcs=wcs, mask=np.isnan(data), meta=dict(meta or {}))
