"""The page holds everything itself, and text stays text."""

from html.parser import HTMLParser

import astropy.units as u
import pytest
from astropy.table import QTable
from matplotlib.figure import Figure

from szfinder.report import Page


class Reader(HTMLParser):
    """Collects texts, images and links, and checks that tags are closed in order."""

    VOID = {"meta", "img"}

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.images, self.cells = [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


def read(page):
    reader = Reader()
    reader.feed(page.html())
    assert not reader.open
    return reader


def test_text_is_escaped():
    page = Page("A & B")
    page.paragraph("1 < 2 <script>")
    reader = read(page)
    assert "1 < 2 <script>" in reader.texts
    assert reader.texts.count("A & B") == 2  # title and heading


def test_table_shows_units_and_formats():
    page = Page("table")
    page.table(QTable({"name": ["a"], "size": [1.2345] * u.arcmin}), formats={"size": ".1f"})
    assert read(page).cells == ["name", "size [arcmin]", "a", "1.2"]


def test_empty_table_keeps_its_header():
    page = Page("table")
    page.table(QTable({"score": []}))
    assert read(page).cells == ["score"]


def test_figure_is_inside_the_page():
    page = Page("figure")
    page.figure(Figure(), "what it shows")
    (image,) = read(page).images
    assert image["src"].startswith("data:image/png;base64,iVBOR")
    assert image["alt"] == "what it shows"


def test_section_holds_what_is_added_within():
    page = Page("sections")
    with page.section("A & B"):
        page.paragraph("within")
    page.paragraph("after")
    assert "A & B" in read(page).texts
    within = page.html().partition("<section>")[2].partition("</section>")[0]
    assert "within" in within and "after" not in within


def test_unwritable_folder_is_one_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        Page("x").write(tmp_path / "missing" / "report.html")
