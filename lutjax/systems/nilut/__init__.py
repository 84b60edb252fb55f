"""NILUT: a 3D LUT as a small network; several styles in one (`model`)."""

from lutjax.systems.nilut import model, published, task
from lutjax.types import Entry, Published

ENTRY = Entry(
  name='nilut',
  models=(model.MODEL,),
  tasks=(task.TASK,),
  published=Published(published.claims, published.load),
)
