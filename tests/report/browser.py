"""Debian's Chromium, without a window: what it makes of a page.

Law: files only. It has no proxy that answers and no other way to a network, and keeps nothing.
"""

from __future__ import annotations

import html
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
MISSING = "Chromium is missing (Debian package chromium)"
_SECONDS = 240
_WORDS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
    "--proxy-server=127.0.0.1:9", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
_DARK = "--blink-settings=preferredColorScheme=0"
# Beside the page, in a frame: the page itself lets no script run.
_ASKING = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe src="%(page)s" style="border:0;width:%(width)dpx;height:900px"></iframe><pre id="said"></pre><script>
const luminance = (color) => {
  const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (!/, 0\\)$/.test(color)) return color;
  }
  return "rgb(255, 255, 255)";
};
onload = () => {
  const inside = document.querySelector("iframe").contentDocument, root = inside.documentElement;
  for (const each of inside.querySelectorAll("details")) each.open = %(opened)s;
  const pale = [];
  for (const each of inside.body.querySelectorAll("*:not(svg):not(svg *)")) {
    if (![...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const two = [luminance(getComputedStyle(each).color), luminance(ground(each))].sort((a, b) => b - a);
    const ratio = (two[0] + 0.05) / (two[1] + 0.05);
    if (ratio < 4.5) pale.push([each.className, each.textContent.slice(0, 40), ratio]);
  }
  const loaded = document.querySelector("iframe").contentWindow.performance.getEntriesByType("resource").length;
  document.getElementById("said").textContent = JSON.stringify({
    width: root.scrollWidth, title: inside.title, scripts: inside.scripts.length, loaded, pale,
    ground: getComputedStyle(inside.body).backgroundColor, cells: inside.querySelectorAll("details.cell").length,
  });
};
</script>"""


def screenshot(page: Path, output: Path, width: int, height: int, *, dark: bool = False) -> None:
    """A picture of the top of a page, PNG."""
    _run(f"--window-size={width},{height}", f"--screenshot={output}", page.absolute().as_uri(), dark=dark)


def ask(page: Path, width: int, *, dark: bool = False, opened: bool = False) -> dict[str, Any]:
    """What a page is like in a window of this width, with everything in it opened where `opened`: how wide it is in
    truth, its title, how many scripts it has and things it loaded, and texts that are hard to read (WCAG 2.1 §1.4.3).
    """
    with tempfile.TemporaryDirectory(prefix="asking-") as folder:
        asking = Path(folder) / "asking.html"
        words = {"page": page.absolute().as_uri(), "width": width, "opened": json.dumps(opened)}
        asking.write_text(_ASKING % words, "utf-8")
        told = _run("--window-size=1600,1000", "--dump-dom", "--virtual-time-budget=3000", asking.as_uri(), dark=dark)
    said = told.partition('<pre id="said">')[2].partition("</pre>")[0]
    return dict(json.loads(html.unescape(said)))


def _run(*words: str, dark: bool) -> str:
    assert CHROMIUM is not None, MISSING
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        argv = [CHROMIUM, *_WORDS, f"--user-data-dir={profile}", *([_DARK] if dark else []), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=True)
    return done.stdout
