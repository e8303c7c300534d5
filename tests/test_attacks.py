"""The page of attacks: each number once, and each link leads somewhere."""

import re

from workshop.paths import NOTEBOOKS

PAGE = NOTEBOOKS / "extras" / "attack_this_benchmark.md"


def parts():
    """What follows each heading of the page, by the heading."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.split(r"(?m)^## (.*)\n", text)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def test_every_attack_has_its_number_and_its_answer():
    for heading, count in (("The times", 28), ("The bill", 22)):
        _, *items = re.split(r"(?m)^(?=\d+\. )", parts()[heading])
        for number, item in enumerate(items, 1):
            assert re.fullmatch(rf"(?s){number}\. \*\*.+?\*\* \S.+", item.strip())
        assert len(items) == count


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert len(links) > 25
    assert [each for each in links if not (PAGE.parent / each).exists()] == []
