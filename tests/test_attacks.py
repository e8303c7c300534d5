"""The page of attacks: each number once, and each link leads somewhere."""

import re

from workshop import results
from workshop.bench import cases, scale, starts
from workshop.paths import NOTEBOOKS
from workshop.served import TURN
from workshop.versus import kind

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


def attack(number):
    """An attack on the times, on one line."""
    found = re.search(rf"(?ms)^{number}\. (.*?)(?=^\d+\. |\Z)", parts()["The times"])
    return " ".join(found[1].split())


def test_the_forest_ends_where_it_is_recorded_to_end():
    ends = scale.crossovers(results.recorded("scale"))
    lead = ends.loc[(scale.SIZES["forest"], 1), scale.ONNX]
    assert f"as recorded: {lead.end}. " in attack(20)


def test_a_network_of_20_ms_would_hold_all_servers_but_one():
    said = re.search(r"(\d+) clients ask at most \1 / ([\d.]+) s = (\d+)", attack(13))
    clients, network_s, most = (float(each) for each in said.groups())
    assert clients / network_s == most
    seconds = kind(results.recorded("serving"), what=TURN.format(int(clients)))
    rates = 1 / seconds.groupby("arm")["seconds"].median()
    assert rates.pop("sklearn-fastapi") < most / 2
    assert "would stay below half of that" in attack(13)
    assert (rates > 3 * most).all()  # so nobody queues, and the network sets the pace


def test_calls_a_turn_are_those_of_the_bench():
    assert cases.SLOW_CALLS == 3 and max(cases.CALLS.values()) == 250
    assert "three where others make up to 250" in attack(17)


def test_what_is_not_recomputed_is_computed_where_the_head_says():
    head = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    name, file = re.search(r"`(\w+)` in\s+\[([\w.]+)\]", head).groups()
    assert starts.__file__.endswith(file) and callable(getattr(starts, name))
