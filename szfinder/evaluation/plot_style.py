"""What the figures that compare finders have in common."""

from typing import TYPE_CHECKING

import astropy.units as u

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes_behind", "axis_label", "finder_style", "new_axes", "outline"]

#: From matplotlib's tableau-colorblind10, in the order in which their brightness differs most.
COLOURS = ("#006BA4", "#C85200", "#595959", "#5F9ED1", "#FF800E")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "D", "^", "v", "P")
#: How the properties of halos are written.
SYMBOLS = {
    "mvir": r"$M_\mathrm{vir}$",
    "m200c": r"$M_\mathrm{200c}$",
    "m500c": r"$M_\mathrm{500c}$",
    "rvir": r"$R_\mathrm{vir}$",
    "r500c": r"$R_\mathrm{500c}$",
    "theta500": r"$\theta_{500}$",
    "y500": r"$Y_{500}$",
    "y_c": r"$y_\mathrm{c}$",
}


def finder_style(number: int) -> dict[str, str]:
    """Colour and line style of the finder of a given number, the same in all figures."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)]}


def new_axes(n_columns: int = 1, *, size: tuple[float, float] = (6.4, 4.6), **options):
    """Axes of a new figure, or an array of them; ``options`` are those of ``Figure.subplots``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] * n_columns, size[1]), layout="constrained")
    return figure.subplots(ncols=n_columns, **options)


def axis_label(name: str, unit: u.UnitBase) -> str:
    """Name of a property of halos and its unit, for an axis."""
    symbol = SYMBOLS.get(name, name)
    return symbol if unit == u.one else f"{symbol}  [{unit:latex_inline}]"


def outline() -> list:
    """Path effects that show a line on any ground."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=4, foreground="white"), Normal()]


def axes_behind(axes: "Axes") -> "Axes":
    """Axes with the same abscissa and an ordinate at the right, behind what the axes show."""
    behind = axes.twinx()
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)
    return behind
