"""The image: windows, zoom, frames and what is read under the pointer, on pixels whose grays are worked by hand."""

from __future__ import annotations

import re

import numpy as np

from serving.gateway.schemas.images import Window
from tests.serving.gateway.page.fake_cases import Picture, ramp

TWELVE_BITS = [Window(center=2048, width=4096, explanation="12 bits")]


def ramp_case(gateway, **more):
    return gateway.add(Picture(ramp(), **{"windows": TWELVE_BITS, **more}))


def test_a_window_of_12_bits_shows_each_value_as_255_of_4095(gateway, reader):
    reader.open(ramp_case(gateway)).press("o")
    # Middle of the canvas: column 128, row 128, value 2304. 2304 / 4095 * 255 = 143.5; beside it 16 and 2 more.
    assert reader.pixel(0, 0) == [143, 143, 143]
    assert reader.pixel(1, 0) == [144, 144, 144]  # 2320: 144.5, just below
    assert reader.pixel(-100, -50) == [38, 38, 38]  # 28 and 78: 604: 37.6


def test_dragging_right_widens_and_down_raises_the_window(gateway, reader):
    reader.open(ramp_case(gateway)).press("o")
    reader.drag(60, 30)
    # A step is 4096 / 600: width 4096 + 2 * 60 steps = 4915.2, center 2048 + 30 steps = 2252.8.
    assert "C 2253 W 4915" in reader.page.locator(".corner.left.lower").inner_text()
    # ((2304 - 2252.3) / 4914.2 + 0.5) * 255 = 130.2; of 604: 41.97
    assert reader.pixel(0, 0) == [130, 130, 130]
    assert reader.pixel(-100, -50) == [42, 42, 42]


def test_dragging_down_darkens_an_image_whose_lowest_value_is_white_too(gateway, reader):
    reader.open(ramp_case(gateway, inverted=True)).press("o")
    reader.drag(0, 30)
    assert "C 1843 W 4096" in reader.page.locator(".corner.left.lower").inner_text()  # 2048 - 30 * 4096 / 600
    # 255 - ((2304 - 1842.7) / 4095 + 0.5) * 255 = 98.8, and 111.5 before
    assert reader.pixel(0, 0) == [99, 99, 99]
    reader.press("i", "r", "o")
    reader.press("Shift+ArrowDown")
    assert reader.pixel(0, 0)[0] < 111


def test_no_drag_leaves_an_image_black(gateway, reader):
    reader.open(ramp_case(gateway)).press("o")
    for _ in range(30):
        reader.drag(-300, 200)
    # Values are 0 .. 4590: a width of a 250th, 18.4, and the center a quarter of that beyond them.
    assert "C 4595 W 18" in reader.page.locator(".corner.left.lower").inner_text()
    reader.drag(0, -250)
    assert "C 4356" in reader.page.locator(".corner.left.lower").inner_text()  # 4594.6 - 250 * 4590 / 8 / 600


def test_reset_and_presets_bring_a_window_back(gateway, reader):
    reader.open(ramp_case(gateway)).press("o")
    reader.drag(60, 30)
    reader.page.get_by_label("Window preset").select_option("Full range")
    reader.settle()
    # 0 .. 4590: 2304 / 4590 * 255 = 128
    assert reader.pixel(0, 0) == [128, 128, 128]
    reader.press("r", "o")
    assert reader.pixel(0, 0) == [143, 143, 143]


def test_invert_and_monochrome1_each_turn_the_grays_around(gateway, reader):
    reader.open(ramp_case(gateway, inverted=True)).press("o")
    assert reader.pixel(-100, -50) == [217, 217, 217]  # 255 - 37.6
    reader.press("i")
    assert reader.pixel(-100, -50) == [38, 38, 38]


def test_a_colour_image_keeps_its_colours_and_has_no_window(gateway, reader):
    colours = np.zeros((1, 64, 64, 3), np.uint8)
    colours[..., 0], colours[..., 2] = 200, 40
    reader.open(gateway.add(Picture(colours))).press("o")
    assert reader.pixel(0, 0) == [200, 0, 40]
    assert reader.page.get_by_label("Window preset").count() == 0
    reader.press("i")
    assert reader.pixel(0, 0) == [55, 255, 215]


def test_the_value_under_the_pointer_is_in_its_unit(gateway, reader):
    reader.open(ramp_case(gateway, slope=0.5, intercept=-1000.0, unit="HU")).press("o")
    assert reader.value_under(0, 0) == (128, 128, "152 HU")  # 2304 / 2 - 1000
    assert reader.value_under(-100, -50) == (28, 78, "-698 HU")
    assert reader.value_under(-200, 0) is None


def test_zooming_by_keys_keeps_the_middle_and_by_wheel_the_point_under_the_pointer(gateway, reader):
    reader.open(ramp_case(gateway)).press("o", "+", "+")
    assert "156 %" in reader.page.locator(".corner.left.lower").inner_text()  # 1.25 squared
    assert reader.value_under(0, 0)[:2] == (128, 128)
    assert reader.value_under(50, 0)[:2] == (160, 128)  # 50 / 1.5625 = 32
    before = reader.value_under(100, 60)[:2]
    reader.page.mouse.wheel(0, -300)
    reader.settle()
    after = reader.value_under(100, 60)[:2]
    assert np.abs(np.subtract(before, after)).max() <= 1
    assert "285 %" in reader.page.locator(".corner.left.lower").inner_text()  # e ** (300 / 500) = 1.822 times


