"""GamutMLP: wide-gamut colours stored in ordinary sRGB files (`model`)."""

from lutjax.systems.gamut_mlp import expand, meta, task
from lutjax.types import Entry, ImageFiles

ENTRY = Entry(
  name='gamut_mlp',
  tasks=(task.TASK, meta.TASK),
  image_files=ImageFiles(
    task=task.Config(),
    describe=expand.describe,
    expand=expand.expand_images,
    spaces=expand.SPACES,
  ),
)
