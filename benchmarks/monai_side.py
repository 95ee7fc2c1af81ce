"""MONAI's side of `monai_bench.py`, in an environment of its own: LoadImage to PNG in two processes; prints seconds."""

from __future__ import annotations

import sys
import time
from functools import partial
from multiprocessing import get_context
from pathlib import Path

_WARM_UP = 4
_LONGEST_SIDE = 512


def main() -> int:
    """Reads `READER FOLDER OUT PROCESSES` from the command line, then a line for each time that it should measure."""
    reader, folder, out, processes = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    files = sorted(folder.glob("*.dcm"))
    work = partial(_write_png, reader=reader, out=out)
    with get_context("spawn").Pool(processes) as pool:
        pool.map(work, files[: _WARM_UP * processes], chunksize=_WARM_UP)
        print("ready", flush=True)
        for _ in sys.stdin:
            started = time.perf_counter()
            pool.map(work, files, chunksize=4)
            print(time.perf_counter() - started, flush=True)
    return 0


_chains: dict = {}
"""In a worker process: the chain of transforms by reader."""


def _write_png(path: Path, *, reader: str, out: Path) -> None:
    import cv2
    import numpy as np

    chain = _chains.setdefault(reader, None) or _chains.update({reader: _chain(reader)}) or _chains[reader]
    image = np.asarray(chain(str(path))[0]).astype(np.uint16)
    _, png = cv2.imencode(".png", image, (cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE))
    (out / f"{path.stem}.png").write_bytes(png.tobytes())


def _chain(reader: str):
    """Returns what a MONAI user writes: load, channel first, scale to 16 bits, shrink by area."""
    import torch
    from monai.transforms import Compose, EnsureChannelFirst, LoadImage, Resize, ScaleIntensity, SqueezeDim

    torch.set_num_threads(1)
    squeeze = [SqueezeDim(dim=-1)] if reader == "ITKReader" else []
    return Compose(
        [
            LoadImage(reader=reader, image_only=True),
            *squeeze,
            EnsureChannelFirst(channel_dim="no_channel"),
            ScaleIntensity(minv=0, maxv=65_535),
            Resize(spatial_size=_LONGEST_SIDE, size_mode="longest", mode="area"),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