def test_moving_by_shift_and_drag_or_by_the_tool(gateway, reader):
    reader.open(ramp_case(gateway)).press("o")
    reader.drag(30, 20, modifier="Shift")
    assert reader.value_under(0, 0)[:2] == (98, 108)
    reader.page.get_by_role("button", name="Move").click()
    reader.drag(-30, -20)
    assert reader.value_under(0, 0)[:2] == (128, 128)
    assert "C 2048 W 4096" in reader.page.locator(".corner.left.lower").inner_text()


def test_two_fingers_zoom(gateway, reader):
    reader.open(ramp_case(gateway)).press("o")
    reader.page.evaluate(
        """() => {
          const canvas = document.querySelector('canvas[role=application]');
          const box = canvas.getBoundingClientRect();
          canvas.setPointerCapture = () => undefined;
          const finger = (type, pointerId, x) => canvas.dispatchEvent(new PointerEvent(type, {
            pointerId, pointerType: 'touch', bubbles: true,
            clientX: box.left + box.width / 2 + x, clientY: box.top + 200,
          }));
          finger('pointerdown', 1, -50);
          finger('pointerdown', 2, 50);
          finger('pointermove', 1, -100);
          finger('pointermove', 2, 100);
          finger('pointerup', 1, -100);
          finger('pointerup', 2, 100);
        }"""
    )
    reader.settle()
    # The fingers' distance went from 100 to 150 and to 200.
    assert "200 %" in reader.page.locator(".corner.left.lower").inner_text()
    assert "C 2048 W 4096" in reader.page.locator(".corner.left.lower").inner_text()


def test_rows_that_are_higher_than_columns_are_wide_are_shown_so(gateway, reader):
    reader.open(ramp_case(gateway, aspect=2.0)).press("o")
    assert reader.value_under(0, 0)[:2] == (128, 128)
    assert reader.value_under(0, 40)[:2] == (128, 148)


def test_frames_by_wheel_keys_and_slider(gateway, reader):
    kept = gateway.add(Picture(ramp(frames=5), windows=TWELVE_BITS))
    reader.open(kept).press("o")
    assert reader.value_under(0, 0) == (128, 128, "2304")
    reader.page.mouse.wheel(0, 100)
    reader.page.get_by_text("frame 2 of 5", exact=False).first.wait_for()
    reader.settle()
    assert reader.value_under(0, 1) == (128, 129, "2406")
    reader.press("PageDown", "PageDown")
    reader.page.get_by_role("slider", name="Frame 4 of 5").wait_for()
    reader.page.get_by_role("slider", name="Frame 4 of 5").fill("1")
    reader.page.get_by_role("slider", name="Frame 1 of 5").wait_for()
    reader.settle()
    assert reader.value_under(0, 0) == (128, 128, "2304")


def test_a_study_of_several_images_has_a_strip_and_each_its_own_window(gateway, reader):
    kept = gateway.add(Picture(ramp(), windows=TWELVE_BITS), Picture(ramp() // 16, view="LL"))
    reader.open(kept)
    reader.page.get_by_role("button", name="Image 2, DX LL").click()
    reader.page.get_by_text("image 2 of 2").wait_for()
    reader.page.get_by_text("C 144 W 287").wait_for()  # 0 .. 286
    reader.press(",")
    reader.page.get_by_text("C 2048 W 4096").wait_for()


def test_a_large_image_is_drawn_from_a_smaller_level_with_the_same_grays(gateway, reader):
    stored = np.zeros((1, 2048, 2048), np.uint16)
    stored[:, :, 1024:] = 4095
    reader.open(gateway.add(Picture(stored, windows=TWELVE_BITS)))
    assert reader.pixel(-20, 0) == [0, 0, 0]
    assert reader.pixel(20, 0) == [255, 255, 255]


def test_the_heatmap_lies_over_the_image_with_legend_caveat_and_opacity(gateway, reader):
    reader.open(gateway.add(Picture(np.zeros((1, 200, 200), np.uint16), windows=TWELVE_BITS))).press("o")
    assert not any("heatmap" in asked for asked in gateway.asked)
    reader.panel.get_by_role("button", name="Why: heatmap of nodule").click()
    reader.page.get_by_text("What raised the model's score").wait_for()
    reader.page.get_by_label("Opacity").fill("100")
    reader.press("0", "o")
    # The spot's centre is column 128, row 80: INFERNO's last colour (252, 255, 164) at seven tenths over black.
    assert np.abs(np.subtract(reader.pixel(28, -20), [177, 179, 115])).max() <= 3
    assert reader.pixel(-90, 90) == [0, 0, 0]
    reader.page.get_by_label("Opacity").fill("50")
    reader.settle()
    assert np.abs(np.subtract(reader.pixel(28, -20), [88, 89, 58])).max() <= 3
    with reader.page.expect_response(re.compile("heatmap.*finding=nodule.*method=integrated-gradients")):
        reader.page.get_by_label("Method").select_option("integrated-gradients")
    reader.page.get_by_text("What raised the model's score").wait_for()
    reader.press("h")
    assert reader.pixel(28, -20) == [0, 0, 0]


def test_the_list_of_methods_is_as_wide_as_its_words(gateway, reader):
    reader.open(ramp_case(gateway))
    reader.panel.get_by_role("button", name="Why: heatmap of nodule").click()
    wanted = """list => {
      const copy = list.cloneNode(true);
      copy.style.maxWidth = 'none';
      copy.style.position = 'absolute';
      list.parentNode.append(copy);
      const width = copy.getBoundingClientRect().width;
      copy.remove();
      return [list.getBoundingClientRect().width, width];
    }"""
    width, natural = reader.page.get_by_label("Method").evaluate(wanted)
    assert width >= natural - 1
