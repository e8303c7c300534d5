"""What a person sees, in a real browser: notebooks in JupyterLab, and the slides.

It wants Playwright, locked in tests/browser.lock, and Chromium: .ci/run installs both.
What was seen is kept in build/seen/.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time

import nbformat
import pytest
import requests

from workshop import deck, serving, slides
from workshop.paths import BUILD, NOTEBOOKS

sync_api = pytest.importorskip("playwright.sync_api")

SEEN = BUILD / "seen"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
START_S, NOTEBOOK_S = 60, 300
SETTINGS = {
    "apputils-extension/themes": '{"theme": "JupyterLab Dark"}',
    "notebook-extension/tracker": '{"windowingMode": "none"}',  # every cell is there
}
ERRORS = "[data-mime-type$='jupyter.error'], [data-mime-type$='jupyter.stderr']"
DONE = """errors => {
  const cells = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')];
  const said = cells.map(cell => cell.textContent);
  return said.length > 0 && !said.some(prompt => prompt.includes('*'))
    && (said.every(prompt => /\\d/.test(prompt)) || document.querySelector(errors));
}"""
# Text in the outputs that stands out from what is behind it by less than 4.5 to 1;
# highlighted code has the colours that JupyterLab gives to code in its own cells.
PALE = """() => {
  const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = colour => parts(colour).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor, alpha = parts(colour)[3];
      if (alpha === undefined || alpha > 0.9) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = new Set();
  for (const each of document.querySelectorAll('.jp-OutputArea-output *')) {
    const own = [...each.childNodes].some(n => n.nodeType == 3 && n.data.trim());
    if (!own || !each.offsetWidth || each.closest('.highlight')) continue;
    const pair = [getComputedStyle(each).color, behind(each)];
    const [dark, bright] = pair.map(light).sort((a, b) => a - b);
    if ((bright + 0.05) / (dark + 0.05) < 4.5)
      found.add(`${each.textContent.trim().slice(0, 30)}: ${pair.join(' on ')}`);
  }
  return [...found];
}"""
# What is wrong with a slide: its padding and what stands in it are no room.
FAULTS = """section => {
  const found = [], style = getComputedStyle(section);
  const box = section.getBoundingClientRect();
  const zoom = box.width / section.offsetWidth, room = {
    bottom: box.bottom - zoom * parseFloat(style.paddingBottom),
    right: box.right - zoom * parseFloat(style.paddingRight),
    top: box.top + zoom * parseFloat(style.paddingTop),
  };
  const parts = 'h1, p, li, pre, td, th, img, blockquote';
  for (const each of section.querySelectorAll(parts)) {
    const at = each.getBoundingClientRect(), name = each.tagName.toLowerCase();
    if (at.bottom > room.bottom + 1 || at.right > room.right + 1
        || at.top < room.top - 1)
      found.push(`${name} leaves the room`);
    if (each.scrollWidth > each.clientWidth + 1 && name == 'pre')
      found.push('code is cut off');
    if (name != 'img') continue;
    if (!each.complete || !each.naturalWidth) found.push('picture is missing');
    else if (at.height < 0.4 * box.height) found.push('picture is small');
    if (!each.alt.trim()) found.push('picture has no words');
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser():
    SEEN.mkdir(parents=True, exist_ok=True)
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert program, f"there is none of {CHROMIUM}"
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        yield opened
        opened.close()


@pytest.fixture
def page(browser, request):
    """A page that asks nothing but this machine, and throws nothing; kept as seen."""
    opened = browser.new_page(viewport={"width": 1280, "height": 1600})
    wrong = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda asked: wrong.extend(elsewhere(asked.url)))
    yield opened
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))
    opened.screenshot(path=SEEN / f"{name}.png")
    opened.close()
    assert wrong == []


def elsewhere(url):
    return (
        []
        if re.match(r"(file|data|blob|about):|https?://127\.0\.0\.1:", url)
        else [url]
    )


