"""Physics of the thermal SZ effect and of the sky around it.

Here live the tSZ spectrum and its relativistic correction, unit conversions over bandpasses,
pressure profiles with their projections and transforms, cluster scaling relations, mass definitions
and model power spectra. Plain numbers and arrays enter, in GHz, arcmin, Msun, keV and dimensionless
multipoles; plain arrays leave, in uK_CMB, MJy/sr, mJy, arcmin or uK_CMB^2 sr. Nothing here knows
maps, WCS or networks.
"""

from .battaglia import *  # noqa: F401, F403
from .clusters import *  # noqa: F401, F403
from .conversion import *  # noqa: F401, F403
from .cosmology import *  # noqa: F401, F403
from .masses import *  # noqa: F401, F403
from .nfw import *  # noqa: F401, F403
from .power import *  # noqa: F401, F403
from .profiles import *  # noqa: F401, F403
from .spectrum import *  # noqa: F401, F403
