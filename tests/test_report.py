"""The page of reconstructions: complete in itself, and alive in a browser."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from signtok.data.recording import Recording, check_landmarks
from signtok.report import PageItem, reconstruction_page

TEXT = "</script><b>&"


@pytest.fixture
def item(hand_motion):
    before = Recording(check_landmarks(hand_motion(12)), np.arange(12), 25.0)
    noisy = before.landmarks + 0.001
    noisy[3] = np.nan
    ids = np.arange(48).reshape(12, 4)
    return PageItem(TEXT, before, replace(before, landmarks=noisy), ids, TEXT, "read", {"bit rate": "1,000 bit/s"})


def page_data(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def test_data_survive_the_page(tmp_path, item):
    path = tmp_path / "page.html"
    reconstruction_page(path, [item, replace(item, text=None, read=None)], heading="A heading", note="A note")
    data = page_data(path.read_text(encoding="utf-8"))
    assert (data["heading"], data["note"]) == ("A heading", "A note")
    first, second = data["items"]
    assert (first["title"], first["text"], first["fps"]) == (TEXT, TEXT, 25.0)
    assert second["text"] is second["read"] is None
    assert first["ids"] == item.ids.tolist()
    assert first["facts"] == [["bit rate", "1,000 bit/s"]]
    left, right = first["before"][0]
    assert left is None
    np.testing.assert_allclose(np.reshape(right, (21, 2)) / 1e4, item.before.landmarks[0, 21:], atol=5.1e-5)
    assert first["after"][3] == [None, None]


def test_single_landmarks_may_be_unseen(tmp_path, item):
    item.before.landmarks[0, 21] = np.nan
    reconstruction_page(tmp_path / "page.html", [item])
    right = page_data((tmp_path / "page.html").read_text(encoding="utf-8"))["items"][0]["before"][0][1]
    assert right[:2] == [None, None]
    assert None not in right[2:]


def test_nothing_comes_from_outside(tmp_path, item):
    reconstruction_page(tmp_path / "page.html", [item])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|\ssrc=|@import|url\(|<link", page)
    assert "/*" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)  # every placeholder was filled


def test_bad_items(tmp_path, item):
    with pytest.raises(ValueError, match="at least one PageItem"):
        reconstruction_page(tmp_path / "page.html", [])
    with pytest.raises(ValueError, match=r"one length; got \[12, 12, 5\]"):
        reconstruction_page(tmp_path / "page.html", [item, replace(item, ids=item.ids[:5])])
    assert list(tmp_path.iterdir()) == []


def test_in_a_browser(tmp_path, item):
    """Two frames on, the page shows the tokens of that frame, and ink on both canvases."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
    path = tmp_path / "page.html"
    reconstruction_page(path, [item])
    probe = """<script>
    players[0].visible = true; players[0].step(2); players[0].tick(0);
    const inked = (name) => { const c = document.querySelector(name);
      return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some(Boolean); };
    const ids = [...document.querySelectorAll(".chips li")].map((chip) => +chip.textContent);
    document.body.dataset.probe = JSON.stringify([ids, inked(".before"), inked(".after")]);
    </script></body>"""
    path.write_text(path.read_text(encoding="utf-8").replace("</body>", probe), encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    flags += "--disable-component-update --disable-sync --virtual-time-budget=500 --dump-dom"
    command = [browser, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()]
    page = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert 'data-probe="[[8,9,10,11],true,true]"' in page
    assert "<b>&amp;" not in page.split("<script")[0]  # titles are text, never markup
