"""What tests do on the page, as a reader would: open it, look at a pixel, read the corner texts."""

from __future__ import annotations

import math
import re
import time


class Reader:
    """A page of the browser, and the steps that several tests take on it."""

    def __init__(self, page, address):
        self.page = page
        self.address = address

    def open(self, case=None):
        self.page.goto(f"{self.address}/#/{f'case/{case.id}' if case else ''}")
        self.page.get_by_role("navigation", name="Worklist").wait_for()
        if case:
            self.page.locator(".corner.left.lower", has_text="%").wait_for()
        return self

    @property
    def canvas(self):
        return self.page.locator("canvas[role=application]")

    @property
    def panel(self):
        return self.page.get_by_role("complementary", name="Findings")

    def wait_for_cases(self, *names):
        """Waits until the worklist has these cases, in this order; a script of a test cannot, by the page's policy."""
        rows = self.page.locator(".case strong")
        until = time.monotonic() + 30
        while rows.all_inner_texts() != list(names):
            assert time.monotonic() < until, f"the worklist has {rows.all_inner_texts()} and not {names}"
            self.page.wait_for_timeout(50)

    def press(self, *keys):
        self.canvas.focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def settle(self):
        """Waits until what was asked for is painted."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def pixel(self, x, y):
        """Returns red, green and blue of the canvas, from its middle."""
        return self.page.evaluate(
            """([x, y]) => {
              const canvas = document.querySelector('canvas[role=application]');
              const [left, top] = [Math.ceil(canvas.width / 2) + x, Math.ceil(canvas.height / 2) + y];
              return [...canvas.getContext('2d').getImageData(left, top, 1, 1).data].slice(0, 3);
            }""",
            [x, y],
        )

    def middle(self):
        """Returns the point of the page that the canvas's middle pixel covers; the canvas may begin within a pixel."""
        left, top, width, height = self.page.evaluate(
            """() => {
              const canvas = document.querySelector('canvas[role=application]');
              const box = canvas.getBoundingClientRect();
              return [box.left, box.top, canvas.width, canvas.height];
            }"""
        )
        return math.ceil(left + math.ceil(width / 2)), math.ceil(top + math.ceil(height / 2))

    def drag(self, right, down, *, modifier=None):
        """Drags from the canvas's middle, in one step."""
        x, y = self.middle()
        self.page.mouse.move(x, y)
        if modifier:
            self.page.keyboard.down(modifier)
        self.page.mouse.down()
        self.page.mouse.move(x + right, y + down)
        self.page.mouse.up()
        if modifier:
            self.page.keyboard.up(modifier)
        self.settle()

    def value_under(self, x, y):
        """Returns column, row and what is written beside them, of a point from the canvas's middle."""
        middle = self.middle()
        self.page.mouse.move(middle[0] + x, middle[1] + y)
        self.settle()
        text = self.page.locator(".corner.right.lower").inner_text()
        found = re.fullmatch(r"\((\d+), (\d+)\) = (.*)", text)
        return (int(found[1]), int(found[2]), found[3]) if found else None

    def upload(self, *files):
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name="Open images…").first.click()
        chooser.value.set_files(list(files))
