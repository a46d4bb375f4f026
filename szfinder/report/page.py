"""Page: a self-contained HTML page of text, tables and pictures."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from astropy.table import Table

from szfinder.utils.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Page"]

STYLE = """\
body { font-family: sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: 0.2em 0.8em; text-align: right; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #888; }
figure { margin: 1.5em 0; } figcaption { color: #555; } img { max-width: 100%; }
section { overflow: hidden; break-inside: avoid; border-top: 1px solid #ddd; }
section figure { float: left; margin: 0 1.5em 1em 0; width: 11em; }
section table { font-size: 0.9em; }
"""
#: Dots per inch of pictures.
DPI = 90


class Page:
    """A page that is filled from top to bottom.

    Parameters
    ----------
    title : str
        Title of the page.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts = [f"<h1>{escape(title)}</h1>"]

    def heading(self, text: str) -> None:
        """Add a heading."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def paragraph(self, text: str) -> None:
        """Add a paragraph of plain text."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def table(self, table: Table, *, formats: Mapping[str, str] | None = None) -> None:
        """Add a table.

        Parameters
        ----------
        table : `~astropy.table.Table`
            Its columns are the columns, their names and units the header.
        formats : dict of str to str, optional
            Formats of columns, such as ``{"score": ".1f"}``.
        """
        header, *rows = _text(table, formats or {})
        lines = ["<tr>" + "".join(f"<th>{escape(name)}</th>" for name in header) + "</tr>"]
        lines += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
                  for row in rows]  # fmt: skip
        self._parts.append("<table>\n" + "\n".join(lines) + "\n</table>")

    def figure(self, figure: "Figure", caption: str) -> None:
        """Add a picture, held by the page itself, with a caption that also describes it."""
        image = BytesIO()
        figure.savefig(image, format="png", dpi=DPI)
        data = base64.b64encode(image.getvalue()).decode()
        self._parts.append(
            f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )

    @contextmanager
    def section(self, title: str) -> Iterator[None]:
        """Keep what is added within together: pictures on the left, the rest beside them.

        Parameters
        ----------
        title : str
            Its heading.
        """
        self._parts.append(f"<section>\n<h3>{escape(title)}</h3>")
        yield
        self._parts.append("</section>")

    def html(self) -> str:
        """The page."""
        body = "\n".join(self._parts)
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f"<title>{escape(self.title)}</title>\n<style>\n{STYLE}</style>\n</head>\n"
            f"<body>\n{body}\n</body>\n</html>\n"
        )

    def write(self, path: str | Path) -> None:
        """Write the page to a file; its folder must exist."""
        with replacing(path) as aside:
            aside.write_text(self.html(), encoding="utf-8")


def _text(table: Table, formats: Mapping[str, str]) -> list[list[str]]:
    """Cells of a table as text, the header first."""
    header = [
        f"{name} [{table[name].unit}]" if str(table[name].unit or "") else name
        for name in table.colnames
    ]
    columns = []
    for name in table.colnames:
        values = getattr(table[name], "value", table[name])
        columns.append([format(value, formats.get(name, "")) for value in values])
    return [header, *map(list, zip(*columns))]