def copy(name, book):
    """Write a notebook without outputs where JupyterLab may change it."""
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(book, SEEN / f"{name}.ipynb")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab as `make lab` starts it, dark, with clean copies."""
    SEEN.mkdir(parents=True, exist_ok=True)
    for path in NOTEBOOKS.glob("0*.ipynb"):
        copy(path.stem[:2], nbformat.read(path, as_version=4))
    home = tmp_path_factory.mktemp("jupyter")
    for name, text in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime"}
    places |= {"JUPYTERLAB_SETTINGS_DIR": "settings"}
    places |= {"JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "workshop", "lab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--port-retries=0", "--IdentityProvider.token="]
    env = {**os.environ, **{name: str(home / place) for name, place in places.items()}}
    with (SEEN / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/api/status", process)
            yield f"{url}/lab/tree/build/seen"
        finally:
            process.terminate()
            process.wait(START_S)


def wait_for(url, process):
    deadline = time.monotonic() + START_S
    with serving.local_session() as session:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if session.get(url, timeout=START_S).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start: see {SEEN / 'lab.log'}")


def run_all(page, lab, name):
    """Run a notebook as a person does, to its end or its first error; return errors."""
    page.goto(f"{lab}/{name}.ipynb?reset", timeout=1000 * START_S)
    page.locator(".jp-CodeCell").first.wait_for()
    page.get_by_text("Fare and Square | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(DONE, arg=ERRORS, timeout=1000 * NOTEBOOK_S)
    assert page.locator(".jp-Dialog").count() == 0
    return page.locator(ERRORS).all_inner_texts()


@pytest.mark.parametrize("name", ["00", "04"])
def test_a_notebook_runs_in_jupyterlab_and_is_readable_in_the_dark(page, lab, name):
    assert run_all(page, lab, name) == []
    cells = nbformat.read(SEEN / f"{name}.ipynb", as_version=4).cells
    assert page.locator(".jp-Notebook .jp-Cell").count() == len(cells)
    assert page.evaluate(PALE) == []


def test_a_knob_of_the_calculator_moves_its_figure(page, lab):
    assert run_all(page, lab, "07") == []
    figure = page.locator(".widget-html img[alt^='USD a million']")
    before = figure.get_attribute("src")
    page.locator(".widget-slider .noUi-handle").first.press("ArrowRight")
    sync_api.expect(figure).not_to_have_attribute("src", before)
    assert page.evaluate(PALE) == []
    figure.scroll_into_view_if_needed()


def test_an_error_in_a_notebook_is_seen(page, lab):
    cells = [nbformat.v4.new_code_cell(source) for source in ("1", "1 / 0", "2")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    copy("broken", nbformat.v4.new_notebook(cells=cells, metadata=kernel))
    (error,) = run_all(page, lab, "broken")
    assert "ZeroDivisionError" in error


@pytest.fixture
def talk(page):
    """The deck in its own window, and the address it has."""
    assert slides.HTML.exists(), "there are no slides: run 'make slides' first"
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(slides.HTML.as_uri())
    return page


def test_every_slide_fits_and_every_picture_is_there_and_told(talk):
    count = len(deck.slides(deck.DECK.read_text(encoding="utf-8")))
    sections = talk.locator("section[id]")
    assert sections.count() == count
    faults = {}
    for number in range(1, count + 1):
        talk.goto(f"{slides.HTML.as_uri()}#{number}")
        section = sections.nth(number - 1)
        section.wait_for(state="visible")
        if found := section.evaluate(FAULTS):
            faults[number] = found
        talk.screenshot(path=SEEN / f"slide-{number:02}.png")
    assert faults == {}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<p>a claim</p>" * 40, "p leaves the room"),
        (f"<pre>{'wide ' * 60}</pre>", "code is cut off"),
        ("<img alt='a' src='data:image/png;base64,AAAA'>", "picture is missing"),
        ("<img alt=' ' src='data:image/png;base64,AAAA'>", "picture has no words"),
    ],
)
def test_the_faults_of_a_slide_are_found(page, body, fault):
    style = "section {width: 900px; height: 500px; padding: 9px}"
    style += "section, pre {overflow: hidden}"
    page.set_content(f"<style>{style}</style><section>{body}</section>")
    assert fault in page.locator("section").evaluate(FAULTS)


def test_the_presenter_sees_the_notes_of_the_slide_that_is_shown(talk):
    with talk.expect_popup() as opened:
        talk.keyboard.press("p")
    presenter = opened.value
    notes = presenter.locator(".bespoke-marp-presenter-note-container")
    first, second = deck.slides(deck.DECK.read_text(encoding="utf-8"))[:2]
    sync_api.expect(notes).to_contain_text(first.notes.split("\n")[1])
    talk.keyboard.press("ArrowRight")
    sync_api.expect(notes).to_contain_text(second.notes.split("\n")[1])
    presenter.screenshot(path=SEEN / "presenter.png")
