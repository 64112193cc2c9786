"""The page in a real browser: rating with clicks and keys, through a server that is killed in the middle."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest
from studies import small_study

import signtok
from signtok.app.ratings import read_sheet
from signtok.app.serve import serve_study, study_app
from signtok.app.trials import trials

CHROMIUM = next(filter(None, map(which, ("chromium", "chromium-browser", "google-chrome"))), None)
SERVE = "import sys; from signtok.app.serve import serve_study; serve_study(sys.argv[1], int(sys.argv[2]))"


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path, items=2, repeats=0.0, checks=1, title="Hands <kept>")


@contextmanager
def served(study, port=0, before=""):
    """A server in a process of its own; what it is called by. Killed, unless it is dead already."""
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(signtok.__file__))}
    command = [sys.executable, "-c", before + SERVE, str(study.folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            line = process.stdout.readline()
            yield process, re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.fixture
def browser():
    pytest.importorskip("gradio")
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def open_page(browser, address, width=1280, height=720):
    """A page, and the list of all that it ever asks for."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(60_000)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("#start")
    return page, asked


def begin(page, code="anna"):
    page.fill("#code input, #code textarea", code)
    page.get_by_label("Learner").check()
    page.click("#start")
    page.wait_for_selector(".pair img")


def wait_for(page, text):
    page.wait_for_function("text => document.querySelector('.progress')?.innerText.startsWith(text)", arg=text)
    page.wait_for_timeout(350)  # sitting.TOO_SOON


@pytest.mark.slow
def test_rating_in_a_browser(study, browser):
    order = trials(study.plan, "anna")
    assert len(order) == 7
    with served(study) as (process, address):
        page, asked = open_page(browser, address[0])
        assert page.inner_text("h1") == "Hands <kept>"
        begin(page)
        wait_for(page, "1 of 7")
        sizes = [page.locator(".pair img").nth(side).bounding_box() for side in (0, 1)]
        assert sizes[0]["width"] == sizes[1]["width"] > 300
        assert sizes[0]["height"] == sizes[1]["height"] > 300
        shown = [page.locator(".pair img").nth(side).get_attribute("src") for side in (0, 1)]
        assert shown == [f"stimuli/{order[0].original}", f"stimuli/{order[0].stimulus}"]
        page.click("#rate-2")
        wait_for(page, "2 of 7")
        page.fill("#comment textarea, #comment input", "4 fingers are 5")  # its digits rate nothing
        page.keyboard.press("5")
        page.locator("#comment textarea, #comment input").blur()
        page.keyboard.press("4")
        wait_for(page, "3 of 7")
        assert page.input_value("#comment textarea, #comment input") == ""
        process.send_signal(signal.SIGKILL)
        process.wait()
        page.keyboard.press("1")
        page.get_by_text("Connection to the server was lost").wait_for()
        assert page.inner_text(".progress").startswith("3 of 7")
    assert [r.rating for r in read_sheet(study, "anna").ratings] == [2, 4]

    with served(study, int(address[1])):
        page.wait_for_selector("#start", state="visible")  # it comes back by itself
        begin(page, "Anna")
        for place in range(3, 8):
            wait_for(page, f"{place} of 7")
            page.keyboard.press("3")
        page.get_by_text("All 7 ratings are saved, under the code anna").wait_for()
    saved = read_sheet(study, "anna").ratings
    assert [(r.stimulus, r.rating) for r in saved] == [
        (trial.stimulus, rating) for trial, rating in zip(order, [2, 4, 3, 3, 3, 3, 3], strict=True)
    ]
    assert saved[1].comment == "4 fingers are 55"
    assert {r.experience for r in saved} == {"learner"}
    assert all(0 < r.seconds < 60 for r in saved)
    elsewhere = [url for url in asked if not url.startswith((address[0], "data:", "blob:"))]
    assert elsewhere == [], "the page needs no network"


FULL_DISK = """
import os, pathlib
real = os.fsync
def fsync(descriptor):
    if pathlib.Path("FLAG").exists():
        raise OSError(28, "No space left on device")
    real(descriptor)
os.fsync = fsync
"""


@pytest.mark.slow
def test_the_page_says_what_was_not_saved(study, browser):
    flag = Path(study.folder.parent / "full")
    with served(study, before=FULL_DISK.replace("FLAG", str(flag))) as (_, address):
        page, _ = open_page(browser, address[0], width=390, height=760)
        page.click("#start")
        page.get_by_text("Please say how well you sign").wait_for()
        page.fill("#code input, #code textarea", "../anna")
        page.get_by_label("Learner").check()
        page.click("#start")
        page.get_by_text("use 1 to 40 letters").wait_for()
        begin(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing sticks out on a phone"
        wait_for(page, "1 of 7")
        flag.touch()
        page.click("#rate-1")
        page.get_by_text("This rating was not saved").wait_for()
        assert page.inner_text(".progress").startswith("1 of 7")
        flag.unlink()
        page.click("#rate-5")
        wait_for(page, "2 of 7")
        assert page.locator(".notice").count() == 0
        second, _ = open_page(browser, address[0])  # another window goes on at the same place
        begin(second)
        wait_for(second, "2 of 7")
    assert [r.rating for r in read_sheet(study, "anna").ratings] == [5]


@pytest.mark.slow
def test_no_other_file_can_be_had(study):
    pytest.importorskip("gradio")
    with served(study) as (_, address):
        name = next(iter(study.plan.files()))
        assert urllib.request.urlopen(f"{address[0]}stimuli/{name}").read() == (study.stimuli / name).read_bytes()
        key, plan = study.private / "key.json", study.folder / "study.json"
        for path in (
            "stimuli/../study.json",
            "stimuli/..%2fstudy.json",
            "stimuli/%2e%2e/%2e%2e/study-private/key.json",
            f"stimuli/{key}",
            f"gradio_api/file={key}",
            f"gradio_api/file={plan}",
            f"file={key}",
        ):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(address[0] + path)
            assert refused.value.code in (400, 403, 404), path
        for port in (int(address[1]), 99_999):
            with pytest.raises(ValueError, match=f"cannot listen at 127.0.0.1:{port}.*choose another --port"):
                serve_study(study.folder, port)


def test_a_page_that_the_server_has_forgotten(study):
    """A window that was open for days."""
    page = pytest.importorskip("signtok.app.page", exc_type=ImportError)
    assert "reload this page" in page._rate(study, 3, None, "")[-1]
    assert not study.ratings.exists() or list(study.ratings.iterdir()) == []


def test_without_gradio(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "signtok.app.page", raising=False)
    with pytest.raises(ValueError, match=r"needs gradio: pip install 'signtok\[app\]'"):
        study_app(study)
