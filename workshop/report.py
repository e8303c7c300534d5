"""The executed series as one HTML file that needs no network."""

import html
import re

from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from workshop import versus
from workshop.paths import BUILD

STYLE = """
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222;
       font: 1.05rem/1.55 system-ui, sans-serif; }
h1 { border-top: 3px solid #222; margin-top: 4rem; padding-top: 1rem; }
a { color: #0173b2; }
pre { font-size: .85rem; line-height: 1.45; overflow-x: auto; margin: 0; }
.input_area { background: #f3f5f7; border-left: 3px solid #0173b2;
              padding: .6rem .9rem; margin-top: 1.1rem; }
.output { padding: .5rem .9rem; margin-bottom: 1.1rem; overflow-x: auto; }
.prompt, .anchor-link { display: none; }
img { max-width: 100%; }
table { border-collapse: collapse; border: 0; font-size: .9rem; margin: .6rem 0; }
th, td { padding: .25rem .7rem; text-align: right; border: 0;
         border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
td { white-space: nowrap; }
"""


def anchor(number):
    """Return the id of the part of a page that holds a notebook."""
    return f"book{number}"


def write(books, name="report.html", where="on this machine"):
    """Write a file in build/ from executed notebooks and return its path."""
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True)
    bodies, contents = [], []
    for number, book in enumerate(books):
        body, _ = exporter.from_notebook_node(book)
        title = re.search(r"^# (.+)$", book.cells[0].source, re.MULTILINE).group(1)
        contents.append(
            f'<li><a href="#{anchor(number)}">{html.escape(title)}</a></li>'
        )
        bodies.append(f'<section id="{anchor(number)}">{body}</section>')
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Fare and Square, {where}</title><style>{STYLE}"
        f"{HtmlFormatter().get_style_defs('.highlight')}</style></head><body>"
        "<h1>Fare and Square: the post v. your machine</h1>"
        f"{versus.table().to_html(index=False, border=0)}<ol start=0>"
        f"{''.join(contents)}</ol>{''.join(bodies)}</body></html>"
    )
    path = BUILD / name
    path.write_text(page, encoding="utf-8")
    return path
