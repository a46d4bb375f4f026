"""Maps of millimetre surveys, read onto one pixel grid and into one unit.

`Band` (frequency or `Bandpass`, `Beam`, noise) and `Instrument` (the bands of a survey, from a
preset or YAML) describe the camera. `read_maps` takes FITS images, HEALPix maps and arrays in any
of the usual units and conventions; what leaves is a `MapStack` in uK_CMB with NaN where pixels are
bad. `read_healpix` leaves HEALPix maps on the sphere, as a `HealpixStack` of a `HealpixMap` a band.
Input that cannot be used ends in a `MapError` that names the file, the band and what to do.
"""

from szfinder.maps.band import Band
from szfinder.maps.bandpass import Bandpass
from szfinder.maps.beams import Beam
from szfinder.maps.errors import MapError
from szfinder.maps.grid import wcs_for_patch
from szfinder.maps.healpix import HealpixMap
from szfinder.maps.healpix_stack import HealpixStack, read_healpix
from szfinder.maps.instrument import Instrument
from szfinder.maps.reading import read_maps
from szfinder.maps.stack import MapStack

__all__ = ["Band", "Bandpass", "Beam", "HealpixMap", "HealpixStack", "Instrument", "MapError",
           "MapStack", "read_healpix", "read_maps", "wcs_for_patch"]
